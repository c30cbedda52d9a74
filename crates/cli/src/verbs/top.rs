//! `rackless top`: what passes a lab's links and what its nodes cost, each second.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rackless_net::{Client, Observation};
use rackless_topology::units;

use super::lab::LabArg;
use crate::failure::Failure;
use crate::live::{self, Key, Rates, Screen};
use crate::output;

/// Show what passes the links and what the nodes cost, live
#[derive(clap::Args)]
#[command(after_help = "\
On a terminal the table is drawn anew each second; q or Ctrl-C ends. Elsewhere a table follows the other.

Examples:
  rackless top
  rackless top --once
  rackless top --json --every '200 ms' demo

With --json: one line each time, {time_s, links: [{ends, state, carrier, directions: [{packets_per_s, bits_per_s,
drops_per_s}]}], nodes: [{name, processes, cpu_percent, memory}]}; the first direction is from the first end.")]
pub(crate) struct Args {
    #[command(flatten)]
    lab: LabArg,
    /// Measure once, and end
    #[arg(long)]
    once: bool,
    /// The time between two looks
    #[arg(long, value_name = "TIME", default_value = "1 s")]
    every: units::Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let mut client = Client::connect(args.lab.name())?;
    let lab = client.lab().to_owned();
    let every = Duration::from(args.every).max(Duration::from_millis(10));
    let signals = catch_signals()?;
    let screen = if args.once || args.json { None } else { Screen::open() };
    let mut before = client.observe()?;
    while !ends(&screen, &signals, Instant::now() + every)? {
        let now = match client.observe() {
            Ok(now) => now,
            Err(error) if args.once => return Err(error.into()),
            Err(_) => {
                drop(screen);
                eprintln!("lab {lab} has ended");
                return Ok(ExitCode::SUCCESS);
            }
        };
        show(&lab, &screen, &before, &now, args.json)?;
        if args.once {
            break;
        }
        before = now;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(
    lab: &str,
    screen: &Option<Screen>,
    before: &Observation,
    now: &Observation,
    json: bool,
) -> Result<(), Failure> {
    let rates = Rates::between(before, now);
    match screen {
        Some(screen) => screen.draw(&format!("lab {lab}; q ends\n\n{}", live::table(&rates)), &[]),
        None if json => output::line(&serde_json::to_string(&rates).expect("rates are plain data"))?,
        None => output::line(&live::table(&rates))?,
    }
    Ok(())
}

/// Waits until the next look is due; says whether the user wants to end before.
fn ends(screen: &Option<Screen>, signals: &SignalFd, due: Instant) -> Result<bool, Failure> {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        // A key is looked for often enough to feel at once.
        let step = if screen.is_some() { left.min(Duration::from_millis(50)) } else { left };
        let mut ready = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(step + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut ready, limit) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(Failure::cannot(format!("cannot wait: {errno}"))),
        }
        if screen.as_ref().and_then(|screen| screen.key(Duration::ZERO)) == Some(Key::Quit) {
            return Ok(true);
        }
        if Instant::now() >= due {
            return Ok(false);
        }
    }
}

/// Catches the signals that end the view, so that the terminal is left as it was.
fn catch_signals() -> Result<SignalFd, Failure> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    let caught = signals
        .thread_block()
        .and_then(|()| SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK));
    caught.map_err(|errno| Failure::cannot(format!("cannot catch signals: {errno}")))
}
