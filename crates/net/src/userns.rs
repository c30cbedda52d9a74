//! Labs without root: a user namespace in which the caller is root.

use std::fs;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use crate::error::Error;

/// Makes an ordinary user root of a new user namespace; root stays where it is.
///
/// The calling process must have one thread.
pub(crate) fn enter() -> Result<(), Error> {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        return Ok(());
    }
    let failed = |source| Error::Rootless { source };
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| failed(errno.into()))?;
    let write = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text).map_err(failed);
    write("uid_map", format!("0 {user} 1"))?;
    write("setgroups", "deny".to_owned())?; // without this an ordinary user may not map its group
    write("gid_map", format!("0 {group} 1"))?;
    // The new powers have hidden this process from its own user, who may well look at it in /proc.
    nix::sys::prctl::set_dumpable(true).map_err(|errno| failed(errno.into()))
}

/// Explains what may stand in the way of a user namespace on this machine.
pub(crate) fn hint() -> String {
    let set = |name: &str, value: &str| fs::read_to_string(name).is_ok_and(|text| text.trim() == value);
    if set("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "AppArmor forbids it here; 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0' allows it, \
         or run rackless as root"
            .to_owned()
    } else if set("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "'sudo sysctl kernel.unprivileged_userns_clone=1' allows it, or run rackless as root".to_owned()
    } else if set("/proc/sys/user/max_user_namespaces", "0") {
        "'sudo sysctl user.max_user_namespaces=10000' allows it, or run rackless as root".to_owned()
    } else {
        "run rackless as root, or ask for user namespaces on this machine".to_owned()
    }
}
