//! Functions of the library in a lab, and what this machine can do.

use serde_json::Value;

use crate::home::{Home, text, until};

const LAB: &str = r#"
[node.h1]
addresses = ["10.0.0.1/24", "fd00::1/64"]
[node.h2]
addresses = ["10.0.0.2/24", "fd00::2/64"]
[node.middle]
kind = "nf"
run = "rackless nf run middle.toml"
ready = { file = "/run/rackless-nf.sock" }
[[link]]
ends = ["h1", "middle:a"]
[[link]]
ends = ["middle:b", "h2"]
[[check]]
name = "the function joins them"
on = "h1"
ping = "h2"
"#;

#[test]
fn the_counters_of_a_function_are_shown_from_inside_and_outside() {
    let home = Home::ordinary_user();
    home.lab("middle.toml", "nf = \"forward\"\n");
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    home.ok(&["check"]);
    let report: Value =
        serde_json::from_str(&home.ok(&["nf", "show", "middle", "--lab", "lab", "--json"])).expect("JSON");
    assert_eq!(report["name"], "middle");
    assert_eq!(report["ports"][0]["device"], "af_packet:a");
    let count = |key: &str| report["nodes"][0][key].as_u64().unwrap_or_else(|| panic!("{key} in {report}"));
    assert!(count("received") >= 4, "{report}");
    assert_eq!(count("received") + count("generated"), count("sent") + count("dropped") + count("held"));
    for args in [&["nf", "show"][..], &["exec", "middle", "--", "rackless", "nf", "show"]] {
        assert!(home.ok(args).starts_with("middle: up "), "{args:?}");
    }
    let exposition = home.ok(&["nf", "show", "middle", "--prometheus"]);
    let labels = r#"{lab="lab",node="middle",nf="forward"} "#;
    assert!(exposition.contains(&format!("\nrackless_nf_packets_total{labels}")), "{exposition}");
    assert!(home.fails(2, &["nf", "show", "h1"]).contains("no network function answers"));
    home.ok(&["down"]);
}

#[test]
fn an_unknown_function_is_refused_with_the_names_of_all() {
    let home = Home::new();
    let config = home.lab("nf.toml", "nf = \"ruter\"\n");
    let message = home.fails(2, &["nf", "run", &config, "--port", "a=null:"]);
    assert!(message.contains("no network function 'ruter'; there are: router, "), "{message}");
    let config = home.lab("nf.toml", "");
    let message = home.fails(2, &["nf", "run", &config, "--port", "a=null:"]);
    assert!(message.contains("no key 'nf'; there are: router, "), "{message}");
}

#[test]
fn functions_of_the_library_can_be_made_anew_after_a_panic() {
    let home = Home::new();
    let config = home.lab("nf.toml", "nf = \"macswap\"\non_panic = \"restart\"\n");
    let report = home.ok(&["nf", "run", &config, "--port", "a=null:count=3", "--duration", "0"]);
    assert!(report.contains("node macswap: received 3 "), "{report}");
}

#[test]
fn the_doctor_says_what_is_missing_and_leaves_nothing() {
    for home in [Home::new(), Home::ordinary_user()] {
        let output = home.run(&["doctor", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(if report["labs"] == true { 0 } else { 1 }), "{report}");
        let findings = report["findings"].as_array().expect("a list");
        for name in [
            "namespaces",
            "veth",
            "redirect",
            "netem",
            "tun",
            "bpf",
            "cgroups",
            "nftables",
            "hugepages",
            "vfio",
            "dpdk",
        ] {
            let finding = findings.iter().find(|finding| finding["name"] == name);
            let finding = finding.unwrap_or_else(|| panic!("{name} is not in {report}"));
            assert!(finding["ok"] == true || finding["found"] != "", "{finding}");
        }
        let lines = text(&home.run(&["doctor"]).stdout);
        assert!(lines.ends_with("labs can run\n") || lines.ends_with("labs cannot run\n"), "{lines}");
        until("no process is left", || {
            let left = home.processes();
            if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
        });
    }
}
