//! Packets on their way through a running function: traced, captured, counted in tables.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use rackless_packet::capture::{Direction, Record};
use rackless_packet::pcapng;
use serde_json::Value;

use crate::home::{Home, until};

const LAB: &str = r#"
[node.h1]
addresses = ["10.0.0.1/24"]
[node.h2]
addresses = ["10.0.0.2/24"]
[node.fw]
kind = "nf"
run = "rackless nf run fw.click"
ready = { file = "/run/rackless-nf.sock" }
[[link]]
ends = ["h1", "fw:lan"]
[[link]]
ends = ["fw:wan", "h2"]
"#;

/// Sorts what is no UDP from what is, which is dropped.
const GRAPH: &str = "\
sort :: classify(filters = [\"udp\"]);
rx:lan -> sort -> refuse :: sink(reason = \"no UDP\");
sort[1] -> there :: counter -> tx:wan;
rx:wan -> back :: counter -> tx:lan;
";

fn lab() -> Home {
    let home = Home::ordinary_user();
    home.lab("fw.click", GRAPH);
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    home
}

/// A verb that watches, begun: it has said that it waits.
fn begin(home: &Home, args: &[&str], sign: &str) -> Child {
    let mut command = home.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut messages = BufReader::new(child.stderr.take().expect("its messages"));
    let mut line = String::new();
    while !line.contains(sign) {
        line.clear();
        assert!(messages.read_line(&mut line).expect("a message") > 0, "{args:?} ends without '{sign}'");
    }
    // What else it says must not stop it.
    std::thread::spawn(move || std::io::copy(&mut messages, &mut std::io::sink()));
    child
}

fn finish(mut child: Child) -> String {
    let mut output = String::new();
    child.stdout.take().expect("its output").read_to_string(&mut output).expect("text");
    assert!(child.wait().expect("its end").success(), "{output}");
    output
}

fn ping(home: &Home) {
    assert!(home.pings("h1", "10.0.0.2"));
}

fn send_udp(home: &Home) {
    home.ok(&["exec", "h1", "--", "bash", "-c", "echo > /dev/udp/10.0.0.2/9"]);
}

#[test]
fn the_path_of_packets_is_traced() {
    let home = lab();
    let waiting = "waiting for ";
    let trace = begin(&home, &["nf", "trace", "fw", "-n", "1", "--filter", "icmp"], waiting);
    ping(&home);
    let shown = finish(trace);
    for line in
        ["10.0.0.1 > 10.0.0.2", "  rx:lan  received\n", "  sort    out 1 to there\n", "  tx:wan  sent\n"]
    {
        assert!(shown.contains(line), "'{line}' is not in\n{shown}");
    }

    let args = ["nf", "trace", "--lab", "lab", "-n", "1", "--filter", "udp port 9", "--json"];
    let trace = begin(&home, &args, waiting);
    send_udp(&home);
    let shown = finish(trace);
    let trace: Value = serde_json::from_str(shown.trim()).expect("a line of JSON");
    let steps = trace["steps"].as_array().expect("steps");
    let events: Vec<&str> = steps.iter().filter_map(|step| step["event"].as_str()).collect();
    assert_eq!(events, ["received", "out", "dropped"], "{trace}");
    assert_eq!((&steps[2]["place"], &steps[2]["reason"]), (&"refuse".into(), &"no UDP".into()));

    // Nothing that passes: it ends by its time.
    let shown = home.ok(&["nf", "trace", "fw", "--filter", "tcp port 1", "--for", "1 ms"]);
    assert_eq!(shown, "");
    assert!(home.fails(2, &["nf", "trace", "fw", "--filter", "tcp prot 1"]).contains("unexpected 'prot'"));
    assert!(home.fails(2, &["nf", "trace", "h1"]).contains("no network function answers"));
    home.ok(&["down"]);
}

#[test]
fn one_port_of_a_graph_is_captured() {
    let home = lab();
    let capture =
        begin(&home, &["nf", "capture", "fw.rx:wan", "-n", "1", "--filter", "icmp"], "capturing at rx:wan;");
    home.ok(&["exec", "h2", "--", "bash", "-c", "ping -c 1 -W 1 10.0.0.1 || true"]);
    assert!(finish(capture).contains("10.0.0.2 > 10.0.0.1: ICMP echo request"));
    let message = home.fails(2, &["nf", "capture", "fw.rx:nowhere"]);
    assert!(
        message.contains("there are: sort, refuse, there, back, rx:lan, rx:wan, tx:lan, tx:wan"),
        "{message}"
    );
    home.ok(&["down"]);
}

#[test]
fn who_watches_a_function_that_ends_is_told() {
    let home = lab();
    let trace = begin(&home, &["nf", "trace", "fw", "--filter", "tcp port 1"], "waiting for ");
    let capture = begin(&home, &["nf", "capture", "fw", "--filter", "tcp port 1"], "capturing at ");
    home.ok(&["restart", "fw"]);
    for mut watching in [trace, capture] {
        assert_eq!(watching.wait().expect("its end").code(), Some(1));
    }
    home.ok(&["down"]);
}

fn records(path: &std::path::Path) -> (Vec<String>, Vec<Record>) {
    let file = File::open(path).expect("the file");
    let mut reader = pcapng::Reader::new(BufReader::new(file)).expect("a capture");
    let records = reader.by_ref().collect::<Result<_, _>>().expect("whole records");
    let names = reader.interfaces().iter().filter_map(|interface| interface.name.clone()).collect();
    (names, records)
}

#[test]
fn frames_are_captured_at_edges_with_the_reasons_of_drops() {
    let home = lab();
    let sign = "capturing at ";
    let file = home.path().join("fw.pcapng");
    let file_text = file.to_str().expect("a path in UTF-8");
    let args = ["nf", "capture", "fw", "--filter", "udp port 9", "-w", file_text, "-c", "2"];
    let capture = begin(&home, &args, sign);
    send_udp(&home);
    finish(capture);
    let (names, frames) = records(&file);
    assert_eq!(names, ["rx:lan", "rx:wan", "tx:lan", "tx:wan", "drops"]);
    let seen: Vec<_> =
        frames.iter().map(|frame| (&*names[frame.interface as usize], &*frame.comments)).collect();
    let reason = ["dropped by refuse: no UDP".to_owned()];
    assert_eq!(seen, [("rx:lan", &[][..]), ("drops", &reason[..])]);
    assert!(frames.iter().all(|frame| frame.direction == Some(Direction::Inbound)));
    assert!(frames[0].time_ns > 1_700_000_000_000_000_000, "the time is that of the world");

    // A node of the graph, to standard output, until a signal.
    let args = ["nf", "capture", "fw.there", "--edge", "out", "--filter", "icmp"];
    let capture = begin(&home, &args, "capturing at there[0];");
    ping(&home);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(capture.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a signal");
    let shown = finish(capture);
    assert!(shown.contains(" ← ") && shown.contains("10.0.0.1 > 10.0.0.2"), "{shown}");

    let args = ["nf", "capture", "fw.sort", "--edge", "drops", "-v", "-c", "1", "--for", "1 ms"];
    assert_eq!(home.ok(&args), "");
    let unknown = home.fails(2, &["nf", "capture", "fw.nat"]);
    assert!(
        unknown.contains("no node 'nat' in the graph; there are: sort, refuse, there, back"),
        "{unknown}"
    );
    home.ok(&["down"]);
}

#[test]
fn counters_are_shown_as_tables() {
    let home = lab();
    ping(&home);
    send_udp(&home);
    until("the datagram is counted", || {
        let errors = home.ok(&["nf", "show", "errors", "fw"]);
        if errors.contains("refuse  no UDP") { Ok(()) } else { Err(errors) }
    });
    let runtime = home.ok(&["nf", "show", "runtime", "fw"]);
    assert!(runtime.starts_with("node    received  generated  sent  dropped"), "{runtime}");
    assert_eq!(runtime.lines().count(), 5, "{runtime}");
    let ports = home.ok(&["nf", "show", "ports"]);
    assert!(ports.contains("lan   af_packet:lan"), "{ports}");
    let graph = home.ok(&["nf", "show", "graph", "fw"]);
    assert!(graph.starts_with("rx:lan  ") && graph.contains("└─ [1] there  "), "{graph}");
    assert!(home.ok(&["nf", "show", "graph", "fw", "--format", "dot"]).contains("\"sort\" -> \"there\""));
    let json = |table| -> Value {
        serde_json::from_str(&home.ok(&["nf", "show", table, "fw", "--json"])).expect("JSON")
    };
    assert_eq!(json("errors")[0]["place"], "refuse");
    assert_eq!(json("graph")["wires"][0]["from"], "rx:lan");
    assert!(json("runtime")[0]["packets_per_batch"].as_f64() >= Some(1.0));
    assert_eq!(json("ports")[1]["name"], "wan");
    assert!(
        home.fails(2, &["nf", "show", "clocks", "fw"]).contains("there are: runtime, errors, graph, ports")
    );
    home.ok(&["down"]);
}
