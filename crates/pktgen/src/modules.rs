//! The embedded Lua library: module names as MoonGen has them, and their sources.

use mlua::{Lua, Result, Table};

/// The chunk that sets a machine up.
pub(crate) const BOOT: &str = include_str!("../lua/boot.lua");

/// Modules by name. Names that start with `rackless.` are ours and no part of the interface of scripts.
const MODULES: &[(&str, &str)] = &[
    ("Serpent", include_str!("../lua/serpent.lua")),
    ("argparse", include_str!("../lua/argparse.lua")),
    ("barrier", include_str!("../lua/barrier.lua")),
    ("colors", include_str!("../lua/colors.lua")),
    ("device", include_str!("../lua/device.lua")),
    ("dpdk", include_str!("../lua/dpdk.lua")),
    ("dpdkc", include_str!("../lua/dpdkc.lua")),
    ("filter", include_str!("../lua/filter.lua")),
    ("histogram", include_str!("../lua/histogram.lua")),
    ("libmoon", include_str!("../lua/libmoon.lua")),
    ("lock", include_str!("../lua/lock.lua")),
    ("log", include_str!("../lua/log.lua")),
    ("memory", include_str!("../lua/memory.lua")),
    ("moongen", include_str!("../lua/moongen.lua")),
    ("namespaces", include_str!("../lua/namespaces.lua")),
    ("ndp", include_str!("../lua/ndp.lua")),
    ("packet", include_str!("../lua/packet.lua")),
    ("phobos", include_str!("../lua/phobos.lua")),
    ("pipe", include_str!("../lua/pipe.lua")),
    ("proto.arp", include_str!("../lua/proto/arp.lua")),
    ("proto.ethernet", include_str!("../lua/proto/ethernet.lua")),
    ("proto.icmp", include_str!("../lua/proto/icmp.lua")),
    ("proto.ip4", include_str!("../lua/proto/ip4.lua")),
    ("proto.ip6", include_str!("../lua/proto/ip6.lua")),
    ("proto.ndp", include_str!("../lua/proto/ndp.lua")),
    ("proto.proto", include_str!("../lua/proto/proto.lua")),
    ("proto.tcp", include_str!("../lua/proto/tcp.lua")),
    ("proto.template", include_str!("../lua/proto/template.lua")),
    ("proto.udp", include_str!("../lua/proto/udp.lua")),
    ("rackless.argparse_help", include_str!("../lua/argparse_help.lua")),
    ("rackless.argparse_parse", include_str!("../lua/argparse_parse.lua")),
    ("rackless.main", include_str!("../lua/main.lua")),
    ("rackless.neighbors", include_str!("../lua/neighbors.lua")),
    ("rackless.offload", include_str!("../lua/offload.lua")),
    ("stats", include_str!("../lua/stats.lua")),
    ("timer", include_str!("../lua/timer.lua")),
    ("utils", include_str!("../lua/utils.lua")),
];

/// The modules as a Lua table from name to source.
pub(crate) fn table(lua: &Lua) -> Result<Table> {
    lua.create_table_from(MODULES.iter().copied())
}
