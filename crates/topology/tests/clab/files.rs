//! Files as people write them.

use rackless_topology::model::{Command, Kind};
use rackless_topology::{Topology, clab};

use super::{essence, parse, there_and_back};

/// A file with all that is read, and much that is left out.
const RICH: &str = r#"
name: lab.1
prefix: __lab-name
mgmt: {network: custom, ipv4-subnet: 172.100.100.0/24}
topology:
  defaults:
    kind: linux
    env: {MODE: lab, LEVEL: 1.10}
  kinds:
    linux:
      image: alpine:${ALPINE:=3}
      exec: [sysctl -w net.ipv4.ip_forward=1]
    nokia_srlinux:
      type: ixr-d2l
      image: ghcr.io/nokia/srlinux
  groups:
    clients: &clients
      env: {LEVEL: "2"}
      ports: [8080:80]
  nodes:
    srl:
      kind: nokia_srlinux
      startup-config: srl.cfg
    r1:
      sysctls: {net.ipv6.conf.all.forwarding: 1}
      network-mode: none
      exec:
        - ip addr add 10.0.1.254/24 dev eth1
        - ip -6 address add 2001:db8::1/128 dev lo
        - ip link set dev eth1 mtu 1400
        - ip link set address 02:00:00:00:00:01 dev eth1
    c1:
      group: clients
      cmd: nginx -g 'daemon off;'
      exec:
        - bash -c "ip addr add 10.0.1.1/24 dev eth1 && ip route add default via 10.0.1.254"
        - ip route add 192.0.2.0/24 via 172.20.20.1
        - echo __clabNodeName__ of __clabLabName__
      binds:
        - c1.conf:/etc/nginx/nginx.conf:ro
    c2:
      <<: *clients
      labels: {graph-posX: 25}
      exec: ["sh -c 'echo $MODE > /tmp/mode'"]
    br: {kind: bridge, exec: [ls]}
    br|c2: {kind: bridge, network-mode: "container:c2"}
  links:
    - endpoints: ["srl:ethernet-1/1", "r1:eth2"]
      mtu: 1500
    - endpoints: ["r1:eth1", "br:r1"]
    - endpoints: ["c1:eth1", "br:c1"]
      ipv4: ["", ""]
      ipv6: [2001:db8:1::1/64]
    - type: veth
      endpoints:
        - {node: c2, interface: eth1, mac: "02:00:00:00:00:02", ipv4: 10.0.1.2/24}
        - {node: br, interface: c2}
    - endpoints: ["c2:eth2", "host:c2-eth2"]
    - type: mgmt-net
      endpoint: {node: r1, interface: eth9}
      host-interface: r1-eth9
    - endpoints: ["c2:eth3", "c2:eth4"]
"#;

#[test]
fn a_file_of_containerlab_becomes_a_lab_file_and_named_warnings() {
    let imported = clab::import("rich.clab.yml", RICH).unwrap();
    let warnings: Vec<String> = imported.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(format!("{}\n---\n{}", imported.lab, warnings.join("\n")));
    let lab = parse(&imported.lab);
    assert_eq!(lab.node("r1").unwrap().kind, Kind::Router);
    assert_eq!(lab.node("c2").unwrap().env["LEVEL"], "2", "a merged table is the node's own");
}

#[test]
fn the_anycast_lab_becomes_a_file_of_containerlab() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/anycast.toml");
    let lab = parse(&std::fs::read_to_string(path).unwrap());
    let exported = clab::export(&lab, "alpine");
    let warnings: Vec<String> = exported.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(format!("{}\n---\n{}", exported.file, warnings.join("\n")));
    assert_eq!(essence(&there_and_back(&lab)), essence(&lab));
}

#[test]
fn bridges_are_said_to_be_made_first_and_their_ports_have_names_of_their_own() {
    let lab = parse(
        "name = \"l\"\n[node.a-switch-s1]\nkind = \"switch\"\nstp = true\n[node.host]\n[[link]]\nends = [\"host\", \"a-switch-s1\"]\n",
    );
    let exported = clab::export(&lab, "alpine");
    insta::assert_snapshot!(exported.file);
    assert_eq!(
        exported.warnings[0].to_string(),
        "'node' of host: it is called 'host-1': links of containerlab mean the machine by 'host'"
    );
    let long = parse("[node.a-switch-of-16-b]\nkind = \"switch\"\n");
    assert!(clab::export(&long, "alpine").warnings[0].why.contains("15 bytes"));
}

#[test]
fn what_containerlab_has_no_word_for_is_named() {
    let lab = parse(
        "[node.a]\nrun = \"x\"\nrestart = \"always\"\nafter = \"p\"\nfiles = { \"/etc/x\" = \"y\" }\n\
         [node.p]\nkind = \"process\"\nrun = \"y\"\nready = { log = \"z\" }\n[node.b]\n\
         [[link]]\nends = [\"a\", \"b\"]\ndelay = \"10 ms\"\n\
         [[event]]\nat = \"1 s\"\nlink = \"a\"\ndown = true\n",
    );
    let exported = clab::export(&lab, "alpine");
    let found: Vec<String> =
        exported.warnings.iter().map(|warning| format!("{} {:?}", warning.key, warning.nodes)).collect();
    assert_eq!(
        found,
        [
            "restart [\"a\"]",
            "files [\"a\"]",
            "after [\"a\"]",
            "kind [\"p\"]",
            "link [\"a:eth0\", \"b:eth0\"]",
            "event []"
        ]
    );
    assert_eq!(there_and_back(&lab).nodes.len(), 2);
}

#[test]
fn explicit_offloads_and_wires_are_named() {
    let lab = parse(
        "[node.a]\n[node.b]\ninterface.eth1.offload = true\n[node.nf]\nkind = \"nf\"\n\
         [[link]]\nends = [\"a\", \"b\"]\nwire = \"precise\"\ndelay = \"10 ms\"\n\
         [[link]]\nends = [\"a\", \"b\"]\noffload = false\n\
         [[link]]\nends = [\"a\", \"nf\"]\n\
         [[link]]\nends = [\"b\", \"nf\"]\noffload = true\n",
    );
    let warnings: Vec<String> =
        clab::export(&lab, "alpine").warnings.iter().map(ToString::to_string).collect();
    let offload = "containerlab leaves offloads as the kernel has them";
    assert_eq!(
        warnings[1..],
        [
            "'link' of a:eth0, b:eth0: containerlab's links have no conditions, 'containerlab tools netem' sets some",
            "'wire' of a:eth0, b:eth0: containerlab has none, the kernel's netem is what its tools set",
            &format!("'offload' of a:eth1, b:eth1: {offload}"),
            &format!("'offload' of b:eth1: {offload}"),
            &format!("'offload' of b:eth2, nf:eth1: {offload}"),
        ]
    );
    let memory = parse(
        "[node.a]\nkind = \"nf\"\n[node.b]\nkind = \"nf\"\n[[link]]\nends = [\"a\", \"b\"]\nmedium = \"memif\"\n",
    );
    let warnings = clab::export(&memory, "alpine").warnings;
    let says = "'medium' of a:eth0, b:eth0: containerlab has none, the link becomes a cable";
    assert!(warnings.iter().any(|warning| warning.to_string() == says));
    let plain = parse("[node.a]\n[node.nf]\nkind = \"nf\"\n[[link]]\nends = [\"a\", \"nf\"]\n");
    assert!(clab::export(&plain, "alpine").warnings.iter().all(|warning| warning.key != "offload"));
}

#[test]
fn shapes_survive_the_way_there_and_back() {
    for shape in ["single,3", "tree,2,3", "torus,3,3", "fat-tree,4"] {
        let lab = Topology::shape(shape).unwrap();
        assert_eq!(essence(&there_and_back(&lab)), essence(&lab), "{shape}");
    }
}

#[test]
fn a_program_survives_the_way_there_and_back() {
    for line in ["exec server --port 80", "echo 'a b' \"$X\" # no end", "one\ntwo | three", "a; b & wait"] {
        let lab = parse(&format!("[node.a]\nrun = {}\n", toml::Value::from(line)));
        assert_eq!(there_and_back(&lab).nodes[0].programs[0].command, Command::Shell(line.to_owned()));
    }
    let lab = parse("[node.a]\nrun = [\"sleep\", \"a b\"]\n");
    assert_eq!(there_and_back(&lab).nodes[0].programs[0].command, Command::Shell("sleep 'a b'".to_owned()));
}

fn error(source: &str) -> String {
    clab::import("lab.clab.yml", source).expect_err("the file is wrong").to_string()
}

macro_rules! errors {
    ($($name:ident: $source:expr;)*) => {
        $(#[test] fn $name() { insta::assert_snapshot!(error($source)); })*
    };
}

errors! {
    unknown_keys_are_refused_with_their_places:
        "name: x\nlab: 1\ntopology:\n  node: {}\n  kinds: {linux: {imgae: x}}\n  nodes:\n    é: {kind: linux, exce: []}\n  \
         links:\n    - endpoints: [a:b, c:d]\n      speed: 1\n    - endpoints: [{node: é, interface: a, ip: 1}, c:d]\n";
    wrong_types_are_named: "name: x\ntopology:\n  nodes:\n    a: {kind: linux, exec: ip a, env: [x]}\n    b: 7\n  links: {}\n";
    wrong_links_are_told_apart:
        "name: x\ntopology:\n  nodes: {a: {kind: linux}, b: {kind: linux}}\n  links:\n    - endpoints: [a:eth1]\n    \
         - endpoints: [a, b:eth1]\n    - {}\n    - {endpoints: [a:eth1, b:eth1], mtu: 100000}\n    \
         - {endpoints: [a:eth1, b:eth1], ipv4: [10.0.0.0/24]}\n    - {type: wire, endpoints: [a:eth1, b:eth1]}\n    \
         - {type: veth, endpoints: [{node: a}, b:eth1]}\n    - endpoints: [a:eth1, d:eth1]\n";
    a_node_without_a_kind_is_refused: "name: x\ntopology: {nodes: {a: {}}}\n";
    two_nodes_that_would_have_one_name_are_refused:
        "name: x\ntopology: {nodes: {a.b: {kind: linux}, a_b: {kind: linux}}}\n";
    a_command_without_an_end_is_refused: "name: x\ntopology: {nodes: {a: {kind: linux, exec: [\"echo 'x\"]}}}\n";
    a_lab_without_a_name_is_refused: "topology: {}\n";
    broken_yaml_shows_the_place: "name: x\ntopology: [\n";
    a_key_given_twice_is_refused: "name: x\nname: y\n";
    an_empty_file_is_refused: "";
    several_documents_are_refused: "name: x\n---\nname: y\n";
}
