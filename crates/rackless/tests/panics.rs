//! A network function that panics, as a process on ports: its frames are saved, then it ends or goes on.

#![allow(clippy::unwrap_used, reason = "a test, though not of the usual harness")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use rackless::packet::capture::{LinkType, Reader, Record};
use rackless::packet::pcap::Writer;
use rackless::packet::pcapng;
use rackless::prelude::*;
use rackless::runtime::control::{self, Request, Subject};
use tempfile::TempDir;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("run") {
        return rackless::run_main(module_path!(), graph);
    }
    // Filters of the test runner are of no use here; what `--list` asks for is nothing.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    a_panic_ends_the_process_and_its_frames_are_saved();
    a_node_that_is_made_anew_goes_on_and_all_is_accounted_for();
    a_node_that_panics_at_every_batch_does_not_fill_the_disk();
    a_node_that_cannot_be_made_anew_is_refused();
    a_panic_of_one_worker_ends_all();
    a_node_of_one_worker_is_made_anew_and_the_others_go_on();
    println!("6 tests of panics passed");
    ExitCode::SUCCESS
}

/// Panics at a frame that starts with `!`; the settings may leave out how it is made anew.
fn fragile(packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
    assert_ne!(packet.data()[0], b'!', "an unlucky frame");
    Ok(Verdict::Out(0))
}

fn graph(setup: &Setup) -> Result<GraphBuilder, GraphError> {
    let graph = GraphBuilder::new().node("fragile", fragile).wire("rx:a -> fragile -> tx:a")?;
    Ok(match setup.table().contains_key("unmade") {
        true => graph,
        false => graph.remade_by("fragile", || Some(Box::new(fragile))),
    })
}

fn a_panic_ends_the_process_and_its_frames_are_saved() {
    let place = Place::new("name = 'nf/1'\nseed = 7", &["one", "two", "!three", "four"]);
    let (output, _, stderr) = place.run(None);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let file = place.folder.path().join("nf_1-fragile-panic-1.pcapng");
    let message = "error: node 'fragile' panicked at a batch, packet 3 of 4: assertion `left != right` failed: an \
                   unlucky frame, left: 33, right: 33";
    let line = format!("{message}; its frames are in {}", file.display());
    assert!(stderr.lines().any(|told| told == line), "{stderr}");

    let mut reader = pcapng::Reader::new(File::open(&file).unwrap()).unwrap();
    let records: Vec<Record> = reader.by_ref().map(Result::unwrap).collect();
    let frames: Vec<&[u8]> = records.iter().map(|record| record.data.as_slice()).collect();
    assert_eq!(frames, [&b"one"[..], b"two", b"!three", b"four"]);
    assert_eq!(reader.interfaces()[0].name.as_deref(), Some("a"));
    let comments = &records[2].comments;
    assert!(comments[0].contains("node 'fragile'") && comments[0].contains("unlucky"), "{comments:?}");
    assert!(comments[1].starts_with("seed 7, "), "{comments:?}");
    assert!(records.iter().enumerate().all(|(index, record)| record.comments.is_empty() || index == 2));

    // A second run leaves the first one's file.
    place.run(None);
    assert_eq!(place.saved().len(), 2);
}

fn a_node_that_is_made_anew_goes_on_and_all_is_accounted_for() {
    let mut frames = vec!["!"];
    frames.resize(67, "frame");
    let place = Place::new("on_panic = 'restart'", &frames);
    let (output, stdout, stderr) = place.run(Some("0"));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("packet 1 of 64"), "{stderr}");
    assert!(stderr.contains("; it starts anew"), "{stderr}");
    let counters = "node fragile: received 67 + generated 0 = sent 3 + dropped 64 + held 0";
    assert!(stdout.contains(counters) && stdout.contains("64 dropped: panic"), "{stdout}");
    let sent = Reader::new(File::open(place.folder.path().join("out.pcap")).unwrap()).unwrap();
    assert_eq!(sent.map(|record| record.unwrap().data).collect::<Vec<_>>(), [b"frame"; 3]);
}

fn a_node_that_panics_at_every_batch_does_not_fill_the_disk() {
    let place = Place::new("on_panic = 'restart'", &["!"; 64 * 20]);
    let (output, stdout, stderr) = place.run(Some("0"));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("1280 dropped: panic"), "{stdout}");
    assert!(stderr.contains("further panics are counted"), "{stderr}");
    assert_eq!(place.saved().len(), 16);
}

fn a_node_that_cannot_be_made_anew_is_refused() {
    let place = Place::new("on_panic = 'restart'\nunmade = true", &["!"]);
    let (output, _, stderr) = place.run(None);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("on_panic = \"restart\": node 'fragile' cannot be made anew"), "{stderr}");
    assert!(place.saved().is_empty());
}

fn a_panic_of_one_worker_ends_all() {
    let frames: Vec<String> = (0..60).map(|flow| format!("to{flow:04}from{flow:02}frame")).collect();
    let mut frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    frames.push("!");
    let place = Place::new("workers = 3", &frames);
    let (output, _, stderr) = place.run(None);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.matches("node 'fragile' panicked at a batch").count(), 1, "{stderr}");
    assert_eq!(place.saved().len(), 1);
}

fn a_node_of_one_worker_is_made_anew_and_the_others_go_on() {
    let frames: Vec<String> = (0..60).map(|flow| format!("to{flow:04}from{flow:02}frame")).collect();
    let mut frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    frames.insert(0, "!");
    let control = tempfile::tempdir().unwrap();
    let control = control.path().join("nf.sock");
    let config = format!("workers = 3\non_panic = 'restart'\ncontrol = '{}'", control.display());
    let place = Place::new(&config, &frames);
    let mut running = place.command().spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let report = loop {
        let report = control::request(&control, Request::Get(Subject::Counters));
        match report {
            Ok(report) if report.nodes[0].received == 61 => break report,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
    };
    control::request(&control, Request::Stop(true)).unwrap();
    assert!(running.wait().unwrap().success());
    let node = &report.nodes[0];
    assert!(node.is_balanced() && node.drops.iter().any(|drop| drop.reason == "panic"), "{report}");
    let panicked = report.workers.iter().filter(|worker| worker.nodes[0].dropped > 0).count();
    assert_eq!(panicked, 1, "{report}");
    assert!(report.workers.iter().all(|worker| worker.nodes[0].received > 0), "{report}");
}

/// A folder with a configuration and frames to receive.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(config: &str, frames: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let config = format!("crash = '{}'\n{config}\n", folder.path().display());
        std::fs::write(path("nf.toml"), config).unwrap();
        let mut writer = Writer::new(File::create(path("in.pcap")).unwrap(), LinkType::ETHERNET).unwrap();
        frames.iter().for_each(|frame| writer.write(&Record::new(0, frame.as_bytes())).unwrap());
        Self { folder }
    }

    fn command(&self) -> Command {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let port = format!("a=pcap:{},{}", path("in.pcap"), path("out.pcap"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["run", &path("nf.toml"), "--port", &port]).env_remove("RACKLESS_NODE_FILE");
        command
    }

    /// Runs the function; without a duration it must end by itself.
    fn run(&self, duration: Option<&str>) -> (Output, String, String) {
        let mut command = self.command();
        command.args(duration.map(|duration| ["--duration", duration]).iter().flatten());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        (output, stdout, stderr)
    }

    fn saved(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path: &PathBuf| Path::extension(path).is_some_and(|ext| ext == "pcapng")).collect()
    }
}
