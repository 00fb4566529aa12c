//! HTTP/1.1 over a socket, as little of it as is needed: one message each way, then the connection is closed.
//!
//! What always holds: whatever the other end sends, and however slowly, what is read of it has a limit and an end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use httparse::{EMPTY_HEADER, Header, Status};
use serde_json::Value;

/// Bytes before the body: a line and some headers.
const MOST_HEAD: usize = 16 << 10;
const MOST_HEADERS: usize = 64;
/// Bytes of a body: a plugin's configuration is the largest thing that is sent.
const MOST_BODY: usize = 1 << 20;
/// What is thrown away of a message that was answered before it was read, and for how long: who has sent no more reads the
/// answer.
const THROWN_AWAY: usize = 16 << 20;
const THROWN_AWAY_FOR: Duration = Duration::from_millis(500);

/// What is asked.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without a query.
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Of a method that the path has not: those it has.
    pub(super) allow: Option<&'static str>,
    pub(super) body: Value,
}

/// Why a message was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The other end has closed the connection.
    Gone,
    /// It says nothing more.
    Silent,
    /// It is no HTTP, or none that is understood here.
    Wrong(String),
    /// It is longer than it may be.
    TooLong(String),
}

/// Reads a request; all of it must be there at `until`.
pub(super) fn read_request(stream: &UnixStream, until: Instant) -> Result<Request, Unread> {
    let mut incoming = Incoming { stream, until: Some(until), bytes: Vec::new() };
    let (method, path, length) = incoming.head(|bytes| {
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let Status::Complete(end) = request.parse(bytes).map_err(wrong)? else { return Ok(None) };
        let path = request.path.unwrap_or_default();
        let path = path.split_once('?').map_or(path, |(path, _)| path).to_owned();
        Ok(Some((end, (request.method.unwrap_or_default().to_owned(), path, length(request.headers)?))))
    })?;
    let body = incoming.body(length)?;
    Ok(Request { method, path, body })
}

/// Reads a reply: its status and its body. All of it must be there at `until`; none = it may take any time.
pub(super) fn read_reply(stream: &UnixStream, until: Option<Instant>) -> Result<(u16, Vec<u8>), Unread> {
    let mut incoming = Incoming { stream, until, bytes: Vec::new() };
    let (status, length) = incoming.head(|bytes| {
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut reply = httparse::Response::new(&mut headers);
        let Status::Complete(end) = reply.parse(bytes).map_err(wrong)? else { return Ok(None) };
        Ok(Some((end, (reply.code.unwrap_or_default(), length(reply.headers)?))))
    })?;
    Ok((status, incoming.body(length)?))
}

fn wrong(e: httparse::Error) -> Unread {
    match e {
        httparse::Error::TooManyHeaders => Unread::TooLong(format!("there are more than {MOST_HEADERS} headers")),
        e => Unread::Wrong(format!("this is no HTTP/1.1: {e}")),
    }
}

/// The length of the body that is announced.
fn length(headers: &[Header<'_>]) -> Result<usize, Unread> {
    let mut length = None;
    for header in headers {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(Unread::Wrong(
                "a body in pieces is not read: send it whole, with its Content-Length".to_owned(),
            ));
        }
        if header.name.eq_ignore_ascii_case("content-length") {
            let digits = std::str::from_utf8(header.value).ok().map(str::trim);
            let digits = digits.filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
            let Some(digits) = digits else { return Err(Unread::Wrong("Content-Length is no number".to_owned())) };
            if length.is_some_and(|before| before != digits) {
                return Err(Unread::Wrong("there are two Content-Lengths".to_owned()));
            }
            length = Some(digits);
        }
    }
    // More digits than fit are too many bytes as well.
    let length = length.map_or(0, |digits| digits.parse().unwrap_or(usize::MAX));
    if length > MOST_BODY {
        return Err(Unread::TooLong(format!("the body is longer than {MOST_BODY} bytes")));
    }
    Ok(length)
}

/// What has come of a message.
struct Incoming<'s> {
    stream: &'s UnixStream,
    until: Option<Instant>,
    bytes: Vec<u8>,
}

impl Incoming<'_> {
    /// What `parse` makes of the bytes up to the body, which it says the beginning of.
    fn head<T>(&mut self, parse: impl Fn(&[u8]) -> Result<Option<(usize, T)>, Unread>) -> Result<T, Unread> {
        loop {
            if let Some((end, head)) = parse(&self.bytes)? {
                self.bytes.drain(..end);
                return Ok(head);
            }
            if self.bytes.len() > MOST_HEAD {
                return Err(Unread::TooLong(format!("there are more than {MOST_HEAD} bytes before the body")));
            }
            self.more()?;
        }
    }

    fn body(mut self, length: usize) -> Result<Vec<u8>, Unread> {
        while self.bytes.len() < length {
            self.more()?;
        }
        self.bytes.truncate(length);
        Ok(self.bytes)
    }

    /// Waits for more bytes.
    fn more(&mut self) -> Result<(), Unread> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Unread::Silent);
        }
        let mut bytes = [0; 8 << 10];
        match self.stream.set_read_timeout(left).and_then(|()| (&mut &*self.stream).read(&mut bytes)) {
            Ok(0) => Err(Unread::Gone),
            Ok(read) => {
                self.bytes.extend_from_slice(&bytes[..read]);
                Ok(())
            }
            Err(e) => match e.kind() {
                ErrorKind::Interrupted => Ok(()),
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Unread::Silent),
                _ => Err(Unread::Gone),
            },
        }
    }
}

/// Headers of both.
const JSON: &str = "Content-Type: application/json\r\n";
/// The last header of both, and the end of the head.
const CLOSE: &str = "Connection: close\r\n\r\n";

/// Sends a request.
pub(super) fn write_request(mut stream: &UnixStream, method: &str, path: &str, body: Option<&Value>) -> io::Result<()> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: millstream\r\n{JSON}Content-Length: {length}\r\n{CLOSE}");
    stream.write_all((head + &body).as_bytes())
}

/// Sends a reply.
pub(super) fn write_reply(mut stream: &UnixStream, reply: &Reply) -> io::Result<()> {
    let Reply { status, allow, body } = reply;
    let body = format!("{body}\n");
    let allow = allow.map(|methods| format!("Allow: {methods}\r\n")).unwrap_or_default();
    let (reason, length) = (reason(*status), body.len());
    let head = format!("HTTP/1.1 {status} {reason}\r\n{JSON}Content-Length: {length}\r\n{allow}{CLOSE}");
    stream.write_all((head + &body).as_bytes())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Throws away what still comes, for a while: a system that finds unread bytes at a closed end takes the reply for lost.
pub(super) fn throw_away(mut stream: &UnixStream) {
    let until = Instant::now() + THROWN_AWAY_FOR;
    let (mut bytes, mut read) = ([0; 8 << 10], 0);
    drop(stream.shutdown(Shutdown::Write));
    while read < THROWN_AWAY {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(more) => read += more,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `bytes`, after which the other end says nothing more, or closes.
    fn read(bytes: &[u8], closes: bool) -> Result<Request, Unread> {
        let (here, mut there) = UnixStream::pair().unwrap();
        there.set_nonblocking(true).unwrap();
        drop(there.write_all(bytes));
        if closes {
            there.shutdown(Shutdown::Both).unwrap();
        }
        read_request(&here, Instant::now() + Duration::from_millis(50))
    }

    #[test]
    fn a_request_is_read_whole_and_no_further() {
        let request = read(b"POST /swap?x HTTP/1.1\r\ncontent-LENGTH: 2\r\n\r\n{}rest", false).unwrap();
        assert_eq!((&*request.method, &*request.path, &*request.body), ("POST", "/swap", &b"{}"[..]));
        assert!(read(b"GET /job HTTP/1.0\n\n", false).unwrap().body.is_empty());
    }

    #[test]
    fn what_is_none_is_told_from_what_is_not_yet_there() {
        for silent in [&b""[..], b"GET", b"GET /job HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}"] {
            assert!(matches!(read(silent, false), Err(Unread::Silent)));
            assert!(matches!(read(silent, true), Err(Unread::Gone)));
        }
        for wrong in [
            "\0\x01\x02\r\n\r\n",
            "GET /job HTTP/2.0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert!(matches!(read(wrong.as_bytes(), false), Err(Unread::Wrong(_))), "{wrong:?}");
        }
        let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(MOST_HEAD + 9000));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(MOST_HEADERS + 1));
        let large = "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_owned();
        for long in [long, many, large] {
            assert!(matches!(read(long.as_bytes(), false), Err(Unread::TooLong(_))), "{long}");
        }
    }
}
