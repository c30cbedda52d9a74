//! Runs a test in a process and namespaces of its own: EAL starts once per process, and interfaces of tests must
//! not be the host's. Works as root and, in a user namespace, as an ordinary user.
#![allow(unsafe_code, reason = "system calls between fork and exec")]
#![allow(dead_code, reason = "every test binary uses a part")]

use std::ffi::CStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Runs `body` in a child: this test executable again, told to run only the test of this name.
pub(crate) fn isolated(test: &str, body: impl FnOnce()) {
    isolated_as(test, false, body);
}

/// The same in a user namespace, also for root: no rights over the host.
pub(crate) fn isolated_unprivileged(test: &str, body: impl FnOnce()) {
    isolated_as(test, true, body);
}

/// Runs the program `ip` with these words.
pub(crate) fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run ip ({error}): apt install iproute2"));
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

fn isolated_as(test: &str, user_namespace: bool, body: impl FnOnce()) {
    const MARK: &str = "RACKLESS_ISOLATED_TEST";
    if std::env::var(MARK).as_deref() == Ok(test) {
        return body();
    }
    // SAFETY: no arguments, no failure.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let user_namespace = user_namespace || uid != 0;
    let maps = user_namespace.then(|| (format!("0 {uid} 1"), format!("0 {gid} 1")));
    let mut child = Command::new(std::env::current_exe().expect("a test executable has a path"));
    child.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(MARK, test);
    // SAFETY: between fork and exec, only system calls on memory that was prepared before.
    unsafe { child.pre_exec(move || enter(maps.as_ref())) };
    let output = child.output().unwrap_or_else(|error| panic!("cannot make namespaces for a test: {error}"));
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    assert!(stdout.contains("1 passed"), "no test is named {test}:\n{stdout}");
}

fn enter(maps: Option<&(String, String)>) -> io::Result<()> {
    let user = if maps.is_some() { libc::CLONE_NEWUSER } else { 0 };
    // SAFETY: the child of a fork has one thread.
    check(unsafe { libc::unshare(user | libc::CLONE_NEWNET | libc::CLONE_NEWNS) })?;
    if let Some((uids, gids)) = maps {
        write(c"/proc/self/setgroups", "deny")?;
        write(c"/proc/self/uid_map", uids)?;
        write(c"/proc/self/gid_map", gids)?;
    }
    let private = libc::MS_REC | libc::MS_PRIVATE;
    let (none, tmpfs) = (std::ptr::null(), c"tmpfs".as_ptr());
    // SAFETY: constant strings.
    unsafe {
        check(libc::mount(none, c"/".as_ptr(), none, private, none.cast()))?;
        check(libc::mount(tmpfs, c"/run".as_ptr(), tmpfs, 0, none.cast()))
    }
}

fn write(path: &CStr, text: &str) -> io::Result<()> {
    // SAFETY: plain system calls on a constant string and a slice.
    unsafe {
        let fd = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(fd)?;
        let written = libc::write(fd, text.as_ptr().cast(), text.len());
        libc::close(fd);
        check(written as i32)
    }
}

fn check(code: i32) -> io::Result<()> {
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
