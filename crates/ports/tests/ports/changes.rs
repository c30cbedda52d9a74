//! What of a port changes while it is open: its link, its MTU, the addresses that it takes frames for.

use std::process::Command;

use rackless_nf::{Port, PortChange};
use rackless_packet::MacAddr;
use rackless_ports::Options;

use crate::isolated::{ip, isolated, isolated_unprivileged};
use crate::{cable, frame, in_time, open, packets, receive, send};

const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

/// What `ip` says of an interface.
fn shown(interface: &str) -> String {
    let output = Command::new("ip").args(["-d", "link", "show", "dev", interface]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A frame to an address.
fn frame_to(dst: MacAddr, number: u16) -> Vec<u8> {
    [dst.0.as_slice(), &frame(number)[6..]].concat()
}

fn refusal(port: &mut dyn Port, change: PortChange) -> String {
    let error = port.change(change).unwrap_err();
    let source = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    format!("{error}{source}")
}

fn link_and_mtu(device: &str) {
    cable();
    let options = Options::default();
    let mut port = open(device, &options);
    assert_eq!(port.state().link_up, Some(true));
    for (to, up) in [("down", false), ("up", true)] {
        ip(&format!("link set dev a {to}"));
        in_time("the port knows of its link", || port.state().link_up == Some(up));
    }

    let mut peer = open("af_packet:a", &options);
    port.change(PortChange::Mtu(1300)).unwrap();
    assert_eq!(port.info().mtu, 1300);
    assert!(shown("b").contains(" mtu 1300 "), "{}", shown("b"));
    send(&mut *port, packets(&options, &[vec![7; 1314]]));
    in_time("a frame of the MTU passes", || {
        let mut burst = Vec::new();
        peer.rx_burst(&mut burst, 32);
        burst.iter().any(|packet| packet.len() == 1314)
    });
    let error = refusal(&mut *port, PortChange::Mtu(9000));
    assert!(error.starts_with("cannot set the MTU to 9000 bytes at "), "{error}");
    assert!(error.contains("opened with buffers for an MTU of up to 1"), "{error}");
    assert_eq!(port.info().mtu, 1300);
    port.change(PortChange::Mtu(1500)).unwrap();
    send(&mut *peer, packets(&options, &[vec![8; 1514]]));
    assert_eq!(receive(&mut *port, 1), [vec![8; 1514]]);
}

fn addresses(device: &str) {
    cable();
    let options = Options::default();
    let mut port = open(device, &options);
    let mut peer = open("af_packet:a", &options);
    let own = port.info().mac;
    assert_eq!((port.state().promiscuous, port.state().mac_filters), (Some(true), vec![]));
    assert!(shown("b").contains("promiscuity 1"), "{}", shown("b"));

    port.change(PortChange::Promiscuous(false)).unwrap();
    assert_eq!(port.state().promiscuous, Some(false));
    in_time("the kernel knows", || shown("b").contains("promiscuity 0"));
    let group = MacAddr([0x33, 0x33, 0, 0, 0, 5]);
    let all = [OTHER, own, group, MacAddr([0xff; 6])].map(|dst| frame_to(dst, 1));
    send(&mut *peer, packets(&options, &all));
    assert_eq!(receive(&mut *port, 3), all[1..]);

    port.change(PortChange::AddMac(OTHER)).unwrap();
    port.change(PortChange::AddMac(OTHER)).unwrap();
    assert_eq!(port.state().mac_filters, [OTHER]);
    send(&mut *peer, packets(&options, &all));
    assert_eq!(receive(&mut *port, 4), all);

    port.change(PortChange::RemoveMac(OTHER)).unwrap();
    let error = refusal(&mut *port, PortChange::RemoveMac(OTHER));
    assert!(error.starts_with(&format!("cannot no longer receive frames to {OTHER} at")), "{error}");
    send(&mut *peer, packets(&options, &all));
    assert_eq!(receive(&mut *port, 3), all[1..]);
    let unwanted = port.xstats().into_iter().find(|(name, _)| name == "to addresses of others");
    assert_eq!(unwanted.map(|(_, count)| count), Some(2));
    assert_eq!(port.stats().rx_errors, 0);

    port.change(PortChange::Promiscuous(true)).unwrap();
    send(&mut *peer, packets(&options, &all));
    assert_eq!(receive(&mut *port, 4), all);
}

#[test]
fn a_packet_socket_tells_its_link_and_changes_its_mtu() {
    isolated("changes::a_packet_socket_tells_its_link_and_changes_its_mtu", || link_and_mtu("af_packet:b"));
}

#[test]
fn a_packet_socket_chooses_its_addresses() {
    isolated("changes::a_packet_socket_chooses_its_addresses", || addresses("af_packet:b"));
}

#[test]
fn an_ordinary_user_changes_a_port_of_its_own_namespace() {
    isolated_unprivileged("changes::an_ordinary_user_changes_a_port_of_its_own_namespace", || {
        link_and_mtu("af_packet:b");
    });
}

#[test]
fn privileged_af_xdp_tells_its_link_and_changes_its_mtu() {
    isolated("changes::privileged_af_xdp_tells_its_link_and_changes_its_mtu", || link_and_mtu("af_xdp:b"));
}

#[test]
fn privileged_af_xdp_chooses_its_addresses() {
    isolated("changes::privileged_af_xdp_chooses_its_addresses", || addresses("af_xdp:b"));
}

#[test]
fn net_af_packet_tells_its_link_and_changes_its_mtu() {
    isolated("changes::net_af_packet_tells_its_link_and_changes_its_mtu", || {
        link_and_mtu("dpdk:net_af_packet,iface=b");
    });
}

#[test]
fn dpdks_drivers_have_the_addresses_that_they_can() {
    isolated("changes::dpdks_drivers_have_the_addresses_that_they_can", || {
        cable();
        let options = Options::default();
        let mut port = open("dpdk:net_af_packet,iface=b", &options);
        assert_eq!(port.state().promiscuous, Some(true));
        port.change(PortChange::Promiscuous(false)).unwrap();
        assert_eq!(port.state().promiscuous, Some(false));
        let error = refusal(&mut *port, PortChange::AddMac(OTHER));
        assert!(
            error.starts_with(&format!("cannot receive frames to {OTHER} too at dpdk:net_af_packet")),
            "{error}"
        );
        assert_eq!(port.state().mac_filters, []);

        // It has place for its own address alone.
        let mut ring = open("dpdk:net_ring", &options);
        ring.change(PortChange::AddMac(MacAddr([2, 0, 0, 0, 0, 8]))).unwrap();
        let error = refusal(&mut *ring, PortChange::AddMac(OTHER));
        assert!(error.contains("cannot add an address to DPDK device net_ring0: No space left"), "{error}");
        assert_eq!(ring.state().mac_filters, [MacAddr([2, 0, 0, 0, 0, 8])]);
    });
}

#[test]
fn a_port_without_settings_says_so() {
    let mut port = open("null:size=64", &Options::default());
    let error = refusal(&mut *port, PortChange::Promiscuous(true));
    assert_eq!(error, "cannot receive frames to all addresses: null:size=64 has no such setting");
    assert_eq!((port.state().link_up, port.state().promiscuous), (None, None));
}
