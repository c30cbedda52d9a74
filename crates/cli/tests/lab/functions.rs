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
fn a_graph_of_functions_runs_in_a_lab() {
    let home = Home::ordinary_user();
    home.lab("firewall.click", include_str!("../../../../examples/nf/firewall.click"));
    let lab = LAB.replace("middle.toml", "firewall.click").replace("middle:a", "middle:lan");
    let lab = home.lab("lab.toml", &lab.replace("middle:b", "middle:wan"));
    home.ok(&["up", "-d", &lab]);
    home.ok(&["check"]);
    let report = home.ok(&["nf", "show", "middle", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let nodes = report["nodes"].as_array().expect("nodes");
    let node = |name: &str| nodes.iter().find(|node| node["name"] == name).expect("a node");
    let counted = &node("up")["counters"];
    assert_eq!(counted[0]["name"], "packets");
    assert_eq!(counted[0]["count"], node("up")["sent"], "{report}");
    assert!(counted[1]["count"].as_u64() > counted[0]["count"].as_u64(), "{report}");
    let shown = home.ok(&["nf", "show", "middle"]);
    assert!(shown.contains(" arp or icmp or icmp6\n"), "{shown}");
    home.ok(&["down"]);
}

#[test]
fn a_graph_is_drawn_without_ports_and_its_mistakes_are_told_with_their_line() {
    let home = Home::new();
    let click = home.lab("firewall.click", include_str!("../../../../examples/nf/firewall.click"));
    let toml = home.lab("firewall.toml", include_str!("../../../../examples/nf/firewall.toml"));
    for file in [&click, &toml] {
        let dot = home.ok(&["nf", "graph", file]);
        assert!(dot.starts_with("digraph {\n") && dot.contains("\"sort\" -> \"limit\""), "{dot}");
        let mermaid = home.ok(&["nf", "graph", file, "--format", "mermaid"]);
        assert!(mermaid.starts_with("graph LR\n") && mermaid.contains("limit<br>shaper"), "{mermaid}");
    }
    let router = home.lab("router.toml", "nf = \"router\"\n[[ports]]\nname = \"west\"\ndevice = \"null:\"\n");
    assert!(home.ok(&["nf", "graph", &router]).contains("\"rx:west\" -> \"router\""));

    let wrong = home.lab("wrong.click", "rx:a -> x :: counter\n -> y;\n");
    for verb in ["graph", "run"] {
        let mut args = vec!["nf", verb, &wrong];
        args.extend(["--port", "a=null:"].iter().filter(|_| verb == "run"));
        let message = home.fails(2, &args);
        assert!(message.contains("wrong.click:2: no node 'y'; there are: x"), "{message}");
    }
    let unwired = home.lab("unwired.click", "\nrx:a -> x :: split -> tx:a;\nx[2] -> tx:b;\n");
    let message = home.fails(2, &["nf", "run", &unwired, "--port", "a=null:", "--port", "b=null:"]);
    assert!(message.contains("unwired.click:2: x[1] leads nowhere"), "{message}");
    let both = home.lab("both.toml", "nf = \"sink\"\ngraph = \"rx:a -> x\"\n[node.x]\nnf = \"sink\"\n");
    assert!(home.fails(2, &["nf", "graph", &both]).contains("one of them says what runs"));
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
    for config in [
        "nf = \"macswap\"\non_panic = \"restart\"\n",
        "graph = \"rx:a -> macswap -> tx:a\"\non_panic = \"restart\"\n[node.macswap]\nnf = \"macswap\"\n",
    ] {
        let config = home.lab("nf.toml", config);
        let report = home.ok(&["nf", "run", &config, "--port", "a=null:count=3", "--duration", "0"]);
        assert!(report.contains("node macswap: received 3 "), "{report}");
    }
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
