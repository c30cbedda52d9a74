//! `rackless up`: makes a lab and stays with it, or leaves it in the background.

mod change;
mod foreground;
mod watch;
mod watched;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rackless_net::{Event, Options, Warning};
use rackless_topology::Topology;

use super::{link, validate};
use crate::failure::Failure;
use crate::output::counted;
use crate::packages;
use foreground::Foreground;

/// Bring a lab up; Ctrl-C brings it down
#[derive(clap::Args)]
#[command(after_help = "\
On a terminal the lab is shown live, as 'rackless top' does, with what happens below; elsewhere a line tells of each
event. With -d, a lab that runs already is changed to what its file says now: nodes and links come, go or change, and
what is the same goes on undisturbed.

With --watch, an edit runs in the lab at once: a package of a node (its key 'package') is built again, and only the
programs that use it start anew; so do programs whose files, or files named in their commands, have changed. The lab
becomes what its file says, as by -d. What does not build, or is wrong, is told, and what runs goes on. Ctrl-C ends the
watch and with it the lab; with -d the lab stays.

Examples:
  rackless up lab.toml
  rackless up --watch lab.toml
  rackless up -d lab.toml --name demo
  rackless up --dry-run lab.toml
  rackless up --shape single,3

With --json: one event a line, {event: started|ready|ended|restarting|failed|out_of_memory|up|link|changed|
stopping, …}; of a lab that runs already and of --dry-run, an array of changes, {action: add|remove|change, what,
details}.")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Give the lab this name instead of its own
    #[arg(long)]
    name: Option<String>,
    /// Come back when the lab is up, and leave it running
    #[arg(short, long)]
    detach: bool,
    /// Tell what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Follow the lab file, what it refers to and the sources of its packages: what is edited runs in the lab again
    #[arg(short, long, conflicts_with_all = ["dry_run", "json", "shape"])]
    watch: bool,
    /// Print events as JSON, one per line
    #[arg(long)]
    json: bool,
}

/// Where a lab comes from.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Source {
    /// The lab file
    #[arg(value_name = "LAB.toml")]
    file: Option<PathBuf>,
    /// A shape instead of a file, such as single,3 or torus,3,3
    #[arg(long)]
    shape: Option<String>,
}

impl Source {
    /// Reads the lab's description, and what the lab process has to know of where it comes from.
    pub(crate) fn read(&self) -> Result<(Topology, Options), Failure> {
        if let Some(shape) = &self.shape {
            let topology = Topology::shape(shape)?;
            let directory = std::env::current_dir().map_err(Failure::io("find the working directory"))?;
            return Ok((topology, Options { shape: Some(shape.clone()), directory, ..Options::default() }));
        }
        let file = self.file.as_deref().unwrap_or(Path::new(""));
        let shown = file.display();
        let topology = validate::topology(file)?;
        let file = fs::canonicalize(file).map_err(Failure::io(format!("find {shown}")))?;
        let directory = file.parent().unwrap_or(Path::new("/")).to_owned();
        Ok((topology, Options { file: Some(file), directory, ..Options::default() }))
    }
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Failure> {
    let (topology, mut options) = args.source.read()?;
    options.name = args.name;
    if args.watch {
        return watch::run(topology, options, args.detach);
    }
    if !args.dry_run {
        options.packages = packages::build_all(&topology, &options.directory)?;
    }
    if args.dry_run || args.detach {
        let name = options.name.clone().unwrap_or_else(|| topology.name.clone());
        if rackless_net::labs()?.contains(&name) {
            return change::run(&name, &options, args.dry_run, args.json);
        }
        if args.dry_run {
            return change::tell_new(&topology, args.json);
        }
        let event = rackless_net::run_detached(topology, options)?;
        show(&event, args.json, true);
        return Ok(ExitCode::SUCCESS);
    }
    let folder = rackless_net::folder(options.name.as_ref().unwrap_or(&topology.name));
    let programs = topology.program_ids().count();
    let foreground = (!args.json).then(|| Foreground::open(folder, programs)).flatten();
    match foreground {
        Some(mut foreground) => rackless_net::run(topology, options, |event| foreground.show(event))?,
        None => rackless_net::run(topology, options, |event| show(event, args.json, false))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what happens: JSON to those who read data, else a calm line to the user.
fn show(event: &Event, json: bool, detached: bool) {
    if json {
        // A reader that has gone does not end the lab.
        let line = serde_json::to_string(event).expect("an event is plain data");
        let _ = writeln!(io::stdout(), "{line}");
        return;
    }
    if let Some(text) = describe(event, detached) {
        eprintln!("{text}");
    }
}

/// Names a program: by its node, and by its own name if it has one.
pub(super) fn named(node: &str, program: &Option<String>) -> String {
    match program {
        Some(program) => format!("{node}:{program}"),
        None => node.to_owned(),
    }
}

/// Writes warnings, each with its hint.
fn told(warnings: &[Warning]) -> String {
    let told = |Warning { message, hint }: &Warning| format!("warning: {message}\nhint: {hint}\n");
    warnings.iter().map(told).collect()
}

/// Says what happened, unless it is of no interest to whoever brings a lab up.
pub(super) fn describe(event: &Event, detached: bool) -> Option<String> {
    Some(match event {
        Event::Up { lab, nodes, links, took_ms, warnings } => {
            let how = if detached { format!("'rackless down {lab}'") } else { "Ctrl-C".to_owned() };
            let warnings = told(warnings);
            let [nodes, links] =
                [(nodes, "node"), (links, "link")].map(|(count, thing)| counted(*count, thing));
            format!("{warnings}lab {lab} is up: {nodes}, {links}, {took_ms} ms; {how} brings it down")
        }
        Event::Ready { node, program } => format!("{} is ready", named(node, program)),
        Event::Ended { node, program, ended, output } => {
            let node = named(node, program);
            let lines: String = output.lines().map(|line| format!("\n  | {line}")).collect();
            format!("{node} ended: {ended}{lines}")
        }
        Event::Restarting { node, program, pause_ms } => {
            format!("{} starts again in {pause_ms} ms", named(node, program))
        }
        Event::Failed { node, program, message } => format!("{} failed: {message}", named(node, program)),
        Event::OutOfMemory { node, limit } => {
            format!("{node} has used up its {limit} of memory, and the kernel killed a process of it")
        }
        Event::Link { ends: [a, b], state, tx, rx } => {
            let state = link::state_word(*state);
            match (link::words(tx), link::words(rx)) {
                (tx, rx) if tx == rx => format!("link {a} - {b} is {state}: {tx}"),
                (tx, rx) => format!("link {a} - {b} is {state}: there {tx}; back {rx}"),
            }
        }
        Event::WireDied { error: None } => "a wire process died and was started again".to_owned(),
        Event::WireDied { error: Some(error) } => {
            format!("a wire process died and cannot be started: {error}")
        }
        Event::EventFailed { ends: [a, b], error } => {
            format!("what was to happen to {a} - {b} failed: {error}")
        }
        Event::Changed { changes } => format!("the lab was changed:\n  {}", changes.join("\n  ")),
        Event::Stopping => "going down".to_owned(),
        _ => return None,
    })
}
