//! Lines for the shell, so that a program is a process and not the child of one.

/// What a shell does itself, or reads as its own grammar (POSIX.1-2017, XCU 2.4 and 2.14; dash's manual page).
const OWN: &[&str] = &[
    "!", ".", ":", "[", "alias", "bg", "break", "case", "cd", "chdir", "command", "continue", "do", "done",
    "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fg", "fi", "for", "function",
    "getopts", "hash", "if", "in", "jobs", "kill", "local", "printf", "pwd", "read", "readonly", "return",
    "set", "shift", "source", "test", "then", "time", "times", "trap", "true", "type", "ulimit", "umask",
    "unalias", "unset", "until", "wait", "while",
];

/// Gives the line by which the shell becomes the program, if all that the line does is to run one.
///
/// dash, the shell of Debian, stays there as its parent otherwise: signals would reach the shell, and the program would
/// live on.
pub(crate) fn becoming(line: &str) -> String {
    let first = line.split_whitespace().next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    let is_program = !first.is_empty() && first.chars().all(is_name) && !OWN.contains(&first);
    let is_one = !line.trim_end().contains([';', '&', '|', '\n', '(', ')', '{', '}', '`', '#']);
    if is_program && is_one { format!("exec {line}") } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_runs_one_program_becomes_it() {
        for line in [
            "sleep 1000",
            " rackless nf run 'a b.toml' > log 2>err",
            "/usr/sbin/sshd -D \"$FLAGS\"",
            "./nf\n",
        ] {
            assert_eq!(becoming(line), format!("exec {line}"));
        }
    }

    #[test]
    fn a_line_that_does_more_stays_as_it_is() {
        let lines = [
            "a; b", "a && b", "a | b", "a &", "a\nb", "(a)", "{ a; }", "A=1 a", "cd /tmp", "exit 3",
            "exec a", "if a", "$A x", "a # b", "a $(b)", "a `b`", "", "  ",
        ];
        for line in lines {
            assert_eq!(becoming(line), line);
        }
    }
}
