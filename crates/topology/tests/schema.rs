//! What an editor says of a lab file by its schema.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use rackless_topology::{SCHEMA, Topology};
use serde_json::Value;

/// Returns what the schema finds wrong in a lab file.
fn errors(source: &str) -> Vec<String> {
    let file: Value = toml::from_str(source).unwrap_or_else(|error| panic!("{error}: {source}"));
    let schema = serde_json::from_str(SCHEMA).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    schema.iter_errors(&file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::draft202012::meta::is_valid(&serde_json::from_str(SCHEMA).unwrap()));
}

#[test]
fn every_example_fits_the_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut labs = 0;
    for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        // Besides labs, there are configurations of network functions.
        if Topology::parse("lab.toml", &source).is_ok() {
            assert_eq!(errors(&source), Vec::<String>::new(), "{}", path.display());
            labs += 1;
        }
    }
    assert!(labs > 0, "no lab in {}", folder.display());
}

/// Every key of the lab file, in one lab.
const WHOLE: &str = r#"
name = "whole"
shape = "ring,3"

[node.h1]
run = ["sleep", "9"]
ready = { command = "true", within = "1.5 s" }
env = { MODE = "x" }
cpus = 2
memory = "1.5 GiB"
sysctl = { net.ipv4.ip_forward = 1, "net.ipv6.conf.all.hop_limit" = "9" }
after = ["h2"]
package = "../nf"

[node.s1]
stp = false

[node.a]
kind = "router"
interface.up = { addresses = ["fd00:1::1/64"], mac = "02:00:00:00:00:01", mtu = 9000 }
interface.lo.addresses = ["fd99::1/128"]
routes = ["::/0 via fd00:1::2", "fd01::/64 dev up", "fd02::/64 via fe80::1 dev up"]

[node.b]
addresses = ["fd00:1::2/64"]
run = "exec server"
ready = { tcp = "[::]:80" }

[node.c]
kind = "switch"
stp = true

[node.g]
kind = "nat"

[[node.g.run]]
name = "one"
command = "exec one"
ready = { log = "ready" }
restart = "always"

[[node.g.run]]
name = "two"
command = ["two"]
after = ["one"]

[node.n]
kind = "nf"

[[link]]
ends = ["a:up", "b"]
mtu = 9000
offload = false

[[link]]
ends = ["n", "c"]

[[check]]
name = "ping"
on = ["a", "h2"]
ping = "b"
family = 6
fails = true

[[check]]
name = "tcp"
on = "a"
tcp = "[fd00:1::2]:80"
send = "x"
expect = "y"
within = "10µs"

[[check]]
name = "run"
on = "n"
run = "true"
expect = ""
"#;

#[test]
fn a_lab_with_every_key_fits_the_schema() {
    Topology::parse("lab.toml", WHOLE).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(errors(WHOLE), Vec::<String>::new());
}

#[test]
fn what_the_reader_refuses_of_a_key_the_schema_refuses_too() {
    let check = "[[check]]\nname = \"c\"\non = \"a\"\n";
    let cases = [
        "zzz = 1".to_owned(),
        "name = 7".to_owned(),
        "name = \"a b\"".to_owned(),
        "shape = \"star,3\"".to_owned(),
        "shape = \"single\"".to_owned(),
        "[link]".to_owned(),
        "[node.\"a b\"]".to_owned(),
        "[node.a]\nadresses = []".to_owned(),
        "[node.a]\naddresses = \"fd00::1/64\"".to_owned(),
        "[node.a]\naddresses = [\"fd00::1\"]".to_owned(),
        "[node.a]\nkind = \"swich\"".to_owned(),
        "[node.a]\nstp = true\nkind = \"host\"".to_owned(),
        "[node.a]\nkind = \"switch\"\nrun = \"true\"".to_owned(),
        "[node.a]\nkind = \"nf\"\nroutes = []".to_owned(),
        "[node.a]\nkind = \"nf\"\ninterface.lo.addresses = []".to_owned(),
        "[node.a]\nroutes = [\"default\"]".to_owned(),
        "[node.a]\nrun = 3".to_owned(),
        "[node.a]\nrun = []".to_owned(),
        "[node.a]\nrun = [{ name = \"x\" }]".to_owned(),
        "[node.a]\nrun = [{ command = \"x\" }]".to_owned(),
        "[node.a]\nrun = [{ name = \"x\", command = \"x\", port = 80 }]".to_owned(),
        "[node.a]\nrun = \" \"".to_owned(),
        "[node.a]\nready = { log = \"x\" }".to_owned(),
        "[node.a]\nrun = \"x\"\nready = { log = \"x\", file = \"y\" }".to_owned(),
        "[node.a]\nrun = \"x\"\nready = { log = \"x\", until = \"1 s\" }".to_owned(),
        "[node.a]\nrun = \"x\"\nready = { within = \"1 s\" }".to_owned(),
        "[node.a]\nenv = { x = 1 }".to_owned(),
        "[node.a]\ncpus = \"1\"".to_owned(),
        "[node.a]\ncpus = 0".to_owned(),
        "[node.a]\ncpus = 1e4".to_owned(),
        "[node.a]\nmemory = 1048576".to_owned(),
        "[node.a]\nkind = \"switch\"\ncpus = 1".to_owned(),
        "[node.a]\nsysctl = { x = true }".to_owned(),
        "[node.a]\ninterface.eth0.speed = 1".to_owned(),
        "[node.a]\ninterface.eth0.mtu = 1279".to_owned(),
        "[node.a]\ninterface.eth0.mtu = 65536".to_owned(),
        "[node.a]\ninterface.lo.mtu = 1500".to_owned(),
        "[node.a]\ninterface.all.mtu = 1500".to_owned(),
        "[node.a]\ninterface.sixteen-bytes-xx.mtu = 1500".to_owned(),
        "[[link]]\nmtu = 1500".to_owned(),
        "[[link]]\nends = [\"a\"]".to_owned(),
        "[[link]]\nends = [\"a\", \"b\"]\nspeed = 1".to_owned(),
        "[[link]]\nends = [\"a\", \"b\"]\noffload = 1".to_owned(),
        check.to_owned(),
        "[[check]]\nname = \"c\"\nrun = \"true\"".to_owned(),
        format!("{check}run = \"true\"\nping = \"b\""),
        format!("{check}run = \"true\"\nfamily = 4"),
        format!("{check}ping = \"b\"\nfamily = 5"),
        format!("{check}ping = \"b\"\nexpect = \"x\""),
        format!("{check}run = \"true\"\nwithin = 3"),
        format!("{check}run = \"true\"\nwithin = \"3 sec\""),
        format!("{check}run = \"true\"\nretries = 3"),
    ];
    for case in cases {
        assert!(Topology::parse("lab.toml", &case).is_err(), "the reader takes: {case}");
        assert!(!errors(&case).is_empty(), "the schema takes: {case}");
    }
}
