//! A running job is asked over its socket.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::connect::connect_to;
use super::http::{Unread, read_reply, write_request};

/// In this time a job replies, unless it is asked to do something that lasts.
const PATIENCE: Duration = Duration::from_secs(3);
/// After this time it is asked again, where it has no room for one more connection.
const AGAIN: Duration = Duration::from_millis(50);

/// What is asked.
pub(crate) struct Question<'q> {
    pub(crate) method: &'q str,
    pub(crate) path: &'q str,
    pub(crate) body: Option<&'q Value>,
    /// The reply may take any time.
    pub(crate) lasts: bool,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// Nobody listens on the socket, or it is gone.
    Nobody,
    /// Its socket cannot be opened.
    Closed(String),
    /// The process has ended before it replied.
    Ended,
    /// It does not reply in time.
    Silent,
    /// What comes is no reply of a job.
    Strange(String),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody listens on its socket"),
            Self::Closed(why) => write!(f, "its socket cannot be opened: {why}"),
            Self::Ended => f.write_str("it ended before it replied"),
            Self::Silent => f.write_str("it does not reply"),
            Self::Strange(why) => write!(f, "what it replies is not understood: {why}"),
        }
    }
}

/// Asks the job that listens on `socket`: the status of its reply, and the reply.
pub(crate) fn ask(socket: &Path, question: &Question<'_>) -> Result<(u16, Value), Unanswered> {
    let until = Instant::now() + PATIENCE;
    loop {
        let reply = ask_once(socket, question, until)?;
        if reply.0 != 503 || Instant::now() + AGAIN >= until {
            return Ok(reply);
        }
        std::thread::sleep(AGAIN);
    }
}

fn ask_once(socket: &Path, question: &Question<'_>, until: Instant) -> Result<(u16, Value), Unanswered> {
    let Question { method, path, body, lasts } = question;
    let stream = connect_to(socket).map_err(|e| match e.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Unanswered::Nobody,
        io::ErrorKind::WouldBlock => Unanswered::Silent,
        _ => Unanswered::Closed(e.to_string()),
    })?;
    drop(stream.set_write_timeout(Some(PATIENCE)));
    // One that refuses to read on has replied why.
    drop(write_request(&stream, method, path, *body));
    let (status, body) = read_reply(&stream, (!lasts).then_some(until)).map_err(|unread| match unread {
        Unread::Gone => Unanswered::Ended,
        Unread::Silent => Unanswered::Silent,
        Unread::Wrong(why) | Unread::TooLong(why) => Unanswered::Strange(why),
    })?;
    let body = serde_json::from_slice(&body).map_err(|e| Unanswered::Strange(format!("it is no JSON: {e}")))?;
    Ok((status, body))
}
