//! Packets and bytes that pass a wire.

use rackless_nf::{Context, Nf, Outcome, Packet, State, Verdict};

/// Passes every packet on, unchanged, from each input to the output of the same number, and counts packets and bytes.
///
/// Bytes are those of frames, without frame check sequence.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    packets: u64,
    bytes: u64,
}

impl Nf for Counter {
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        self.packets += 1;
        self.bytes += packet.len() as u64;
        Ok(Verdict::Out(cx.input()))
    }

    fn hand_over(&mut self, _: &mut Context<'_>) -> Option<State> {
        Some(Box::new(*self))
    }

    fn take_over(&mut self, state: State, _: &mut Context<'_>) -> Result<(), State> {
        *self = *state.downcast::<Self>()?;
        Ok(())
    }

    fn counters(&self) -> Vec<(String, u64)> {
        vec![("packets".to_owned(), self.packets), ("bytes".to_owned(), self.bytes)]
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;
    use rackless_nf::{GraphBuilder, Harness};

    #[test]
    fn packets_and_bytes_are_counted_and_pass() {
        let mut lab =
            Harness::new(GraphBuilder::new().node("count", Counter::default()), &["a", "b"]).unwrap();
        lab.send("a", &[0; 60]);
        lab.send("b", &[0; 100]);
        assert_eq!((lab.received("a").len(), lab.received("b").len()), (1, 1));
        assert_eq!(lab.nodes()[0].counters, [("packets".to_owned(), 2), ("bytes".to_owned(), 160)]);
    }
}
