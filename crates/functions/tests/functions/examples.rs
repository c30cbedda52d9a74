//! The routers of the anycast lab can be made of their files.

use rackless_functions::registry::{PortSetup, Setup, build};
use rackless_nf::{Harness, PortInfo};

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
