//! A shaper: frames leave at a rate, and wait in a queue until they may.

use std::collections::VecDeque;

use rackless_nf::{Context, Nf, Outcome, Packet, Reason, State, Verdict};
use rackless_topology::units::{Rate, Size};
use serde::Deserialize;

use crate::bucket::TokenBucket;

rackless_nf::drop_reasons! {
    /// Why the shaper drops.
    pub enum ShaperDrop {
        /// The queue has no room for the frame.
        QueueFull = "shaper queue full",
        /// The bucket can never hold enough tokens for the frame.
        LongerThanBurst = "frame longer than the burst",
    }
}

/// What a [`Shaper`] is told: the keys of its configuration file.
///
/// # Examples
/// ```
/// let config: rackless_functions::ShaperConfig = toml::from_str(r#"
///     rate = "10 Mbit/s"    # of frames, from the MAC addresses to the end, without frame check sequence
///     burst = "3000 B"      # what may leave at once after silence; default 3028 B, two full frames
///     queue = "64 KiB"      # what may wait; default 64 KiB
/// "#)?;
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShaperConfig {
    /// Bits of frames per second, without frame check sequence, preamble and gap.
    pub rate: Rate,
    /// What may leave at once after silence.
    #[serde(default = "two_frames")]
    pub burst: Size,
    /// What may wait.
    #[serde(default = "queue")]
    pub queue: Size,
}

fn two_frames() -> Size {
    Size::from_bytes(2 * 1514)
}

fn queue() -> Size {
    Size::from_bytes(64 << 10)
}

/// Joins two ports and shapes each direction by itself: a token bucket, and a queue with tail drop behind it.
///
/// What comes by input 0 leaves by output 1, and the other way round; of a shaper that is [`one_way`](Self::one_way),
/// what comes by input 0 leaves by output 0. Order is kept. A frame leaves as soon as the
/// bucket has a token for each of its bits, to the picosecond.
pub struct Shaper {
    directions: [Direction; 2],
    /// What an input's number is joined with by exclusive or to give its output's.
    across: u8,
    limit: u64,
    burst: u64,
}

struct Direction {
    bucket: TokenBucket,
    queue: VecDeque<Packet>,
    /// Bytes in the queue, or on their way into it.
    queued: u64,
    /// Whether a timer is set for the head of the queue.
    armed: bool,
}

impl Shaper {
    /// Makes a shaper with full buckets.
    pub fn new(config: ShaperConfig) -> Self {
        let burst = config.burst.as_bytes();
        let rate = config.rate.as_bits_per_second();
        let direction = || Direction {
            bucket: TokenBucket::new(rate, burst.saturating_mul(8)),
            queue: VecDeque::new(),
            queued: 0,
            armed: false,
        };
        let directions = [direction(), direction()];
        Self { directions, across: 1, limit: config.queue.as_bytes(), burst }
    }

    /// Makes a shaper of one direction, from its input to its output.
    pub fn one_way(config: ShaperConfig) -> Self {
        Self { across: 0, ..Self::new(config) }
    }
}

impl Direction {
    /// Sends what may leave now and sets a timer for what may not.
    fn drain(&mut self, input: u8, output: u8, cx: &mut Context<'_>) {
        while let Some(head) = self.queue.front() {
            let len = head.len() as u64;
            if !self.bucket.take(8 * len, cx.now()) {
                if let Some(wait) = self.bucket.wait(8 * len, cx.now()).filter(|_| !self.armed) {
                    cx.after(wait, input.into());
                    self.armed = true;
                }
                return;
            }
            self.queued -= len;
            if let Some(packet) = self.queue.pop_front() {
                cx.emit(output, packet);
            }
        }
    }
}

impl Nf for Shaper {
    fn packet(&mut self, packet: &mut Packet, cx: &mut Context<'_>) -> Outcome {
        let input = cx.input();
        let len = packet.len() as u64;
        let Some(direction) = self.directions.get_mut(usize::from(input)) else {
            return Ok(Verdict::Out(input ^ self.across));
        };
        if len > self.burst {
            return Err(ShaperDrop::LongerThanBurst.into());
        }
        if direction.queued == 0 && direction.bucket.take(8 * len, cx.now()) {
            return Ok(Verdict::Out(input ^ self.across));
        }
        if direction.queued + len > self.limit {
            return Err(ShaperDrop::QueueFull.into());
        }
        // Counted here and not in `hold`, which comes after the batch: the next frame must not overtake.
        direction.queued += len;
        Ok(Verdict::Hold(input.into()))
    }

    fn hold(&mut self, packet: Packet, key: u32, cx: &mut Context<'_>) {
        let input = (key & 1) as u8;
        let direction = &mut self.directions[usize::from(input)];
        direction.queue.push_back(packet);
        if !direction.armed {
            direction.drain(input, input ^ self.across, cx);
        }
    }

    fn timer(&mut self, token: u64, cx: &mut Context<'_>) {
        let input = (token & 1) as u8;
        let direction = &mut self.directions[usize::from(input)];
        direction.armed = false;
        direction.drain(input, input ^ self.across, cx);
    }

    /// The queues outlive a change of the configuration, as far as the new ones are long enough.
    fn hand_over(&mut self, _: &mut Context<'_>) -> Option<State> {
        Some(Box::new(self.directions.each_mut().map(|direction| std::mem::take(&mut direction.queue))))
    }

    fn take_over(&mut self, state: State, cx: &mut Context<'_>) -> Result<(), State> {
        let queues = state.downcast::<[VecDeque<Packet>; 2]>()?;
        for (input, queue) in (0_u8..).zip(*queues) {
            for packet in queue {
                let len = packet.len() as u64;
                let direction = &mut self.directions[usize::from(input)];
                if input > self.across {
                    cx.drop_packet(packet, Reason::REPLACED);
                } else if len > self.burst {
                    cx.drop_packet(packet, ShaperDrop::LongerThanBurst.into());
                } else if direction.queued + len > self.limit {
                    cx.drop_packet(packet, ShaperDrop::QueueFull.into());
                } else {
                    direction.queued += len;
                    direction.queue.push_back(packet);
                }
            }
            self.directions[usize::from(input)].drain(input, input ^ self.across, cx);
        }
        Ok(())
    }

    fn inputs(&self) -> Option<usize> {
        Some(1 + usize::from(self.across))
    }

    fn outputs(&self) -> Option<usize> {
        self.inputs()
    }

    fn drop_reasons(&self) -> &'static [&'static str] {
        ShaperDrop::NAMES
    }
}
