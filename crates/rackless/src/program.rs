//! The command line of a network function's program.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser};
use rackless_nf::GraphBuilder;
use rackless_runtime::{Arguments, Driver, Error, Setup, chain};

/// A network function.
#[derive(Parser)]
#[command(disable_version_flag = true)]
enum Program {
    /// Runs the network function on ports.
    Run(Run),
}

/// How to run a network function.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// Configuration file; without it the ports come from --port or from the lab.
    config: Option<PathBuf>,

    /// A port: a name and what to open, such as a=af_packet:eth0 or a=dpdk:net_af_packet,iface=eth0.
    #[arg(long = "port", value_name = "NAME=DEVICE")]
    ports: Vec<String>,

    /// How the lab's interfaces are opened: af_packet, af_xdp or dpdk [default: $RACKLESS_DRIVER or af_packet].
    #[arg(long, value_name = "DRIVER")]
    driver: Option<Driver>,

    /// Ends after this many seconds.
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,
}

impl Run {
    /// Runs what `build` makes until it ends, and prints the last counters on standard output.
    ///
    /// # Errors
    /// What is wrong with arguments, configuration, ports or graph.
    pub fn run<B, E>(self, program: &str, build: B) -> Result<(), Error>
    where
        B: Fn(&Setup) -> Result<GraphBuilder, E> + Send + Sync + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let duration = self.duration.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let arguments = Arguments { config: self.config, ports: self.ports, driver: self.driver, duration };
        let report = rackless_runtime::run(arguments, program, build)?;
        print!("{report}");
        Ok(())
    }
}

/// The body of `main` of a network function's program; [`main!`](crate::main) calls it.
///
/// Exit codes: 0 done, 1 the function panicked, 2 wrong use or cannot run.
pub fn run_main<B, E>(module: &'static str, build: B) -> ExitCode
where
    B: Fn(&Setup) -> Result<GraphBuilder, E> + Send + Sync + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let program = module.split("::").next().unwrap_or(module);
    let matches = Program::command().name(program).get_matches();
    let result = match Program::from_arg_matches(&matches) {
        Ok(Program::Run(run)) => run.run(program, build),
        Err(error) => error.exit(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&error));
            ExitCode::from(if error.is_failure() { 1 } else { 2 })
        }
    }
}
