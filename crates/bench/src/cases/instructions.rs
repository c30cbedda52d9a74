//! `instructions`: how many instructions a packet takes, which no other work on a machine changes.
//!
//! The graphs of the case `graph`, macswap and the router run a number of turns under `valgrind --tool=callgrind`, and
//! four times as many: what the further turns take is the packets' own. `docs/performance.md` keeps the counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::line::{Bench, LONG, SUBJECTS};
use crate::case::{Case, Figure, Repeat, Sides, Target};
use crate::error::Error;
use crate::process::{finish, need, package_version};
use crate::stats::Better;

const fn figure(name: &'static str) -> Figure {
    Figure { name, unit: "instructions", better: Better::Lower, target: Target::Shown }
}

pub(super) const CASES: &[Case] = &[Case {
    name: "instructions",
    about: "instructions per packet, by callgrind",
    figures: &[
        figure("of one node"),
        figure("of each further node"),
        figure("of a named drop"),
        figure("of macswap"),
        figure("of the router"),
    ],
    repeat: Repeat::PeerOnce(1),
    privileged: false,
    open: |site| {
        need("valgrind", "valgrind")?;
        let this = std::env::current_exe().map_err(Error::system("find this program"))?;
        Ok(Box::new(Instructions { this, output: site.scratch.join("callgrind.out") }))
    },
}];

/// Turns of the shorter run; the longer one has four times as many.
const TURNS: u64 = 1000;

struct Instructions {
    this: PathBuf,
    output: PathBuf,
}

/// Runs turns of a graph, and prints how many packets it received.
pub(crate) fn run_turns(name: &str, turns: u64) -> Result<(), Error> {
    println!("{} packets", Bench::named(name)?.run(turns));
    Ok(())
}

impl Sides for Instructions {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let counts = SUBJECTS.map(|(name, _)| self.per_packet(name));
        let [one, many, dropped, macswap, router] = counts;
        let one = one?;
        Ok(vec![one, (many? - one) / (LONG - 1) as f64, dropped?, macswap?, router?])
    }

    fn peer_version(&self) -> Option<String> {
        Some(format!("valgrind {}", package_version("valgrind")))
    }
}

impl Instructions {
    fn per_packet(&self, name: &str) -> Result<f64, Error> {
        let ([few, before], [many, after]) = (self.count(name, TURNS)?, self.count(name, 4 * TURNS)?);
        Ok((after - before) / (many - few))
    }

    /// Gives the packets and the instructions of so many turns.
    fn count(&self, name: &str, turns: u64) -> Result<[f64; 2], Error> {
        let log = self.output.with_extension("log");
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(option("callgrind-out-file", &self.output));
        command.arg(option("log-file", &log)).arg(&self.this);
        let printed = finish(command.args(["inside", "turns", name, &turns.to_string()]))?;
        let text = std::fs::read_to_string(&log).map_err(Error::system(format!("read {}", log.display())))?;
        let number = |text: &str, mark: &str| {
            let rest = text.split(mark).nth(1)?;
            rest.split_whitespace().next()?.parse::<f64>().ok()
        };
        let packets = printed.split(' ').next().and_then(|word| word.parse::<f64>().ok());
        match (packets, number(&text, "Collected :")) {
            (Some(packets), Some(instructions)) => Ok([packets, instructions]),
            _ => Err(Error::Void(format!("valgrind said '{}'", text.trim()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_performance_has_a_row_for_each_count() {
        let page = include_str!("../../../../docs/performance.md");
        let names = page.lines().filter_map(|line| line.strip_prefix("| of "));
        let names: Vec<_> = names.filter_map(|row| row.split(" |").next()).collect();
        let figures: Vec<_> =
            CASES[0].figures.iter().filter_map(|figure| figure.name.strip_prefix("of ")).collect();
        assert_eq!(names, figures);
    }

    #[test]
    fn turns_of_each_graph_receive_packets() {
        for (name, _) in SUBJECTS {
            run_turns(name, 10).unwrap();
        }
        assert!(run_turns("nothing", 1).unwrap_err().to_string().contains("named 'nothing'"));
    }
}
