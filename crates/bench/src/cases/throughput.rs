//! How many packets pass a program, and what each takes of its processor.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rackless_runtime::control::{Request, Subject, request};

use super::CORES;
use crate::error::Error;
use crate::process::{Program, package_version};

/// How long packets flow before the counters are read first, and between first and last.
const WARM_UP: Duration = Duration::from_millis(300);
const WINDOW: Duration = Duration::from_millis(1500);
/// What must arrive of what was received; the rest are answers of next hops, which end in a router.
const FORWARDED: f64 = 0.99;

/// Processor time and packets so far.
pub(super) struct Reading {
    pub(super) cpu_ns: u64,
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// Reads twice and gives nanoseconds per packet.
pub(super) fn ns_per_packet(mut read: impl FnMut() -> Result<Reading, Error>) -> Result<f64, Error> {
    std::thread::sleep(WARM_UP);
    let first = read()?;
    std::thread::sleep(WINDOW);
    let last = read()?;
    let (received, sent) = (last.received - first.received, last.sent - first.sent);
    if sent == 0 || (sent as f64) < FORWARDED * received as f64 {
        return Err(Error::Void(format!("{received} packets were received, and {sent} sent")));
    }
    Ok((last.cpu_ns - first.cpu_ns) as f64 / sent as f64)
}

/// Reads the counters of a network function of ours.
pub(super) fn read_ours(program: &Program, control: &Path) -> Result<Reading, Error> {
    let report = request(control, Request::Get(Subject::Counters))
        .map_err(|error| Error::Make { what: "a request for counters", source: error.into() })?;
    let cpu_ns = program.cpu_ns()?;
    let received = report.ports.iter().map(|port| port.received).sum();
    let sent = report.ports.iter().map(|port| port.sent).sum();
    Ok(Reading { cpu_ns, received, sent })
}

/// A testpmd that forwards, on one core of its own.
pub(super) struct Testpmd {
    program: Program,
    ports: usize,
}

impl Testpmd {
    /// Starts it with EAL's options and its own.
    pub(super) fn start<'a>(
        eal: &[&str],
        devices: impl IntoIterator<Item = &'a str>,
        options: &[&str],
    ) -> Result<Self, Error> {
        Self::start_on(CORES, eal, devices, options)
    }

    /// Does so with its main thread on the first core and what forwards on the second.
    pub(super) fn start_on<'a>(
        cores: [usize; 2],
        eal: &[&str],
        devices: impl IntoIterator<Item = &'a str>,
        options: &[&str],
    ) -> Result<Self, Error> {
        let devices: Vec<&str> = devices.into_iter().collect();
        let mut program = Program::start(
            Command::new("stdbuf")
                .args(["-oL", "dpdk-testpmd", "--lcores", &format!("0@{},1@{}", cores[0], cores[1])])
                .arg("--no-pci")
                .args(eal)
                .args(devices.iter().map(|device| format!("--vdev={device}")))
                .args(["--", "-i", "--total-num-mbufs=16384", "--burst=64"])
                .args(options),
        )?;
        program.say("start")?;
        program.expect("packet forwarding")?;
        Ok(Self { program, ports: devices.len() })
    }

    pub(super) fn read(&mut self) -> Result<Reading, Error> {
        self.program.say("show port stats all")?;
        let mut reading = Reading { cpu_ns: 0, received: 0, sent: 0 };
        for _ in 0..self.ports {
            reading.received += number(&self.program.expect("RX-packets:")?);
            reading.sent += number(&self.program.expect("TX-packets:")?);
        }
        reading.cpu_ns = self.program.cpu_ns()?;
        Ok(reading)
    }

    pub(super) fn version() -> String {
        format!("testpmd {}", package_version("dpdk-dev"))
    }
}

/// The first number of a line of testpmd's statistics.
fn number(line: &str) -> u64 {
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn testpmds_statistics_are_read() {
        assert_eq!(number("  RX-packets: 1234       RX-missed: 0          RX-bytes:  78976"), 1234);
        assert_eq!(number("no number"), 0);
    }

    #[test]
    fn packets_that_do_not_come_out_make_a_measurement_void() {
        let mut readings = [(0, 0, 0), (100, 100, 50)].into_iter();
        let mut read = || {
            let (cpu_ns, received, sent) = readings.next().unwrap();
            Ok(Reading { cpu_ns, received, sent })
        };
        let message = ns_per_packet(&mut read).unwrap_err().to_string();
        assert!(message.contains("100 packets were received, and 50 sent"), "{message}");
    }
}
