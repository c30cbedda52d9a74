//! How much payload arrives in a second: one node sends, another counts.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long the receiver waits for the sender's first byte, and how long a pause ends the traffic.
const PATIENCE: Duration = Duration::from_secs(5);

/// The payload of a datagram in bytes: with its headers within 1280, which every link of IPv6 carries (RFC 8200).
const DATAGRAM: usize = 1200;

/// The shortest time the sender of datagrams sleeps; what is due meanwhile is sent at once.
const NAP: Duration = Duration::from_micros(500);

/// The node that counts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Receiver {
    pub(crate) v6: bool,
    /// Whether datagrams come, or a TCP connection.
    pub(crate) udp: bool,
    /// How long is counted, from the first byte on.
    pub(crate) time: Duration,
}

/// The node that sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sender {
    pub(crate) to: SocketAddr,
    /// Bits of payload a second in datagrams; `None`: as much as TCP carries.
    pub(crate) udp: Option<u64>,
    pub(crate) time: Duration,
}

/// What has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) bytes: u64,
    /// From the first byte to the last, or to the end of the time.
    pub(crate) time: Duration,
}

impl Count {
    pub(crate) fn bits_per_second(&self) -> u64 {
        let seconds = self.time.as_secs_f64();
        if seconds > 0.0 { (self.bytes as f64 * 8.0 / seconds) as u64 } else { 0 }
    }
}

impl Receiver {
    /// Tells the port, and counts what arrives.
    pub(crate) fn run(&self, tell: impl FnOnce(u16)) -> io::Result<Count> {
        let any: IpAddr = if self.v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        if self.udp {
            let socket = UdpSocket::bind((any, 0))?;
            tell(socket.local_addr()?.port());
            return self.count(|buffer, patience| {
                socket.set_read_timeout(Some(patience))?;
                socket.recv(buffer)
            });
        }
        let listener = TcpListener::bind((any, 0))?;
        tell(listener.local_addr()?.port());
        let (mut stream, _) = listener.accept()?;
        self.count(|buffer, patience| {
            stream.set_read_timeout(Some(patience))?;
            stream.read(buffer)
        })
    }

    fn count(&self, mut read: impl FnMut(&mut [u8], Duration) -> io::Result<usize>) -> io::Result<Count> {
        let mut buffer = vec![0; 256 * 1024];
        // The first piece starts the clock, and is not counted: it came before.
        let length = read(&mut buffer, PATIENCE)?;
        let begin = Instant::now();
        let mut count = Count { bytes: 0, time: Duration::ZERO };
        if length == 0 {
            return Ok(count);
        }
        while let Some(left) = self.time.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
            match read(&mut buffer, left) {
                Ok(0) => break,
                Ok(length) => count.bytes += length as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break, // the time is over, or the sender has gone
            }
        }
        count.time = begin.elapsed().min(self.time);
        Ok(count)
    }
}

impl Sender {
    /// Sends for as long as the receiver counts, and somewhat longer.
    pub(crate) fn run(&self) -> io::Result<()> {
        let end = Instant::now() + self.time + self.time / 4;
        match self.udp {
            None => self.stream(end),
            Some(rate) => self.datagrams(rate, end),
        }
    }

    fn stream(&self, end: Instant) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.to, PATIENCE)?;
        stream.set_write_timeout(Some(self.time + PATIENCE))?;
        let buffer = vec![0; 128 * 1024];
        while Instant::now() < end {
            if stream.write(&buffer).is_err() {
                break; // the receiver has counted enough
            }
        }
        Ok(())
    }

    fn datagrams(&self, rate: u64, end: Instant) -> io::Result<()> {
        let any: IpAddr =
            if self.to.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(self.to)?;
        let payload = [0; DATAGRAM];
        let begin = Instant::now();
        let mut sent = 0_u64;
        while Instant::now() < end {
            let due = begin.elapsed().as_secs_f64() * rate as f64 / (DATAGRAM * 8) as f64;
            while sent <= due as u64 {
                let _ = socket.send(&payload); // a full queue loses datagrams, as it should
                sent += 1;
            }
            std::thread::sleep(NAP);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn measure(udp: Option<u64>) -> Count {
        let time = Duration::from_millis(200);
        let (sender, port) = mpsc::channel();
        let receiver = Receiver { v6: true, udp: udp.is_some(), time };
        let counting =
            std::thread::spawn(move || receiver.run(|port| sender.send(port).expect("it is heard")));
        let to = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port.recv().expect("a port"));
        Sender { to, udp, time }.run().expect("it sends");
        counting.join().expect("no panic").expect("a count")
    }

    #[test]
    fn datagrams_arrive_at_the_rate_they_are_sent_at() {
        let rate = measure(Some(8_000_000)).bits_per_second();
        assert!((6_000_000..10_000_000).contains(&rate), "{rate}");
    }

    #[test]
    fn a_connection_carries_what_it_can() {
        let count = measure(None);
        assert!(count.bytes > 1_000_000 && count.time <= Duration::from_millis(200), "{count:?}");
    }
}
