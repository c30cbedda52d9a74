//! Files of a node's own, at paths where the machine has others or none.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::spawn::Failure;

const NONE: Option<&str> = None;
/// Where the room for a folder's changes is while the folder is mounted; `/run` is the node's own already.
const ROOM: &str = "/run/.rackless-room";

/// Shows each file at its path; the calling process is in the node's mount namespace, with a `/run` of its own.
///
/// Where there is no file yet, the nearest folder that is there is covered by an overlay, in which the node's folders
/// and files are made; the machine's own folder stays as it is.
pub(super) fn show(files: &[(PathBuf, PathBuf)]) -> Result<(), Failure> {
    let mut private = vec![PathBuf::from("/run")];
    for (source, target) in files {
        match fs::metadata(target) {
            Ok(meta) if meta.is_dir() => return Err(refused(target, "a folder is there", Errno::EISDIR)),
            Ok(_) => {}
            Err(_) => make_place(target, &mut private)?,
        }
        mount(Some(source), target, NONE, MsFlags::MS_BIND, NONE)
            .map_err(|errno| refused(target, "mount", errno))?;
    }
    Ok(())
}

/// Makes an empty file for another to be mounted on.
fn make_place(target: &Path, private: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let ancestors = || target.ancestors().skip(1);
    let Some(there) = ancestors().find(|folder| folder.is_dir()) else { return Ok(()) };
    let missing = ancestors().take_while(|folder| *folder != there).last().unwrap_or(target);
    if !private.iter().any(|folder| there.starts_with(folder)) {
        if there == Path::new("/") {
            let why = format!("there is no {}, and a node cannot have new folders in /", missing.display());
            return Err(refused(target, &why, Errno::ENOENT));
        }
        cover(there).map_err(|errno| refused(target, &format!("overlay {}", there.display()), errno))?;
        private.push(there.to_owned());
    }
    let _ = fs::remove_file(target); // a link that leads nowhere
    let made = target.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| File::create(target));
    made.map(drop).map_err(|error| refused(target, "create", errno_of(&error)))
}

/// Covers a folder with an overlay of itself, which takes all changes; what is mounted below it stays visible.
fn cover(folder: &Path) -> Result<(), Errno> {
    let io = |error: std::io::Error| errno_of(&error);
    let handle =
        |path: &Path| fs::OpenOptions::new().read(true).custom_flags(OFlag::O_PATH.bits()).open(path);
    let lower = handle(folder).map_err(io)?;
    let mounted: Vec<(PathBuf, File)> = mounts_below(folder)
        .map_err(io)?
        .into_iter()
        .filter_map(|path| Some((handle(&path).ok()?, path)))
        .map(|(file, path)| (path, file))
        .collect();
    fs::create_dir_all(ROOM).map_err(io)?;
    mount(Some("tmpfs"), ROOM, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=0755"))?;
    let (upper, work) = (Path::new(ROOM).join("upper"), Path::new(ROOM).join("work"));
    let meta = fs::metadata(folder).map_err(io)?;
    fs::create_dir(&work).and_then(|()| fs::create_dir(&upper)).map_err(io)?;
    fs::set_permissions(&upper, meta.permissions()).map_err(io)?;
    let _ = chown(&upper, Some(meta.uid()), Some(meta.gid())); // in a user namespace others' numbers are unknown
    let options = format!(
        "lowerdir=/proc/self/fd/{},upperdir={},workdir={}",
        lower.as_raw_fd(),
        upper.display(),
        work.display()
    );
    mount(Some("overlay"), folder, Some("overlay"), MsFlags::empty(), Some(options.as_str()))?;
    // The overlay holds its room by itself.
    umount2(ROOM, MntFlags::MNT_DETACH)?;
    let _ = fs::remove_dir(ROOM);
    for (path, file) in mounted {
        let source = format!("/proc/self/fd/{}", file.as_raw_fd());
        mount(Some(source.as_str()), &path, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
    }
    Ok(())
}

/// Lists what is mounted below a folder, without what is mounted below that.
fn mounts_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let table = fs::read("/proc/self/mountinfo")?;
    let mut found: Vec<PathBuf> = Vec::new();
    for line in table.split(|byte| *byte == b'\n') {
        let Some(field) = line.split(|byte| *byte == b' ').nth(4) else { continue };
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(&unescape(field)));
        if path != folder && path.starts_with(folder) && !found.iter().any(|other| path.starts_with(other)) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Undoes the escapes of /proc/self/mountinfo: a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

fn refused(target: &Path, why: &str, errno: Errno) -> Failure {
    Failure { stage: format!("show the node's file {}: {why}", target.display()), errno }
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_escapes_of_mount_points_are_undone() {
        assert_eq!(unescape(br"/mnt/a\040b\134c"), br"/mnt/a b\c");
        assert_eq!(unescape(br"/mnt/\9"), br"/mnt/\9");
    }
}
