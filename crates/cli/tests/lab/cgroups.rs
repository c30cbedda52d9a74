//! Limits of nodes, by control groups of the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::home::{Home, text, until};
use crate::kill;

/// The groups of labs whose name begins like this, wherever they are.
fn groups(lab: &str) -> Vec<PathBuf> {
    fn search(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let ours = entry.file_name().to_string_lossy().starts_with(name);
                if ours {
                    found.push(entry.path());
                }
                search(&entry.path(), name, found);
            }
        }
    }
    let mut found = Vec::new();
    search(Path::new("/sys/fs/cgroup"), &format!("rackless-{lab}-"), &mut found);
    found
}

/// Brings a lab up that needs limits.
fn up(home: &Home, name: &str, lab: &str) {
    let output = home.run(&["up", "-d", &home.lab(&format!("{name}.toml"), lab)]);
    let message = text(&output.stderr);
    assert!(
        output.status.success(),
        "needs root, and cgroups with the controllers cpu and memory: {message}"
    );
}

fn node(home: &Home, place: usize) -> Value {
    let lab: Value = serde_json::from_str(&home.ok(&["inspect", "--json"])).expect("JSON");
    lab["nodes"][place].clone()
}

#[test]
fn privileged_a_node_gets_the_share_of_a_cpu_that_its_file_gives() {
    let home = Home::new();
    up(&home, "share", "[node.slow]\ncpus = 0.2\n[node.free]\n");
    // Two busy loops: the limit is of all programs of the node.
    let busy = "busy() { while (( ${EPOCHREALTIME/./} < end )); do :; done; }; begin=${EPOCHREALTIME/./}; \
                end=$((begin + 2000000)); busy & busy; wait; TIMEFORMAT=; times; \
                echo $(( (${EPOCHREALTIME/./} - begin) / 1000 ))";
    let output = home.ok(&["exec", "slow", "--", "env", "LC_ALL=C", "bash", "-c", busy]);
    let lines: Vec<&str> = output.lines().collect();
    let [own, children, passed_ms] = lines.as_slice() else { panic!("{output}") };
    let seconds = |text: &str| -> f64 {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m').expect("minutes");
        minutes.parse::<f64>().expect("a number") * 60.0 + seconds.parse::<f64>().expect("a number")
    };
    let used: f64 = [own, children].iter().flat_map(|line| line.split(' ')).map(seconds).sum();
    let share = used / (passed_ms.parse::<f64>().expect("a number") / 1e3);
    // Where a machine has much else to do, times are counted by chance; what the kernel held back is sure.
    assert!((0.01..0.8).contains(&share), "{share} of a CPU: {output}");
    let slow = node(&home, 0);
    assert_eq!(slow["limits"]["cpus"], 0.2, "{slow}");
    assert!(slow["limits"]["used"]["throttled_ms"].as_u64() > Some(100), "{slow}");
    assert_eq!(node(&home, 1)["limits"], Value::Null);
    assert!(home.ok(&["inspect"]).contains("limited to 0.2 CPUs: waited "));
    assert!(!groups("share").is_empty());
    home.ok(&["down"]);
    assert_eq!(groups("share"), [] as [PathBuf; 0]);
}

/// Takes 100 MiB: `tail` keeps a line that does not end.
const HOG: &str = "head -c 100M /dev/zero | tail | wc -c";

#[test]
fn privileged_a_program_that_takes_too_much_memory_is_killed_and_named() {
    let home = Home::new();
    let lab = format!("[node.hog]\nmemory = \"32 MiB\"\nrun = \"read x < go; {HOG}; exit 5\"\n[node.free]\n");
    let go = home.path().join("go");
    assert!(Command::new("mkfifo").arg(&go).status().expect("mkfifo runs").success());
    up(&home, "memory", &lab);
    assert!(home.ok(&["inspect"]).contains("limited to 32.0 MiB of memory: "));
    fs::write(&go, "go\n").expect("the program reads");
    until("the program has ended", || match home.ok(&["ps"]) {
        ps if ps.contains("exit status 5") => Ok(()),
        ps => Err(ps),
    });
    let events = home.ok(&["events"]);
    let told = "hog has used up its 32 MiB of memory, and the kernel killed a process of it\n";
    assert!(
        events.find(told).is_some_and(|told| events.find("hog ended").is_some_and(|end| told < end)),
        "{events}"
    );
    let hog = node(&home, 0);
    assert_eq!(hog["limits"]["used"]["memory_kills"], 1, "{hog}");
    assert!(home.ok(&["inspect"]).contains("in use, 1 processes killed"));
    assert_eq!(
        home.ok(&["exec", "free", "--", "sh", "-c", HOG]).trim(),
        "104857600",
        "the other node is free"
    );
    home.fails(
        137,
        &["exec", "hog", "--", "bash", "-c", "set -o pipefail; head -c 100M /dev/zero | tail > out"],
    );
    assert_eq!(home.ok(&["events"]).matches("used up").count(), 2);
    home.ok(&["down"]);
    assert_eq!(groups("memory"), [] as [PathBuf; 0]);
}

#[test]
fn privileged_a_lab_that_does_not_come_up_for_its_memory_says_so() {
    let home = Home::new();
    let lab = "[node.hog]\nmemory = \"16 MiB\"\nrun = \"head -c 100M /dev/zero | tail >&2; exit 9\"\n\
               ready = { log = \"ready\" }\n";
    let message = home.fails(1, &["up", "-d", &home.lab("early.toml", lab)]);
    assert!(message.contains("the program of hog ended with exit status 9"), "{message}");
    assert!(message.contains("hint: the node had used up its 16 MiB of memory"), "{message}");
    assert_eq!(groups("early"), [] as [PathBuf; 0]);
}

#[test]
fn privileged_a_process_beside_the_network_is_limited_too() {
    let home = Home::new();
    let run = "cat /proc/self/cgroup; exec sleep 1000";
    let lab = format!(
        "[node.app]\nkind = \"process\"\nmemory = \"32 MiB\"\nrun = \"{run}\"\nready = {{ log = \"beside-\" }}\n"
    );
    up(&home, "beside", &lab);
    let groups = home.ok(&["logs", "app"]);
    assert!(
        groups.lines().any(|line| line.contains("/rackless-beside-") && line.ends_with("/app")),
        "{groups}"
    );
    home.ok(&["down"]);
}

/// What the kernel has as the memory limit of a node's group; `None`: there is no group.
fn memory_limit(lab: &str, node: &str) -> Option<String> {
    let files = ["memory.limit_in_bytes", "memory.max"];
    let mut paths = groups(lab).into_iter().flat_map(|root| files.map(|file| root.join(node).join(file)));
    paths.find_map(|path| Some(fs::read_to_string(path).ok()?.trim().to_owned()))
}

/// The groups that the folder of a lab lists, and those that are there.
fn listed_and_there(home: &Home, lab: &str) -> [Vec<PathBuf>; 2] {
    let list = fs::read(home.path().join("rackless").join(lab).join("cgroups")).expect("a list");
    let mut listed: Vec<PathBuf> = serde_json::from_slice(&list).expect("paths");
    let roots = groups(lab);
    let folders = |root: &PathBuf| fs::read_dir(root).into_iter().flatten().flatten().collect::<Vec<_>>();
    let inner = roots.iter().flat_map(folders).map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut there: Vec<PathBuf> = inner.chain(roots.iter().cloned()).collect();
    listed.sort();
    there.sort();
    [listed, there]
}

#[test]
fn privileged_limits_come_change_and_go_while_the_lab_runs() {
    let home = Home::new();
    let sleeps = "run = \"sleep 1000\"\n";
    let beside = format!("[node.p]\nkind = \"process\"\n{sleeps}");
    let change = |lab: String| home.ok(&["up", "-d", &home.lab("live.toml", &lab)]);
    change(format!("[node.a]\n{sleeps}[node.b]\n{sleeps}{beside}"));
    assert_eq!(groups("live"), [] as [PathBuf; 0]);
    let pids = || [0, 1].map(|place| node(&home, place)["programs"][0]["pid"].to_string());
    let before = pids();

    let limits = "cpus = 0.5\nmemory = \"48 MiB\"\n";
    let told = change(format!("[node.a]\n{limits}{sleeps}[node.b]\n{sleeps}{beside}memory = \"32 MiB\"\n"));
    assert_eq!(told, "~ node a: cpus 0.5; memory 48 MiB\n~ node p: memory 32 MiB\n");
    assert_eq!(memory_limit("live", "a").as_deref(), Some("50331648"));
    assert_eq!(memory_limit("live", "p").as_deref(), Some("33554432"));
    let entered = groups("live").into_iter().map(|root| fs::read_to_string(root.join("a/cgroup.procs")));
    assert!(entered.flatten().any(|pids| pids.lines().any(|pid| pid == before[0])), "{before:?}");
    let [listed, there] = listed_and_there(&home, "live");
    assert_eq!(listed, there);

    let fresh = format!("[node.c]\nmemory = \"32 MiB\"\n{sleeps}");
    change(format!("[node.a]\nmemory = \"96 MiB\"\n{sleeps}[node.b]\n{limits}{sleeps}{fresh}"));
    assert_eq!(memory_limit("live", "a").as_deref(), Some("100663296"));
    assert_eq!(memory_limit("live", "b").as_deref(), Some("50331648"));
    assert_eq!(memory_limit("live", "p"), None);
    home.fails(
        137,
        &["exec", "c", "--", "bash", "-c", "set -o pipefail; head -c 100M /dev/zero | tail > out"],
    );
    until("the kill is told of", || match home.ok(&["events"]) {
        events if events.contains("c has used up its 32 MiB of memory") => Ok(()),
        events => Err(events),
    });

    change(format!("[node.a]\n{sleeps}[node.b]\n{sleeps}"));
    assert_eq!(before, pids(), "no program was started again");
    assert_ne!(memory_limit("live", "a").as_deref(), Some("100663296"));
    assert_eq!((memory_limit("live", "c"), &node(&home, 0)["limits"]), (None, &Value::Null));
    let [listed, there] = listed_and_there(&home, "live");
    assert_eq!(listed, there);
    home.ok(&["down"]);
    assert_eq!(groups("live"), [] as [PathBuf; 0]);
}

#[test]
fn privileged_a_kill_at_any_step_leaves_no_group() {
    let home = Home::new();
    let lab = home.lab(
        "grouped.toml",
        "name = \"grouped\"\n[node.h1]\ncpus = 0.5\nmemory = \"64 MiB\"\nrun = \"exec sleep 1000\"\n\
         [node.h2]\nmemory = \"64 MiB\"\n[[link]]\nends = [\"h1\", \"h2\"]\n",
    );
    kill::at_every_step(&home, &lab, &|| home.run(&["down"]).status.success(), |when| {
        until(&format!("groups are gone {when}"), || match groups("grouped") {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        });
    });
}

#[test]
fn privileged_groups_that_a_lab_and_its_reaper_left_are_removed_by_the_next_command() {
    let home = Home::new();
    up(&home, "orphan", "[node.h]\nmemory = \"64 MiB\"\nrun = \"exec sleep 1000\"\n");
    let of_lab = |name: &str| {
        let found = home.processes().into_iter().find(|stat| stat.contains(&format!("({name})")));
        found.unwrap_or_else(|| panic!("no process {name}")).split(' ').next().unwrap_or_default().to_owned()
    };
    let status: Value = serde_json::from_str(&home.ok(&["ps", "--json"])).expect("JSON");
    let (reaper, lab) = (of_lab("rackless-reaper"), status[0]["pid"].to_string());
    let killed = Command::new("kill").args(["-9", &reaper, &lab]).status().expect("kill runs");
    assert!(killed.success());
    until("the lab is gone", || match home.processes() {
        left if left.is_empty() => Ok(()),
        left => Err(left.join("; ")),
    });
    assert!(!groups("orphan").is_empty());
    assert_eq!(home.ok(&["ps"]), "");
    assert_eq!(groups("orphan"), [] as [PathBuf; 0]);
}

#[test]
fn privileged_a_user_who_may_not_limit_is_told_the_node_the_key_and_what_to_do() {
    let home = Home::ordinary_user();
    let message =
        home.fails(2, &["up", "-d", &home.lab("user.toml", "[node.a]\n[node.b]\nmemory = \"64 MiB\"\n")]);
    assert!(message.contains("error: cannot limit memory of b: "), "{message}");
    assert!(
        message.contains(
            "hint: limits need root, or a group that was given to this user: start the lab by 'systemd-run"
        ),
        "{message}"
    );
    home.assert_nothing_left(&[], "after a refusal");
}

#[test]
fn wrong_limits_are_refused_with_their_place() {
    let home = Home::new();
    let lab = "[node.a]\ncpus = 0\nmemory = \"4 KiB\"\n";
    let message = home.fails(2, &["up", "-d", &home.lab("wrong.toml", lab)]);
    assert!(message.contains("wrong.toml:2:8") && message.contains("wrong.toml:3:10"), "{message}");
    assert_eq!(groups("wrong"), [] as [PathBuf; 0]);
}

#[test]
fn privileged_a_kill_at_any_step_of_a_change_leaves_no_group() {
    let home = Home::new();
    let limited = |memory: &str| format!("memory = \"{memory}\"\nrun = \"exec sleep 1000\"\n");
    let before = format!("[node.a]\n{}[node.b]\n{}", limited("64 MiB"), limited("64 MiB"));
    let after = format!("[node.a]\ncpus = 0.5\n{}[node.c]\n{}", limited("48 MiB"), limited("64 MiB"));
    let mut died_changing = 0;
    for step in 1..1000 {
        let mut up = home.command(&["up", "-d", &home.lab("changed.toml", &before)]);
        let up = up.env("RACKLESS_TEST_KILL_AT", step.to_string()).output().expect("up runs");
        let changed = up.status.success()
            && home.run(&["up", "-d", &home.lab("changed.toml", &after)]).status.success();
        died_changing += u32::from(up.status.success() && !changed);
        let lives = changed && home.run(&["down"]).status.success();
        home.assert_nothing_left(&[], &format!("after a kill at step {step}"));
        until(&format!("groups are gone after a kill at step {step}"), || match groups("changed") {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        });
        if lives {
            assert!(died_changing > 5, "{died_changing}");
            return;
        }
    }
    panic!("the lab took more than 1000 steps");
}
