//! Functions with several workers.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};

use rackless_packet::capture::{LinkType, Reader, Record};
use rackless_packet::pcap::Writer;
use rackless_runtime::Report;
use rackless_runtime::control::{self, Request, Subject};

use crate::home::{Home, text, until};

const LAB: &str = r#"
[node.h1]
addresses = ["10.0.0.1/24"]
[node.h2]
addresses = ["10.0.0.2/24"]
[node.middle]
kind = "nf"
run = "exec rackless nf run middle.toml"
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

fn report(home: &Home) -> Report {
    serde_json::from_str(&home.ok(&["nf", "show", "middle", "--json"])).expect("a report")
}

/// Whether the sums are those of the workers, and every node accounts for its packets.
fn adds_up(report: &Report) {
    let sum =
        |of: &dyn Fn(&rackless_runtime::WorkerReport) -> u64| report.workers.iter().map(of).sum::<u64>();
    for (place, node) in report.nodes.iter().enumerate() {
        assert_eq!(node.received, sum(&|worker| worker.nodes[place].received), "{report}");
        assert_eq!(node.dropped, sum(&|worker| worker.nodes[place].dropped), "{report}");
        assert!(node.is_balanced() && report.workers.iter().all(|worker| worker.nodes[place].is_balanced()));
    }
    for (place, port) in report.ports.iter().enumerate() {
        assert_eq!(port.received, sum(&|worker| worker.ports[place].received), "{report}");
        assert_eq!(port.sent, sum(&|worker| worker.ports[place].sent), "{report}");
    }
}

#[test]
fn two_workers_share_the_flows_of_a_lab() {
    let home = Home::ordinary_user();
    home.lab("middle.toml", "nf = \"forward\"\nworkers = 2\n");
    home.ok(&["up", "-d", &home.lab("lab.toml", LAB)]);
    home.ok(&["check"]);
    // Each has a source port of its own.
    home.ok(&["exec", "h1", "--", "bash", "-c", "for n in {1..64}; do echo $n >/dev/udp/10.0.0.2/9; done"]);
    until("both have had flows", || {
        let report = report(&home);
        match report.workers.iter().all(|worker| worker.ports[0].received > 8) && report.workers.len() == 2 {
            true => Ok(()),
            false => Err(report.to_string()),
        }
    });
    adds_up(&report(&home));
    let shown = home.ok(&["nf", "show", "middle"]);
    assert!(shown.contains("  worker 0: received ") && shown.contains("  worker 1: received "), "{shown}");
    assert!(home.ok(&["logs", "middle"]).contains(" 2 workers"));
    // What follows packets follows those of both.
    let mut trace = home.command(&["nf", "trace", "middle", "--filter", "udp", "-n", "40", "--json"]);
    let trace = trace.stdout(Stdio::piped()).spawn().expect("a trace");
    let trace = std::thread::spawn(move || trace.wait_with_output().expect("its end"));
    until("40 packets are told of", || {
        home.ok(&[
            "exec",
            "h1",
            "--",
            "bash",
            "-c",
            "for n in {1..32}; do echo $n >/dev/udp/10.0.0.2/9; done",
        ]);
        if trace.is_finished() { Ok(()) } else { Err("fewer".to_owned()) }
    });
    let told = trace.join().expect("a thread");
    assert_eq!(text(&told.stdout).lines().count(), 40, "{}{}", text(&told.stdout), text(&told.stderr));
    // A configuration that is read again is read for both.
    home.lab("middle.toml", "nf = \"macswap\"\nworkers = 2\n");
    home.ok(&["nf", "reload", "middle"]);
    let after = report(&home);
    assert!(after.workers.iter().all(|worker| worker.nodes[0].name == "macswap"), "{after}");
    home.lab("middle.toml", "nf = \"macswap\"\nworkers = 3\n");
    assert!(home.fails(2, &["nf", "reload", "middle"]).contains("workers"));
    home.ok(&["down"]);
}

#[test]
fn workers_that_share_devices_hand_packets_to_each_other_and_wake_each_other() {
    let home = Home::ordinary_user();
    let config = include_str!("../../../../examples/nf/kernel.toml");
    home.lab("middle.toml", &format!("workers = 3\n{config}"));
    let lab = LAB.replace("middle:a", "middle:lan").replace("middle:b", "middle:wan");
    home.ok(&["up", "-d", &home.lab("lab.toml", &lab)]);
    home.ok(&["check"]);
    let ping = |target| home.ok(&["exec", "h1", "--", "ping", "-c", "3", "-i", "0.1", "-W", "10", target]);
    for target in ["10.0.0.9", "10.0.0.2"] {
        let told = ping(target);
        assert!(told.contains("3 received") && !told.contains("DUP!"), "{told}");
    }
    home.ok(&["exec", "h1", "--", "bash", "-c", "for n in {1..64}; do echo $n >/dev/udp/10.0.0.2/9; done"]);
    until("all have had flows", || {
        let report = report(&home);
        match report.workers.iter().all(|worker| worker.ports[0].received > 4) {
            true => Ok(()),
            false => Err(report.to_string()),
        }
    });
    let report = report(&home);
    adds_up(&report);
    assert!(report.ports[0].counters.iter().any(|counter| counter.name == "handed to other workers"));
    home.ok(&["down"]);
}

/// A function between files, and where it listens.
struct Running {
    child: Child,
    control: std::path::PathBuf,
}

impl Running {
    fn start(home: &Home, config: &str, port: &str) -> Self {
        let control = home.path().join("nf.sock");
        let config = home.lab("nf.toml", &format!("control = '{}'\n{config}", control.display()));
        let mut command = home.command(&["nf", "run", &config, "--port", port]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        Self { child, control }
    }

    fn ask(&self, request: Request) -> Result<Report, String> {
        control::request(&self.control, request).map_err(|error| error.to_string())
    }

    /// Waits until the counters are so.
    fn until(&self, what: impl Fn(&Report) -> bool) {
        until("the counters are so", || match self.ask(Request::Get(Subject::Counters))? {
            report if what(&report) => Ok(()),
            report => Err(report.to_string()),
        });
    }

    /// Asks it to stop; gives what it says last.
    fn stop(self) -> String {
        self.ask(Request::Stop(true)).expect("an answer");
        let output = self.child.wait_with_output().expect("its end");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

/// Frames of as many flows as there are numbers below 50, each several times; the first 14 bytes tell the flow.
fn frames(count: usize) -> Vec<Vec<u8>> {
    let frame = |n: usize| {
        let mut frame = vec![2, 0, 0, 0, 0, (n % 50) as u8, 2, 0, 0, 0, 1, (n % 50) as u8, 0x88, 0xb5];
        frame.extend((n as u32).to_be_bytes());
        frame.resize(64, 0);
        frame
    };
    (0..count).map(frame).collect()
}

#[test]
fn what_comes_in_goes_out_in_the_order_of_its_flow_and_nothing_stays_on_the_way() {
    const COUNT: usize = 5000;
    let home = Home::new();
    let input = home.path().join("in.pcap");
    let mut writer =
        Writer::new(File::create(&input).expect("a file"), LinkType::ETHERNET).expect("a capture");
    let all = frames(COUNT);
    all.iter().for_each(|frame| writer.write(&Record::new(0, frame.as_slice())).expect("a frame"));
    drop(writer);
    let output = home.path().join("out.pcap");
    let port = format!("a=pcap:{},{}", input.display(), output.display());
    let running = Running::start(&home, "nf = \"macswap\"\nworkers = 3\n", &port);
    let lost = |report: &Report| {
        let counters = report.ports[0].counters.iter();
        let full = counters.filter(|counter| counter.name.ends_with("ring to another worker full"));
        full.map(|counter| counter.count).sum::<u64>() as usize + report.ports[0].tx_full as usize
    };
    running.until(|report| report.ports[0].received as usize + lost(report) >= COUNT);
    let last = running.stop();
    assert!(last.contains("worker 2: received ") && last.matches(" 0 on their way").count() == 3, "{last}");
    let sent = read(&output);
    let told = sent.len();
    assert!(told > COUNT / 2 && last.contains(&format!("sent {told}")), "{told} of {COUNT}: {last}");
    for flow in 0..50 {
        let of_flow: Vec<&Vec<u8>> = sent.iter().filter(|frame| frame[5] == flow).collect();
        assert!(of_flow.is_sorted(), "flow {flow} keeps its order");
        assert!(of_flow.windows(2).all(|pair| pair[0] != pair[1]), "each frame comes once");
    }
}

fn read(path: &Path) -> Vec<Vec<u8>> {
    let reader = Reader::new(File::open(path).expect("a capture")).expect("a capture");
    reader.map(|record| record.expect("a frame").data).collect()
}

#[test]
fn a_signal_ends_all_workers() {
    let home = Home::new();
    let running = Running::start(&home, "nf = \"sink\"\nworkers = 3\n", "a=pcap:,/dev/null");
    running.until(|report| report.workers.len() == 3);
    let pid = running.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    let output = running.child.wait_with_output().expect("its end");
    assert!(output.status.success() && text(&output.stdout).contains("worker 2"), "{}", text(&output.stderr));
    assert!(!fs::exists(&running.control).expect("a folder"), "its socket is gone");
}

#[test]
fn dpdk_packets_pass_between_workers() {
    let home = Home::new();
    let running = Running::start(&home, "nf = \"macswap\"\nworkers = 2\n", "a=dpdk:net_null0");
    running.until(|report| report.ports[0].received > 10_000);
    let last = running.stop();
    assert!(last.contains("worker 1: received "), "{last}");
    assert_eq!(last.matches(" 0 on their way").count(), 2, "{last}");
}

#[test]
fn processes_with_dpdk_on_one_machine_do_not_meet() {
    let homes = [Home::new(), Home::new(), Home::new()];
    // The same device by name, in memory and files of each process alone.
    let start = |home| Running::start(home, "nf = \"macswap\"\n", "a=dpdk:net_null0");
    let all: Vec<Running> = homes.iter().map(start).collect();
    for running in &all {
        running.until(|report| report.ports[0].received > 1000);
    }
    let mut all = all.into_iter();
    let first = all.next().expect("a process");
    assert!(first.stop().contains("node macswap"));
    for running in all {
        let before = running.ask(Request::Get(Subject::Counters)).expect("an answer").ports[0].received;
        running.until(|report| report.ports[0].received > before);
        running.stop();
    }
}

#[test]
fn what_several_workers_cannot_do_is_refused() {
    let home = Home::new();
    let refused = |config: &str| {
        let config = home.lab("nf.toml", config);
        home.fails(2, &["nf", "run", &config, "--port", "a=null:", "--port", "b=null:"])
    };
    let nat = refused("nf = \"nat\"\nworkers = 2\npublic = \"192.0.2.1\"\n");
    assert!(nat.contains("nat (node 'nat') runs with one worker, and there are 2: an answer comes"), "{nat}");
    let graph =
        "workers = 2\ngraph = \"rx:a -> s -> tx:b\"\n[node.s]\nnf = \"shaper\"\nrate = \"1 Mbit/s\"\n";
    assert!(refused(graph).contains("shaper (node 's') runs with one worker"));
    assert!(refused("nf = \"forward\"\nworkers = 0\n").contains("a number from 1 to 64"));
    let ports = "[[ports]]\nname = \"a\"\ndevice = \"null:\"\nworker = 2\n";
    let config = home.lab("nf.toml", &format!("nf = \"sink\"\nworkers = 2\n{ports}"));
    let message = home.fails(2, &["nf", "run", &config]);
    assert!(message.contains("port 'a' is with a worker that there is not: there are 2"), "{message}");
}
