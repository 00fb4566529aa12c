//! What operators log while they work: bounded, and handed to whoever bound them.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower};

use crate::rejects::cut;

/// The most bytes of a line that are kept.
const LINE_BYTES: usize = 4 << 10;
/// The most bytes that are kept of one call.
const CALL_BYTES: usize = 64 << 10;

/// How much a line of an operator's log matters: `log.level` of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum LogLevel {
    /// For its author.
    #[component(name = "debug")]
    Debug,
    /// For who runs the job.
    #[component(name = "info")]
    Info,
    /// Something may be wrong.
    #[component(name = "warn")]
    Warn,
    /// Something is wrong.
    #[component(name = "error")]
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// Takes the lines that an operator logs, in their order, after each call. A call that fails has logged too.
#[derive(Clone)]
pub struct LogSink(Arc<Take>);

type Take = dyn Fn(LogLevel, &str) + Send + Sync;

impl LogSink {
    /// Calls `take` with each line, which has no control characters in it.
    pub fn new(take: impl Fn(LogLevel, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    pub(crate) fn take(&self, logged: Logged) {
        logged.lines.iter().for_each(|(level, line)| self.0(*level, line));
        if logged.dropped > 0 {
            self.0(LogLevel::Warn, &format!("({} lines more than a call may log were dropped)", logged.dropped));
        }
    }
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogSink")
    }
}

/// What one call has logged.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    lines: Vec<(LogLevel, String)>,
    bytes: usize,
    dropped: u64,
}

impl Logged {
    pub(crate) fn push(&mut self, level: LogLevel, line: &str) {
        let line = cut(printable(line.trim_end()), LINE_BYTES);
        // A line without a character costs something too.
        let bytes = line.len() + 16;
        if self.bytes + bytes > CALL_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes += bytes;
        self.lines.push((level, line));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.dropped == 0
    }
}

/// Text of a guest's that ends up on terminals: control characters but for line ends and tabs are replaced.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_log_is_bounded_and_harmless() {
        let mut logged = Logged::default();
        assert!(logged.is_empty());
        logged.push(LogLevel::Info, "red: \x1b[31m\n");
        for _ in 0..100 {
            logged.push(LogLevel::Debug, &"x".repeat(5000));
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        LogSink::new(move |level, line| sink.lock().unwrap().push((level, line.to_owned()))).take(logged);
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0], (LogLevel::Info, "red: \u{fffd}[31m".to_owned()));
        assert!(seen.iter().map(|(_, line)| line.len()).sum::<usize>() < CALL_BYTES + 100);
        let last = seen.last().unwrap();
        assert_eq!(*last, (LogLevel::Warn, "(85 lines more than a call may log were dropped)".to_owned()));
    }
}
