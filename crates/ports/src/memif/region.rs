//! Memory that two processes share.
#![allow(
    unsafe_code,
    reason = "ports are a place that ARCHITECTURE.md names: memory shared with another process"
)]

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU16;

/// A piece of shared memory, mapped. What lies in it may change at any time, so it is only copied out of and into,
/// and nothing that is read from it is trusted.
pub(super) struct Region {
    start: NonNull<u8>,
    len: usize,
    fd: OwnedFd,
}

// SAFETY: the mapping belongs to this value alone, in whatever thread it is; the other process is not Rust's concern.
unsafe impl Send for Region {}

impl Region {
    /// New memory of this length, all zeros, which cannot be made shorter.
    pub(super) fn create(len: usize) -> io::Result<Self> {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: a constant string.
        let fd = unsafe { libc::memfd_create(c"rackless memif".as_ptr(), flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor, ours.
        let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        file.set_len(len as u64)?;
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: no pointers.
        if unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, seals) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Self::map(file.into(), len as u64)
    }

    /// Maps memory that another process made, if the file has the length that it says.
    pub(super) fn map(fd: OwnedFd, len: u64) -> io::Result<Self> {
        let file = std::fs::File::from(fd);
        let (has, fd) = (file.metadata()?.len(), OwnedFd::from(file));
        let len = usize::try_from(len).ok().filter(|len| *len > 0 && *len as u64 <= has);
        let len = len.ok_or(io::ErrorKind::InvalidInput)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, where the kernel likes.
        let start = unsafe { libc::mmap(null_mut(), len, protection, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len, fd })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Copies bytes out; false where they do not all lie within.
    #[inline]
    pub(super) fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        if !self.holds(offset, into.len()) {
            return false;
        }
        // SAFETY: within the mapping. The other process may write at the same time, by which the bytes are whatever,
        // as bytes may be; no reference to them is made.
        unsafe {
            std::ptr::copy_nonoverlapping(self.start.as_ptr().add(offset), into.as_mut_ptr(), into.len());
        }
        true
    }

    /// Copies bytes in; false where they do not all fit.
    #[inline]
    pub(super) fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        if !self.holds(offset, bytes.len()) {
            return false;
        }
        // SAFETY: within the mapping, of which no reference is ever made.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(offset), bytes.len());
        }
        true
    }

    /// A word of 16 bits that both processes access as an atomic.
    ///
    /// # Panics
    /// When it does not lie within, at an even offset.
    #[inline]
    pub(super) fn word(&self, offset: usize) -> &AtomicU16 {
        assert!(self.holds(offset, 2) && offset.is_multiple_of(2), "words lie within their region");
        // SAFETY: within the mapping, which is aligned to a page, and atomics may change at any time.
        unsafe { self.start.add(offset).cast::<AtomicU16>().as_ref() }
    }

    #[inline]
    fn holds(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with this length; references into it cannot outlive it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_are_one_memory_and_its_bounds_hold() {
        let ours = Region::create(8192).unwrap();
        let theirs = Region::map(ours.fd().try_clone_to_owned().unwrap(), 8192).unwrap();
        assert!(ours.write(8190, b"ab"));
        let mut read = [0; 2];
        assert!(theirs.read(8190, &mut read));
        assert_eq!(&read, b"ab");
        assert!(!ours.write(8191, b"ab") && !theirs.read(usize::MAX, &mut read));
        let longer = Region::map(ours.fd().try_clone_to_owned().unwrap(), 8193).map(|_| ());
        assert_eq!(longer.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        // SAFETY: no pointers.
        assert_eq!(unsafe { libc::ftruncate(theirs.fd().as_raw_fd(), 4096) }, -1);
    }
}
