//! `rackless nf trace`: the path of packets through the graph of a running function.

use std::process::ExitCode;
use std::sync::atomic::Ordering;

use rackless_packet::filter::Filter;
use rackless_runtime::watch::{Line, TraceRequest, Watching};
use rackless_topology::units;

use super::end;
use super::target::{Options, Reached, Target, no_answer, run_there};
use crate::failure::Failure;
use crate::output;

/// Which packets of which function.
#[derive(clap::Args)]
pub(crate) struct Trace {
    /// The node it runs on; may be left out on that node itself, and if the lab has only one
    node: Option<String>,
    #[command(flatten)]
    options: Options,
    /// Only the packets that pass this filter when they come in, or are made
    #[arg(short, long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    filter: Filter,
    /// End after this many packets; their copies are shown, too
    #[arg(short = 'n', short_alias = 'c', long, value_name = "COUNT", default_value_t = 20,
        value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// End after this time, such as "3 s"
    #[arg(long = "for", value_name = "TIME")]
    time: Option<units::Duration>,
    /// Print JSON, a packet a line
    #[arg(long)]
    json: bool,
}

impl Trace {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let socket = match Target::new(self.node.clone(), self.options.clone())?.reach()? {
            Reached::Here(socket) => socket,
            Reached::Node(client, node) => {
                let (count, time) = (self.count.to_string(), self.time.map(|time| time.to_string()));
                let mut argv = vec!["nf", "trace", "--count", &count, "--filter", self.filter.as_str()];
                argv.extend(time.iter().flat_map(|time| ["--for", time]));
                argv.extend(self.json.then_some("--json"));
                return run_there(client, node, &argv, None);
            }
        };
        let signals = end::catch_signals()?;
        let request = TraceRequest { filter: self.filter.as_str().to_owned(), count: self.count };
        let mut watching = Watching::trace(&socket, request).map_err(no_answer)?;
        let stopped = end::stop_by(signals, self.time.map(Into::into), watching.stopper()?);
        eprintln!("waiting for {}; Ctrl-C ends", output::counted(self.count as usize, "packet"));
        let mut count = 0;
        for line in &mut watching {
            let Line::Trace(trace) = line? else { continue };
            count += u64::from(trace.copy_of.is_none());
            match self.json {
                true => output::line(&serde_json::to_string(&trace).expect("a trace is plain data"))?,
                false => output::line(&trace.text)?,
            }
        }
        let was_asked = count >= self.count || stopped.load(Ordering::Relaxed);
        Ok(end::say("traced", "packet", count, watching.missed(), was_asked))
    }
}
