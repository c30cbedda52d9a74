//! Packages that cargo builds: made by `rackless new`, run by labs. The user who runs these tests has cargo, and may
//! write to the target folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::home::{Home, text, until};
use crate::watch::{Watching, pids};

/// Gives a command the cargo of this test, and the folder where that has its builds.
fn with_cargo(command: &mut Command) -> &mut Command {
    let home = PathBuf::from(std::env::var_os("HOME").expect("HOME"));
    for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        command.env(variable, std::env::var_os(variable).unwrap_or_else(|| home.join(folder).into()));
    }
    // Dependencies are built there already.
    let built = Path::new(env!("CARGO_BIN_EXE_rackless")).parent().and_then(Path::parent).expect("target");
    command.env("CARGO_TARGET_DIR", built).env("CARGO_NET_OFFLINE", "true")
}

/// Makes a package in a place of its own; gives its folder.
fn scaffold(home: &Home, name: &str) -> PathBuf {
    home.ok(&["new", name]);
    home.path().join(name)
}

fn cargo(folder: &Path, args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    let output = with_cargo(command.args(args).current_dir(folder)).output().expect("cargo runs");
    assert!(output.status.success(), "cargo {args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn a_new_package_builds_offline_and_its_tests_and_checks_hold() {
    let home = Home::new();
    let folder = scaffold(&home, "fresh-nf");
    let told = cargo(&folder, &["test"]);
    assert!(told.contains("a_frame_of_any_kind_passes_as_it_is_or_is_dropped_by_name ... ok"), "{told}");
    cargo(&folder, &["clippy", "--all-targets", "--", "-D", "warnings"]);
    cargo(&folder, &["fmt", "--check"]);
    let output = with_cargo(&mut home.command(&["test", "fresh-nf/lab.toml"])).output().expect("it runs");
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(told.contains("3 checks, 3 ok, 0 failed"), "{told}");
    as_ordinary_user();
}

/// The checks of a package that is built hold for a user without root, whose cargo tells where the program is.
fn as_ordinary_user() {
    let home = Home::ordinary_user();
    let folder = scaffold(&home, "fresh-nf");
    let program = folder.join("fresh-nf");
    let built = Path::new(env!("CARGO_BIN_EXE_rackless")).with_file_name("fresh-nf");
    assert!(Command::new("cp").args([&built, &program]).status().expect("cp").success());
    let message = format!(r#"{{"reason":"compiler-artifact","executable":"{}"}}"#, program.display());
    let cargo = home.path().join("cargo");
    fs::write(&cargo, format!("#!/bin/sh\necho '{message}'\n")).expect("a cargo");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("its permissions");
    let output = home.command(&["test", "fresh-nf/lab.toml"]).env("CARGO", &cargo).output().expect("it runs");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn an_edited_function_runs_again_in_its_lab_and_nothing_else_does() {
    let home = Home::new();
    let folder = scaffold(&home, "edited-nf");
    let source = folder.join("src/main.rs");
    let code = fs::read_to_string(&source).expect("its source");
    let mut watching =
        Watching::start(&home, with_cargo(&mut home.command(&["up", "--watch", "edited-nf/lab.toml"])));
    let dropped_as = |reason: &str| {
        until(reason, || {
            home.ok(&["exec", "client", "--", "bash", "-c", "echo x >/dev/udp/10.0.0.2/23"]);
            // While it starts anew, it does not answer.
            match home.run(&["nf", "show", "filter"]) {
                shown if text(&shown.stdout).contains(reason) => Ok(()),
                shown => Err(text(&[shown.stdout, shown.stderr].concat())),
            }
        });
    };
    dropped_as("port blocked");
    let first = pids(&home);

    fs::write(&source, code.replace("\"port blocked\"", "\"port closed\"")).expect("an edit");
    watching.tells("filter runs anew");
    dropped_as("port closed");
    let second = pids(&home);
    assert_ne!(first["filter"], second["filter"], "another process");
    assert_eq!(first["server:web"], second["server:web"]);
    assert_eq!(first["server:telnet"], second["server:telnet"]);

    fs::write(&source, code.replace("FilterDrop::Blocked.into()", "FilterDrop::Shut.into()"))
        .expect("a mistake");
    watching.tells("edited-nf does not build");
    watching.tells("FilterDrop::Shut.into()"); // the compiler's words
    assert_eq!(pids(&home), second, "the old one runs on");
    dropped_as("port closed");

    // A part that is not there yet, and comes.
    let parted = code.replace("FilterDrop::NAMES", "part::NAMES").replacen("use ", "mod part;\nuse ", 1);
    fs::write(&source, parted).expect("an edit");
    watching.tells("file not found for module `part`");
    fs::write(source.with_file_name("part.rs"), "pub const NAMES: &[&str] = &[\"port shut\"];\n")
        .expect("a part");
    dropped_as("port shut");
    let output = watching.end("INT");
    assert!(output.contains("going down"), "{output}");
    home.assert_nothing_left(&[], "after Ctrl-C");
}

#[test]
fn a_package_that_cannot_be_built_starts_nothing() {
    let home = Home::new();
    let lab = "[node.a]\npackage = \"PLACE\"\nrun = \"exec a\"\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n";
    let file = home.lab("none.toml", &lab.replace("PLACE", "nowhere"));
    for verb in [&["up", "-d"][..], &["test"], &["up", "--watch"]] {
        let mut args = verb.to_vec();
        args.push(&file);
        let message = home.fails(2, &args);
        assert!(
            message.contains("there is no cargo package in ") && message.contains("nowhere"),
            "{message}"
        );
    }
    let empty = home.path().join("empty");
    fs::create_dir_all(empty.join("src")).expect("a folder");
    fs::write(empty.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2024\"\n")
        .expect("a manifest");
    fs::write(empty.join("src/lib.rs"), "").expect("a library");
    let file = home.lab("empty.toml", &lab.replace("PLACE", "empty"));
    let output = with_cargo(&mut home.command(&["up", "-d", &file])).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("has no executable"), "{}", text(&output.stderr));
    let output = home.command(&["up", "-d", &file]).env("CARGO", "/no/cargo").output().expect("it runs");
    assert!(text(&output.stderr).contains("cannot run /no/cargo"), "{}", text(&output.stderr));
    home.assert_nothing_left(&[], "after packages that cannot be built");
}

#[test]
fn a_changed_lab_gets_the_programs_of_new_packages() {
    let home = Home::new();
    scaffold(&home, "later-nf");
    let file = home.lab("grow.toml", "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n");
    home.ok(&["up", "-d", &file]);
    let node = "kind = \"nf\"\npackage = \"later-nf\"\nrun = \"exec later-nf run\"\n";
    let ready = "ready = { file = \"/run/rackless-nf.sock\" }\n";
    let links = "[[link]]\nends = [\"a\", \"nf:a\"]\n[[link]]\nends = [\"nf:b\", \"b\"]\n";
    home.lab("grow.toml", &format!("[node.a]\n[node.b]\n[node.nf]\n{node}{ready}{links}"));
    let output = with_cargo(&mut home.command(&["up", "-d", &file])).output().expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&home.ok(&["nf", "show", "nf", "--json"])).expect("JSON");
    assert_eq!(report["nodes"][0]["name"], "filter");
    home.ok(&["down"]);
}
