//! `rackless link`: changes cables while traffic runs, and tells how they are.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rackless_link::{Conditions, Patch, Trace, preset};
use rackless_net::{Client, LinkChange, LinkCounters, LinkState, LinkStatus};
use rackless_topology::units;
use serde_json::Value;

use crate::failure::Failure;
use crate::output;

/// Show links, change what they do to frames, cut and mend them
#[derive(clap::Subcommand)]
pub(crate) enum Change {
    /// Bring a link back
    #[command(after_help = "\
Examples:
  rackless link up h1:eth0")]
    Up(End),
    /// Take a link down: both its ends lose their carrier
    #[command(after_help = "\
Examples:
  rackless link down h1:eth0
  rackless link down --silent h1:eth0 --lab demo")]
    Down {
        #[command(flatten)]
        end: End,
        /// Keep the carrier and drop every frame
        #[arg(long)]
        silent: bool,
    },
    /// Take a link down and bring it back, again and again
    #[command(after_help = "\
Examples:
  rackless link flap h1:eth0 --every '2 s' --down-for '200 ms' --count 10")]
    Flap(Flap),
    /// Change what a link does to frames; what is not named stays as it is
    #[command(after_help = "\
Values are those of the lab file; 'none' takes a condition away. Without --tx and --rx both directions change.
Frames on their way arrive as they would have. Where the kernel shapes the link, two exceptions: when the last condition
goes, frames that have more than 10 s to go are lost; and when a managed queue comes or goes, so are all in the old one.

Examples:
  rackless link set h1:eth0 --delay '10 ms' --loss '1 %'
  rackless link set h1:eth0 --tx --rate '1 Mbit/s' --queue codel
  rackless link set h1:eth0 --jitter '{ spread = \"2 ms\", distribution = \"normal\" }'
  rackless link set h1:eth0 --preset 3g
  rackless link set h1:eth0 --clear")]
    Set(Box<Set>),
    /// Show what links do to frames, and what became of the frames
    #[command(after_help = "\
Examples:
  rackless link show
  rackless link show h1:eth0 --json

Frames are counted from when the link was given conditions. The kernel (BY kernel) does not tell why its netem dropped
a frame: by chance, or because there was no room.

With --json: an array of {ends, state, carrier, tx, rx, counters}; tx is from the first end to the second, carrier is
redirect, bridge, kernel, user or memif. Counters are of both directions: {offered, delivered, duplicated, corrupted, reordered,
marked, dropped: {REASON: {frames, bytes}}} of a wire (user), {delivered, held, dropped: {DISCIPLINE: {frames}}} of the
kernel.")]
    Show(Show),
}

/// One end of a link.
#[derive(clap::Args)]
pub(crate) struct End {
    /// Either end of the link
    #[arg(value_name = "NODE:INTERFACE", value_parser = parse_end)]
    end: (String, String),
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
}

/// How a link comes and goes.
#[derive(clap::Args)]
pub(crate) struct Flap {
    #[command(flatten)]
    end: End,
    /// From one time down to the next
    #[arg(long, value_name = "TIME", default_value = "2 s")]
    every: units::Duration,
    /// How long it is down each time
    #[arg(long, value_name = "TIME", default_value = "1 s")]
    down_for: units::Duration,
    /// How often
    #[arg(short, long, value_name = "COUNT", default_value_t = 3)]
    count: u32,
}

/// What changes.
#[derive(clap::Args)]
pub(crate) struct Set {
    #[command(flatten)]
    end: End,
    /// Only what the named end sends
    #[arg(long, conflicts_with = "rx")]
    tx: bool,
    /// Only what the named end receives
    #[arg(long)]
    rx: bool,
    /// Start from a perfect cable
    #[arg(long)]
    clear: bool,
    /// Start from a well-known link, whose user the named end is
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// One-way delay
    #[arg(long, value_name = "TIME")]
    delay: Option<String>,
    /// How the delay varies
    #[arg(long, value_name = "TIME")]
    jitter: Option<String>,
    /// Rate of the bottleneck
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// What counts against the rate: L1, L2 or L3
    #[arg(long, value_name = "LAYER")]
    layer: Option<String>,
    /// Times at which the bottleneck may send, in mahimahi's format
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// How much may wait at the bottleneck
    #[arg(long, value_name = "SIZE")]
    limit: Option<String>,
    /// How that queue is managed: drop-tail, codel or red
    #[arg(long, value_name = "KIND")]
    queue: Option<String>,
    /// Frames that get lost
    #[arg(long, value_name = "SHARE")]
    loss: Option<String>,
    /// Frames that arrive twice
    #[arg(long, value_name = "SHARE")]
    duplicate: Option<String>,
    /// Frames that skip the delay
    #[arg(long, value_name = "SHARE")]
    reorder: Option<String>,
    /// Frames that arrive with a bit flipped
    #[arg(long, value_name = "SHARE")]
    corrupt: Option<String>,
    /// Longest packet that passes, in bytes
    #[arg(long, value_name = "BYTES")]
    mtu: Option<String>,
}

/// Which links.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// Only the link at this end
    #[arg(value_name = "NODE:INTERFACE", value_parser = parse_end)]
    end: Option<(String, String)>,
    /// The lab; may be left out if one lab is up
    #[arg(short, long)]
    lab: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(change: Change) -> Result<ExitCode, Failure> {
    match change {
        Change::Up(end) => end.set_state(LinkState::Up)?,
        Change::Down { end, silent: false } => end.set_state(LinkState::Down)?,
        Change::Down { end, silent: true } => end.set_state(LinkState::Silent)?,
        Change::Flap(flap) => flap.run()?,
        Change::Set(set) => {
            let (node, interface) = &set.end.end;
            let conditions = set.conditions()?;
            if conditions.iter().all(Patch::is_empty) {
                return Err(Failure::cannot("nothing to set").hint("see 'rackless link set --help'"));
            }
            let change = LinkChange { state: None, conditions };
            Client::connect(set.end.lab.as_deref())?.change_link(node, interface, change)?;
        }
        Change::Show(show) => show.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

impl End {
    fn set_state(&self, state: LinkState) -> Result<(), Failure> {
        let (node, interface) = &self.end;
        Ok(Client::connect(self.lab.as_deref())?.set_link(node, interface, state)?)
    }
}

impl Flap {
    fn run(&self) -> Result<(), Failure> {
        let (every, down_for) = (Duration::from(self.every), Duration::from(self.down_for));
        if down_for >= every {
            return Err(Failure::cannot("--down-for is not shorter than --every"));
        }
        let (node, interface) = &self.end.end;
        let mut client = Client::connect(self.end.lab.as_deref())?;
        let begin = Instant::now();
        for round in 0..self.count {
            let start = every * round;
            std::thread::sleep(start.saturating_sub(begin.elapsed()));
            client.set_link(node, interface, LinkState::Down)?;
            std::thread::sleep((start + down_for).saturating_sub(begin.elapsed()));
            client.set_link(node, interface, LinkState::Up)?;
        }
        Ok(())
    }
}

impl Set {
    /// Gives what changes for what the named end sends, and for what it receives.
    fn conditions(&self) -> Result<[Patch; 2], Failure> {
        let [mut tx, mut rx] = [Patch::default(), Patch::default()];
        if self.clear || self.preset.is_some() {
            for key in Conditions::KEYS {
                tx.set(key, Value::Null);
                rx.set(key, Value::Null);
            }
        }
        if let Some(name) = &self.preset {
            let found = preset(name).ok_or_else(|| {
                let names: Vec<&str> = rackless_link::presets().map(|preset| preset.name).collect();
                Failure::cannot(format!("unknown preset '{name}'"))
                    .hint(format!("there are: {}", names.join(", ")))
            })?;
            (tx, rx) = (tx.then(&Patch::of(&found.up)), rx.then(&Patch::of(&found.down)));
        }
        let named = self.named()?;
        let nothing = Patch::default();
        Ok(match (self.tx, self.rx) {
            (true, _) => [tx.then(&named), nothing],
            (_, true) => [nothing, rx.then(&named)],
            _ => [tx.then(&named), rx.then(&named)],
        })
    }

    /// Gives the conditions that are named one by one.
    fn named(&self) -> Result<Patch, Failure> {
        let mut patch = Patch::default();
        let options = [
            ("delay", &self.delay),
            ("jitter", &self.jitter),
            ("rate", &self.rate),
            ("layer", &self.layer),
            ("limit", &self.limit),
            ("queue", &self.queue),
            ("loss", &self.loss),
            ("duplicate", &self.duplicate),
            ("reorder", &self.reorder),
            ("corrupt", &self.corrupt),
            ("mtu", &self.mtu),
        ];
        for (key, text) in options {
            if let Some(text) = text {
                patch.set(key, value(key, text)?);
            }
        }
        if let Some(path) = &self.trace {
            let shown = path.display();
            let text = std::fs::read_to_string(path).map_err(Failure::io(format!("read {shown}")))?;
            let trace: Trace = text.parse().map_err(|error| Failure::cannot(format!("{shown}: {error}")))?;
            patch.set("trace", trace.opportunities_ms().into());
        }
        // What does not fit is told here, with the name of the option, and not by the lab.
        patch.apply(&Conditions::default()).map_err(|error| Failure::cannot(error.to_string()))?;
        Ok(patch)
    }
}

/// Reads the text of an option: a number, a table as in the lab file, or a text.
fn value(key: &str, text: &str) -> Result<Value, Failure> {
    if text == "none" {
        return Ok(Value::Null);
    }
    if let Some(number) = text.parse::<u32>().ok().filter(|_| key == "mtu") {
        return Ok(number.into());
    }
    if !text.trim_start().starts_with('{') {
        let mut patch = Patch::default();
        patch.set(key, text.into());
        let fits = patch.apply(&Conditions::default());
        return fits.map(|_| text.into()).map_err(|error| Failure::cannot(format!("--{key}: {error}")));
    }
    let table: toml::Table = toml::from_str(&format!("{key} = {text}"))
        .map_err(|error| Failure::cannot(format!("--{key}: {error}")))?;
    let value = serde_json::to_value(&table[key]);
    value.map_err(|error| Failure::cannot(format!("--{key}: {error}")))
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let mut links = Client::connect(self.lab.as_deref())?.status()?.links;
        if let Some((node, interface)) = &self.end {
            let end = format!("{node}:{interface}");
            links.retain(|link| link.ends.contains(&end));
            if links.is_empty() {
                return Err(Failure::cannot(format!("no link ends at {end}")));
            }
        }
        if self.json {
            return output::json(&links);
        }
        let title = ["FROM", "TO", "STATE", "BY", "CONDITIONS", "DELIVERED", "HELD", "DROPPED"];
        let title = title.map(str::to_owned).to_vec();
        let rows: Vec<_> = std::iter::once(title).chain(links.iter().flat_map(rows)).collect();
        output::line(&output::table(&rows))
    }
}

/// Sets a link in a row for each direction.
fn rows(link: &LinkStatus) -> [Vec<String>; 2] {
    let LinkStatus { ends: [a, b], state, carrier, tx, rx, counters } = link;
    let row = |from: &String, to: &String, conditions, counters: Option<&LinkCounters>| {
        let shown = |show: fn(&LinkCounters) -> String| counters.map_or("-".to_owned(), show);
        vec![
            from.clone(),
            to.clone(),
            state_word(*state).into(),
            format!("{carrier:?}").to_lowercase(),
            words(conditions),
            shown(|counters| counters.delivered().frames.to_string()),
            shown(|counters| counters.held_frames().to_string()),
            shown(dropped),
        ]
    };
    let [there, back] = counters.as_ref().map_or([None, None], |[there, back]| [Some(there), Some(back)]);
    [row(a, b, tx, there), row(b, a, rx, back)]
}

/// Says how many frames were dropped, and why.
fn dropped(counters: &LinkCounters) -> String {
    let dropped = counters.dropped_frames();
    let reasons: Vec<String> = dropped.iter().map(|(reason, frames)| format!("{reason} {frames}")).collect();
    match dropped.values().sum::<u64>() {
        0 => "0".to_owned(),
        all => format!("{all} ({})", reasons.join(", ")),
    }
}

/// Says in words what a cable does to frames.
pub(super) fn words(conditions: &Conditions) -> String {
    let words = Patch::of(conditions).to_string();
    if words.is_empty() { "perfect".to_owned() } else { words }
}

pub(super) fn state_word(state: LinkState) -> &'static str {
    match state {
        LinkState::Up => "up",
        LinkState::Down => "down",
        LinkState::Silent => "silent",
    }
}

pub(super) fn parse_end(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((node, interface)) if !node.is_empty() && !interface.is_empty() => {
            Ok((node.to_owned(), interface.to_owned()))
        }
        _ => Err("expected NODE:INTERFACE, such as h1:eth0".to_owned()),
    }
}
