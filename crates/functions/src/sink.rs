//! The end of a way.

use rackless_nf::{Context, Nf, Outcome, Packet, Reason};
use serde::Deserialize;

/// What a [`Sink`] is told: the keys of its configuration.
///
/// # Examples
/// ```
/// let config: rackless_functions::SinkConfig = toml::from_str(r#"
///     reason = "telnet is not allowed"    # default "sink"
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SinkConfig {
    /// The name under which the drops are counted.
    pub reason: String,
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self { reason: "sink".to_owned() }
    }
}

/// Drops every packet, for a reason of its own.
#[derive(Clone, Copy, Debug)]
pub struct Sink {
    reasons: &'static [&'static str],
}

impl Sink {
    /// Makes a sink. The reason's name is kept as long as the program runs, since reports name it.
    pub fn new(config: SinkConfig) -> Self {
        let reason: &'static str = Box::leak(config.reason.into_boxed_str());
        Self { reasons: Box::leak(Box::new([reason])) }
    }
}

impl Nf for Sink {
    fn packet(&mut self, _: &mut Packet, _: &mut Context<'_>) -> Outcome {
        Err(Reason(Reason::OWN))
    }

    fn outputs(&self) -> Option<usize> {
        Some(0)
    }

    fn drop_reasons(&self) -> &'static [&'static str] {
        self.reasons
    }
}

#[cfg(test)]
mod tests {
    use super::{Sink, SinkConfig};
    use rackless_nf::{GraphBuilder, Harness};

    #[test]
    fn drops_have_the_name_that_was_given() {
        let sink = |reason: &str| Sink::new(SinkConfig { reason: reason.to_owned() });
        let graph = GraphBuilder::new().node("a", sink("blocked")).node("b", sink("late"));
        let mut lab = Harness::new(graph.wire("rx:a -> a; rx:b -> b").unwrap(), &["a", "b"]).unwrap();
        lab.send("a", b"x");
        lab.send("b", b"y");
        lab.send("b", b"z");
        assert_eq!((lab.drops("a", "blocked"), lab.drops("b", "late")), (1, 2));
    }
}
