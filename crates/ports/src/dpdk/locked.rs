//! How much memory this process may lock.
#![allow(unsafe_code, reason = "ports are a place that ARCHITECTURE.md names: system calls")]

use std::ptr::null_mut;

/// Bytes that may be locked, or `None` where there is no limit.
pub(super) fn limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: one live struct.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    (known && limit.rlim_cur != libc::RLIM_INFINITY && !may_exceed(limit.rlim_cur)).then_some(limit.rlim_cur)
}

/// Whether the process has the right to lock more: root has it, but not in a user namespace, which the capability
/// sets do not tell.
fn may_exceed(limit: u64) -> bool {
    let Some(len) = usize::try_from(limit).ok().and_then(|limit| limit.checked_add(4096)) else {
        return false;
    };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_LOCKED;
    // SAFETY: a new mapping without access, so without pages, removed at once.
    unsafe {
        let memory = libc::mmap(null_mut(), len, libc::PROT_NONE, flags, -1, 0);
        memory != libc::MAP_FAILED && libc::munmap(memory, len) == 0
    }
}
