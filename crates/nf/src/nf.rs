//! The contract of a network function.

use std::any::Any;

use crate::{Context, Packet, Reason};

/// What a function hands over to its successor: a type that both know.
pub type State = Box<dyn Any + Send>;

/// What becomes of a packet that was not dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Sends it out of this output.
    Out(u8),
    /// Keeps it: the graph calls [`Nf::hold`] with the packet and this key next.
    Hold(u32),
}

/// What a network function says of a packet: a [`Verdict`], or the [`Reason`] to drop it.
pub type Outcome = Result<Verdict, Reason>;

/// A network function: packets, time, randomness and timers come in as arguments; it does no I/O.
///
/// Most functions implement [`Nf::packet`] alone. A closure with the same arguments is a function too.
/// The graph owns the packets; what a function wants to keep it asks for ([`Verdict::Hold`]) and gives back later
/// ([`Context::emit`], [`Context::drop_packet`]). So at any time, per graph and per node:
/// received + generated = sent + drops + held.
///
/// A function that panics is thrown away with all it holds, and its packets are dropped by [`Reason::PANIC`]; other
/// nodes go on ([`Graph::take_crashes`](crate::Graph::take_crashes)).
///
/// # Examples
/// ```
/// use rackless_nf::{Context, Nf, Outcome, Packet, Verdict};
///
/// /// Answers on the port that a frame came in by.
/// struct MacSwap;
///
/// impl Nf for MacSwap {
///     fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
///         packet.ethernet_mut()?.swap();
///         Ok(Verdict::Out(cx.input()))
///     }
/// }
/// ```
pub trait Nf: Send {
    /// Looks at one packet, changes it in place, and says what becomes of it.
    ///
    /// # Errors
    /// The reason to drop it. The graph counts it under this node and gives the buffer back.
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome;

    /// Looks at a batch that came by one input: writes the outcome of `packets[i]` to `outcomes[i]`, in this order. A
    /// packet without an outcome is dropped, by [`Reason::NO_OUTCOME`].
    ///
    /// The default is the loop over [`Nf::packet`], compiled inside the function, so that the graph's one dynamic
    /// call is per batch.
    fn batch(&mut self, packets: &mut [Packet], outcomes: &mut [Outcome], cx: &mut Context<'_>) {
        for (packet, outcome) in packets.iter_mut().zip(outcomes) {
            *outcome = self.packet(packet, cx);
        }
    }

    /// Takes a packet that this function asked to hold.
    fn hold(&mut self, packet: Packet, key: u32, cx: &mut Context<'_>) {
        let _ = key;
        cx.drop_packet(packet, Reason::NOT_HELD);
    }

    /// Runs once before the first packet: the place to set the first timer.
    fn start(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// Runs when a timer set by [`Context::after`] with this token expires.
    fn timer(&mut self, token: u64, cx: &mut Context<'_>) {
        let _ = (token, cx);
    }

    /// Gives what a successor needs to go on: what took time to learn, and the packets that are held.
    ///
    /// Called when the function is replaced ([`Graph::swap`](crate::Graph::swap)), which is dropped afterwards. Every packet
    /// that is held goes into the state, or is dropped by [`Context::drop_packet`]; with no state, all of them are dropped
    /// by [`Reason::REPLACED`]. Nothing can be emitted any more.
    fn hand_over(&mut self, cx: &mut Context<'_>) -> Option<State> {
        let _ = cx;
        None
    }

    /// Takes what the function in whose place this one comes has handed over, after [`Nf::start`]. Packets in it are held
    /// by this function from now on.
    ///
    /// # Errors
    /// The state, untouched, if it is none that this function knows; it is dropped, and packets in it by
    /// [`Reason::REPLACED`].
    fn take_over(&mut self, state: State, cx: &mut Context<'_>) -> Result<(), State> {
        let _ = cx;
        Err(state)
    }

    /// How many inputs the function has; 0 for one that only makes packets, `None` (the default) for any number.
    ///
    /// A graph whose wiring names another input is refused.
    fn inputs(&self) -> Option<usize> {
        None
    }

    /// How many outputs the function has; `None` (the default) for any number.
    ///
    /// A graph whose wiring names another output, or leaves one of these out, is refused. What leaves by an output
    /// that is not wired, of a function that does not say, is dropped by name.
    fn outputs(&self) -> Option<usize> {
        None
    }

    /// What the function counts besides what the graph does, with names; told in reports.
    fn counters(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// The names of the function's own drop reasons, from [`drop_reasons!`](crate::drop_reasons).
    fn drop_reasons(&self) -> &'static [&'static str] {
        &[]
    }
}

impl<F> Nf for F
where
    F: FnMut(&mut Packet, &mut Context<'_>) -> Outcome + Send,
{
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        self(packet, cx)
    }
}
