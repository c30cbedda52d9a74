//! The routers of the anycast lab can be made of their files, and the firewall does what its files say.

use rackless_functions::graph::Description;
use rackless_functions::registry::{PortSetup, Setup, build};
use rackless_nf::{Harness, PortInfo};
use rackless_packet::MacAddr;
use rackless_packet::build::Build;

fn ports(addresses: [[&str; 2]; 3]) -> Vec<PortSetup> {
    let port = |(index, addresses): (usize, &[&str; 2])| {
        let name = ["cli", "srv", "core"][index].to_owned();
        let info = PortInfo { name, device: "memory:".to_owned(), mac: Harness::mac(index), mtu: 1500 };
        PortSetup { info, addresses: addresses.iter().map(|address| address.parse().unwrap()).collect() }
    };
    addresses.iter().enumerate().map(port).collect()
}

#[test]
fn the_routers_of_the_anycast_lab_are_made_of_their_files() {
    let west = [
        ["fd00:0:1:c::fe/64", "10.1.1.254/24"],
        ["fd00:0:1:a::fe/64", "10.1.2.254/24"],
        ["fd00:0:1:f::fe/64", "10.1.3.254/24"],
    ];
    let east = [
        ["fd00:0:2:c::fe/64", "10.2.1.254/24"],
        ["fd00:0:2:a::fe/64", "10.2.2.254/24"],
        ["fd00:0:2:f::fe/64", "10.2.3.254/24"],
    ];
    let files = [
        (west, include_str!("../../../../examples/og_west.toml")),
        (east, include_str!("../../../../examples/og_east.toml")),
    ];
    for (addresses, text) in files {
        let mut table: toml::Table = text.parse().unwrap();
        let name = table.remove("nf").unwrap();
        let ports = ports(addresses);
        let setup = Setup::alone(&ports, &table, text);
        build(name.as_str().unwrap(), &setup).map(drop).unwrap();
    }
}

#[test]
fn the_firewall_drops_telnet_and_joins_the_rest() {
    let toml = include_str!("../../../../examples/nf/firewall.toml");
    let click = include_str!("../../../../examples/nf/firewall.click");
    let mut own: toml::Table = toml.parse().unwrap();
    own.remove("name"); // the runtime's
    let of_toml = Description::from_toml(toml, &own, "firewall.toml").unwrap().unwrap();
    let of_click = Description::from_click(click, "firewall.click").unwrap();
    assert_eq!(of_toml.to_mermaid(), of_click.to_mermaid());

    let link = || Build::ethernet(MacAddr([2, 0, 0, 0, 7, 1]), MacAddr([2, 0, 0, 0, 7, 2]));
    let ip = || link().ipv4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let telnet = ip().tcp(4000, 23).to_vec().unwrap();
    let web = ip().tcp(4000, 80).to_vec().unwrap();
    let ports = ["lan", "wan"].map(|name| {
        let info =
            PortInfo { name: name.to_owned(), device: "memory:".to_owned(), mac: MacAddr::ZERO, mtu: 1500 };
        PortSetup { info, addresses: Vec::new() }
    });
    for graph in [of_toml, of_click] {
        let mut lab = Harness::new(graph.build(&ports).unwrap(), &["lan", "wan"]).unwrap();
        lab.send("lan", &telnet);
        lab.send("lan", &web);
        lab.send("wan", &telnet);
        assert_eq!(lab.received("wan"), [web.as_slice()]);
        assert_eq!(lab.received("lan"), [telnet.as_slice()]);
        assert_eq!(lab.drops("telnet", "telnet from inside"), 1);
    }
}
