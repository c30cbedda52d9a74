//! The TCP client that runs on the lab's hosts.

use std::io::{Read, Write, stdout};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long one connection may take; short, so that the time to converge is measured finely.
const ATTEMPT: Duration = Duration::from_millis(100);

/// Pause between attempts that fail at once.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks a server until it answers with `text`, and prints the milliseconds that it took, or the last answer.
pub(crate) fn run(server: SocketAddr, text: &str, within: Duration) -> ExitCode {
    let started = Instant::now();
    loop {
        let answer = ask(server);
        match answer {
            Ok(answer) if answer == text => {
                let _ = writeln!(stdout(), "{:.1}", started.elapsed().as_secs_f64() * 1000.0);
                return ExitCode::SUCCESS;
            }
            answer if started.elapsed() >= within => {
                let said = answer.unwrap_or_else(|error| error.to_string());
                let _ = writeln!(stdout(), "{server} says '{said}', not '{text}'");
                return ExitCode::FAILURE;
            }
            _ => std::thread::park_timeout(PAUSE),
        }
    }
}

fn ask(server: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server, ATTEMPT)?;
    stream.set_read_timeout(Some(ATTEMPT))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.trim().to_owned())
}
