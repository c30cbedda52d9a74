//! `rackless nf capture`: the frames at edges of the graph of a running function.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::atomic::Ordering;

use rackless_packet::capture::{self, Direction, Record};
use rackless_packet::filter::Filter;
use rackless_packet::pcapng::Interface;
use rackless_runtime::watch::{CaptureRequest, Frame, Line, Watching};
use rackless_topology::units;

use super::end;
use super::target::{Options, Reached, Target, no_answer, run_there};
use crate::failure::Failure;
use crate::verbs::capture::{Sink, failed, wireshark};

/// Which frames of which function.
#[derive(clap::Args)]
pub(crate) struct Capture {
    /// The node it runs on, and a node of its graph; without the latter, the ports and all drops
    #[arg(value_name = "NODE[.FUNCTION]")]
    place: Option<Place>,
    #[command(flatten)]
    options: Options,
    /// The node of the graph
    #[arg(long, value_name = "FUNCTION")]
    function: Option<String>,
    /// Where: all three unless said
    #[arg(short, long = "edge", value_enum, value_name = "EDGE")]
    edges: Vec<Edge>,
    /// Only the frames that pass this filter
    #[arg(short, long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: Filter,
    /// Write pcapng to this file, or with - to standard output
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// End after this many frames
    #[arg(short, short_alias = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// End after this time, such as "3 s"
    #[arg(long = "for", value_name = "TIME")]
    time: Option<units::Duration>,
    /// Show all fields and bytes of each frame
    #[arg(short, long, conflicts_with = "write")]
    verbose: bool,
}

/// Where frames are captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Edge {
    /// What comes in
    In,
    /// What goes out
    Out,
    /// What is dropped
    Drops,
}

impl Edge {
    fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Drops => "drops",
        }
    }
}

/// A node of a lab, and perhaps a node of the graph that runs there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    node: String,
    function: Option<String>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (node, function) = match text.split_once('.') {
            Some((node, function)) => (node, Some(function)),
            None => (text, None),
        };
        if node.is_empty() || function.is_some_and(str::is_empty) {
            return Err("expected NODE or NODE.FUNCTION, such as router1 or firewall.sort".to_owned());
        }
        Ok(Self { node: node.to_owned(), function: function.map(str::to_owned) })
    }
}

impl Capture {
    pub(super) fn run(mut self) -> Result<ExitCode, Failure> {
        let (node, function) = match self.place.take() {
            Some(Place { function: Some(one), .. }) if self.function.is_some() => {
                return Err(Failure::cannot(format!(
                    "--function names a node of the graph, and so does .{one}"
                )));
            }
            Some(Place { node, function }) => (Some(node), function.or(self.function.take())),
            None => (None, self.function.take()),
        };
        match Target::new(node, self.options.clone())?.reach()? {
            Reached::Here(socket) => self.capture(&socket, function),
            Reached::Node(client, node) => {
                let file = self.write.as_deref().filter(|file| *file != Path::new("-"));
                let create = |file: &Path| {
                    File::create(file).map_err(Failure::io(format!("create {}", file.display())))
                };
                let output = file.map(create).transpose()?;
                if let Some(file) = file {
                    eprintln!("{}", wireshark(file));
                }
                let argv = self.arguments(function.as_deref());
                let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
                run_there(client, node, &argv, output.as_ref())
            }
        }
    }

    /// The command line that does the same on the node, to standard output.
    fn arguments(&self, function: Option<&str>) -> Vec<String> {
        let mut argv = vec!["nf".to_owned(), "capture".to_owned()];
        let mut add = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
        add(&["--filter", self.filter.as_str()]);
        function.into_iter().for_each(|function| add(&["--function", function]));
        self.edges.iter().for_each(|edge| add(&["--edge", edge.name()]));
        self.count.into_iter().for_each(|count| add(&["--count", &count.to_string()]));
        self.time.into_iter().for_each(|time| add(&["--for", &time.to_string()]));
        if self.verbose {
            add(&["--verbose"]);
        }
        if self.write.is_some() {
            add(&["--write", "-"]);
        }
        argv
    }

    fn capture(self, socket: &Path, function: Option<String>) -> Result<ExitCode, Failure> {
        let signals = end::catch_signals()?;
        let wanted = |edge| self.edges.is_empty() || self.edges.contains(&edge);
        let request = CaptureRequest {
            node: function,
            inputs: wanted(Edge::In),
            outputs: wanted(Edge::Out),
            drops: wanted(Edge::Drops),
            filter: self.filter.as_str().to_owned(),
        };
        let mut watching = Watching::capture(socket, request).map_err(no_answer)?;
        let directions: Vec<Direction> = watching
            .edges()
            .iter()
            .map(|edge| if edge.is_inbound { Direction::Inbound } else { Direction::Outbound })
            .collect();
        let interface = |edge: &rackless_runtime::watch::Edge| Interface {
            description: Some("an edge of the graph of a network function".to_owned()),
            ..Interface::ethernet(&edge.name)
        };
        let interfaces: Vec<Interface> = watching.edges().iter().map(interface).collect();
        let mut sink = Sink::open(self.write.as_deref(), &interfaces, self.verbose)?;
        let names: Vec<&str> = watching.edges().iter().map(|edge| edge.name.as_str()).collect();
        eprintln!("capturing at {}; Ctrl-C ends", names.join(", "));
        let stopper = watching.stopper()?;
        let stopped = end::stop_by(signals, self.time.map(Into::into), watching.stopper()?);
        let (mut count, mut unread) = (0, false);
        for line in &mut watching {
            let Line::Frame(frame) = line? else { continue };
            if self.count == Some(count) {
                continue; // what came while the function heard that it is enough
            }
            count += 1;
            match sink.put(record(&frame, &directions)?, false).and_then(|()| sink.flush()) {
                Err(capture::Error::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    unread = true;
                    break;
                }
                result => result.map_err(|error| failed(&error))?,
            }
            if self.count == Some(count) {
                stopper.stop();
            }
        }
        let was_asked = unread || self.count == Some(count) || stopped.load(Ordering::Relaxed);
        Ok(end::say("captured", "frame", count, watching.missed(), was_asked))
    }
}

fn record(frame: &Frame, directions: &[Direction]) -> Result<Record, Failure> {
    let damaged = || Failure::cannot("the function sent a frame that cannot be read");
    Ok(Record {
        interface: u32::try_from(frame.edge).map_err(|_| damaged())?,
        direction: directions.get(frame.edge).copied(),
        comments: frame.drop.iter().cloned().collect(),
        ..Record::new(frame.time_ns, frame.bytes().ok_or_else(damaged)?)
    })
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_is_a_node_and_perhaps_a_function() {
        let place = |node: &str, function: Option<&str>| {
            Ok(Place { node: node.to_owned(), function: function.map(str::to_owned) })
        };
        assert_eq!("fw".parse(), place("fw", None));
        assert_eq!("fw.sort".parse(), place("fw", Some("sort")));
        for wrong in ["", ".", "fw.", ".sort"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
