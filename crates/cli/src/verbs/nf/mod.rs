//! `rackless nf`: functions of the library, run and looked at.

mod capture;
mod end;
mod reload;
mod show;
mod tables;
pub(super) mod target;
mod trace;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;

use rackless_runtime::Setup;

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

Keys of every configuration in TOML, a file for Click has none:
  name = \"west\"               in reports; default: the node
  driver = \"af_packet\"        or af_xdp, dpdk: how the lab's interfaces are opened where [[ports]] is absent
  workers = 2                 threads with a graph each; cores = [1, 2] pins one to each core, core = 1 the only one
  idle = \"park\"               or spin: what a worker does that has nothing to do
  seed = 7                    of random numbers
  control = \"/tmp/nf.sock\"    where 'nf show' and its sisters ask; in a lab in /run of the node
  metrics = \"127.0.0.1:9900\"  counters for Prometheus over HTTP
  on_panic = \"end\"            or restart: what a panic does
  crash = \"/tmp\"              folder for the frames of a panic; in a lab /run of the node, which goes with the lab
  last_frames = 256           keeps the last frames received there, for when the process dies; reordercap sorts them
  core_dump = true            lets the kernel write a core then
  [pool] count, room          packet buffers, and bytes of frame in one
  [[ports]] name, device      instead of the lab's interfaces; worker = 0: which of several has the device
  [dpdk] eal = [\"…\"]          further arguments of EAL

Examples:
  rackless nf run router.toml
  rackless nf run firewall.click --port lan=af_packet:eth0 --port wan=af_packet:eth1
  rackless nf run router.toml --port west=af_packet:eth0 --port east=af_packet:eth1
  rackless nf run router.toml --driver dpdk")]
    Run(rackless::Run),
    /// Show the counters of a running function, or a table of them
    #[command(
        override_usage = "rackless nf show [OPTIONS] [runtime|errors|graph|ports] [NODE]",
        after_help = "\
runtime: what each node of the graph did, and how long it took. errors: what was dropped, where and why. graph: what
leads where, with counters. ports: what came in and went out. Without one of them, all counters.

Examples:
  rackless nf show router1
  rackless nf show errors router1
  rackless nf show graph router1 --format dot | dot -Tsvg -o router1.svg
  rackless nf show router1 --lab demo --json
  rackless nf show --socket /tmp/nf.sock
  rackless nf show router1 --prometheus

With --json: {lab, name, uptime_s, buffers_in_use, nodes: [{name, received, generated, sent, dropped, held, batches,
sampled_packets, sampled_ps, drops: [{reason, count}], counters: [{name, count}]}], ports: [{name, device, mac, mtu,
received, sent, …}], wiring, workers: [{worker, core, waiting, nodes, ports, …}] if there are several}; for each node
received + generated = sent + dropped + held, and sampled_ps / sampled_packets is what a packet takes. runtime --json: [{name, received, …, packets_per_batch, ns_per_packet}]; errors --json: [{place,
reason, count}]; graph --json: {nodes, wires: [{from, to}]}; ports --json: [{name, …}]."
    )]
    Show(show::Show),
    /// Follow packets through the graph of a running function
    #[command(after_help = "\
Shows for each packet what nodes it passed, what each of them changed, by which output it left or why it was dropped.
Copies, and packets that a node made, are followed like those that came in. A function that nobody traces pays nothing.

The filter is tcpdump's language, as of 'rackless capture'; it is asked once, where a packet comes in or is made.

Examples:
  rackless nf trace router1 -n 5
  rackless nf trace firewall --filter 'tcp port 80'
  rackless nf trace router1 --for '3 s' --json

With --json, a line for each packet: {number, copy_of, summary, frame, steps: [{time_ns, place, input, event, output, to,
reason, len, changes: [{header, field, before, after}], notes: [{slot, before, after}]}], has_left, text}; event is
received, generated, copied, out, held, released, dropped, sent or lost.")]
    Trace(trace::Trace),
    /// Show or store the frames at edges of the graph of a running function
    #[command(after_help = "\
At the ports: as frames came in and went out, and all that was dropped. At a node of the graph: as they came by its
inputs ([0]sort is the first), left by its outputs (sort[0]), and were dropped. At a port alone: rx:PORT or tx:PORT. On
screen, → goes in and ← comes out; a dropped frame has its reason. In a file each edge is an interface, and the reason
stands in the frame's comment.

Examples:
  rackless nf capture router1
  rackless nf capture firewall.sort --edge drops
  rackless nf capture firewall.rx:lan -c 10
  rackless nf capture router1 --filter 'tcp port 80' -w router1.pcapng --for '3 s'
  rackless nf capture router1 -w - | wireshark -k -i -")]
    Capture(capture::Capture),
    /// Have a running function read its configuration again
    #[command(after_help = "\
Functions, their keys and what leads where change between two batches; no packet is lost. A node of the same name goes on
with its counters and what it knows: a router with its neighbours and the packets that wait for them, a NAT with its
bindings, a shaper with its queue. Keys of the runtime, such as ports, stay as they are. A configuration with a mistake
changes nothing. A SIGHUP to the function does the same.

Examples:
  rackless nf reload router1
  rackless nf reload --socket /tmp/nf.sock --json

With --json: {nodes: [{name, fate, dropped}]}; fate is taken_over, anew or gone.")]
    Reload(reload::Reload),
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

pub(crate) fn run(verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Run(run) => {
            run.run("rackless", functions::build)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Show(show) => show.run(),
        Verb::Trace(trace) => trace.run(),
        Verb::Capture(capture) => capture.run(),
        Verb::Reload(reload) => reload.run(),
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
