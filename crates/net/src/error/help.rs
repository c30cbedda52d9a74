//! What is told besides an error's message: its reasons, what may help, how it travels; and how errors are made.

use std::io;
use std::path::PathBuf;

use super::Error;
use crate::cgroup::Refused;
use crate::control::Reply;
use crate::userns;

impl Error {
    /// Gives the error and all its sources in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            text = format!("{text}: {source}");
            next = source.source();
        }
        text
    }

    /// Whether what was asked for was tried and failed, as opposed to could not be tried.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::ProgramEnded { .. } | Self::NotReady { .. } => true,
            Self::Lab { failed, .. } => *failed,
            _ => false,
        }
    }

    /// Gives the error in the form in which it travels to a client.
    pub(crate) fn reply(&self) -> Reply {
        Reply::Error { message: self.chain(), hint: self.hint(), failed: self.is_failure() }
    }

    /// Gives what may help, where something is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Rootless { .. } => Some(userns::hint()),
            Self::Running { lab, .. } => Some(format!(
                "'rackless up -d' changes it to what its file says, 'rackless down {lab}' removes it, --name gives \
                     yours another"
            )),
            Self::OtherLab { lab, .. } => {
                Some(format!("'rackless down {lab}' removes it, --name gives yours another"))
            }
            Self::NoLab { labs, .. } if !labs.is_empty() => Some(format!("up are: {}", labs.join(", "))),
            Self::NoLab { .. } => Some("'rackless up LAB.toml' brings one up".to_owned()),
            Self::ManyLabs { .. } => Some("name one of them".to_owned()),
            Self::Namespace { .. } if nix::unistd::geteuid().is_root() => {
                Some("root without CAP_SYS_ADMIN (as in a container) cannot make namespaces".to_owned())
            }
            Self::Descriptors { needed, lab: Some(pid), .. } => Some(format!(
                "as root, 'prlimit --pid {pid} --nofile={needed}' raises the limit of the running lab"
            )),
            Self::Descriptors { needed, .. } => {
                Some(format!("as root, 'ulimit -n {needed}' raises the limit of this shell"))
            }
            Self::InMemory { .. } => Some(
                "'rackless nf show' tells what passes it; with medium = \"veth\" it is a cable".to_owned(),
            ),
            Self::OtherInterface { node, interface } => {
                Some(format!("'rackless exec {node} -- ip link delete {interface}' removes it"))
            }
            Self::ProgramEnded { over: Some(limit), .. } => Some(format!(
                "the node had used up its {limit} of memory; the key 'memory' of the node gives more"
            )),
            Self::Limit { key, .. } | Self::NoController { key, .. } => Some(format!(
                "limits need root, or a group that was given to this user: start the lab by 'systemd-run --user \
                 --scope -p Delegate=yes rackless …', or remove the key '{key}'"
            )),
            Self::NatRootless { .. } => Some(
                "start the lab as root, or make the node a router: labs without a nat need no root"
                    .to_owned(),
            ),
            Self::NoExecutable { .. } => Some(
                "build it ('cargo build -p rackless-cli'), put it into PATH, or name it by the variable \
                 RACKLESS_PROGRAM"
                    .to_owned(),
            ),
            Self::OtherProgram { .. } => Some(
                "the variable RACKLESS_PROGRAM names the program of the same version as the library"
                    .to_owned(),
            ),
            Self::NotBuilt { .. } => {
                Some("'rackless up' and 'rackless test' build packages before the lab comes up".to_owned())
            }
            Self::Lab { hint, .. } => hint.clone(),
            _ => None,
        }
    }

    /// Makes the adapter for a failed step with a namespace.
    pub(crate) fn namespace<E: Into<io::Error>>(
        action: &'static str,
        kind: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Namespace { action, kind, source: source.into() }
    }

    /// Makes the adapter for a failed step with the control group of a node.
    pub(crate) fn limit(node: &str, key: &'static str) -> impl FnOnce(Refused) -> Self {
        let node = node.to_owned();
        move |(action, path, source)| Self::Limit { node, key, action, path, source }
    }

    /// Makes the adapter for a failed step with a file.
    pub(crate) fn file<E: Into<io::Error>>(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::File { action, path: path.into(), source: source.into() }
    }
}
