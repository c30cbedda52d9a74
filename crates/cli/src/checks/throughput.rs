//! Throughput between two nodes.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rackless_topology::model::Bounds;
use rackless_topology::units::Rate;

use super::execute::{self, GRACE};
use crate::failure::Failure;
use crate::probe::throughput::{Count, Receiver, Sender};
use crate::probe::{self, Attempt, Finding};
use crate::verbs::probe::Task;

/// Between which nodes.
pub(super) struct Path<'a> {
    pub(super) lab: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// What is measured, and what is wanted.
pub(super) struct Measured {
    pub(super) address: IpAddr,
    pub(super) time: Duration,
    pub(super) udp: Option<Rate>,
    pub(super) rate: Bounds<Rate>,
}

impl Path<'_> {
    /// Measures until the rate is as wanted, at least once.
    pub(super) fn until(&self, measured: &Measured, within: Duration) -> Result<Finding, Failure> {
        probe::repeat(within, false, |_| {
            let count = self.measure(measured)?;
            let rate = Rate::from_bits_per_second(count.bits_per_second());
            let found = format!("{:.2} Mbit/s", rate.as_bits_per_second() as f64 / 1e6);
            Ok(if measured.rate.contain(&rate) { Attempt::Held(found) } else { Attempt::Failed(found) })
        })
    }

    fn measure(&self, measured: &Measured) -> Result<Count, Failure> {
        let limit = Instant::now() + measured.time * 2 + GRACE;
        let receiver =
            Receiver { v6: measured.address.is_ipv6(), udp: measured.udp.is_some(), time: measured.time };
        let mut receiving = execute::start_task(self.lab, self.to, &Task::Receive(receiver))?;
        let port: u16 = receiving.line(limit)?;
        let sender = Sender {
            to: SocketAddr::new(measured.address, port),
            udp: measured.udp.map(Rate::as_bits_per_second),
            time: measured.time,
        };
        let sending = execute::start_task(self.lab, self.from, &Task::Send(sender))?.finish(limit)?;
        if sending.output.is_empty() {
            return receiving.finish(limit)?.answer();
        }
        Err(Failure::cannot(String::from_utf8_lossy(sending.output.trim_ascii()).into_owned()))
    }
}
