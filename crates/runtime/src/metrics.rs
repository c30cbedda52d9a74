//! Counters for Prometheus over HTTP/1.1: one page, `/metrics`, each connection for one request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::control::Caller;
use crate::{Error, prometheus};

/// How long a client may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes of a request that are read; Prometheus sends a few hundred.
const LONGEST_REQUEST: u64 = 8 << 10;

/// Serves on `address`, in a thread of its own, as long as the process lives. Returns the address, whose port is
/// chosen by the kernel where it was 0.
pub(crate) fn serve(address: SocketAddr, caller: &Caller) -> Result<SocketAddr, Error> {
    let metrics = |source| Error::Metrics { address, source };
    let listener = TcpListener::bind(address).map_err(metrics)?;
    let bound = listener.local_addr().map_err(metrics)?;
    let caller = caller.try_clone().map_err(metrics)?;
    let accept = move || {
        for stream in listener.incoming().flatten() {
            let Ok(caller) = caller.try_clone() else { continue };
            // A thread a client: a slow one must not hold up the others.
            let _ = std::thread::Builder::new().name("metrics".into()).spawn(move || answer(stream, caller));
        }
    };
    let spawn = std::thread::Builder::new().name("metrics".into()).spawn(accept);
    spawn.map_err(|source| Error::System { what: "start the metrics thread", source })?;
    Ok(bound)
}

/// Answers one request. A client that goes away is its own affair.
fn answer(mut stream: TcpStream, mut caller: Caller) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let Some(line) = request_line(&stream) else { return };
    let (status, body) = page(&line, &mut caller);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        prometheus::CONTENT_TYPE,
        body.len()
    );
    let _ = stream.write_all((head + &body).as_bytes());
}

/// The first line of a request, once all of its head has come.
fn request_line(stream: &TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream.take(LONGEST_REQUEST)).lines();
    let first = lines.next()?.ok()?;
    loop {
        if lines.next()?.ok()?.is_empty() {
            return Some(first);
        }
    }
}

/// The status and the body for a request line.
fn page(line: &str, caller: &mut Caller) -> (&'static str, String) {
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    match (method, path) {
        ("GET", "/metrics") => match caller.report(false) {
            Some(report) => ("200 OK", prometheus::text(&report)),
            None => ("503 Service Unavailable", "the worker does not answer\n".to_owned()),
        },
        ("GET", _) => ("404 Not Found", "there is only /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET is allowed\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Call;
    use crate::prometheus::tests::report;
    use crate::watch::serve::Start;
    use std::os::unix::net::UnixStream;

    fn get(address: SocketAddr, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request}\r\nHost: here\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    #[test]
    fn the_page_is_served_and_a_taken_port_is_named() {
        let (_end, waker) = UnixStream::pair().unwrap();
        let (caller, mut calls) = Caller::of_workers(&[waker], Start::now()).unwrap();
        let calls = calls.remove(0);
        let address = serve("127.0.0.1:0".parse().unwrap(), &caller).unwrap();
        let worker = std::thread::spawn(move || {
            for _ in 0..2 {
                let Call::Report { answer, .. } = calls.recv().unwrap() else {
                    panic!("no report asked for")
                };
                answer.send(report()).unwrap();
            }
        });
        for path in ["/metrics", "/metrics?x=1"] {
            let (status, body) = get(address, &format!("GET {path} HTTP/1.1"));
            assert_eq!((status.as_str(), body), ("HTTP/1.1 200 OK", prometheus::text(&report())));
        }
        worker.join().unwrap();
        assert_eq!(get(address, "GET / HTTP/1.1").0, "HTTP/1.1 404 Not Found");
        assert_eq!(get(address, "POST /metrics HTTP/1.1").0, "HTTP/1.1 405 Method Not Allowed");
        assert_eq!(get(address, "GET /metrics HTTP/1.1").0, "HTTP/1.1 503 Service Unavailable");

        let error = crate::chain(&serve(address, &caller).unwrap_err());
        assert!(
            error.starts_with(&format!("cannot serve metrics on {address}: Address already in use")),
            "{error}"
        );
    }
}
