//! An output for each group of packets.

use crate::{Context, Nf, Outcome, Packet, Reason, Verdict};

/// Sends each packet out of the output that a closure names; made by [`group_by`].
pub struct GroupBy<F> {
    key: F,
    outputs: usize,
}

/// A function that sends each packet, unchanged, out of the output whose number `key` gives.
///
/// It has `outputs` outputs, and a graph must wire them all. What `key` refuses is dropped for its reason, and what it
/// gives a greater number is dropped as [`Reason::NO_OUTPUT`].
///
/// # Examples
/// ```
/// use rackless_nf::{GraphBuilder, Harness, group_by};
///
/// let by_version = group_by(|packet| Ok(u8::from(packet.ipv6().is_ok())), 2);
/// let graph = GraphBuilder::new().node("version", by_version);
/// let graph = graph.wire("rx:in -> version -> tx:v4; version[1] -> tx:v6")?;
/// assert!(Harness::new(graph, &["in", "v4", "v6"]).is_ok());
/// # Ok::<(), rackless_nf::GraphError>(())
/// ```
pub fn group_by<F>(key: F, outputs: usize) -> GroupBy<F>
where
    F: FnMut(&Packet) -> Result<u8, Reason> + Send,
{
    GroupBy { key, outputs }
}

impl<F> Nf for GroupBy<F>
where
    F: FnMut(&Packet) -> Result<u8, Reason> + Send,
{
    fn packet(&mut self, packet: &mut Packet, _: &mut Context<'_>) -> Outcome {
        (self.key)(packet).map(Verdict::Out)
    }

    fn outputs(&self) -> Option<usize> {
        Some(self.outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::group_by;
    use crate::{GraphBuilder, Harness, Reason};

    #[test]
    fn packets_leave_by_their_key_and_what_has_none_is_dropped_by_name() {
        let first = |packet: &crate::Packet| packet.data().first().copied().ok_or(Reason::MALFORMED);
        let graph = || GraphBuilder::new().node("group", group_by(first, 2));
        let wires = "rx:a -> group -> tx:a; group[1] -> tx:b";
        let mut lab = Harness::new(graph().wire(wires).unwrap(), &["a", "b"]).unwrap();
        for frame in [&[0u8][..], &[1], &[], &[2]] {
            lab.send("a", frame);
        }
        assert_eq!((lab.received("a"), lab.received("b")), (vec![vec![0]], vec![vec![1]]));
        assert_eq!(lab.drops("group", "malformed"), 1);
        assert_eq!(lab.drops("group", "output not wired"), 1);
        assert!(graph().wire("rx:a -> group -> tx:a").unwrap().to_dot().contains("group"));
        let half = Harness::new(graph().wire("rx:a -> group -> tx:a").unwrap(), &["a", "b"]);
        assert!(half.err().unwrap().to_string().contains("group[1] leads nowhere"));
    }
}
