//! Core files: whether the kernel writes one when the process dies, and where.

use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// How the kernel names core files (core(5)).
const PATTERN: &str = "/proc/sys/kernel/core_pattern";
/// Whether it adds the process's number to a name without one.
const USES_PID: &str = "/proc/sys/kernel/core_uses_pid";

/// Lets the kernel write a core of any size that this process may leave, and says where it will go or why it will not.
pub(crate) fn allow() -> String {
    let raised = getrlimit(Resource::RLIMIT_CORE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_CORE, most, most).map(|()| most));
    let pattern = std::fs::read_to_string(PATTERN).unwrap_or_default();
    let uses_pid = std::fs::read_to_string(USES_PID).is_ok_and(|text| text.trim() == "1");
    let folder = std::env::current_dir().unwrap_or_default();
    match raised {
        Ok(most) => place(pattern.trim(), uses_pid, most, &folder),
        Err(errno) => format!("a crash leaves no core: its limit cannot be read or raised: {errno}"),
    }
}

fn place(pattern: &str, uses_pid: bool, limit: u64, folder: &Path) -> String {
    let pid = if uses_pid && !pattern.contains("%p") { ".PID" } else { "" };
    match pattern {
        // The kernel hands a core to a program whatever the limit is, but for 1.
        _ if pattern.starts_with('|') => {
            let program = pattern[1..].split_whitespace().next().unwrap_or_default();
            format!("a crash gives its core to {program} (the machine's core_pattern)")
        }
        _ if limit == 0 => {
            "a crash leaves no core: the hard limit is 0; 'ulimit -Hc unlimited' as root before the lab starts".into()
        }
        "" => "a crash leaves no core: the machine's core_pattern is empty".into(),
        _ => format!("a crash leaves its core in {}{pid}", folder.join(pattern).display()),
    }
}

#[cfg(test)]
mod tests {
    use super::place;
    use std::path::Path;

    #[test]
    fn the_place_of_a_core_is_told() {
        let place = |pattern: &str, uses_pid, limit| place(pattern, uses_pid, limit, Path::new("/labs"));
        assert_eq!(place("core", false, 1 << 30), "a crash leaves its core in /labs/core");
        assert_eq!(place("core", true, 1 << 30), "a crash leaves its core in /labs/core.PID");
        assert_eq!(place("/var/%e.%p", true, 1 << 30), "a crash leaves its core in /var/%e.%p");
        assert!(
            place("|/usr/lib/systemd/systemd-coredump %P", false, 0)
                .contains("to /usr/lib/systemd/systemd-coredump")
        );
        assert!(place("core", false, 0).starts_with("a crash leaves no core: the hard limit is 0"));
        assert!(place("", false, 1).starts_with("a crash leaves no core"));
    }
}
