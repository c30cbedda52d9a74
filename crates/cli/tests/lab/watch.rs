//! `up --watch`: what is edited runs in the lab again.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::Value;

use crate::home::{Home, until};

const LAB: &str = r#"
[node.h1]
addresses = ["10.0.0.1/24"]
run = "cat /etc/greeting; exec sleep 100000"
files."/etc/greeting".from = "greeting"
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
"#;

/// A watch that runs, and what it says.
pub(crate) struct Watching {
    process: Child,
    said: PathBuf,
}

impl Watching {
    /// Starts a command, and waits until it watches.
    pub(crate) fn start(home: &Home, command: &mut Command) -> Self {
        let said = home.path().join("said");
        let file = fs::File::create(&said).expect("a file");
        let process = command.stderr(file).spawn().expect("up runs");
        let mut watching = Self { process, said };
        watching.tells("watching ");
        watching
    }

    /// Waits until it says something.
    pub(crate) fn tells(&mut self, what: &str) {
        until(what, || {
            let said = fs::read_to_string(&self.said).unwrap_or_default();
            let ended = self.process.try_wait().expect("its state");
            assert!(ended.is_none() || said.contains(what), "it ended without '{what}': {said}");
            if said.contains(what) { Ok(()) } else { Err(said) }
        });
    }

    /// Ends it by a signal; gives what it has said.
    pub(crate) fn end(mut self, signal: &str) -> String {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().expect("kill").success());
        assert!(self.process.wait().expect("its end").success());
        fs::read_to_string(&self.said).expect("what it said")
    }
}

/// The processes of programs by their names, `node` or `node:program`.
pub(crate) fn pids(home: &Home) -> BTreeMap<String, i64> {
    let status: Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    let nodes = status[0]["nodes"].as_array().expect("nodes").clone();
    let programs = nodes.iter().flat_map(|node| {
        let programs = node["programs"].as_array().cloned().unwrap_or_default();
        programs.into_iter().map(|program| {
            let name = node["name"].as_str().expect("a name").to_owned();
            let name = program["name"].as_str().map_or(name.clone(), |own| format!("{name}:{own}"));
            (name, program["pid"].as_i64().expect("a process"))
        })
    });
    programs.collect()
}

#[test]
fn edited_files_reach_the_programs_that_use_them_and_no_others() {
    let home = Home::ordinary_user();
    home.lab("middle.toml", "nf = \"forward\"\n");
    home.lab("greeting", "hello\n");
    let lab = home.lab("lab.toml", LAB);
    let mut watching = Watching::start(&home, &mut home.command(&["up", "--watch", &lab]));
    let first = pids(&home);

    home.lab("middle.toml", "nf = \"macswap\"\n");
    watching.tells("middle runs anew");
    assert!(home.ok(&["nf", "show", "middle"]).contains("node macswap"));
    let second = pids(&home);
    assert_eq!(first["h1"], second["h1"]);
    assert_ne!(first["middle"], second["middle"]);

    home.lab("greeting", "good evening\n");
    watching.tells("h1 runs anew");
    assert_eq!(home.ok(&["exec", "h1", "--", "cat", "/etc/greeting"]), "good evening\n");
    assert_eq!(pids(&home)["middle"], second["middle"]);

    home.lab("lab.toml", &LAB.replace("kind", "kidn"));
    watching.tells("unknown key 'kidn'");
    home.lab("lab.toml", &format!("{LAB}[node.h3]\n[[link]]\nends = [\"h3\", \"h2\"]\n"));
    watching.tells("+ node h3: host");
    watching.tells("lab lab is what its file says");
    assert_eq!(pids(&home)["middle"], second["middle"]);

    home.lab("middle.toml", "nf = \"mcswap\"\n");
    watching.tells("no network function 'mcswap'");
    home.lab("middle.toml", "nf = \"forward\"\n");
    until("the middle runs again", || match home.run(&["nf", "show", "middle"]) {
        output if output.status.success() => Ok(()),
        output => Err(crate::home::text(&output.stderr)),
    });
    let namespaces = home.namespaces();
    watching.end("INT");
    home.assert_nothing_left(&namespaces, "after Ctrl-C");
}

#[test]
fn a_watch_of_a_lab_in_the_background_leaves_it_and_ends_with_it() {
    let home = Home::ordinary_user();
    home.lab("middle.toml", "nf = \"forward\"\n");
    home.lab("greeting", "hello\n");
    let lab = home.lab("lab.toml", LAB);
    home.ok(&["up", "-d", &lab]);
    let first = pids(&home);
    let watching = Watching::start(&home, &mut home.command(&["up", "-d", "--watch", &lab]));
    let said = watching.end("TERM");
    assert!(said.contains("lab lab goes on, unwatched"), "{said}");
    assert_eq!(pids(&home), first, "nothing has changed");
    let mut watching = Watching::start(&home, &mut home.command(&["up", "-d", "--watch", &lab]));
    home.ok(&["down"]);
    assert!(watching.process.wait().expect("its end").success(), "the watch ends with its lab");
    home.assert_nothing_left(&[], "after down");
}

#[test]
fn a_killed_watch_takes_its_lab_along() {
    let home = Home::ordinary_user();
    let lab = home.lab("pair.toml", "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n");
    let mut watching = Watching::start(&home, &mut home.command(&["up", "--watch", &lab]));
    let namespaces = home.namespaces();
    watching.process.kill().expect("kill");
    watching.process.wait().expect("its end");
    home.assert_nothing_left(&namespaces, "after kill -9");
}
