//! `rackless serve`: small servers for labs.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;

/// How long a client may take to accept the text.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of what a client says is taken from it, unheard.
const UNREAD_MAX: u64 = 64 * 1024;

/// The longest request for a page that is read.
const REQUEST_MAX: u64 = 16 * 1024;

/// Serve something small, for labs
#[derive(clap::Subcommand)]
pub(crate) enum Service {
    /// Send a line of text to whoever connects, over IPv6 and IPv4
    Tcp(Text),
    /// Answer each datagram with a line of text, over IPv6 and IPv4
    Udp(Text),
    /// Answer HTTP requests for / with a line of text, over IPv6 and IPv4
    Http(Text),
}

/// What is said, and where.
#[derive(clap::Args)]
pub(crate) struct Text {
    /// The port
    #[arg(long)]
    port: u16,
    /// The text
    #[arg(long)]
    say: String,
}

pub(crate) fn run(service: Service) -> Result<ExitCode, Failure> {
    match service {
        Service::Tcp(text) => connections(&text, say),
        Service::Udp(text) => datagrams(&text),
        Service::Http(text) => connections(&text, page),
    }
}

fn connections(text: &Text, answer: fn(TcpStream, &str) -> io::Result<()>) -> Result<ExitCode, Failure> {
    let port = text.port;
    // A socket for IPv6 takes IPv4 as well; a kernel without IPv6 has only the other.
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
        .map_err(Failure::io(format!("listen on TCP port {port}")))?;
    let address = listener.local_addr().map_err(Failure::io("find the port"))?;
    eprintln!("listening on {address}");
    let line = format!("{}\n", text.say);
    for stream in listener.incoming().flatten() {
        let line = line.clone();
        std::thread::spawn(move || {
            let _ = answer(stream, &line); // a client that breaks off harms only itself
        });
    }
    Ok(ExitCode::SUCCESS)
}

fn datagrams(text: &Text) -> Result<ExitCode, Failure> {
    let port = text.port;
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))
        .or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)))
        .map_err(Failure::io(format!("listen on UDP port {port}")))?;
    let address = socket.local_addr().map_err(Failure::io("find the port"))?;
    eprintln!("listening on {address}");
    let line = format!("{}\n", text.say);
    loop {
        let from = socket.recv_from(&mut [0; 1]); // only who asks matters
        if let Ok((_, from)) = from {
            let _ = socket.send_to(line.as_bytes(), from); // who cannot be reached asks again
        }
    }
}

fn say(mut stream: TcpStream, line: &str) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(line.as_bytes())?;
    close(stream)
}

fn page(mut stream: TcpStream, line: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") && (request.len() as u64) < REQUEST_MAX {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => request.extend_from_slice(&buffer[..length]),
        }
    }
    let (status, body) = match request.starts_with(b"GET / ") {
        true => ("200 OK", line),
        false => ("404 Not Found", "not found\n"),
    };
    let length = body.len();
    let head = "Content-Type: text/plain; charset=utf-8\r\nConnection: close";
    let answer = format!("HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes())?;
    close(stream)
}

/// Closing with unread bytes would reset the connection, and the client might lose the text.
fn close(stream: TcpStream) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    io::copy(&mut stream.take(UNREAD_MAX), &mut io::sink()).map(drop)
}
