//! Which running function a verb is about, and how to reach it.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use rackless_net::{Client, Status};
use rackless_runtime::LAB_CONTROL;

use crate::failure::Failure;
use crate::verbs::exec;

/// Which running function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Target {
    /// The node it runs on.
    pub(crate) node: Option<String>,
    pub(crate) lab: Option<String>,
    pub(crate) socket: Option<PathBuf>,
}

/// Options that name a function, besides its node.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
    /// The function's control socket, if it runs outside of a lab
    #[arg(long, value_name = "PATH", conflicts_with = "lab")]
    socket: Option<PathBuf>,
}

/// How a function is reached.
pub(crate) enum Reached {
    /// By this control socket.
    Here(PathBuf),
    /// From its node, where the same program must run.
    Node(Client, String),
}

impl Target {
    /// The function on a node, which the options say more of.
    pub(crate) fn new(node: Option<String>, options: Options) -> Result<Self, Failure> {
        let Options { lab, socket } = options;
        match (&node, &socket) {
            (Some(node), Some(_)) => {
                Err(Failure::cannot(format!("--socket names a function, and so does {node}")))
            }
            _ => Ok(Self { node, lab, socket }),
        }
    }

    /// Finds it: the socket that is named, that of this node, or the node of a lab.
    pub(crate) fn reach(self) -> Result<Reached, Failure> {
        if let Some(socket) = self.socket {
            return Ok(Reached::Here(socket));
        }
        let here = std::env::var("RACKLESS_NODE").ok();
        if here.is_some() && self.lab.is_none() && (self.node.is_none() || self.node == here) {
            return Ok(Reached::Here(PathBuf::from(LAB_CONTROL)));
        }
        let mut client = Client::connect(self.lab.as_deref())?;
        let node = match self.node {
            Some(node) => node,
            None => only_function(&client.status()?)?,
        };
        Ok(Reached::Node(client, node))
    }
}

/// Runs this program with other arguments on a node; `output` stands for its standard output.
pub(crate) fn run_there(
    client: Client,
    node: String,
    arguments: &[&str],
    output: Option<&std::fs::File>,
) -> Result<ExitCode, Failure> {
    let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
    let mut argv = vec![program.to_string_lossy().into_owned()];
    argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let (input, own, error) = (io::stdin(), io::stdout(), io::stderr());
    let output = output.map_or(own.as_fd(), AsFd::as_fd);
    exec::run_with(client, exec::request(node, argv)?, [input.as_fd(), output, error.as_fd()])
}

/// Says that nobody answers on a socket, and where to look.
pub(crate) fn no_answer(error: rackless_runtime::Error) -> Failure {
    match error {
        rackless_runtime::Error::Control { .. } => {
            let hint =
                "it may not have started yet, or have ended: 'rackless ps' and 'rackless logs NODE' tell";
            Failure::cannot(format!("no network function answers: {}", rackless_runtime::chain(&error)))
                .hint(hint)
        }
        error => error.into(),
    }
}

fn only_function(lab: &Status) -> Result<String, Failure> {
    let functions: Vec<&str> =
        lab.nodes.iter().filter(|node| node.kind == "nf").map(|node| node.name.as_str()).collect();
    match functions.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => Err(Failure::cannot(format!("lab {} has no network function", lab.lab))),
        many => Err(Failure::cannot("no node named").hint(format!("there are: {}", many.join(", ")))),
    }
}
