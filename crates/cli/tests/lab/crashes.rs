//! What is left to look at when a function dies, and a debugger at one that lives.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rackless_packet::capture::Record;
use rackless_packet::pcapng::Reader;

use crate::home::{Home, until};

const CONFIG: &str = "nf = \"sink\"\nlast_frames = 256\ncore_dump = true\ncontrol = \"nf.sock\"\n";

/// A function that has received as many frames as there are; with what it said when it began.
fn running(home: &Home, port: &str) -> (Child, Vec<String>) {
    let config = home.lab("nf.toml", CONFIG);
    let mut command = home.command(&["nf", "run", &config, "--port", port]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
    let mut said = Vec::new();
    let mut messages = BufReader::new(child.stderr.take().expect("its messages"));
    while said.len() < 3 {
        let mut line = String::new();
        assert!(messages.read_line(&mut line).expect("a message") > 0, "it ends after {said:?}");
        said.push(line.trim_end().to_owned());
    }
    std::thread::spawn(move || messages.read_to_end(&mut Vec::new()));
    (child, said)
}

fn received(home: &Home) -> u64 {
    let socket = home.path().join("nf.sock");
    let report = home.ok(&["nf", "show", "ports", "--socket", socket.to_str().expect("UTF-8"), "--json"]);
    let ports: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    ports[0]["received"].as_u64().expect("a number")
}

/// Sends a signal, and waits for the end.
fn end(child: &mut Child, signal: Signal) -> ExitStatus {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), signal).expect("a signal");
    let mut status = None;
    until("the function ends", || {
        status = child.try_wait().expect("its state");
        status.map(drop).ok_or_else(|| format!("it goes on after {signal}"))
    });
    status.expect("it has ended")
}

/// What follows the last of some words.
fn after<'a>(line: &'a str, words: &str) -> &'a str {
    line.rsplit_once(words).unwrap_or_else(|| panic!("'{words}' is not in '{line}'")).1
}

#[test]
fn a_function_that_dies_leaves_its_last_frames_and_a_core() {
    let home = Home::ordinary_user();
    let (mut child, said) = running(&home, "a=null:count=300");
    until("all frames are received", || match received(&home) {
        300 => Ok(()),
        count => Err(count.to_string()),
    });
    let file = home.path().join(after(&said[1], "a crash leaves the last 256 frames received in "));
    // As abort() does it; a SIGSEGV from outside is taken for a fault by Rust's runtime, and not found to be one.
    let status = end(&mut child, Signal::SIGABRT);
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32));

    let frames = fs::read(&file).expect("the frames");
    let frames: Result<Vec<Record>, _> = Reader::new(&frames[..]).expect("a capture").collect();
    assert_eq!(frames.expect("whole records").len(), 256);

    // The machine decides where a core goes, if anywhere; the function knew.
    let core = &said[2];
    if status.core_dumped() && core.contains("a crash leaves its core in ") {
        let name = Path::new(after(core, " in ")).file_name().expect("a name").to_string_lossy().into_owned();
        let stem = name.split(['%', '.']).next().expect("a stem").to_owned();
        let folder = Path::new(after(core, " in ")).parent().expect("a folder").to_owned();
        let cores = fs::read_dir(&folder).expect("the folder").flatten();
        let cores: Vec<_> =
            cores.filter(|entry| entry.file_name().to_string_lossy().starts_with(&stem)).collect();
        assert!(!cores.is_empty(), "no core named {name} in {}", folder.display());
        let elf = cores.iter().any(|entry| {
            let mut magic = [0; 4];
            fs::File::open(entry.path()).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
                && magic == *b"\x7fELF"
        });
        assert!(elf, "no core is an ELF file in {}", folder.display());
    } else {
        let why = core.contains("a crash leaves no core: ") || core.contains("a crash gives its core to ");
        assert!(why || core.contains("a crash leaves its core in "), "{core}");
    }
}

#[test]
fn a_function_that_ends_well_leaves_nothing() {
    let home = Home::new();
    let (mut child, said) = running(&home, "a=null:count=3");
    let file = home.path().join(after(&said[1], " received in "));
    assert!(file.exists());
    assert!(end(&mut child, Signal::SIGTERM).success());
    assert!(!file.exists());
    let many = home.lab("many.toml", "nf = \"sink\"\nlast_frames = 100000\n");
    let message = home.fails(2, &["nf", "run", &many, "--port", "a=null:"]);
    assert!(message.contains("last_frames = 100000: at most 65536 frames can be kept"), "{message}");
    let nowhere = home.lab("nowhere.toml", "nf = \"sink\"\nlast_frames = 1\ncrash = \"/nowhere\"\n");
    let message = home.fails(2, &["nf", "run", &nowhere, "--port", "a=null:"]);
    assert!(message.contains("cannot keep the last frames in /nowhere: No such file"), "{message}");
}

const LAB: &str = r#"
[node.h1]
[node.fw]
kind = "nf"
run = "rackless nf run fw.toml"
ready = { file = "/run/rackless-nf.sock" }
[[link]]
ends = ["h1", "fw:lan"]
"#;

#[test]
fn gdb_attaches_to_the_function_of_a_node() {
    let home = Home::ordinary_user();
    home.lab("fw.toml", "nf = \"macswap\"\n");
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    let trace = home.run(&["debug", "fw", "--", "--batch", "-ex", "bt"]);
    let trace = crate::home::text(&trace.stdout) + &crate::home::text(&trace.stderr);
    let missing = "gdb (Debian: gdb) does not run, or may not attach to processes of the same user";
    assert!(trace.contains("rackless_runtime::"), "{missing}: {trace}");
    // The function goes on.
    assert!(home.ok(&["nf", "show", "fw"]).starts_with("fw: up "));
    assert!(home.fails(2, &["debug", "h1"]).contains("no network function answers"));
    home.ok(&["down"]);

    // Where there is no gdb.
    let (mut child, _) = running(&home, "a=null:");
    let mut command = home.command(&["debug", "--socket", "nf.sock"]);
    let output = command.env("PATH", "/nowhere").output().expect("the program runs");
    let message = crate::home::text(&output.stderr);
    assert!(message.contains("gdb is not installed") && message.contains("apt install gdb"), "{message}");
    end(&mut child, Signal::SIGTERM);
}
