//! Step 5: captures along the way between the clients, read back.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rackless_packet::checksum::{Verdict, verify};
use rackless_packet::{L3Kind, Layout, capture};

use crate::lab::{Failure, Rackless};

/// The links between the clients in order; each router between two of them takes one off the hop limit.
const TAPS: [&str; 4] = ["cli_west:eth0", "core:west", "core:east", "cli_east:eth0"];

/// Running captures.
pub(crate) struct Captures {
    running: Vec<(Child, PathBuf)>,
}

impl Captures {
    /// Starts a capture on each link and waits until all of them see packets.
    pub(crate) fn start(rackless: &Rackless, lab: &str, folder: &Path) -> Result<Self, Failure> {
        let mut captures = Self { running: Vec::new() };
        for tap in TAPS {
            let file = folder.join(format!("{}.pcapng", tap.replace(':', "-")));
            let child = rackless.spawn(&["capture", tap, "--lab", lab, "-w", &file.to_string_lossy()])?;
            captures.running.push((child, file));
        }
        for (child, _) in &mut captures.running {
            let stderr = child.stderr.as_mut().ok_or("a capture has no standard error")?;
            let mut line = String::new();
            BufReader::new(stderr).read_line(&mut line).map_err(|error| error.to_string())?;
            if !line.contains("capturing") {
                return Err(format!("a capture does not start: {}", line.trim()));
            }
        }
        Ok(captures)
    }

    /// Ends the captures as Ctrl-C does, and gives their files.
    pub(crate) fn stop(mut self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        for (mut child, file) in self.running.drain(..) {
            interrupt(&child);
            let status = child.wait().map_err(|error| error.to_string())?;
            if !status.success() {
                return Err(format!("the capture to {} ended with {status}", file.display()));
            }
            files.push(file);
        }
        Ok(files)
    }
}

impl Drop for Captures {
    fn drop(&mut self) {
        for (child, _) in &mut self.running {
            interrupt(child);
            // What remains to be done about one that does not end is the lab's end.
            let _ = child.wait();
        }
    }
}

fn interrupt(child: &Child) {
    // It may have ended already.
    let _ = kill(Pid::from_raw(child.id() as i32), Signal::SIGINT);
}

/// What the captures show.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) links: usize,
    pub(crate) packets: usize,
    pub(crate) wrong_checksums: Vec<String>,
    /// Packets that were seen on several links.
    pub(crate) paths: usize,
    pub(crate) wrong_hops: Vec<String>,
}

/// Where a packet was seen: hop limit by the number of the link.
type Seen = BTreeMap<usize, u8>;

/// Reads captures that were taken along [`TAPS`].
pub(crate) fn read(files: &[PathBuf]) -> Result<Findings, Failure> {
    let mut findings = Findings { links: files.len(), ..Findings::default() };
    let mut seen: BTreeMap<Vec<u8>, Seen> = BTreeMap::new();
    for (link, path) in files.iter().enumerate() {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(|error| wrong(&error))?;
        let reader = capture::Reader::new(BufReader::new(file)).map_err(|error| wrong(&error))?;
        for record in reader {
            let record = record.map_err(|error| wrong(&error))?;
            findings.packets += 1;
            if let verdict @ (Verdict::Wrong { .. } | Verdict::Malformed(_)) = verify(&record.data) {
                findings.wrong_checksums.push(format!("{}: {verdict}", TAPS[link]));
            }
            if let Some((key, hops)) = identity(&record.data) {
                seen.entry(key).or_default().insert(link, hops);
            }
        }
    }
    let along: Vec<_> = seen.values().filter(|path| path.len() > 1).collect();
    findings.paths = along.len();
    findings.wrong_hops =
        along.iter().filter(|path| !counts_down(path)).map(|path| format!("{path:?}")).collect();
    Ok(findings)
}

impl Findings {
    pub(crate) fn verdict(&self) -> Result<String, String> {
        if let Some(first) = self.wrong_checksums.first() {
            return Err(format!(
                "{} of {} packets have wrong checksums, first {first}",
                self.wrong_checksums.len(),
                self.packets
            ));
        }
        if let Some(first) = self.wrong_hops.first() {
            return Err(format!(
                "{} of {} packets have wrong hop limits, first {first}",
                self.wrong_hops.len(),
                self.paths
            ));
        }
        match (self.packets, self.paths) {
            (0, _) => Err("nothing was captured".to_owned()),
            (_, 0) => Err("no packet was seen on two links".to_owned()),
            (packets, paths) => Ok(format!(
                "{packets} packets on {} links have correct checksums; {paths} seen on several lose one hop at each router",
                self.links
            )),
        }
    }
}

/// What stays the same of a packet on its way, and its hop limit.
fn identity(frame: &[u8]) -> Option<(Vec<u8>, u8)> {
    let layout = Layout::scan(frame);
    let l3 = layout.l3?;
    let (start, l4) = (usize::from(l3.offset), usize::from(layout.l4?.offset));
    let (addresses, hops) = match l3.kind {
        L3Kind::Ipv6 => (start + 8..start + 40, frame[start + 7]),
        L3Kind::Ipv4 => (start + 12..start + 20, frame[start + 8]),
        L3Kind::Arp => return None,
    };
    Some(([&frame[addresses], &frame[l4..usize::from(layout.end)]].concat(), hops))
}

/// Whether the hop limit falls by one from link to link, in one direction or the other.
fn counts_down(path: &Seen) -> bool {
    let steps: Vec<(usize, i32)> = path.iter().map(|(link, hops)| (*link, i32::from(*hops))).collect();
    let falls = |direction: i32| {
        steps.windows(2).all(|pair| (pair[1].0 - pair[0].0) as i32 * direction == pair[0].1 - pair[1].1)
    };
    falls(1) || falls(-1)
}
