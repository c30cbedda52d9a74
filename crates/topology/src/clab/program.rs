//! A node's program among the commands of containerlab.
//!
//! containerlab starts a container before it has links, and then runs the lines of `exec` one after the other, each to
//! its end. So a program that needs the network is a line of `exec` that puts it into the background, with its output
//! to that of the container's first process, where `docker logs` finds it.

use crate::model::Command;

const START: &str = "{ ";
const END: &str = "\n} >/proc/1/fd/1 2>&1 &";

/// Returns the line of `exec` that starts a program.
pub(super) fn wrap(program: &Command) -> String {
    let line = match program {
        Command::Shell(line) => line.clone(),
        Command::Args(args) => join(args),
    };
    join(&["sh".to_owned(), "-c".to_owned(), format!("{START}{line}{END}")])
}

/// Returns the program that a line of `exec` starts, if it is one of [`wrap`].
pub(super) fn unwrap(argv: &[String]) -> Option<&str> {
    let [shell, option, script] = argv else { return None };
    let program = script.strip_prefix(START)?.strip_suffix(END)?;
    (shell == "sh" && option == "-c").then_some(program)
}

/// Returns one line for a shell that has the words as they are.
pub(super) fn join(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" ")) // no word has a zero byte
}
