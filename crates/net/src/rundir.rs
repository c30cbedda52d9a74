//! The folder of a running lab: its lock, its control socket, its logs and its nodes' files.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;

use crate::error::Error;
use crate::outside::forwarding;
use crate::{cgroup, fault};

/// How long a lock may be held by somebody who only looks whether the lab is alive.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the labs of this user lie.
#[derive(Debug, Clone)]
pub(crate) struct Base(PathBuf);

/// The folder of one lab, owned by the process that holds its lock.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    base: Base,
    _lock: Flock<File>,
}

impl Base {
    /// Finds the folder: below `$XDG_RUNTIME_DIR` if that is ours, else `/run` for root, else `/tmp`.
    ///
    /// It must be asked for before the process enters a user namespace, in which it is root.
    pub(crate) fn find() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let ours = |path: &PathBuf| {
            path.is_absolute() && fs::metadata(path).is_ok_and(|meta| meta.uid() == geteuid().as_raw())
        };
        Self(match runtime.filter(ours) {
            Some(runtime) => runtime.join("rackless"),
            None if geteuid().is_root() => PathBuf::from("/run/rackless"),
            None => PathBuf::from(format!("/tmp/rackless-{}", geteuid())),
        })
    }

    /// Gives the folder that a lab of this name has.
    pub(crate) fn lab(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Lists the labs that run, and removes what labs that died have left.
    pub(crate) fn labs(&self) -> Result<Vec<String>, Error> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::file("read", &self.0))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(Error::file("read", &self.0))?;
            if !sweep(&entry.path()) {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort();
        if names.is_empty() {
            let _ = fs::remove_dir(&self.0); // another lab may just have begun
        }
        Ok(names)
    }

    /// Makes sure that the folder is there and nobody else's.
    fn make(&self) -> Result<(), Error> {
        match fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.0) {
            Ok(()) => fault::step(),
            Err(error) => return Err(Error::file("create", &self.0)(error)),
        }
        let meta = fs::symlink_metadata(&self.0).map_err(Error::file("read", &self.0))?;
        if !meta.is_dir() || meta.uid() != geteuid().as_raw() || meta.mode() & 0o022 != 0 {
            return Err(Error::NotOurs { path: self.0.clone() });
        }
        Ok(())
    }
}

impl RunDir {
    /// Claims the folder of a lab that does not run yet, and empties it.
    ///
    /// # Errors
    /// [`Error::Running`] if a lab of this name is up.
    pub(crate) fn claim(base: &Base, name: &str) -> Result<Self, Error> {
        let path = base.lab(name);
        let deadline = Instant::now() + PATIENCE;
        loop {
            base.make()?;
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => fault::step(),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::file("create", path)(error)),
            }
            match lock(&path) {
                Ok(Some(held)) => {
                    undo(&path)?;
                    empty(&path)?;
                    let dir = Self { path, base: base.clone(), _lock: held };
                    write(&dir.path, "pid", nix::unistd::getpid().to_string().as_bytes())?;
                    return Ok(dir);
                }
                Ok(None) => {}
                Err(Errno::EWOULDBLOCK) => {
                    let pid = pid_of(&path);
                    if pid.is_some() || Instant::now() > deadline {
                        return Err(Error::Running { lab: name.to_owned(), pid: pid.unwrap_or_default() });
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(errno) => return Err(Error::file("lock", path)(errno)),
            }
        }
    }

    /// Gives the folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Undoes what the folder lists, and removes it with all in it.
    ///
    /// Where something could not be undone, the folder that names it stays for the next who looks.
    pub(crate) fn remove(self) -> Result<(), Error> {
        let remove = |()| fs::remove_dir_all(&self.path).map_err(Error::file("remove", &self.path));
        let result = undo(&self.path).and_then(remove);
        fault::step();
        let _ = fs::remove_dir(&self.base.0); // not empty while other labs run
        result
    }
}

/// Writes a file of the lab anew: at any moment it is what it was or what it becomes. One thread at a time writes it.
pub(crate) fn replace(folder: &Path, name: &str, content: &[u8]) -> Result<(), Error> {
    let (new, path) = (write(folder, &format!("{name}.new"), content)?, folder.join(name));
    fs::rename(new, &path).map_err(Error::file("write", path))?;
    fault::step();
    Ok(())
}

/// Writes a file of the lab, with its folders.
pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
    }
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let written = file.and_then(|mut file| io::Write::write_all(&mut file, content));
    written.map_err(Error::file("write", &path))?;
    fault::step();
    Ok(path)
}

/// Gives `work` a short path of the folder: a socket's path has at most 108 bytes.
pub(crate) fn with_short_path<T>(
    folder: &Path,
    work: impl FnOnce(&Path) -> Result<T, Error>,
) -> Result<T, Error> {
    let held = File::open(folder).map_err(Error::file("open", folder))?;
    work(Path::new(&format!("/proc/self/fd/{}", held.as_raw_fd())))
}

/// Removes the folder of a lab whose process is gone, and undoes what it lists; says whether that is done.
pub(crate) fn sweep(path: &Path) -> bool {
    match lock(path) {
        // Where something could not be undone, the folder that names it stays for the next who looks.
        Ok(Some(_held)) => undo(path).is_ok() && fs::remove_dir_all(path).is_ok(),
        Ok(None) | Err(Errno::ENOENT) => true,
        Err(_) => false,
    }
}

/// Does the work of the reaper: removes the folder when the lab's lock is free.
///
/// The kernel closes the descriptors of a dead lab one after the other, so that the lock may be held
/// for a moment after the pipe has told of the death.
pub(crate) fn reap(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !sweep(path) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    if let Some(base) = path.parent() {
        let _ = fs::remove_dir(base); // not empty while other labs run
    }
}

/// Undoes what the kernel does not undo by itself when a lab dies, and the lab's folder therefore lists.
fn undo(path: &Path) -> Result<(), Error> {
    let closed = forwarding::close(path);
    cgroup::remove(path).and(closed)
}

/// Locks a folder without waiting; `None` if it was removed before the lock was had.
fn lock(path: &Path) -> Result<Option<Flock<File>>, Errno> {
    let flags = (nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_NOFOLLOW).bits();
    let open = fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = open.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
    let held = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
    let ours = held.metadata().map(|meta| (meta.dev(), meta.ino())).ok();
    let there = fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    Ok((ours == there).then_some(held))
}

fn empty(path: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
        let entry = entry.map_err(Error::file("read", path))?.path();
        let removed = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        removed.map_err(Error::file("remove", entry))?;
    }
    Ok(())
}

/// Reads which process holds a lab.
fn pid_of(path: &Path) -> Option<i32> {
    fs::read_to_string(path.join("pid")).ok()?.parse().ok()
}
