//! `wire-tcp`: one TCP connection over a wire in user space that does nothing, beside a plain veth.
//!
//! The wire's delay is a nanosecond: without any condition there would be no wire. Both sides run the same two
//! programs, with CUBIC, between two namespaces. What counts is what the receiver got in the time from its first byte to
//! its last.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use super::pair::{A, B, Pair, parse};
use crate::case::{Case, Figure, Repeat, Sides, Site, Target};
use crate::error::Error;
use crate::harness::PAIRS;
use crate::namespace::Namespace;
use crate::netlink::{self, Batch, End};
use crate::process::{Program, finish};
use crate::stats::Better;

pub(super) const CASES: &[Case] = &[Case {
    name: "wire-tcp",
    about: "throughput of one TCP connection over a wire in user space, beside a plain veth (at least half of it)",
    figures: &[Figure {
        name: "",
        unit: "Gbit/s",
        better: Better::Higher,
        target: Target::RatioAtLeast(0.5),
    }],
    repeat: Repeat::Pairs(PAIRS),
    privileged: true,
    open,
}];

/// Where the receiver listens.
const ADDRESS: &str = "10.0.0.2:5001";
const SECONDS: Duration = Duration::from_secs(2);
/// What is written and read at once.
const CHUNK: usize = 256 * 1024;

struct Tcp {
    this: PathBuf,
    pair: Pair,
    veth: [Namespace; 2],
}

fn open(site: &Site) -> Result<Box<dyn Sides>, Error> {
    let this = std::env::current_exe().map_err(Error::system("find this program"))?;
    let pair = Pair::up(site, "host", "wire = \"user\"")?;
    pair.set(&["--delay", "1 ns"])?;
    Ok(Box::new(Tcp { this, pair, veth: veth()? }))
}

/// Makes two namespaces with a veth between them and the addresses of the lab.
fn veth() -> Result<[Namespace; 2], Error> {
    let make = || {
        let far = Namespace::create()?;
        let near = Namespace::create()?;
        let ends = [End { name: "eth0", index: 10 }, End { name: "eth0", index: 10 }];
        let address = |host| std::net::Ipv4Addr::new(10, 0, 0, host);
        let mut batch = Batch::default();
        batch.veth(&ends[0], None, 0, &ends[1], Some(far.as_fd())).ipv4(10, address(1), 8);
        batch.send(&netlink::open()?)?;
        far.within(|| Batch::default().up(10).ipv4(10, address(2), 8).send(&netlink::open()?))?;
        Ok([near, far])
    };
    std::thread::scope(|scope| {
        scope.spawn(make).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

impl Sides for Tcp {
    fn ours(&mut self) -> Result<Vec<f64>, Error> {
        let [sink, source] = [(B, "tcp-sink"), (A, "tcp-source")].map(|(node, program)| {
            let mut command = self.pair.on(node, &self.this);
            command.args(["inside", program]);
            command
        });
        measure(sink, source, Program::start, finish)
    }

    fn peer(&mut self) -> Result<Vec<f64>, Error> {
        let [sink, source] = ["tcp-sink", "tcp-source"].map(|program| {
            let mut command = Command::new(&self.this);
            command.args(["inside", program]);
            command
        });
        let [near, far] = &self.veth;
        measure(
            sink,
            source,
            |command| far.within(|| Program::start(command)),
            |command| near.within(|| finish(command)),
        )
    }

    fn peer_version(&self) -> Option<String> {
        Some("a plain veth".to_owned())
    }
}

/// Gives the throughput in Gbit/s.
fn measure(
    mut sink: Command,
    mut source: Command,
    start: impl FnOnce(&mut Command) -> Result<Program, Error>,
    finish: impl FnOnce(&mut Command) -> Result<String, Error>,
) -> Result<Vec<f64>, Error> {
    let mut sink = start(&mut sink)?;
    sink.expect("ready")?;
    finish(&mut source)?;
    let bits_per_second: f64 = parse("tcp-sink", &sink.expect("")?)?;
    Ok(vec![bits_per_second / 1e9])
}

/// Takes one connection and prints the bits per second that it brought.
pub(crate) fn run_sink() -> Result<(), Error> {
    let failed = || Error::system("receive over TCP");
    let listener = TcpListener::bind(ADDRESS).map_err(failed())?;
    println!("ready");
    let (mut stream, _) = listener.accept().map_err(failed())?;
    let mut buffer = vec![0; CHUNK];
    let (mut bytes, mut start, mut last) = (0, None, Instant::now());
    loop {
        let read = stream.read(&mut buffer).map_err(failed())?;
        if read == 0 {
            break;
        }
        last = Instant::now();
        start.get_or_insert(last);
        bytes += read;
    }
    let seconds = start.map_or(0.0, |start| (last - start).as_secs_f64());
    println!("{:.0}", bytes as f64 * 8.0 / seconds);
    Ok(())
}

/// Sends as much as goes for a while.
pub(crate) fn run_source() -> Result<(), Error> {
    let failed = || Error::system("send over TCP");
    let mut stream = TcpStream::connect(ADDRESS).map_err(failed())?;
    setsockopt(&stream, sockopt::TcpCongestion, &"cubic".into()).map_err(Error::system("choose CUBIC"))?;
    let (chunk, start) = (vec![0; CHUNK], Instant::now());
    while start.elapsed() < SECONDS {
        stream.write_all(&chunk).map_err(failed())?;
    }
    Ok(())
}
