//! What a check tries inside a node: the command runs itself there, so that no node needs `ping` or `nc`.

mod http;
mod ping;
mod repeat;
mod tcp;
pub(crate) mod throughput;
mod udp;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rackless_topology::model::Bounds;
use rackless_topology::units;
use serde::{Deserialize, Serialize};

pub(crate) use repeat::{Attempt, repeat};

/// The time between an attempt that did not end as wanted and the next.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// How long an attempt that must fail waits for an answer.
const SILENCE: Duration = Duration::from_secs(1);

/// What is to be tried, and for how long.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) probe: Probe,
    pub(crate) within: Duration,
    /// Whether the probe shall fail.
    pub(crate) fails: bool,
}

/// What is tried.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Probe {
    Ping(Vec<Target>),
    RoundTrips {
        targets: Vec<Target>,
        count: u32,
        rtt: Bounds<units::Duration>,
        loss: Bounds<units::Probability>,
    },
    Tcp {
        address: SocketAddr,
        send: Option<String>,
        expect: Option<String>,
    },
    Udp {
        address: SocketAddr,
        send: String,
        expect: Option<String>,
    },
    Http {
        address: SocketAddr,
        path: String,
        status: u16,
        expect: Option<String>,
    },
}

/// What is pinged, and what it is called in reports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
}

/// What came of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// Whether it ended as wanted.
    pub(crate) ok: bool,
    /// How many attempts that took.
    pub(crate) attempts: u32,
    /// What was found last.
    pub(crate) found: String,
}

impl Trial {
    /// Tries until it ends as wanted or the time is over.
    pub(crate) fn run(&self) -> Finding {
        match &self.probe {
            Probe::Ping(targets) => ping::reach(targets, self),
            Probe::RoundTrips { targets, count, rtt, loss } => {
                let wanted = ping::Wanted { count: *count, rtt: *rtt, loss: *loss };
                self.repeat(|_| ping::measure(targets, &wanted))
            }
            Probe::Tcp { address, send, expect } => {
                let exchange =
                    tcp::Exchange { address: *address, send: send.as_deref(), expect: expect.as_deref() };
                let mut patience = Patience::new(self.fails);
                self.repeat(|deadline| patience.attempt(deadline, |limit| exchange.attempt(limit)))
            }
            Probe::Udp { address, send, expect } => {
                let mut patience = Patience::new(self.fails);
                let question = udp::Question { address: *address, send, expect: expect.as_deref() };
                self.repeat(|deadline| patience.attempt(deadline, |limit| question.attempt(limit)))
            }
            Probe::Http { address, path, status, expect } => {
                let get = http::Get { address: *address, path, status: *status, expect: expect.as_deref() };
                let mut patience = Patience::new(self.fails);
                self.repeat(|deadline| patience.attempt(deadline, |limit| get.attempt(limit)))
            }
        }
    }

    fn repeat(&self, mut attempt: impl FnMut(Instant) -> Attempt) -> Finding {
        let attempt = |deadline| Ok::<_, std::convert::Infallible>(attempt(deadline));
        let Ok(finding) = repeat(self.within, self.fails, attempt);
        finding
    }
}

/// How long an attempt waits for an answer: where one is wanted, ever longer, so that a lost packet costs little and
/// a slow path is waited for.
struct Patience {
    next: Duration,
    grows: bool,
}

impl Patience {
    /// The patience of a first attempt that wants an answer.
    const FIRST: Duration = Duration::from_millis(250);

    fn new(fails: bool) -> Self {
        Self { next: if fails { SILENCE } else { Self::FIRST }, grows: !fails }
    }

    /// Makes an attempt, which says whether all went well and what was found.
    fn attempt(
        &mut self,
        deadline: Instant,
        attempt: impl FnOnce(Instant) -> io::Result<(bool, String)>,
    ) -> Attempt {
        let started = Instant::now();
        let limit = (started + self.next).min(deadline);
        if self.grows {
            self.next *= 2;
        }
        match attempt(limit) {
            Ok((true, found)) => Attempt::Held(found),
            Ok((false, found)) => Attempt::Failed(found),
            Err(error) => Attempt::Failed(describe(&error, limit - started)),
        }
    }
}

/// Gives the time that is left.
fn left(limit: Instant) -> io::Result<Duration> {
    match limit.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

fn describe(error: &io::Error, patience: Duration) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!("no answer for {} ms", patience.as_millis()),
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

impl Finding {
    /// Says that the trial could not even begin.
    fn impossible(why: String) -> Self {
        Self { ok: false, attempts: 0, found: why }
    }
}

/// Shows the beginning of a program's words in quotes, on one line.
pub(crate) fn shown(bytes: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let more = if text.chars().nth(max).is_some() { "…" } else { "" };
    let start: String = text.chars().take(max).flat_map(escaped).collect();
    format!("'{start}{more}'")
}

fn escaped(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}
