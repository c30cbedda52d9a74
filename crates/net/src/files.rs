//! The files that a lab file gives its nodes, kept in the lab's folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rackless_topology::model::{FileContent, Node};

use crate::error::Error;
use crate::hosts;

/// Writes the files of nodes into the lab's folder.
///
/// A file that is named is copied from below `directory`, so that no node changes the user's own.
pub(crate) fn write<'a>(
    nodes: impl IntoIterator<Item = &'a Node>,
    directory: &Path,
    folder: &Path,
) -> Result<(), Error> {
    for node in nodes {
        for (path, content) in &node.files {
            let target = kept(folder, node, path);
            let parent = target.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
            match content {
                FileContent::Text(text) => fs::write(&target, text)
                    .and_then(|()| fs::set_permissions(&target, Permissions::from_mode(0o644)))
                    .map_err(Error::file("write", target))?,
                FileContent::From(from) => {
                    let from = directory.join(from);
                    fs::copy(&from, target).map_err(Error::file("copy", from))?;
                }
            }
            crate::fault::step();
        }
    }
    Ok(())
}

/// Sees to it that all files are there which nodes shall get.
pub(crate) fn check<'a>(nodes: impl IntoIterator<Item = &'a Node>, directory: &Path) -> Result<(), Error> {
    let contents = nodes.into_iter().flat_map(|node| node.files.values());
    for content in contents {
        if let FileContent::From(from) = content {
            let from = directory.join(from);
            fs::metadata(&from).map_err(Error::file("find", from))?;
        }
    }
    Ok(())
}

/// Gives the files of a node: where they are kept, and where its programs see them. Its own go before the lab's.
pub(crate) fn of(folder: &Path, node: &Node) -> Vec<(PathBuf, PathBuf)> {
    let hosts = hosts::shown(folder).filter(|(_, path)| !node.files.contains_key(path));
    hosts.into_iter().chain(node.files.keys().map(|path| (kept(folder, node, path), path.clone()))).collect()
}

fn kept(folder: &Path, node: &Node, path: &Path) -> PathBuf {
    let path = path.strip_prefix("/").unwrap_or(path);
    folder.join("files").join(&node.name).join(path)
}
