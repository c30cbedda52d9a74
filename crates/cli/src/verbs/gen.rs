//! `rackless gen`: runs a MoonGen script on ports.

use std::path::PathBuf;
use std::process::ExitCode;

use rackless_pktgen::{Error, GenOptions};
use rackless_ports::{DeviceSpec, Options};
use rackless_runtime::{DRIVER_VARIABLE, Driver, NodeFile, chain};

use crate::failure::Failure;

/// Generate packets with a MoonGen script
///
/// The script's devices 0, 1, … are the ports that --port names, or inside a lab's node the node's interfaces.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless gen --port af_packet:eth0 flood.lua 0
  rackless exec h1 -- rackless gen flood.lua 0 --rate 100
  rackless gen --port null: flood.lua --help")]
pub(crate) struct Args {
    /// A port, such as af_packet:eth0, af_xdp:eth0, dpdk:net_af_packet,iface=eth0 or null:
    #[arg(long = "port", value_name = "DEVICE")]
    ports: Vec<DeviceSpec>,
    /// How a node's interfaces are opened: af_packet, af_xdp or dpdk [default: $RACKLESS_DRIVER or af_packet]
    #[arg(long, value_name = "DRIVER")]
    driver: Option<Driver>,
    /// The Lua script
    script: PathBuf,
    /// What the script gets; try --help here
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let devices = if args.ports.is_empty() { of_the_node(args.driver)? } else { args.ports };
    let options = Options::default();
    let open = |(index, device): (usize, &DeviceSpec)| {
        rackless_ports::open(&index.to_string(), device, &options)
            .map_err(|error| Failure::cannot(chain(&error)))
    };
    let ports = devices.iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
    // MoonGen's output has colours wherever it goes.
    let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let generator = GenOptions::new(args.script).args(args.args).ports(ports).color(color).stop_on_signals();
    match rackless_pktgen::run(generator) {
        Ok(status) => Ok(ExitCode::from(status.code())),
        Err(error @ Error::Script { .. }) => Err(Failure::cannot(chain(&error)).hint(
            "usage: rackless gen [--port DEVICE]… SCRIPT [ARGUMENT]…; options of the script come after it",
        )),
        Err(error) => Err(Failure::cannot(chain(&error))),
    }
}

/// The interfaces of the node that we run on; none outside of a lab.
fn of_the_node(driver: Option<Driver>) -> Result<Vec<DeviceSpec>, Failure> {
    let cannot = |error: rackless_runtime::Error| Failure::cannot(chain(&error));
    let Some(node) = NodeFile::from_env().map_err(cannot)? else { return Ok(Vec::new()) };
    let driver = match (driver, std::env::var(DRIVER_VARIABLE)) {
        (Some(driver), _) => driver,
        (None, Ok(text)) => text.parse().map_err(cannot)?,
        (None, Err(_)) => Driver::default(),
    };
    let device =
        |interface| driver.device_of(interface).parse().map_err(|error| Failure::cannot(chain(&error)));
    node.interfaces.iter().map(device).collect()
}
