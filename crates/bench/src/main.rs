//! `make bench`: every performance claim of the project as a case that runs ours and its peer in turn, where there is
//! one.
//!
//! Progress goes to standard error, a Markdown table to standard output, and `results.json` into the output folder.
//! The exit code is 0 when all targets are met, 1 when one is missed, 2 when a case could not run.
//!
//! A case has a row for each of its figures. Most have a warm-up and seven pairs of runs. What is compared are the
//! pairs: `ratio` is the median of their ratios, and above 1 ours is better; `spread` is the lowest and the highest.
//! Where a process has no core of its own for sure, its processor time counts and not the clock. A peer that takes
//! minutes runs once.
//!
//! A figure with a target of its own has no ratio to take the machine's other work out of it. It is judged by the best
//! of its runs, since that work only makes it worse, or, where a single bad run would disprove the claim ("always"), by
//! the worst; `spread` then is the lowest and the highest run. A figure without a target is shown for comparison.
//!
//! As root everything runs in a room of namespaces ([`room`]) that ends with the benchmark, however that ends.

#![forbid(unsafe_code)]

mod calibration;
mod case;
mod cases;
mod error;
mod harness;
mod hugepages;
mod namespace;
mod netlink;
mod process;
mod report;
mod room;
mod stats;
mod templates;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tempfile::TempDir;

use case::{Case, Site};
use error::Error;

/// Every performance claim beside its peer.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    inside: Option<Inside>,

    /// The case to run [default: all].
    case: Option<String>,

    /// Runs per case at most, not counting the first; large cases have fewer.
    #[arg(long, default_value_t = harness::PAIRS as u32, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,

    /// Folder for results.json.
    #[arg(long, default_value = "target/bench")]
    output: PathBuf,
}

/// What the benchmark runs as programs of its own.
#[derive(Subcommand)]
enum Inside {
    /// Programs that are measured.
    #[command(subcommand, hide = true)]
    Inside(Measured),
}

#[derive(Subcommand)]
enum Measured {
    /// Makes a shape's switches and hosts over bare netlink and removes them.
    Bare { shape: String },
    /// Prints the errors of netem's delays on a kernel that has it.
    Netem { ms: u32 },
    /// Prints what netem on nodes' own interfaces does to a program over DPDK, on a kernel that has it.
    NetemInNodes,
    /// Receives over TCP, in the namespace it is started in.
    TcpSink,
    /// Sends over TCP to the sink.
    TcpSource,
    /// Runs turns of a graph on frames from nowhere.
    Turns { graph: String, turns: u64 },
    /// Runs the router on the ports of a configuration.
    Router { config: PathBuf },
}

/// Wrong use, or it cannot run.
const CANNOT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.inside {
        Some(Inside::Inside(measured)) => inside(measured).map(|()| 0),
        None => bench(&cli),
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        eprintln!("error: {}", error.chain());
        CANNOT
    }))
}

fn inside(measured: &Measured) -> Result<(), Error> {
    match measured {
        Measured::Bare { shape } => cases::run_bare(shape),
        Measured::Netem { ms } => cases::run_netem(&Scratch::make()?.site, *ms),
        Measured::NetemInNodes => cases::run_netem_in_nodes(&Scratch::make()?.site),
        Measured::TcpSink => cases::run_sink(),
        Measured::TcpSource => cases::run_source(),
        Measured::Turns { graph, turns } => cases::run_turns(graph, *turns),
        Measured::Router { config } => cases::run_router(config.clone())
            .map_err(|error| Error::Make { what: "the router", source: error.into() }),
    }
}

/// Runs the chosen cases and gives the exit code.
fn bench(cli: &Cli) -> Result<u8, Error> {
    let chosen: Vec<&Case> =
        cases::all().filter(|case| cli.case.as_deref().is_none_or(|name| name == case.name)).collect();
    if chosen.is_empty() {
        eprintln!("error: there is no case '{}'; the cases are:", cli.case.as_deref().unwrap_or_default());
        for case in cases::all() {
            eprintln!("  {:20} {} [{}]", case.name, case.about, case.targets());
        }
        return Ok(CANNOT);
    }
    let root = nix::unistd::geteuid().is_root();
    if root && !room::is_inside() {
        let _restored = hugepages::Hugepages::note();
        return room::enter();
    }
    if root {
        room::furnish()?;
    }
    run(&chosen, &cli.output, cli.pairs as usize, root)
}

fn run(chosen: &[&Case], output: &Path, pairs: usize, root: bool) -> Result<u8, Error> {
    fs::create_dir_all(output).map_err(Error::system(format!("make {}", output.display())))?;
    let Scratch { site, folder: _folder } = Scratch::make()?;
    let installed = installed(output);
    if !installed.is_empty() {
        eprintln!("installed for this run: {}", installed.join(", "));
    }
    let calibration = calibration::measure(&site)?;
    eprintln!("calibration loop: {calibration:.2} ns a packet");
    let mut rows = Vec::new();
    for case in chosen {
        eprintln!("{}: {} [{}]", case.name, case.about, case.targets());
        let figures = harness::run(case, &site, root, pairs, &mut |line| eprintln!("  {line}"));
        if let Some(report::Outcome::CannotRun(why)) = figures.first().map(|row| &row.outcome) {
            eprintln!("error: {} cannot run: {why}", case.name);
        }
        rows.extend(figures);
    }
    print!("{}", report::table(&rows));
    let path = output.join("results.json");
    let text = format!("{:#}\n", report::json(&rows, &installed, calibration));
    fs::write(&path, text).map_err(Error::system(format!("write {}", path.display())))?;
    Ok(report::exit_code(&rows))
}

/// A place for what is written, removed with this value.
struct Scratch {
    site: Site,
    folder: TempDir,
}

impl Scratch {
    fn make() -> Result<Self, Error> {
        let folder = tempfile::tempdir_in("/run")
            .or_else(|_| tempfile::tempdir())
            .map_err(Error::system("make a folder for scratch files"))?;
        let this = std::env::current_exe().map_err(Error::system("find this program"))?;
        let programs = this.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self { site: Site { programs, scratch: folder.path().to_owned() }, folder })
    }
}

/// The packages that `tools/prepare bench` had to install for this run, as it left them in the output folder.
fn installed(output: &Path) -> Vec<String> {
    let text = fs::read_to_string(output.join("installed")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}
