//! What can go wrong with a lab.

mod help;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rackless_topology::CutError;
use rackless_topology::units::Size;

use crate::init::Ended;
use crate::netlink::Refusal;

/// A lab could not be made, reached or removed as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused to make or change an object.
    #[error("cannot {action} {object}")]
    Kernel {
        /// What was attempted.
        action: &'static str,
        /// On what.
        object: String,
        /// The kernel's answer.
        source: Refusal,
    },
    /// The netlink socket itself failed.
    #[error("cannot speak netlink with the kernel")]
    Netlink {
        /// The reason.
        source: io::Error,
    },
    /// A namespace could not be made or entered.
    #[error("cannot {action} a {kind} namespace")]
    Namespace {
        /// What was attempted.
        action: &'static str,
        /// The kind of namespace.
        kind: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// A link cannot have conditions: its frames pass a bridge, as this kernel has no redirect.
    #[error(
        "link {link} cannot have conditions: this kernel has no redirect (act_mirred, cls_u32, sch_ingress)"
    )]
    NoRedirect {
        /// The link.
        link: String,
    },
    /// What is asked for would have to happen on a cable, and the link is none.
    #[error(
        "link {link} is memory that two programs share (medium = \"memif\"): nothing can change or capture it"
    )]
    InMemory {
        /// The link.
        link: String,
    },
    /// Conditions contradict each other or are not understood.
    #[error("link {link} cannot have these conditions: {reason}")]
    Conditions {
        /// The link.
        link: String,
        /// What is wrong.
        reason: String,
    },
    /// The kernel does not do what a link asks of it.
    #[error("link {link} shall have its conditions by the kernel, which cannot do what they say: {what}")]
    KernelWire {
        /// The link.
        link: String,
        /// What.
        what: &'static str,
    },
    /// The variable that chooses what imposes conditions has a strange value.
    #[error("RACKLESS_WIRE is '{value}'; allowed: kernel, user")]
    WireVariable {
        /// The value.
        value: String,
    },
    /// The TAPs of a wire could not be made.
    #[error("cannot make the wire of link {link} (/dev/net/tun)")]
    Wire {
        /// The link.
        link: String,
        /// The reason.
        source: io::Error,
    },
    /// The system does not let this user have a user namespace.
    #[error("cannot create a user namespace for a lab without root")]
    Rootless {
        /// The reason.
        source: io::Error,
    },
    /// A node shall lead out of the lab, and an ordinary user's lab cannot.
    #[error("{node} is a nat, which needs root: it joins the lab to the network in which the lab is started")]
    NatRootless {
        /// The node.
        node: String,
    },
    /// No addresses are free for the way out of the lab.
    #[error("no four addresses of 169.254.0.0/16 are free for the uplink of {node}")]
    NoSubnet {
        /// The node.
        node: String,
    },
    /// The way out of the lab could not be made.
    #[error("cannot {action} the uplink of {node}")]
    Nat {
        /// The node.
        node: String,
        /// What was attempted.
        action: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// A sysctl could not be set.
    #[error("cannot set sysctl {name} to '{value}' in {node}")]
    Sysctl {
        /// The sysctl.
        name: String,
        /// The value.
        value: String,
        /// The node.
        node: String,
        /// The reason.
        source: io::Error,
    },
    /// A sysctl is not one of a network namespace.
    #[error("sysctl {name} of {node} is not below net: it would change the whole machine")]
    HostSysctl {
        /// The sysctl.
        name: String,
        /// The node.
        node: String,
    },
    /// A node's programs could not be limited.
    #[error("cannot limit {key} of {node}: cannot {action} {}", path.display())]
    Limit {
        /// The node.
        node: String,
        /// The key of the lab file.
        key: &'static str,
        /// What was attempted.
        action: &'static str,
        /// The control group, or a file of it.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No control group can have what a limit needs.
    #[error(
        "cannot limit {key} of {node}: no control group of this user can have the controller '{controller}'"
    )]
    NoController {
        /// The node.
        node: String,
        /// The key of the lab file.
        key: &'static str,
        /// The kernel's name of what limits it.
        controller: &'static str,
    },
    /// An offload could not be turned off.
    #[error("cannot turn off {feature} offload of {interface}")]
    Offload {
        /// The offload.
        feature: &'static str,
        /// The interface.
        interface: String,
        /// The reason.
        source: io::Error,
    },
    /// The lab is too large for the descriptors this process may have.
    #[error("a lab of {nodes} nodes needs {needed} file descriptors, and this process may have {limit}")]
    Descriptors {
        /// The number of nodes.
        nodes: usize,
        /// What the lab needs.
        needed: usize,
        /// What the process may have.
        limit: u64,
        /// The lab's process; `None`: the lab is not up yet.
        lab: Option<u32>,
    },
    /// A process could not be made.
    #[error("cannot start {what}")]
    Spawn {
        /// What should have been started.
        what: String,
        /// The reason.
        source: io::Error,
    },
    /// A lab must begin in a process with one thread.
    #[error("a lab must start in a process with one thread, this one has {threads}")]
    Threads {
        /// The number of threads.
        threads: usize,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was attempted.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A lab of that name is up.
    #[error("lab {lab} is already running (pid {pid})")]
    Running {
        /// The lab.
        lab: String,
        /// Its process, 0 if unknown.
        pid: i32,
    },
    /// A lab of that name is up, and not from the same file.
    #[error("lab {lab} is already running, made from {origin}")]
    OtherLab {
        /// The lab.
        lab: String,
        /// The file or shape that it was made from.
        origin: String,
    },
    /// What a lab shall be cannot be understood.
    #[error("{message}")]
    Description {
        /// What is wrong.
        message: String,
    },
    /// A change failed, and so did bringing back what was before: the lab goes down.
    #[error("{error}; and the lab could not be brought back to what it was, so that it goes down: {second}")]
    NotUndone {
        /// The first reason.
        error: String,
        /// The second.
        second: String,
    },
    /// The nodes cannot be parted so.
    #[error(transparent)]
    Partition {
        /// The reason.
        source: CutError,
    },
    /// The lab has no such link.
    #[error("the lab has no link {link} any more")]
    NoLink {
        /// The link.
        link: String,
    },
    /// A lab's name cannot be a folder's.
    #[error("'{name}' cannot name a lab: letters, digits and -_.,= only, at most 64, no dot first")]
    Name {
        /// The name.
        name: String,
    },
    /// The node has no namespace of its own.
    #[error("{node} is a switch: no program can run there")]
    NoPrograms {
        /// The node.
        node: String,
    },
    /// A node names a cargo package, and nobody has told where its executables are.
    #[error("the package {} of {node} is not built", package.display())]
    NotBuilt {
        /// The node.
        node: String,
        /// The folder of the package, as the lab file names it.
        package: PathBuf,
    },
    /// The node has no network of its own.
    #[error("{node} has no network of its own")]
    NoNetwork {
        /// The node.
        node: String,
    },
    /// A program failed before it was ready.
    #[error("the program of {node} ended with {ended} before it was ready{}", shown(output))]
    ProgramEnded {
        /// The node.
        node: String,
        /// How it ended.
        ended: Ended,
        /// The last lines it wrote.
        output: String,
        /// The memory limit of the node, if it had been reached.
        over: Option<Size>,
    },
    /// A node's program was not ready in time.
    #[error("{node} is not ready after {within:?}{}", shown(output))]
    NotReady {
        /// The node.
        node: String,
        /// How long it had.
        within: Duration,
        /// The last lines it wrote.
        output: String,
    },
    /// No such node in the lab.
    #[error("there is no node {node}; the lab has {}", nodes.join(", "))]
    NoNode {
        /// The name asked for.
        node: String,
        /// The nodes there are.
        nodes: Vec<String>,
    },
    /// No such interface on the node.
    #[error("{node} has no interface {interface}; it has {}", interfaces.join(", "))]
    NoInterface {
        /// The node.
        node: String,
        /// The name asked for.
        interface: String,
        /// The interfaces there are.
        interfaces: Vec<String>,
    },
    /// An interface that was removed in its node cannot be made again.
    #[error("cannot make {node}:{interface} again: {node} has another interface of that name")]
    OtherInterface {
        /// The node.
        node: String,
        /// The interface.
        interface: String,
    },
    /// The node has no program, or it was not started yet.
    #[error("{node} runs no program")]
    NoProgram {
        /// The node.
        node: String,
    },
    /// The node has no program of that name.
    #[error("{node} has no program {program}; it has {}", named(programs))]
    NoProgramNamed {
        /// The node.
        node: String,
        /// The name asked for.
        program: String,
        /// The programs there are, as far as they have names.
        programs: Vec<String>,
    },
    /// A node's program did not end.
    #[error("cannot end the program of {node}")]
    NotEnded {
        /// The node.
        node: String,
        /// The reason.
        source: io::Error,
    },
    /// The lab is not up yet.
    #[error("lab {lab} is still coming up")]
    ComingUp {
        /// The lab.
        lab: String,
    },
    /// A packet socket could not be opened.
    #[error("cannot tap {interface}")]
    Tap {
        /// The interface, as `node:interface`.
        interface: String,
        /// The reason.
        source: io::Error,
    },
    /// The kernel lacks something, or does not let this user have it.
    #[error("cannot use {name}")]
    Facility {
        /// What.
        name: String,
        /// The reason.
        source: io::Error,
    },
    /// No lab of that name, or none at all, is up.
    #[error("{}", no_lab(lab.as_deref()))]
    NoLab {
        /// The name asked for; `None`: any.
        lab: Option<String>,
        /// The labs that are up.
        labs: Vec<String>,
    },
    /// Several labs are up and none was named.
    #[error("several labs are up: {}", labs.join(", "))]
    ManyLabs {
        /// The labs that are up.
        labs: Vec<String>,
    },
    /// The connection to a lab could not be made, or broke.
    #[error("cannot talk to lab {lab}")]
    Connection {
        /// The lab.
        lab: String,
        /// The reason.
        source: io::Error,
    },
    /// What a lab gave could not be passed on.
    #[error("cannot write the output")]
    Output {
        /// The reason.
        source: io::Error,
    },
    /// The lab could not do what it was asked.
    #[error("{message}")]
    Lab {
        /// What the lab said.
        message: String,
        /// What may help.
        hint: Option<String>,
        /// Whether a program of the lab failed, as [`Error::is_failure`] tells.
        failed: bool,
    },
    /// The lab's process ended without a word.
    #[error("the lab's process was killed while the lab came up")]
    Vanished,
    /// The program that makes labs for others is nowhere.
    #[error("cannot find the program rackless, which makes the lab; searched: {}", listed(searched))]
    NoExecutable {
        /// Where it could have been.
        searched: Vec<PathBuf>,
    },
    /// What should be the program that makes labs is another, or one of another version.
    #[error("{} does not make labs for this program{}", path.display(), shown(output))]
    OtherProgram {
        /// The program.
        path: PathBuf,
        /// What it wrote.
        output: String,
    },
    /// Something was waited for in vain.
    #[error("what was waited for has not happened in lab {lab} within {within:?}")]
    NoEvent {
        /// The lab.
        lab: String,
        /// How long was waited.
        within: Duration,
    },
    /// The two sides do not understand each other.
    #[error("the lab and this program do not speak the same protocol")]
    Protocol,
    /// The folder for labs is somebody else's.
    #[error("{} belongs to another user or lets others write", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// `RACKLESS_JOIN` holds an unknown word.
    #[error("RACKLESS_JOIN is '{value}', expected 'redirect' or 'bridge'")]
    JoinVariable {
        /// The word found.
        value: String,
    },
}

/// Sets a program's last lines below the message.
fn shown(output: &str) -> String {
    if output.is_empty() {
        return ", without a word".to_owned();
    }
    let lines: String = output.lines().map(|line| format!("\n  | {line}")).collect();
    format!("; it wrote last:{lines}")
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn named(programs: &[String]) -> String {
    if programs.is_empty() { "one, without a name".to_owned() } else { programs.join(", ") }
}

fn no_lab(lab: Option<&str>) -> String {
    match lab {
        Some(lab) => format!("no lab named {lab} is up"),
        None => "no lab is up".to_owned(),
    }
}
