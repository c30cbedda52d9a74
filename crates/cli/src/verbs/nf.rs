//! `rackless nf`: functions of the library, run and looked at.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rackless_net::{Client, Status};
use rackless_runtime::control::{self, Request, Subject};
use rackless_runtime::{LAB_CONTROL, Setup};

use super::exec;
use crate::failure::Failure;
use crate::functions::Format;
use crate::{functions, output};

/// Run network functions of the library, show their counters, draw their graph
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Run the function, or the graph of functions, that a configuration names
    #[command(after_help = "\
The configuration's key 'nf' names the function. Several are wired by the key 'graph' and tables [node.NAME], or in a
file whose name ends in .click. Inside a lab the node's interfaces are the ports.

Examples:
  rackless nf run router.toml
  rackless nf run firewall.click --port lan=af_packet:eth0 --port wan=af_packet:eth1
  rackless nf run router.toml --port west=af_packet:eth0 --port east=af_packet:eth1
  rackless nf run router.toml --driver dpdk")]
    Run(rackless::Run),
    /// Show the counters of a running function
    #[command(after_help = "\
Examples:
  rackless nf show router1
  rackless nf show router1 --lab demo --json
  rackless nf show --socket /tmp/nf.sock
  rackless nf show router1 --prometheus

With --json: {lab, name, uptime_s, buffers_in_use, nodes: [{name, received, generated, sent, dropped, held, batches,
sampled_packets, sampled_ps, drops: [{reason, count}], counters: [{name, count}]}], ports: [{name, device, mac, mtu,
received, sent, …}]}; for each node received + generated = sent + dropped + held, and sampled_ps / sampled_packets is
what a packet takes.")]
    Show(Show),
    /// Draw the graph of functions that a configuration describes; no port is opened
    #[command(after_help = "\
Examples:
  rackless nf graph firewall.click | dot -Tsvg -o firewall.svg
  rackless nf graph firewall.toml --format mermaid")]
    Graph(Graph),
}

/// Which graph to draw, and how.
#[derive(clap::Args)]
pub(crate) struct Graph {
    /// The configuration
    file: PathBuf,
    /// How to draw it
    #[arg(short, long, value_enum, default_value_t = Format::Dot)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Which function's counters.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// The node it runs on; may be left out on that node itself, and if the lab has only one
    node: Option<String>,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
    /// The function's control socket, if it runs outside of a lab
    #[arg(long, value_name = "PATH", conflicts_with_all = ["node", "lab"])]
    socket: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print Prometheus' text format
    #[arg(long, conflicts_with = "json")]
    prometheus: bool,
}

pub(crate) fn run(verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Run(run) => {
            run.run("rackless", functions::build)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Show(show) => show.run(),
        Verb::Graph(graph) => graph.run(),
    }
}

impl Graph {
    fn run(self) -> Result<ExitCode, Failure> {
        let setup = Setup::of_file(&self.file)?;
        let picture = functions::draw(&setup, self.format)
            .map_err(|error| Failure::cannot(rackless_runtime::chain(&error)))?;
        output::text(&picture, self.output.as_deref())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Result<ExitCode, Failure> {
        if let Some(socket) = &self.socket {
            return self.print(socket);
        }
        let here = std::env::var("RACKLESS_NODE").ok();
        if here.is_some() && self.lab.is_none() && (self.node.is_none() || self.node == here) {
            return self.print(Path::new(LAB_CONTROL));
        }
        let mut client = Client::connect(self.lab.as_deref())?;
        let node = match &self.node {
            Some(node) => node.clone(),
            None => only_function(&client.status()?)?,
        };
        let program = std::env::current_exe().map_err(Failure::io("find this program"))?;
        let mut argv = vec![program.to_string_lossy().into_owned()];
        argv.extend(["nf", "show"].map(str::to_owned));
        argv.extend(self.json.then(|| "--json".to_owned()));
        argv.extend(self.prometheus.then(|| "--prometheus".to_owned()));
        exec::run_here(client, exec::request(node, argv)?)
    }

    /// Asks on a control socket, and prints the answer as it is wanted.
    fn print(&self, socket: &Path) -> Result<ExitCode, Failure> {
        if self.prometheus {
            output::line(control::exposition(socket).map_err(no_answer)?.trim_end())?;
            return Ok(ExitCode::SUCCESS);
        }
        let report = control::request(socket, Request::Get(Subject::Counters)).map_err(no_answer)?;
        if self.json {
            output::json(&report)?;
        } else {
            output::line(report.to_string().trim_end())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn no_answer(error: rackless_runtime::Error) -> Failure {
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
