//! The list of a lab's groups in its folder, by which they are removed when the lab cannot do it itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::Error;
use crate::rundir;

const FILE: &str = "cgroups";
/// How long the last processes of a dead lab may take to leave their groups.
const PATIENCE: Duration = Duration::from_secs(1);

/// Notes the groups that are about to be made, the inner ones first.
pub(super) fn write<'a>(folder: &Path, groups: impl Iterator<Item = &'a Path>) -> Result<(), Error> {
    let groups: Vec<&Path> = groups.collect();
    let list = serde_json::to_vec(&groups).expect("paths are plain data");
    rundir::replace(folder, FILE, &list)
}

/// Removes the groups that a lab's folder lists; their processes are gone, or about to go.
pub(crate) fn remove(folder: &Path) -> Result<(), Error> {
    let list = match fs::read(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        list => list.map_err(Error::file("read", folder.join(FILE)))?,
    };
    // A list that was cut short was of groups that were not made yet.
    let groups: Vec<PathBuf> = serde_json::from_slice(&list).unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    // One that cannot be removed is no reason to leave the others.
    let removed = groups
        .into_iter()
        .map(|group| remove_group(&group, deadline).map_err(Error::file("remove", group)))
        .collect::<Vec<_>>();
    removed.into_iter().collect()
}

/// Removes a group whose processes are gone, or about to go.
pub(super) fn remove_one(group: &Path) -> Result<(), Error> {
    remove_group(group, Instant::now() + PATIENCE).map_err(Error::file("remove", group))
}

fn remove_group(group: &Path, deadline: Instant) -> io::Result<()> {
    loop {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_removed_also_if_a_part_was_never_made() {
        let lab = tempfile::tempdir().expect("a temporary folder");
        let root = lab.path().join("root");
        let groups = [root.join("h1"), root.join("h2"), root.clone()];
        write(lab.path(), groups.iter().map(PathBuf::as_path)).expect("a list");
        fs::create_dir_all(&groups[0]).expect("a group");
        remove(lab.path()).expect("they go");
        assert!(!root.exists());
        remove(lab.path()).expect("they are gone");
    }

    #[test]
    fn a_list_that_was_cut_short_means_no_groups() {
        let lab = tempfile::tempdir().expect("a temporary folder");
        remove(lab.path()).expect("there is none");
        fs::write(lab.path().join(FILE), "[\"/sys/fs").expect("a file");
        remove(lab.path()).expect("nothing was made");
    }
}
