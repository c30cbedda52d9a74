//! What the README shows works as shown.

use std::fs;
use std::path::{Path, PathBuf};

use crate::home::{Home, text};

/// A fenced block of the README.
struct Block {
    /// The comment in the line above it, such as `file: mirror.toml`.
    note: String,
    language: String,
    content: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn readme() -> Vec<Block> {
    let text = fs::read_to_string(root().join("README.md")).expect("the README");
    let mut blocks = Vec::new();
    let mut note = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let content: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let content = content.join("\n") + "\n";
            blocks.push(Block { note: std::mem::take(&mut note), language: language.to_owned(), content });
        } else {
            let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
            note = comment.unwrap_or_default().to_owned();
        }
    }
    blocks
}

/// Whether `found` is `shown`, where `…` in it stands for anything.
fn is_as_shown(shown: &str, found: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = found.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || shown.ends_with('…')
}

/// Runs the commands of a console block one by one and compares what they print.
fn run_console(home: &Home, content: &str) {
    for command in content.split("$ ").skip(1) {
        let (line, shown) = command.split_once('\n').expect("a line");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "rackless", "{line}");
        let found = home.ok(&words[1..]);
        let shown: Vec<&str> = shown.lines().collect();
        // A line shown is a line printed, in that order; the README may leave lines out around '…'.
        let mut lines = found.lines();
        for wanted in &shown {
            let hit = lines.by_ref().any(|line| is_as_shown(wanted, line));
            assert!(hit, "'{line}' does not print '{wanted}' but:\n{found}");
        }
        assert!(!shown.is_empty() || found.is_empty(), "'{line}' prints what is not shown:\n{found}");
    }
}

#[test]
fn the_labs_of_the_readme_run_as_shown() {
    let home = Home::ordinary_user();
    let mut runs = 0;
    for block in readme() {
        if let Some(name) = block.note.strip_prefix("file: ") {
            home.lab(name, &block.content);
        } else if block.note == "run" {
            run_console(&home, &block.content);
            runs += 1;
        }
    }
    assert!(runs > 0, "the README shows no commands");
    home.assert_nothing_left(&[], "after the README");
}

#[test]
fn the_rust_of_the_readme_is_that_of_the_examples() {
    let example = ["examples/nf/forward.rs", "examples/library.rs"]
        .map(|path| fs::read_to_string(root().join(path)).expect("the example"))
        .concat();
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let example = squeeze(&example);
    let blocks: Vec<Block> = readme().into_iter().filter(|block| block.language == "rust").collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        for line in block.content.lines() {
            assert!(example.contains(&squeeze(line)), "not in the examples:\n{line}");
        }
    }
}

#[test]
fn the_first_example_forwards_in_a_lab() {
    let home = Home::ordinary_user();
    let built = Path::new(env!("CARGO_BIN_EXE_rackless")).with_file_name("examples").join("forward");
    assert!(built.exists(), "{} is missing: 'cargo build -p rackless --examples'", built.display());
    fs::copy(built, home.path().join("forward")).expect("a copy");
    let shown = readme().into_iter().find(|block| block.content.contains("forward run --port a=af_packet:"));
    let shown = shown.expect("a call of the example").content;
    let call = shown.lines().next().expect("a line");
    let lab = home.lab(
        "lab.toml",
        &format!(
            "[node.h1]\naddresses = [\"10.0.0.1/24\"]\n[node.h2]\naddresses = [\"10.0.0.2/24\"]\n[node.middle]\nkind = \"nf\"\nrun = \"./{call}\"\n\
             [[link]]\nends = [\"h1\", \"middle:eth0\"]\n[[link]]\nends = [\"middle:eth1\", \"h2\"]\n\
             [[check]]\nname = \"they meet\"\non = \"h1\"\nping = \"h2\"\n"
        ),
    );
    assert!(home.ok(&["test", &lab]).contains("they meet"));
}

#[test]
fn every_verb_that_the_readme_names_exists() {
    let home = Home::new();
    let help = home.ok(&["--help"]);
    let table = text(&fs::read(root().join("README.md")).expect("the README"));
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let words = rows.flat_map(|row| row.split('|').nth(1).into_iter().flat_map(|cell| cell.split('`')));
    let verbs: Vec<&str> = words.filter_map(|word| word.split_whitespace().next()).collect();
    assert!(verbs.len() > 10, "{verbs:?}");
    for verb in verbs {
        assert!(help.contains(&format!("\n  {verb} ")), "no verb {verb} in:\n{help}");
    }
}
