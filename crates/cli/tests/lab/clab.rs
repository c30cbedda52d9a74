//! Labs of containerlab, brought here and taken there.

use crate::home::{Home, text};

const TWO_SUBNETS: &str = r#"
name: two-subnets
topology:
  defaults: {kind: linux, image: alpine}
  nodes:
    c1: {exec: [ip addr add 10.0.1.1/24 dev eth1, ip route add default via 10.0.1.254]}
    c2: {exec: [ip addr add 10.0.2.1/24 dev eth1, ip route add default via 10.0.2.254], binds: [x:/x]}
    r:
      exec:
        - sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
        - ip addr add 10.0.1.254/24 dev eth1
        - ip addr add 10.0.2.254/24 dev eth2
    br: {kind: bridge}
  links:
    - endpoints: [c1:eth1, br:p1]
    - endpoints: [r:eth1, br:p2]
    - endpoints: [c2:eth1, r:eth2]
"#;

#[test]
fn a_lab_of_containerlab_comes_up_and_its_hosts_meet() {
    let home = Home::new();
    let file = home.lab("lab.clab.yml", TWO_SUBNETS);
    let output = home.run(&["import", &file]);
    let warnings = text(&output.stderr);
    assert!(output.status.success(), "{warnings}");
    assert!(warnings.contains(&format!("warning: {file}:4:27: 'image' of c1, c2, r: ")), "{warnings}");
    assert!(warnings.contains("'binds' of c2: "), "{warnings}");
    let lab = home.lab("lab.toml", &text(&output.stdout));
    home.ok(&["up", "-d", &lab]);
    assert!(home.pings("c1", "10.0.2.1"));
    assert_eq!(home.ok(&["exec", "c1", "--", "cat", "/sys/class/net/eth1/mtu"]), "9500\n");
    home.ok(&["down"]);
}

#[test]
fn a_lab_that_is_taken_to_containerlab_and_back_is_valid() {
    let home = Home::new();
    let (there, back) = (home.path().join("tree.clab.yml"), home.path().join("tree.toml"));
    let (there, back) = (there.to_str().expect("UTF-8"), back.to_str().expect("UTF-8"));
    home.ok(&["export", "--shape", "tree,2", "--image", "debian:12", "-o", there]);
    assert!(std::fs::read_to_string(there).is_ok_and(|file| file.contains("image: \"debian:12\"")));
    home.ok(&["import", there, "-o", back]);
    assert!(home.ok(&["validate", back]).contains("lab tree-2 is valid: 7 nodes, 6 links"));
}

#[test]
fn a_lab_that_cannot_be_mended_here_is_written_and_called_wrong() {
    let home = Home::new();
    let twice = TWO_SUBNETS.replace("10.0.1.254/24 dev eth1", "10.0.1.1/24 dev eth1");
    let output = home.run(&["import", &home.lab("twice.clab.yml", &twice)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("[node.c1]"));
    assert!(text(&output.stderr).contains("two interfaces on one segment have the address 10.0.1.1"));
    let message = home.fails(2, &["import", &home.lab("bad.clab.yml", "name: x\ntopologie: {}\n")]);
    assert!(
        message.contains("bad.clab.yml:2:1") && message.contains("did you mean 'topology'?"),
        "{message}"
    );
}
