//! New processes that go on in this program's code.

use std::io;

use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, Pid};

use crate::error::Error;

/// Copies the process, whose only thread the caller must be.
pub(crate) fn fork() -> Result<ForkResult, Error> {
    only_thread()?;
    // SAFETY: no other thread exists, so the copy finds no lock held by a thread that it lacks.
    unsafe { nix::unistd::fork() }
        .map_err(|errno| Error::Spawn { what: "a process".into(), source: errno.into() })
}

/// Copies the process into a new PID namespace, as its first process. The caller must be the only thread.
///
/// The copy is killed when the caller dies; and with it, by the kernel, all of its namespace.
pub(crate) fn clone_init() -> Result<ForkResult, Error> {
    only_thread()?;
    let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
    // SAFETY: without CLONE_VM this is a fork: the child has its own copy of memory and stack, so that
    // passing no stack is right; and no other thread exists whose locks the copy would lack.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        -1 => {
            let source = io::Error::last_os_error();
            Err(Error::Spawn { what: "the first process of a PID namespace".into(), source })
        }
        0 => {
            // A parent that died before this is seen at the control socket.
            let _ = prctl::set_pdeathsig(Signal::SIGKILL);
            Ok(ForkResult::Child)
        }
        pid => Ok(ForkResult::Parent { child: Pid::from_raw(pid as libc::pid_t) }),
    }
}

/// Gives a signal its default effect, which a Rust program has changed for `SIGPIPE`.
pub(crate) fn default_signal(number: Signal) -> nix::Result<()> {
    // SAFETY: the default disposition runs no code of ours.
    unsafe { signal(number, SigHandler::SigDfl) }.map(drop)
}

fn only_thread() -> Result<(), Error> {
    let failed = |source| Error::File { action: "read", path: "/proc/self/task".into(), source };
    let threads = std::fs::read_dir("/proc/self/task").map_err(failed)?.count();
    if threads == 1 { Ok(()) } else { Err(Error::Threads { threads }) }
}

/// Asks that the calling thread runs as soon as it has something to do, before all ordinary ones, or that it is one of
/// them again. Its children are ordinary in any case.
///
/// It is the lowest priority of the real-time class; a nice value counts among the processes of a session alone
/// (`CONFIG_SCHED_AUTOGROUP`).
pub(crate) fn run_first(first: bool) -> io::Result<()> {
    let (policy, sched_priority) = if first { (libc::SCHED_RR, 1) } else { (libc::SCHED_OTHER, 0) };
    let parameter = libc::sched_param { sched_priority };
    // SAFETY: the parameter is alive during the call.
    let result =
        unsafe { libc::sched_setscheduler(0, policy | libc::SCHED_RESET_ON_FORK, &raw const parameter) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks for the processor before ordinary processes.
pub(crate) fn raise_priority() -> io::Result<()> {
    // SAFETY: the call takes integers.
    let result = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -10) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets all threads of the process share two pools of memory, where the C library would keep eight for each core: a lab
/// has many threads, one per program for instance, that do little, and each pool grows to what was ever needed at once.
pub(crate) fn share_memory_pools() {
    // SAFETY: the call takes integers, and it may fail: the pools are then as many as before.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2)
    };
}
