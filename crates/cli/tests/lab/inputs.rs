//! What needs no lab: help, lab files that are wrong, pictures.

use std::path::Path;

use crate::home::{Home, text};

const BAD: &str = r#"
[node.h1]
adresses = ["10.0.0.1/24"]
[node.h2]
[[link]]
ends = ["h1", "h3"]
"#;

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    path.into_os_string().into_string().expect("a path in UTF-8")
}

#[test]
fn every_error_of_a_lab_file_is_shown_with_its_place() {
    let home = Home::new();
    let lab = home.lab("bad.toml", BAD);
    for verb in ["validate", "graph", "test", "up"] {
        let message = home.fails(2, &[verb, &lab]);
        assert!(message.contains("bad.toml:3:1") && message.contains("^^^^^^^^"), "{verb}: {message}");
        assert!(message.contains("did you mean 'addresses'?"), "{verb}: {message}");
        assert!(message.contains("bad.toml:6:16") && message.contains("h3"), "{verb}: {message}");
    }
    home.assert_nothing_left(&[], "after errors");
}

#[test]
fn validate_goes_through_all_files_and_ends_with_the_worst() {
    let home = Home::new();
    let (bad, good) = (home.lab("bad.toml", BAD), home.lab("good.toml", "[node.only]\n"));
    let output = home.run(&["validate", &bad, &good]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stdout), format!("{good}: lab good is valid: 1 node, 0 links, 0 checks\n"));
    let output = home.run(&["validate", "--json", &bad, &good]);
    assert_eq!(output.status.code(), Some(2));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&found[0]["ok"], &found[1]["ok"]), (&false.into(), &true.into()));
    assert_eq!((&found[0]["errors"][0]["line"], &found[0]["errors"][0]["column"]), (&3.into(), &1.into()));
    assert_eq!(found[1]["lab"]["nodes"][0]["name"], "only");
}

#[test]
fn what_cannot_be_used_is_told_on_one_line() {
    let home = Home::new();
    let cases: [(&[&str], &str); 5] = [
        (&["validate", "/no/such.toml"], "error: cannot read /no/such.toml: No such file or directory"),
        (&["check"], "error: no lab is up"),
        (&["capture", "h1:eth0"], "error: no lab is up"),
        (&["nf", "show", "h1", "--lab", "nowhere"], "error: no lab named nowhere is up"),
        (&["graph", "/no/such.toml"], "error: cannot read /no/such.toml"),
    ];
    for (args, expected) in cases {
        let message = home.fails(2, args);
        let first = message.lines().next().unwrap_or_default();
        assert!(first.starts_with(expected), "{args:?}: {message}");
        assert!(message.lines().skip(1).all(|line| line.starts_with("hint: ")), "{args:?}: {message}");
    }
    assert!(home.fails(2, &["capture", "h1:"]).contains("expected NODE or NODE:INTERFACE"));
    assert!(home.fails(2, &["capture", "h1:eth0", "--for", "3"]).contains("10 ms"));
    assert!(home.fails(2, &["graph", "x.toml", "--format", "png"]).contains("svg, dot, mermaid, text"));
}

#[test]
fn the_picture_in_the_documentation_is_that_of_the_example() {
    let home = Home::new();
    let picture = home.ok(&["graph", &example("anycast.toml")]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/anycast.svg");
    let committed = std::fs::read_to_string(&path).expect("the picture");
    assert!(picture == committed, "run 'rackless graph examples/anycast.toml -o docs/anycast.svg'");
    let file = home.path().join("same.svg");
    home.ok(&["graph", &example("anycast.toml"), "-o", file.to_str().expect("a path in UTF-8")]);
    assert!(std::fs::read_to_string(file).is_ok_and(|written| written == committed));
}

#[test]
fn the_schema_in_the_documentation_is_the_one_that_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lab.schema.json");
    let committed = std::fs::read_to_string(path).expect("the schema");
    assert_eq!(Home::new().ok(&["schema"]), committed);
}

#[test]
fn a_lab_can_be_drawn_for_a_terminal_and_for_other_tools() {
    let home = Home::new();
    let lab = home.lab("two.toml", "[node.a]\n[node.b]\n[[link]]\nends = [\"a\", \"b\"]\n");
    assert_eq!(
        home.ok(&["graph", &lab, "--format", "text"]),
        "a (host)\n  eth0  ── b:eth0  10.0.0.1/8 fd00::1/64\nb (host)\n  eth0  ── a:eth0  10.0.0.2/8 fd00::2/64\n"
    );
    assert!(home.ok(&["graph", &lab, "--format", "dot"]).starts_with("graph \"two\" {"));
    assert!(home.ok(&["graph", &lab, "--format", "mermaid"]).starts_with("graph LR"));
}

#[test]
fn the_help_lists_the_verbs() {
    insta::assert_snapshot!(Home::new().ok(&["--help"]));
}

#[test]
fn every_verb_has_a_sentence_and_examples() {
    let home = Home::new();
    let help = home.ok(&["--help"]);
    let verbs =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for verb in verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help") {
        let help = home.ok(&[verb, "--help"]);
        assert!(help.contains("Examples:\n  rackless ") || help.contains("Commands:"), "{verb}: {help}");
    }
}
