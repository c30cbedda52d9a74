//! The one binary: every verb of `rackless`, one file each.

#![forbid(unsafe_code)]

mod checks;
mod failure;
mod functions;
mod live;
mod output;
mod packages;
mod probe;
mod verbs;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use verbs::{
    capture, check, completions, debug, doctor, down, drops, events, exec, export, r#gen, graph, hold,
    import, inspect, link, logs, man, new, nf, partition, ps, restart, schema, serve, shell, test, top, up,
    validate,
};

/// Build, run and test network functions on a network that lives inside this machine.
#[derive(Parser)]
#[command(name = "rackless", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Up(up::Args),
    Down(down::Args),
    Ps(ps::Args),
    Exec(exec::Args),
    Shell(shell::Args),
    Logs(logs::Args),
    Restart(restart::Args),
    Inspect(inspect::Args),
    Events(events::Args),
    Top(top::Args),
    Drops(drops::Args),
    #[command(subcommand)]
    Link(link::Change),
    Partition(partition::Args),
    #[command(subcommand)]
    Serve(serve::Service),
    Validate(validate::Args),
    Graph(graph::Args),
    Import(import::Args),
    Export(export::Args),
    Schema(schema::Args),
    Check(check::Args),
    Test(test::Args),
    Capture(capture::Args),
    New(new::Args),
    Doctor(doctor::Args),
    #[command(subcommand)]
    Nf(nf::Verb),
    #[command(hide = true)]
    Probe(verbs::probe::Args),
    #[command(hide = true)]
    Hold(hold::Args),
    Debug(debug::Args),
    Gen(r#gen::Args),
    Completions(completions::Args),
    Man(man::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Up(args) => up::run(args),
        Verb::Down(args) => down::run(args),
        Verb::Ps(args) => ps::run(args),
        Verb::Exec(args) => exec::run(args),
        Verb::Shell(args) => shell::run(args),
        Verb::Logs(args) => logs::run(args),
        Verb::Restart(args) => restart::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Events(args) => events::run(args),
        Verb::Top(args) => top::run(args),
        Verb::Drops(args) => drops::run(args),
        Verb::Link(change) => link::run(change),
        Verb::Partition(args) => partition::run(args),
        Verb::Serve(service) => serve::run(service),
        Verb::Validate(args) => validate::run(args),
        Verb::Graph(args) => graph::run(args),
        Verb::Import(args) => import::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Schema(args) => schema::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Test(args) => test::run(args),
        Verb::Capture(args) => capture::run(args),
        Verb::New(args) => new::run(args),
        Verb::Doctor(args) => doctor::run(args),
        Verb::Nf(verb) => nf::run(verb),
        Verb::Probe(args) => verbs::probe::run(args),
        Verb::Hold(args) => hold::run(args),
        Verb::Debug(args) => debug::run(args),
        Verb::Gen(args) => r#gen::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    };
    result.unwrap_or_else(|failure| failure.report())
}
