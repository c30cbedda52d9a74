//! Where groups can be made: the hierarchies of the kernel, and this process's place in them.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Controller, Refused, create, write};
use crate::error::Error;

/// The version of the kernel's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// A controller, and the node for which it is needed.
type Need<'a> = (Controller, &'a str);

/// A place where a lab's groups can be made.
#[derive(Debug)]
pub(super) struct Hierarchy<'a> {
    pub(super) version: Version,
    /// The group below which the lab's is made.
    pub(super) base: PathBuf,
    /// What is needed of it, at least one.
    pub(super) needed: Vec<Need<'a>>,
    /// What the group hands on since it was found.
    told: Vec<Controller>,
}

/// A hierarchy as it is mounted.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// The controllers of version 1.
    controllers: Vec<String>,
    /// Which group is at the mount point.
    root: PathBuf,
    point: PathBuf,
}

/// Finds the hierarchies that have the needed controllers.
pub(super) fn find<'a>(needed: &[Need<'a>]) -> Result<Vec<Hierarchy<'a>>, Error> {
    let read = |path: &str| fs::read_to_string(path).map_err(Error::file("read", path));
    let mounts = mounts(&read("/proc/self/mountinfo")?);
    let own = read("/proc/self/cgroup")?;
    let mut found: Vec<Hierarchy<'a>> = Vec::new();
    let mut unified = Vec::new();
    for need in needed {
        let one = mounts.iter().find(|mount| mount.controllers.iter().any(|name| name == need.0.as_str()));
        let Some(base) = one.and_then(|mount| mount.group(&own)) else {
            unified.push(*need);
            continue;
        };
        match found.iter_mut().find(|hierarchy| hierarchy.base == base) {
            Some(hierarchy) => hierarchy.needed.push(*need),
            None => {
                found.push(Hierarchy { version: Version::One, base, needed: vec![*need], told: Vec::new() })
            }
        }
    }
    if !unified.is_empty() {
        let two = mounts.iter().find(|mount| mount.version == Version::Two);
        let own = two.and_then(|mount| Some((mount.group(&own)?, mount)));
        let base = own.and_then(|(own, mount)| base_of_two(&own, &mount.point, &unified));
        let (controller, node) = unified[0];
        let missing = || Error::NoController {
            node: node.to_owned(),
            key: controller.key(),
            controller: controller.as_str(),
        };
        let (base, told) = base.ok_or_else(missing)?;
        found.push(Hierarchy { version: Version::Two, base, needed: unified, told });
    }
    Ok(found)
}

/// Finds the nearest group, from `own` up to the mount point, whose groups can have the controllers.
///
/// A group that hands them on already is taken before one that has to be told to, which a group with processes in it
/// refuses. Gives also what it was told to hand on and had not.
fn base_of_two(own: &Path, top: &Path, needed: &[Need<'_>]) -> Option<(PathBuf, Vec<Controller>)> {
    let candidates = || own.ancestors().take_while(|folder| folder.starts_with(top));
    let missing = |folder: &Path, file: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        let needed = needed.iter().map(|(controller, _)| *controller);
        needed
            .filter(|controller| !text.split_whitespace().any(|name| name == controller.as_str()))
            .collect::<Vec<_>>()
    };
    let has = |folder: &Path, file: &str| missing(folder, file).is_empty();
    let writable = |folder: &Path| nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok();
    let ready = candidates().find(|folder| has(folder, "cgroup.subtree_control") && writable(folder));
    let told = || {
        candidates().filter(|folder| has(folder, "cgroup.controllers")).find_map(|folder| {
            let missing = missing(folder, "cgroup.subtree_control");
            hand_on(folder, needed).is_ok().then(|| (folder.to_owned(), missing))
        })
    };
    ready.map(|folder| (folder.to_owned(), Vec::new())).or_else(told)
}

/// Lets the groups in a group have controllers.
fn hand_on(folder: &Path, needed: &[Need<'_>]) -> Result<(), Refused> {
    let wanted: Vec<String> =
        needed.iter().map(|(controller, _)| format!("+{}", controller.as_str())).collect();
    write(&folder.join("cgroup.subtree_control"), &wanted.join(" "))
}

impl Hierarchy<'_> {
    pub(super) fn has(&self, controller: Controller) -> bool {
        self.needed.iter().any(|(other, _)| *other == controller)
    }

    /// Makes the lab's group, or lets it have what is needed now.
    pub(super) fn make_root(&self, root: &Path) -> Result<(), Refused> {
        create(root)?;
        match self.version {
            Version::One => Ok(()),
            Version::Two => hand_on(root, &self.needed),
        }
    }

    /// Has the group hand on no more than before it was found.
    ///
    /// The kernel refuses to take a controller from a group that hands it on, as those of labs do.
    pub(super) fn take_back(&self) {
        let told = self.told.iter().map(|controller| format!("-{}", controller.as_str()));
        let told: Vec<String> = told.collect();
        if !told.is_empty() {
            let _ = write(&self.base.join("cgroup.subtree_control"), &told.join(" "));
        }
    }
}

impl Mount {
    /// Gives the folder of this process's group, by the text of `/proc/self/cgroup`.
    fn group(&self, own: &str) -> Option<PathBuf> {
        let line = own.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (names, path) = (fields.next()?, fields.next()?);
            let ours = match self.version {
                Version::One => names.split(',').any(|name| self.controllers.iter().any(|own| own == name)),
                Version::Two => names.is_empty(),
            };
            ours.then_some(path)
        })?;
        Some(self.point.join(Path::new(line).strip_prefix(&self.root).ok()?))
    }
}

/// Reads the hierarchies from the text of `/proc/self/mountinfo`.
fn mounts(table: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let version = match kind.next()? {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        let options = kind.nth(1)?.split(',').map(str::to_owned);
        let controllers = if version == Version::One { options.collect() } else { Vec::new() };
        Some(Mount { version, controllers, root: root.into(), point: point.into() })
    };
    table.lines().filter_map(mount).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        24 1 0:22 / /sys rw - sysfs sysfs rw\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn the_own_group_is_found_in_every_hierarchy() {
        let mounts = mounts(MOUNTS);
        let own = "4:memory:/docker/x/y\n3:cpu,cpuacct:/a/b\n1:name=systemd:/c\n0::/user.slice/s.scope\n";
        let groups: Vec<_> = mounts.iter().map(|mount| mount.group(own)).collect();
        let expected = ["cpu,cpuacct/a/b", "memory/y", "unified/user.slice/s.scope"]
            .map(|path| format!("/sys/fs/cgroup/{path}"));
        assert_eq!(groups, expected.map(|path| Some(PathBuf::from(path))));
        assert_eq!(mounts[1].group("4:memory:/elsewhere\n"), None, "outside of what is mounted");
    }

    /// A tree of version 2 in plain files, where nothing is refused.
    fn tree(groups: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let top = tempfile::tempdir().expect("a temporary folder");
        for (path, has, hands_on) in groups {
            let folder = top.path().join(path);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("cgroup.controllers"), has).expect("a file");
            fs::write(folder.join("cgroup.subtree_control"), hands_on).expect("a file");
        }
        top
    }

    #[test]
    fn the_nearest_group_that_hands_the_controllers_on_is_taken() {
        let top = tree(&[
            ("", "cpu io memory", "cpu memory"),
            ("user", "cpu memory", "cpu memory"),
            ("user/app", "cpu memory", "memory"),
            ("user/app/own", "memory", ""),
        ]);
        let own = top.path().join("user/app/own");
        let both = [(Controller::Cpu, "h"), (Controller::Memory, "h")];
        assert_eq!(base_of_two(&own, top.path(), &both), Some((top.path().join("user"), Vec::new())));
        assert_eq!(
            base_of_two(&own, top.path(), &both[1..]),
            Some((top.path().join("user/app"), Vec::new()))
        );
    }

    #[test]
    fn a_group_is_told_to_hand_controllers_on_where_none_does() {
        let top = tree(&[("", "cpu memory", ""), ("own", "", "")]);
        let both = [(Controller::Cpu, "h"), (Controller::Memory, "h")];
        let (base, told) = base_of_two(&top.path().join("own"), top.path(), &both).expect("a group");
        assert_eq!(base, top.path());
        let hands_on = || fs::read_to_string(top.path().join("cgroup.subtree_control")).expect("a file");
        assert_eq!(hands_on(), "+cpu +memory");
        let found = Hierarchy { version: Version::Two, base, needed: both.to_vec(), told };
        found.take_back();
        assert_eq!(hands_on(), "-cpu -memory");
        let top = tree(&[("", "cpu memory", "memory"), ("own", "", "")]);
        let (_, told) = base_of_two(&top.path().join("own"), top.path(), &both).expect("a group");
        assert_eq!(told, [Controller::Cpu], "what others had handed on stays");
        let top = tree(&[("", "io", "io"), ("own", "", "")]);
        assert_eq!(base_of_two(&top.path().join("own"), top.path(), &both), None);
    }
}
