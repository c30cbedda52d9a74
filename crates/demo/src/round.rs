//! Steps 1 to 6, once for each kind of port.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rackless_runtime::Report as NfReport;
use serde_json::{Value, json};

use crate::capture::Captures;
use crate::fault::Fault;
use crate::lab::{Failure, Rackless};
use crate::report::{Report, Step};

/// The kinds of ports that the same network functions run on.
pub(crate) const DRIVERS: [&str; 2] = ["af_packet", "dpdk"];

/// The device string of a router's western port, as the lab makes it.
pub(crate) fn device_of(driver: &str) -> &'static str {
    match driver {
        "dpdk" => "dpdk:net_af_packet,iface=…",
        _ => "af_packet:…",
    }
}

const ANYCAST: &str = "[2001:db8:feed::1]:80";
const CLIENTS: [&str; 2] = ["cli_west", "cli_east"];
const NFS: [&str; 2] = ["og_west", "og_east"];
const SYNS: u32 = 200;

/// One round over all steps.
pub(crate) struct Round<'a> {
    pub(crate) rackless: &'a Rackless,
    pub(crate) driver: &'static str,
    /// Folder with the lab file; captures go there too.
    pub(crate) folder: &'a Path,
    pub(crate) fault: Option<Fault>,
}

impl Round<'_> {
    /// Runs the steps and takes the lab down, whatever became of them.
    pub(crate) fn run(&self, report: &mut Report) {
        let up = self.up();
        let is_up = up.is_ok();
        report.step(up);
        let steps: [fn(&Self) -> Step; 5] =
            [Self::generate, Self::reach, Self::converge, Self::capture, Self::account];
        if is_up {
            steps.iter().for_each(|step| report.step(step(self)));
            if let Err(error) = self.rackless.run(&["down", &self.lab()]) {
                report.step(Step::new("the lab goes down").on(self.driver).failed(error));
            }
        }
    }

    /// Step 1.
    fn up(&self) -> Step {
        let step = Step::new("the lab comes up").on(self.driver);
        let started = Instant::now();
        let file = self.folder.join("anycast.toml");
        let up = self.lab_command(&["up", "-d", "--name", &self.lab(), &file.to_string_lossy()]);
        let seen = up.and_then(|_| self.rackless.run(&["ps", "--lab", &self.lab(), "--json"]));
        let took = started.elapsed().as_secs_f64();
        let (nodes, links) = match seen.and_then(|text| count(&text)) {
            Ok(counts) => counts,
            Err(error) => return step.failed(error),
        };
        step.figure("nodes", nodes)
            .figure("links", links)
            .measured("seconds", took)
            .done(format!("{nodes} nodes, {links} links in {took:.2} s"))
    }

    /// Step 2.
    fn generate(&self) -> Step {
        let step = Step::new("the generator's SYNs are answered").on(self.driver);
        let figures = self.folder.join("syn.json");
        let script = self.folder.join("anycast-syn.lua");
        let (script, json) = (script.to_string_lossy(), figures.to_string_lossy());
        let count = SYNS.to_string();
        let gateway = "fd00:0:1:c::fe";
        let arguments =
            ["rackless", "gen", &script, "0", "--gateway", gateway, "--count", &count, "--json", &json];
        let output = match self.exec("cli_west", &arguments) {
            Ok(output) => output,
            Err(error) => return step.failed(error),
        };
        let figures = match std::fs::read_to_string(&figures).map(|text| serde_json::from_str::<Value>(&text))
        {
            Ok(Ok(figures)) => figures,
            other => return step.failed(format!("the generator left no figures: {other:?}")),
        };
        let number = |name: &str| figures[name].as_u64().unwrap_or_default();
        let (sent, answered) = (number("sent"), number("synacks"));
        let packet = dumped(&output);
        packet.iter().for_each(|line| println!("         {line}"));
        let step = step
            .figure("sent", sent)
            .figure("synacks", answered)
            .figure("packet_printed", packet.len() >= 4)
            .measured("seconds", figures["seconds"].clone());
        match sent == u64::from(SYNS) && answered == sent && packet.len() >= 4 {
            true => step
                .done(format!("{sent} TCP SYNs sent to the anycast address, {answered} SYN-ACKs came back")),
            false => step.failed(format!("{sent} SYNs sent, {answered} SYN-ACKs came back")),
        }
    }

    /// Step 3.
    fn reach(&self) -> Step {
        let step = Step::new("clients reach the near server, hosts ping each other").on(self.driver);
        let output = match self.rackless.output(&["check", "--json", &self.lab()]) {
            Ok(output) => output,
            Err(error) => return step.failed(error),
        };
        let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
            return step.failed(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        };
        let none = Vec::new();
        let checks = report["checks"].as_array().unwrap_or(&none);
        let nodes = checks.iter().filter_map(|check| check["nodes"].as_array()).flatten();
        let failed: Vec<String> = checks.iter().filter(|check| check["ok"] != true).map(failure).collect();
        let step =
            step.figure("checks", checks.len()).figure("nodes", nodes.count()).figure("failed", failed.len());
        match failed.is_empty() && !checks.is_empty() {
            true => step.done(format!(
                "{} checks: TCP on IPv6 and IPv4, ping and ping6 between all hosts",
                checks.len()
            )),
            false => step.failed(failed.join("; ")),
        }
    }

    /// Step 4.
    fn converge(&self) -> Step {
        let step = Step::new("a link goes down, clients move to the far server and back").on(self.driver);
        let moved = self
            .move_to("down", [("cli_west", "east"), ("cli_east", "east")])
            .and_then(|away| Ok((away, self.move_to("up", [("cli_west", "west"), ("cli_east", "east")])?)));
        match moved {
            Ok((away, back)) => step
                .figure("clients", CLIENTS.len())
                .measured("away_ms", away)
                .measured("back_ms", back)
                .done(format!("srv_west's link down: both reach srv_east after {away:.0} ms; up: back after {back:.0} ms")),
            Err(error) => step.failed(error),
        }
    }

    /// Changes the link of `srv_west` and gives the milliseconds until each client is answered as expected.
    fn move_to(&self, change: &str, expected: [(&str, &str); 2]) -> Result<f64, Failure> {
        self.rackless.run(&["link", change, "srv_west:eth0", "--lab", &self.lab()])?;
        let mut slowest = 0.0f64;
        for (client, server) in expected {
            let took = self.exec(client, &[&own_program(), "ask", ANYCAST, server]);
            let took = took.map_err(|error| format!("link {change}, {client}: {error}"))?;
            slowest = slowest.max(took.trim().parse().map_err(|_| format!("{client} printed '{took}'"))?);
        }
        Ok(slowest)
    }

    /// Step 5.
    fn capture(&self) -> Step {
        let step = Step::new("captured checksums are right, hop limits count down").on(self.driver);
        let captured = Captures::start(self.rackless, &self.lab(), self.folder).and_then(|captures| {
            let traffic = self.rackless.run(&["check", &self.lab()]).map(drop);
            captures.stop().and_then(|files| traffic.and(Ok(files)))
        });
        let findings = match captured.and_then(|files| crate::capture::read(&files)) {
            Ok(findings) => findings,
            Err(error) => return step.failed(error),
        };
        let step = step
            .figure("links", findings.links)
            .figure("wrong_checksums", findings.wrong_checksums.len())
            .figure("wrong_hop_limits", findings.wrong_hops.len())
            .measured("packets", findings.packets)
            .measured("paths", findings.paths);
        step.ended(findings.verdict())
    }

    /// Step 6.
    fn account(&self) -> Step {
        let step = Step::new("every packet of the network functions is accounted for").on(self.driver);
        if self.fault == Some(Fault::DeadRouter) {
            // The function ends as it would in a crash; the lab has to say so, not hang.
            let _ = self.exec(
                "og_east",
                &[
                    "sh",
                    "-c",
                    "kill -9 $(cat /proc/[0-9]*/stat | awk '$2 ~ /rackless/ {print $1}') 2>/dev/null",
                ],
            );
        }
        let mut drops = BTreeMap::new();
        let mut packets = 0;
        for node in NFS {
            let text = match self.rackless.run(&["nf", "show", node, "--json", "--lab", &self.lab()]) {
                Ok(text) => text,
                Err(error) => return step.failed(error),
            };
            let report: NfReport = match serde_json::from_str(&text) {
                Ok(report) => report,
                Err(error) => return step.failed(format!("{node}: {error}")),
            };
            if let Some(unbalanced) = unbalanced(&report) {
                return step.failed(format!("{node}: {unbalanced}"));
            }
            packets += report.ports.iter().map(|port| port.received).sum::<u64>();
            let of_nodes = report.nodes.iter().flat_map(|nf| &nf.drops);
            drops.extend(of_nodes.map(|drop| (format!("{node}: {}", drop.reason), drop.count)));
        }
        drops.iter().for_each(|(what, count)| println!("         {count:>6} dropped by {what}"));
        let listed = json!(drops);
        step.figure("functions", NFS.len()).measured("packets", packets).measured("drops", listed).done(
            format!("received + generated = sent + drops + held at {}; {packets} packets", NFS.join(" and ")),
        )
    }

    /// The lab's name: of this process, so that two demos do not meet.
    fn lab(&self) -> String {
        format!("demo-{}", std::process::id())
    }

    /// Runs a command on a node.
    fn exec(&self, node: &str, command: &[&str]) -> Result<String, Failure> {
        let lab = self.lab();
        let mut arguments = vec!["exec", "--lab", &lab, node, "--"];
        arguments.extend(command);
        self.lab_command(&arguments)
    }

    /// Runs a verb with the round's driver in the environment.
    fn lab_command(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.rackless.run_with(arguments, &[("RACKLESS_DRIVER", self.driver), ("NO_COLOR", "1")])
    }
}

/// A failed check of `check --json` in words.
fn failure(check: &Value) -> String {
    let nodes = check["nodes"].as_array().into_iter().flatten().filter(|node| node["ok"] != true);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found: Vec<String> =
        nodes.map(|node| format!("{} found '{}'", text(&node["node"]), text(&node["found"]))).collect();
    format!("{}: {}", text(&check["name"]), found.join(", "))
}

/// The numbers of nodes and links in `ps --json`.
fn count(text: &str) -> Result<(usize, usize), Failure> {
    let labs: Value = serde_json::from_str(text).map_err(|error| format!("ps --json: {error}"))?;
    let nodes = labs[0]["nodes"].as_array().ok_or("ps --json names no nodes")?;
    let interfaces: usize = nodes.iter().filter_map(|node| node["interfaces"].as_array()).map(Vec::len).sum();
    Ok((nodes.len(), interfaces / 2))
}

/// The lines of the packet that the generator printed: header lines and hex.
fn dumped(output: &str) -> Vec<&str> {
    let is_header =
        |line: &&str| line.contains(" ETH ") || line.starts_with("IP6 ") || line.starts_with("TCP ");
    let is_hex = |line: &&str| line.trim_start().starts_with("0x");
    output.lines().filter(|line| is_header(line) || is_hex(line)).take(8).collect()
}

/// What does not add up at a network function.
fn unbalanced(report: &NfReport) -> Option<String> {
    let node = report.nodes.iter().find(|node| !node.is_balanced());
    let held: u64 = report.nodes.iter().map(|node| node.held).sum();
    let sum = |what: fn(&rackless_runtime::PortReport) -> u64| -> u64 { report.ports.iter().map(what).sum() };
    let total = |what: fn(&rackless_runtime::Node) -> u64| -> u64 { report.nodes.iter().map(what).sum() };
    let incoming = sum(|port| port.received) + total(|node| node.generated);
    let outgoing = sum(|port| port.sent + port.unwired + port.tx_full) + total(|node| node.dropped) + held;
    match node {
        Some(node) => Some(format!("packets are unaccounted for at node {}: {node:?}", node.name)),
        None if incoming != outgoing => {
            Some(format!("{incoming} received and generated, {outgoing} sent, dropped and held"))
        }
        None => None,
    }
}

/// This program's path, for what it runs inside of nodes.
fn own_program() -> String {
    let path = std::env::current_exe().ok();
    path.map_or_else(|| "rackless-demo".to_owned(), |path| path.to_string_lossy().into_owned())
}
