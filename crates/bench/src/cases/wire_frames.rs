//! `wire-frames`: how many frames a wire process carries.
//!
//! One node sends frames of 64 bytes as fast as a core can, over a link whose delay of a nanosecond puts a wire into it.
//! What counts is what the wire delivered per second of its processor time, all that the receiving kernel does with a
//! frame included, so that other work on the machine takes from the figure as little as can be.

use std::time::Duration;

use super::pair::{Load, Pair, WIRE, parse};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::process::{Program, cpu_of};
use crate::stats::Better;

pub(super) const CASES: &[Case] = &[Case {
    name: "wire-frames",
    about: "64-byte frames that a wire process delivers per second of its CPU time",
    figures: &[Figure { name: "", unit: "Mpps per core", better: Better::Higher, target: Target::Best(0.6) }],
    repeat: Repeat::PeerOnce(5),
    privileged: true,
    open,
}];

/// More than a core sends, which takes twice the time.
const FLOOD: Load = Load { rate: 1e8, seconds: 1.3, bytes: 64 };
/// How long frames flow before the counters are read first, and between first and last.
const WARM_UP: Duration = Duration::from_millis(500);
const WINDOW: Duration = Duration::from_millis(1500);

struct Frames(Pair);

fn open(site: &Site) -> Result<Box<dyn Sides>, Error> {
    let pair = Pair::up(site, "nf", "wire = \"user\"")?;
    pair.set(&["--delay", "1 ns"])?;
    Ok(Box::new(Frames(pair)))
}

impl Sides for Frames {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let mut sender = Program::start(&mut self.0.sender(FLOOD))?;
        std::thread::sleep(WARM_UP);
        let (cpu, frames) = self.counters()?;
        std::thread::sleep(WINDOW);
        let later = self.counters()?;
        sender.expect("frames")?;
        if later.1 == frames {
            return Err(Error::Void("the wire delivered nothing".to_owned()));
        }
        Ok(vec![(later.1 - frames) as f64 / (later.0 - cpu) as f64 * 1000.0])
    }
}

impl Frames {
    /// The wire's processor time in nanoseconds, and frames that it delivered.
    fn counters(&self) -> Result<(u64, u64), Error> {
        let links: serde_json::Value = parse("link show", &self.0.run(&["link", "show", "--json"])?)?;
        let frames = links[0]["counters"][0]["delivered"]["frames"].as_u64();
        let frames = frames.ok_or_else(|| Error::Void("there is no wire in the link".to_owned()))?;
        Ok((cpu_of(WIRE)?, frames))
    }
}
