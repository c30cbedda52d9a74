//! `make demo`: the anycast lab end to end, as a user would drive it, by the `rackless` command alone.
//!
//! Each step prints one line; a table follows, and `report.json` in the output folder holds every step with its
//! figures. The exit code is 0 when all steps are ok, 1 when one failed, 2 when the demo could not run.
//!
//! `--fault` plants a fault that one step must notice; the tests use it.

#![forbid(unsafe_code)]

mod ask;
mod capture;
mod fault;
mod footprint;
mod lab;
mod report;
mod round;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use fault::Fault;
use footprint::Footprint;
use lab::Rackless;
use report::{Report, Step};
use round::{DRIVERS, Round};

/// The anycast lab end to end.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    inside: Option<Inside>,

    /// Folder for captures and the report.
    #[arg(long, default_value = "target/demo")]
    output: PathBuf,

    /// Folder with anycast.toml and what it names.
    #[arg(long, default_value = "examples")]
    examples: PathBuf,

    /// The rackless command [default: the one beside this program].
    #[arg(long)]
    rackless: Option<PathBuf>,

    /// Plants a fault that a step must notice.
    #[arg(long)]
    fault: Option<Fault>,
}

/// What the demo runs inside of nodes.
#[derive(Subcommand)]
enum Inside {
    /// Connects to a TCP server until it answers with a text; prints the milliseconds that it took.
    Ask {
        /// Address and port.
        server: SocketAddr,
        /// The answer to wait for.
        text: String,
        /// Seconds to try.
        #[arg(long, default_value_t = 5.0)]
        within: f64,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Inside::Ask { server, text, within }) = cli.inside {
        return ask::run(server, &text, Duration::from_secs_f64(within));
    }
    match demo(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs all steps; whether all are ok.
fn demo(cli: &Cli) -> Result<bool, Box<dyn std::error::Error>> {
    let started = Instant::now();
    let rackless = Rackless::find(cli.rackless.as_deref())?;
    let mut report = Report::default();
    let before = Footprint::take()?;
    for driver in DRIVERS {
        let fault = cli.fault.filter(|fault| fault.strikes(driver));
        let folder = prepare(&cli.examples, &cli.output.join(driver), fault)?;
        println!("\n{driver}: the network functions' ports are {}", round::device_of(driver));
        Round { rackless: &rackless, driver, folder: &folder, fault }.run(&mut report);
    }
    report.step(compare(&report));
    let leak = (cli.fault == Some(Fault::LeakedNamespace)).then(fault::leak_namespace).transpose()?;
    report.step(nothing_left(&before)?);
    drop(leak);

    println!("\n{}", report.table());
    let path = cli.output.join("report.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report.to_json(started.elapsed()))?)?;
    println!("{} in {:.1} s; report: {}", report.verdict(), started.elapsed().as_secs_f64(), path.display());
    Ok(report.is_ok())
}

/// Copies the lab into a folder of its own, with the fault in it.
fn prepare(
    examples: &Path,
    folder: &Path,
    fault: Option<Fault>,
) -> Result<PathBuf, Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    for name in ["anycast.toml", "og_west.toml", "og_east.toml", "gen/anycast-syn.lua"] {
        let from = examples.join(name);
        let text = std::fs::read_to_string(&from)
            .map_err(|error| format!("cannot read {}: {error}", from.display()))?;
        let to = folder.join(Path::new(name).file_name().unwrap_or_default());
        let text = fault.map_or_else(|| text.clone(), |fault| fault.edit(name, &text));
        std::fs::write(to, text)?;
    }
    Ok(folder.canonicalize()?)
}

/// Step 7: both rounds gave the same results.
fn compare(report: &Report) -> Step {
    let [first, second] = DRIVERS.map(|driver| report.comparable(driver));
    let differing: Vec<&str> =
        first.iter().zip(&second).filter(|(a, b)| a != b).map(|((name, ..), _)| name.as_str()).collect();
    let steps = first.len();
    let step = Step::new("both rounds agree").figure("steps", steps);
    match differing.as_slice() {
        [] if steps == second.len() => {
            step.done(format!("{steps} steps gave the same results on AF_PACKET and on DPDK"))
        }
        [] => step.failed(format!("{steps} steps on AF_PACKET, {} on DPDK", second.len())),
        names => step.failed(format!("results differ in: {}", names.join("; "))),
    }
}

/// Step 8: the machine is as it was before.
fn nothing_left(before: &Footprint) -> std::io::Result<Step> {
    let step = Step::new("nothing is left behind");
    // Namespaces and processes end a moment after the command that ended them.
    let deadline = Instant::now() + Duration::from_secs(3);
    let mut left = Footprint::take()?.beyond(before);
    while !left.is_empty() && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(20));
        left = Footprint::take()?.beyond(before);
    }
    Ok(match left.as_slice() {
        [] => step.done(format!("before and after: {}", before.summary())),
        _ => step.failed(format!("left behind: {}", left.join(", "))),
    })
}
