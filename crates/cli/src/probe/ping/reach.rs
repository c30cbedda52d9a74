//! Whether targets answer, or keep silent.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::super::{Finding, PAUSE, SILENCE, Target, Trial};
use super::name_some;
use super::wire::{Echo, Heard};

struct Ping<'a> {
    target: &'a Target,
    /// Whether each request was answered.
    answered: Vec<bool>,
    next: Instant,
    /// Whether nothing more is to be found out.
    done: bool,
    /// What was found last.
    found: String,
}

/// Pings until all targets answer or the time is over; where none shall, until the time is over.
pub(in crate::probe) fn reach(targets: &[Target], trial: &Trial) -> Finding {
    let begin = Instant::now();
    let echo = match Echo::open(targets.iter().map(|target| target.address)) {
        Ok(echo) => echo,
        Err(errno) => return Finding::impossible(format!("cannot open a raw socket: {}", errno.desc())),
    };
    let ping = |target| {
        let found = "no answer".to_owned();
        Ping { target, answered: Vec::new(), next: begin, done: false, found }
    };
    let mut pings: Vec<Ping<'_>> = targets.iter().map(ping).collect();
    let deadline = begin + trial.within;
    // Each request that shall not be answered gets the time to be.
    let last = if trial.fails { deadline - SILENCE.min(trial.within / 2) } else { deadline };
    while Instant::now() < deadline && !pings.iter().all(|ping| ping.done) {
        for (place, ping) in pings.iter_mut().enumerate() {
            ping.ask(&echo, place as u16, last);
        }
        let next = pings.iter().filter(|ping| !ping.done).map(|ping| ping.next).min();
        for (heard, from) in echo.listen(next.unwrap_or(deadline).min(deadline)) {
            if let Some(ping) = pings.get_mut(usize::from(heard.sequence)) {
                ping.note(&heard, from, trial.fails);
            }
        }
    }
    finding(&pings, trial.fails)
}

impl Ping<'_> {
    /// Sends a request if one is due.
    fn ask(&mut self, echo: &Echo, place: u16, last: Instant) {
        let now = Instant::now();
        if self.done || now < self.next {
            return;
        }
        if now > last {
            self.next = now + Duration::from_secs(3600); // only answers are waited for
            return;
        }
        self.next = now + PAUSE;
        let attempt = self.answered.len() as u32;
        self.answered.push(false);
        if let Err(errno) = echo.send(self.target.address, place, attempt) {
            self.found = errno.desc().to_lowercase();
        }
    }

    fn note(&mut self, heard: &Heard, from: IpAddr, fails: bool) {
        match heard.answer {
            Ok(attempt) => {
                let Some(answered) = self.answered.get_mut(attempt as usize) else { return };
                *answered = true;
                if !self.found.starts_with("an answer") {
                    self.found = "an answer".to_owned();
                }
                self.done = !fails;
            }
            Err(error) => self.found = format!("{error}, says {from}"),
        }
    }

    /// Whether a request was not answered, nor any after it.
    fn keeps_silent(&self) -> bool {
        let first = self.answered.iter().position(|answered| !answered);
        first.is_some_and(|first| !self.answered[first..].contains(&true))
    }

    fn describe(&self) -> String {
        let silent = self.answered.iter().position(|answered| !answered);
        let again = silent.is_some_and(|first| self.answered[first..].contains(&true));
        let again = if again && self.found == "an answer" { ", after it had been silent" } else { "" };
        format!("{}: {}{again}", self.target.name, self.found)
    }
}

fn finding(pings: &[Ping<'_>], fails: bool) -> Finding {
    let wrong: Vec<String> = pings
        .iter()
        .filter(|ping| if fails { !ping.keeps_silent() } else { !ping.done })
        .map(Ping::describe)
        .collect();
    let attempts = pings.iter().map(|ping| ping.answered.len() as u32).max().unwrap_or(0);
    if wrong.is_empty() {
        let found = if fails { "no answer" } else { "an answer" };
        return Finding { ok: true, attempts, found: format!("{found} from {} of {0}", pings.len()) };
    }
    let found = format!("{} of {}: {}", wrong.len(), pings.len(), name_some(&wrong));
    Finding { ok: false, attempts, found }
}
