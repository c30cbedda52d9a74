//! `rackless ps`: shows what runs.

use std::process::ExitCode;

use rackless_net::{Client, NodeStatus, ProgramStatus, Status};

use super::lab::LabArg;
use crate::failure::Failure;
use crate::output;

/// Show the labs that are up, their nodes, programs and interfaces
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  rackless ps
  rackless ps demo --json

With --json: an array of {lab, pid, file, shape, up, folder, nodes: [{name, kind, programs, limits, interfaces}],
links: [{ends, state, carrier, tx, rx, counters}]}.")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let names = match args.lab.name() {
        Some(name) => vec![name.to_owned()],
        None => rackless_net::labs()?,
    };
    let mut labs = Vec::new();
    for name in &names {
        labs.push(Client::connect(Some(name))?.status()?);
    }
    if args.json {
        output::line(&serde_json::to_string_pretty(&labs).expect("a status is plain data"))?;
    } else if labs.is_empty() {
        eprintln!("no lab is up");
    } else {
        let texts: Vec<String> = labs.iter().map(describe).collect();
        output::line(&texts.join("\n\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(lab: &Status) -> String {
    let state = if lab.up { "up" } else { "coming up" };
    let head = format!("lab {} ({state}, pid {})", lab.lab, lab.pid);
    let title = ["NODE", "KIND", "PID", "STATE", "INTERFACES"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(title).chain(lab.nodes.iter().map(|node| row(lab, node))).collect();
    format!("{head}\n{}", output::table(&rows))
}

fn row(lab: &Status, node: &NodeStatus) -> Vec<String> {
    let pids = node.programs.iter().filter_map(|program| program.pid).map(|pid| pid.to_string());
    let states = node.programs.iter().map(|program| match (&program.name, node.programs.len()) {
        (Some(name), 2..) => format!("{name} {}", state(program)),
        _ => state(program),
    });
    let listed = |texts: Vec<String>| if texts.is_empty() { "-".to_owned() } else { texts.join(", ") };
    let (pid, state) = (listed(pids.collect()), listed(states.collect()));
    let interfaces = node.interfaces.iter().map(|interface| {
        let end = format!("{}:{}", node.name, interface.name);
        let link = lab.links.iter().find(|link| link.ends.contains(&end));
        let down = match link.map(|link| link.state) {
            None | Some(rackless_net::LinkState::Up) => "",
            Some(rackless_net::LinkState::Down) => " (down)",
            Some(rackless_net::LinkState::Silent) => " (silent)",
        };
        let addresses: String = interface.addresses.iter().map(|address| format!(" {address}")).collect();
        format!("{}{down}{addresses}", interface.name)
    });
    // A switch of a hundred ports is told by their number.
    let interfaces = match node.interfaces.len() {
        0..=8 => interfaces.collect::<Vec<_>>().join(", "),
        many => format!("{many} ports"),
    };
    vec![node.name.clone(), node.kind.clone(), pid, state, interfaces]
}

fn state(program: &ProgramStatus) -> String {
    match program.ended {
        Some(ended) => ended.to_string(),
        None if program.pid.is_none() => "waits".to_owned(),
        None if program.ready => "runs".to_owned(),
        None => "starts".to_owned(),
    }
}
