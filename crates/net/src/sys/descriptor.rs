//! File descriptors that travel over Unix sockets, or that must be closed wholesale.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::unistd::Pid;

/// The most descriptors in one message: a namespace and the three standard streams.
pub(crate) const DESCRIPTORS: usize = 4;

/// Sends `bytes` with copies of the descriptors; gives the number of bytes taken.
pub(crate) fn send_with(socket: &impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control = if raw.is_empty() { &[] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL;
    let slices = [IoSlice::new(bytes)];
    loop {
        match sendmsg::<()>(socket.as_fd().as_raw_fd(), &slices, control, flags, None) {
            Err(nix::errno::Errno::EINTR) => {}
            result => return result.map_err(Into::into),
        }
    }
}

/// Receives what one `recvmsg` gives: bytes into `buffer` (0: the other side is gone), and descriptors.
pub(crate) fn receive_with(socket: &impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = cmsg_space!([RawFd; DESCRIPTORS]);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = loop {
        match recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut slices, Some(&mut space), flags) {
            Err(nix::errno::Errno::EINTR) => {}
            result => break result?,
        }
    };
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            // SAFETY: the kernel has just made these descriptors for us, and nobody else knows them.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    Ok((message.bytes, fds))
}

/// Closes every descriptor but those of `keep`; values that owned them must never be dropped.
pub(crate) fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    let mut keep = keep.to_vec();
    keep.sort_unstable();
    let mut next = 0;
    for limit in keep.into_iter().map(RawFd::unsigned_abs).chain([u32::MAX]) {
        if next < limit {
            // SAFETY: closing descriptors touches no memory; the caller gives up whatever owned them.
            let result = unsafe { libc::syscall(libc::SYS_close_range, next, limit - 1, 0) };
            if result != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        next = limit.saturating_add(1);
    }
    Ok(())
}

/// Opens a descriptor of a process, which names it in every PID namespace.
pub(crate) fn pidfd_open(pid: Pid) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two integers and gives a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Makes `terminal` the controlling terminal of the calling session leader.
pub(crate) fn set_controlling_terminal(terminal: &impl AsFd) -> io::Result<()> {
    // SAFETY: TIOCSCTTY takes an integer argument.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Puts `/dev/null` in the place of the standard streams.
pub(crate) fn null_streams() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    replace_streams([null.as_fd(); 3])
}

/// Puts `streams` in the place of standard input, output and error.
pub(crate) fn replace_streams(streams: [BorrowedFd<'_>; 3]) -> io::Result<()> {
    nix::unistd::dup2_stdin(streams[0])?;
    nix::unistd::dup2_stdout(streams[1])?;
    nix::unistd::dup2_stderr(streams[2])?;
    Ok(())
}
