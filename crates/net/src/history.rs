//! What has happened in a lab, and who wants to know what happens next.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::control::Event;

/// How many events are kept; then the oldest go.
const KEPT: usize = 10_000;

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// Milliseconds since the lab began.
    pub since_start_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The events of a lab.
pub(crate) struct History {
    begin: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// As JSON, a tenth of what they are in memory: most of a link's conditions are not set.
    records: VecDeque<Box<[u8]>>,
    followers: Vec<mpsc::Sender<Record>>,
}

impl History {
    pub(crate) fn begin() -> Self {
        Self { begin: Instant::now(), state: Mutex::default() }
    }

    /// Keeps what happened, and tells all followers.
    pub(crate) fn add(&self, event: Event) {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let record = Record { unix_ms: ms(unix), since_start_ms: ms(self.begin.elapsed()), event };
        let mut state = self.state();
        state.followers.retain(|follower| follower.send(record.clone()).is_ok());
        if state.records.len() == KEPT {
            state.records.pop_front();
        }
        let text = serde_json::to_vec(&record).expect("a record is plain data");
        state.records.push_back(text.into_boxed_slice());
    }

    /// Gives what has happened, and what happens from now on: nothing is left out between.
    pub(crate) fn follow(&self) -> (Vec<Record>, mpsc::Receiver<Record>) {
        let (sender, receiver) = mpsc::channel();
        let mut state = self.state();
        state.followers.push(sender);
        let read = |text| serde_json::from_slice(text).expect("a record is read as it was written");
        (state.records.iter().map(|text| read(text)).collect(), receiver)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_kept_up_to_a_limit_and_followers_get_the_rest() {
        let history = History::begin();
        for number in 0..KEPT + 5 {
            history.add(Event::Ready { node: number.to_string(), program: None });
        }
        let (past, rest) = history.follow();
        assert_eq!(past.len(), KEPT);
        assert_eq!(past[0].event, Event::Ready { node: "5".into(), program: None });
        history.add(Event::Stopping);
        assert_eq!(rest.recv().expect("an event").event, Event::Stopping);
    }
}
