//! A GET request over HTTP/1.1 (RFC 9110, RFC 9112).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::{contains, left};

/// How much of an answer is read.
const ANSWER_MAX: usize = 1 << 20;

/// How much of a body is shown.
const SHOWN: usize = 120;

/// What is asked for, and what must be answered.
pub(super) struct Get<'a> {
    pub(super) address: SocketAddr,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) expect: Option<&'a str>,
}

/// An answer as far as it has come.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
    /// Whether no more can come.
    whole: bool,
}

impl Get<'_> {
    /// Asks once; gives whether all went well, and what was found.
    pub(super) fn attempt(&self, limit: Instant) -> io::Result<(bool, String)> {
        let mut stream = TcpStream::connect_timeout(&self.address, left(limit)?)?;
        stream.set_write_timeout(Some(left(limit)?))?;
        let Self { address, path, .. } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: rackless\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        let ended = self.read(&mut stream, &mut bytes, limit);
        match parse(&bytes, true) {
            Some(answer) => Ok(self.judge(&answer)),
            None if bytes.is_empty() => {
                ended.map(|()| (false, "the connection opened, and no answer came".to_owned()))
            }
            None => Ok((false, format!("no HTTP, but {}", super::shown(&bytes, SHOWN)))),
        }
    }

    /// Reads until the answer is whole, or nothing more comes.
    fn read(&self, stream: &mut TcpStream, bytes: &mut Vec<u8>, limit: Instant) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        while bytes.len() < ANSWER_MAX && !parse(bytes, false).is_some_and(|answer| answer.whole) {
            stream.set_read_timeout(Some(left(limit)?))?;
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn judge(&self, answer: &Answer) -> (bool, String) {
        let expected = self.expect.is_none_or(|part| contains(&answer.body, part.as_bytes()));
        let status = format!("status {}", answer.status);
        let found = match self.expect {
            _ if answer.body.is_empty() => format!("{status}, without a body"),
            None if answer.status == self.status => status,
            _ => format!("{status} and {}", super::shown(answer.body.trim_ascii_end(), SHOWN)),
        };
        (answer.status == self.status && expected, found)
    }
}

/// Reads an answer whose header is complete; `ended` says that no more bytes come.
fn parse(bytes: &[u8], ended: bool) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let rest = &bytes[end + 4..];
    let (first, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    let mut words = first.split(' ');
    let status: u16 =
        words.next().filter(|version| version.starts_with("HTTP/1.")).and(words.next())?.parse().ok()?;
    if (100..200).contains(&status) {
        return parse(rest, ended); // an interim answer goes before the answer
    }
    let field = |name: &str| {
        let lines = fields.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    if field("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        let (body, whole) = chunks(rest);
        return Some(Answer { status, body, whole: whole || ended });
    }
    let length = match status {
        204 | 304 => Some(0),
        _ => field("Content-Length").and_then(|length| length.parse::<usize>().ok()),
    };
    let body = rest[..rest.len().min(length.unwrap_or(usize::MAX))].to_vec();
    let whole = ended || length.is_some_and(|length| body.len() == length);
    Some(Answer { status, body, whole })
}

/// Joins the chunks of a body (RFC 9112 section 7.1); says whether the last one is there.
fn chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let digits = std::str::from_utf8(&rest[..line]).unwrap_or_default();
        let digits = digits.split(';').next().unwrap_or_default().trim();
        let Ok(length) = usize::from_str_radix(digits, 16) else { return (body, true) };
        rest = &rest[line + 2..];
        if length == 0 {
            return (body, true);
        }
        let Some(chunk) = rest.get(..length) else {
            body.extend_from_slice(rest);
            return (body, false);
        };
        body.extend_from_slice(chunk);
        rest = rest.get(length + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::super::{Finding, Probe, Trial};
    use super::*;

    fn get(answer: &'static str, status: u16, expect: &str) -> Finding {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = [0; 1024];
                let length = stream.read(&mut request).unwrap_or(0);
                assert!(request[..length].starts_with(b"GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:"));
                let _ = stream.write_all(answer.as_bytes());
                std::mem::forget(stream); // an answer that is whole is not waited on
            }
        });
        let expect = Some(expect.to_owned());
        let probe = Probe::Http { address, path: "/a?b".into(), status, expect };
        Trial { probe, within: Duration::from_millis(300), fails: false }.run()
    }

    #[test]
    fn status_and_body_are_compared() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello and more";
        let finding = get(answer, 200, "hello");
        assert_eq!(
            (finding.ok, finding.attempts, finding.found.as_str()),
            (true, 1, "status 200 and 'hello'")
        );
        assert!(!get(answer, 200, "more").ok);
        assert!(!get(answer, 404, "hello").ok);
        assert_eq!(get("SSH-2.0-x\r\n\r\n", 200, "").found, r"no HTTP, but 'SSH-2.0-x\r\n\r\n'");
    }

    #[test]
    fn chunks_are_joined() {
        let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n\
                      3;x=y\r\nwes\r\n2\r\nt!\r\n0\r\n\r\n";
        let finding = get(answer, 404, "west!");
        assert_eq!((finding.ok, finding.found.as_str()), (true, "status 404 and 'west!'"));
    }

    #[test]
    fn any_cut_of_an_answer_is_read_without_a_panic() {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for length in 0..answer.len() {
            for ended in [false, true] {
                let _ = parse(&answer[..length], ended);
            }
        }
    }
}
