//! What is written for shells and for `man`.

use std::process::Command;

use crate::home::{Home, text};

/// The verbs that the help lists.
fn verbs(home: &Home) -> Vec<String> {
    let help = home.ok(&["--help"]);
    let lines =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_the_verbs_that_the_help_lists() {
    let home = Home::new();
    let script = home.path().join("rackless.bash");
    std::fs::write(&script, home.ok(&["completions", "bash"])).expect("a script");
    let offer = r#"source "$0"; COMP_WORDS=(rackless ""); COMP_CWORD=1; _rackless rackless "" rackless; echo "${COMPREPLY[@]}""#;
    let output = Command::new("bash").arg("-c").arg(offer).arg(&script).output().expect("bash");
    let offered: Vec<String> = text(&output.stdout).split_whitespace().map(str::to_owned).collect();
    let words: Vec<&String> = offered.iter().filter(|word| !word.starts_with('-')).collect();
    assert_eq!(words, verbs(&home).iter().collect::<Vec<_>>(), "{}", text(&output.stderr));
}

#[test]
fn other_shells_are_told_the_verbs_too() {
    let home = Home::new();
    for (shell, start) in [("zsh", "#compdef rackless"), ("fish", "# Print")] {
        let script = home.ok(&["completions", shell]);
        assert!(script.starts_with(start) && script.contains("validate"), "{shell}: {script}");
        assert!(!script.contains("probe"), "{shell}: a verb that only rackless itself calls");
    }
    assert!(home.fails(2, &["completions", "tcsh"]).contains("bash"));
}

#[test]
fn every_verb_has_a_manual_page() {
    let home = Home::new();
    assert!(home.ok(&["man"]).contains(".TH rackless 1"));
    let folder = home.path().join("share/man1");
    home.ok(&["man", folder.to_str().expect("a path in UTF-8")]);
    for verb in verbs(&home).iter().filter(|verb| *verb != "help") {
        let page = std::fs::read_to_string(folder.join(format!("rackless-{verb}.1"))).unwrap_or_default();
        assert!(page.contains(&format!(".TH rackless-{verb} 1")), "{verb}: {page}");
    }
    assert!(!folder.join("rackless-probe.1").exists());
}
