//! Receive on A, send on B.

use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};

/// Sends every frame out of the port next to the one that it came in by, unchanged: 0 and 1, 2 and 3, and so on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forward;

impl Nf for Forward {
    fn packet(&mut self, _: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        Ok(Verdict::Out(cx.input() ^ 1))
    }
}

#[cfg(test)]
mod tests {
    use super::Forward;
    use rackless_nf::{GraphBuilder, Harness};

    #[test]
    fn ports_are_joined_in_pairs() {
        let graph = GraphBuilder::new().node("forward", Forward);
        let mut lab = Harness::new(graph, &["a", "b", "c", "d"]).unwrap();
        for (from, to) in [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")] {
            lab.send(from, from.as_bytes());
            assert_eq!(lab.received(to), [from.as_bytes()]);
        }
    }
}
