//! Repeats an attempt until it ends as wanted or the time is over.

use std::time::{Duration, Instant};

use super::{Finding, PAUSE, SILENCE};

/// How an attempt ended, and what was found.
pub(crate) enum Attempt {
    /// As the check says.
    Held(String),
    /// Otherwise.
    Failed(String),
    /// It was cut off, which says neither yes nor no.
    Undecided(String),
}

/// Repeats an attempt, which is given the deadline, until it holds.
///
/// Where it shall fail, it is repeated until the time is over: it must fail, and from then on keep failing. What held
/// before counts as the lab settling.
pub(crate) fn repeat<E>(
    within: Duration,
    fails: bool,
    mut attempt: impl FnMut(Instant) -> Result<Attempt, E>,
) -> Result<Finding, E> {
    let begin = Instant::now();
    let deadline = begin + within;
    // An attempt that has no time to hold is no proof that it fails.
    let last_start = if fails { deadline - SILENCE.min(within / 2) } else { deadline };
    let (mut attempts, mut failed_before) = (0, false);
    loop {
        attempts += 1;
        let started = Instant::now();
        let attempt = attempt(deadline)?;
        let next = Instant::now().max(started + PAUSE);
        let last = next >= last_start;
        let finding = |ok, found| Ok(Finding { ok, attempts, found });
        match attempt {
            Attempt::Held(found) if !fails => return finding(true, found),
            Attempt::Held(found) if failed_before => {
                let time = (Instant::now() - begin).as_secs_f64();
                return finding(false, format!("{found}, {time:.1} s into the check, after it had failed"));
            }
            Attempt::Held(found) if last => return finding(false, found),
            Attempt::Failed(found) if last => return finding(fails, found),
            Attempt::Undecided(found) if last => return finding(failed_before, found),
            Attempt::Failed(_) => failed_before = true,
            Attempt::Held(_) | Attempt::Undecided(_) => {}
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Repeats attempts that hold or fail in this order, the last one for ever.
    fn run(fails: bool, outcomes: &[bool]) -> Finding {
        let mut outcomes = outcomes.iter().copied().peekable();
        let attempt = |_| {
            let held = outcomes.next_if(|_| true);
            let held = held.unwrap_or(false);
            let text = if held { "yes" } else { "no" }.to_owned();
            Ok::<_, ()>(if held { Attempt::Held(text) } else { Attempt::Failed(text) })
        };
        repeat(Duration::from_millis(900), fails, attempt).expect("no error")
    }

    #[test]
    fn the_first_attempt_that_holds_is_enough() {
        let finding = run(false, &[false, true]);
        assert_eq!((finding.ok, finding.attempts, finding.found.as_str()), (true, 2, "yes"));
        assert!(!run(false, &[]).ok);
    }

    #[test]
    fn what_shall_fail_must_keep_failing() {
        let finding = run(true, &[]);
        assert!(finding.ok && finding.attempts > 1, "{finding:?}");
        assert!(run(true, &[true, false]).ok, "it held while the lab was settling");
        let finding = run(true, &[false, true]);
        assert!(!finding.ok && finding.found.ends_with("after it had failed"), "{finding:?}");
        assert!(!run(true, &[true, true, true, true, true, true]).ok);
    }
}
