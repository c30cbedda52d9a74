//! A room of its own for the benchmark: PID, mount and network namespaces in which all cases run.
//!
//! Whatever happens to the benchmark, nothing outlives it: the processes in the room end with its first one, that
//! ends with the process that opened the room, and the namespaces, `/run` and interfaces go with them. Programs
//! that clean up by broad names, as Mininet's does, find nobody but their own.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::error::Error;

/// Set for the process in the room.
const VARIABLE: &str = "RACKLESS_BENCH_ROOM";

/// Whether this process is the first one in the room.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Opens a room, runs this program in it with the same arguments, and gives its exit code.
///
/// # Privileges
/// Root.
pub(crate) fn enter() -> Result<u8, Error> {
    let flags = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    unshare(flags).map_err(Error::system("make namespaces"))?;
    let program = std::env::current_exe().map_err(Error::system("find this program"))?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let status = Command::new(program).args(arguments).env(VARIABLE, "1").status();
    Ok(code(status.map_err(Error::system("start the room's first process"))?))
}

/// Furnishes the room from inside.
pub(crate) fn furnish() -> Result<(), Error> {
    // The thread that started us is the other process's main thread, so this means the whole process.
    set_pdeathsig(Signal::SIGKILL).map_err(Error::system("tie the room to its opener"))?;
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(Error::system("make mounts private"))?;
    mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), nothing)
        .map_err(Error::system("mount /proc"))?;
    mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
        .map_err(Error::system("mount /run"))
}

/// The exit code as a shell gives it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(2);
    u8::try_from(code).unwrap_or(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_pass_and_signals_become_codes() {
        assert_eq!(code(ExitStatus::from_raw(1 << 8)), 1);
        assert_eq!(code(ExitStatus::from_raw(9)), 137);
    }
}
