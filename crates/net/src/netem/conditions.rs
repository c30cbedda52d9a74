//! The conditions of a link in the kernel's terms, as far as it has them.

use rackless_link::{Chance, Conditions, Distribution, Jitter, Layer, Limit, LossModel, Queue};

use super::{Codel, Egress, Loss, NetemParameters, Red, Shaper, queue, share, table};

/// Bytes of a full frame, for limits that the kernel counts in frames.
const FULL_FRAME: u64 = 1514;
/// Frames a second that a delay without a rate must have room for: more than a veth carries.
const FASTEST: u64 = 2_000_000;
/// netem counts its limit in 32 bits; no link has more frames on their way.
const MOST_FRAMES: u64 = 10_000_000;
const PS_PER_SECOND: u64 = 1_000_000_000_000;

impl Egress {
    /// Gives the disciplines that do what `conditions` say.
    ///
    /// netem loses frames before its queue and not behind it, and its limit counts the frames on their way, too: room
    /// for those is added, in full frames.
    ///
    /// # Errors
    /// What the kernel cannot do, or does otherwise, in half a sentence.
    pub(crate) fn of(conditions: &Conditions) -> Result<Self, &'static str> {
        let Conditions {
            rate,
            layer,
            trace,
            queue,
            delay,
            jitter,
            loss,
            duplicate,
            reorder,
            corrupt,
            mtu,
            ..
        } = conditions;
        if trace.is_some() {
            return Err("a trace");
        }
        if mtu.is_some() {
            return Err("an MTU of the cable");
        }
        let bytes_per_second = rate.map_or(0, |rate| rate.as_bits_per_second() / 8);
        let overhead = match layer {
            Layer::L1 => 24,
            Layer::L2 => 0,
            Layer::L3 => -14,
        };
        let frames = frames(conditions);
        let mut netem = NetemParameters {
            latency_ns: delay.as_ps() / 1000,
            loss: loss.as_ref().map_or(Ok(Loss::Random(0)), loss_of)?,
            duplicate: chance(duplicate.as_ref())?,
            corrupt: chance(corrupt.as_ref())?,
            limit: frames + on_their_way(conditions),
            ..NetemParameters::default()
        };
        if let Some(reorder) = reorder {
            (netem.reorder, netem.gap) = (chance(Some(&reorder.chance))?, reorder.gap.get());
        }
        if let Some(jitter) = jitter.filter(|jitter| !jitter.is_none()) {
            (netem.jitter_ns, netem.distribution) =
                jitter_of(&jitter, rate.is_some() && *queue == Queue::DropTail)?;
        }
        let Some(queue) = queue_of(queue, frames) else {
            (netem.rate, netem.overhead) = (bytes_per_second, overhead);
            return Ok(Self { netem, shaper: None });
        };
        if rate.is_none() {
            return Err("a managed queue without a rate");
        }
        let overhead = u16::try_from(overhead).map_err(|_| "a managed queue at a rate of layer 3")?;
        let burst = Shaper::burst_for(bytes_per_second, 1500);
        Ok(Self { netem, shaper: Some(Shaper { rate: bytes_per_second, burst, overhead, queue }) })
    }
}

/// Gives the frames that may wait at the bottleneck.
fn frames(conditions: &Conditions) -> u32 {
    let frames = match conditions.limit.unwrap_or_else(|| conditions.default_limit()) {
        Limit::Frames(frames) => frames,
        Limit::Bytes(size) => size.as_bytes().div_ceil(FULL_FRAME),
    };
    frames.clamp(1, MOST_FRAMES) as u32
}

/// Gives the frames that the delay holds.
fn on_their_way(conditions: &Conditions) -> u32 {
    let spread = conditions.jitter.map_or(0, |jitter| jitter.spread.as_ps());
    let time = u128::from(conditions.delay.as_ps()) + u128::from(spread);
    let per_second = match conditions.rate {
        Some(rate) => u128::from(rate.as_bits_per_second() / 8 / FULL_FRAME + 1),
        None => u128::from(FASTEST),
    };
    let frames = (time * per_second).div_ceil(u128::from(PS_PER_SECOND));
    u64::try_from(frames).unwrap_or(u64::MAX).min(MOST_FRAMES) as u32
}

/// Gives a chance as a share; the kernel's correlation changes how often the thing happens, and ours does not.
fn chance(chance: Option<&Chance>) -> Result<u32, &'static str> {
    let chance = chance.copied().unwrap_or_default();
    if chance.correlation != rackless_link::units::Probability::NONE {
        return Err("a correlation");
    }
    Ok(share(chance.probability.as_ratio()))
}

fn loss_of(loss: &LossModel) -> Result<Loss, &'static str> {
    Ok(match loss {
        LossModel::Bernoulli(found) => Loss::Random(chance(Some(found))?),
        LossModel::GilbertElliott { p, r, loss_good, loss_bad } => Loss::GilbertElliott {
            to_bad: share(p.as_ratio()),
            to_good: share(r.as_ratio()),
            in_bad: share(loss_bad.as_ratio()),
            in_good: share(loss_good.as_ratio()),
        },
    })
}

/// Gives spread and distribution; netem lets frames overtake each other unless it has the rate itself.
fn jitter_of(jitter: &Jitter, rate: bool) -> Result<(u64, table::Distribution), &'static str> {
    if jitter.correlation != rackless_link::units::Probability::NONE {
        return Err("a correlation");
    }
    match (jitter.overtake, rate) {
        (false, false) => return Err("jitter that keeps the order"),
        (true, true) => return Err("jitter that lets frames overtake at a rate"),
        _ => {}
    }
    let distribution = match jitter.distribution {
        Distribution::Uniform => table::Distribution::Uniform,
        Distribution::Normal => table::Distribution::Normal,
        Distribution::Pareto => table::Distribution::Pareto,
        Distribution::ParetoNormal => table::Distribution::ParetoNormal,
    };
    Ok((jitter.spread.as_ps() / 1000, distribution))
}

/// Gives what manages a queue; `None` where nothing does but its limit.
fn queue_of(queue: &Queue, frames: u32) -> Option<queue::Queue> {
    let bytes = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    let us = |duration: rackless_link::units::Duration| {
        u32::try_from(duration.as_ps() / 1_000_000).unwrap_or(u32::MAX).max(1)
    };
    Some(match queue {
        Queue::DropTail => return None,
        Queue::Red(red) => queue::Queue::Red(Red {
            limit: bytes(u64::from(frames) * FULL_FRAME),
            min: bytes(red.min.as_bytes()),
            max: bytes(red.max.as_bytes()),
            probability: share(red.probability.as_ratio()),
            frame: 1000,
            burst: bytes((2 * red.min.as_bytes() + red.max.as_bytes()) / 3000 + 1),
            ecn: red.ecn,
        }),
        Queue::CoDel(codel) => queue::Queue::Codel(Codel {
            target_us: us(codel.target),
            interval_us: us(codel.interval),
            limit: frames,
            ecn: codel.ecn,
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Egress, &'static str> {
        Egress::of(&serde_json::from_str(text).expect("conditions"))
    }

    #[test]
    fn delay_rate_and_loss_are_netems() {
        let egress =
            of(r#"{"delay": "10 ms", "rate": "8 Mbit/s", "loss": "50 %", "layer": "L1"}"#).expect("netem");
        assert_eq!((egress.netem.latency_ns, egress.netem.rate), (10_000_000, 1_000_000));
        assert_eq!((egress.netem.overhead, egress.shaper), (24, None));
        assert!(matches!(egress.netem.loss, Loss::Random(2_147_483_648)));
        // 50 ms at that rate are 50,000 bytes, and 10 ms are 7 full frames.
        assert_eq!(egress.netem.limit, 34 + 7);
    }

    #[test]
    fn a_managed_queue_needs_a_shaper() {
        let egress = of(r#"{"rate": "8 Mbit/s", "queue": "codel"}"#).expect("HTB");
        assert_eq!(egress.netem.rate, 0);
        assert!(matches!(egress.shaper, Some(Shaper { rate: 1_000_000, queue: queue::Queue::Codel(_), .. })));
    }

    #[test]
    fn what_the_kernel_does_otherwise_is_named() {
        for (text, expected) in [
            (r#"{"trace": [1]}"#, "a trace"),
            (r#"{"mtu": 1400}"#, "an MTU of the cable"),
            (r#"{"loss": {"probability": "1 %", "correlation": "5 %"}}"#, "a correlation"),
            (r#"{"delay": "5 ms", "jitter": "1 ms"}"#, "jitter that keeps the order"),
            (
                r#"{"delay": "5 ms", "jitter": "1 ms", "rate": "8 Mbit/s", "queue": "codel"}"#,
                "jitter that keeps the order",
            ),
            (r#"{"queue": "codel"}"#, "a managed queue without a rate"),
        ] {
            assert_eq!(of(text).err(), Some(expected), "{text}");
        }
        assert!(of(r#"{"delay": "5 ms", "jitter": {"spread": "1 ms", "overtake": true}}"#).is_ok());
    }
}
