//! Fault injection for crash tests: `MILLSTREAM_FAULT=<point>:<n>:kill|abort|panic` ends the process, or has the thread
//! panic, the n-th time (from 1) that the fault point is passed. The points are those of `millstream_engine::fault::point`.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_engine::fault::Faults;
use millstream_engine::{Error, Result};

const VARIABLE: &str = "MILLSTREAM_FAULT";

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// SIGKILL: nothing of the process runs any more, as when the machine's memory is used up.
    Kill,
    /// SIGABRT.
    Abort,
    /// A panic, as a defect of ours or of a library.
    Panic,
}

/// What the environment asks for; nothing, if the variable is not set.
pub(crate) fn from_environment() -> Result<Faults> {
    match std::env::var(VARIABLE) {
        Err(_) => Ok(Faults::default()),
        Ok(text) => {
            let (point, nth, end) = parse(&text)?;
            let hits = AtomicU64::new(0);
            Ok(Faults::new(move |name| {
                if name == point && hits.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                    stop_the_world(end);
                }
            }))
        }
    }
}

fn parse(text: &str) -> Result<(String, u64, End)> {
    let wrong = || {
        Error::invalid(format!("{VARIABLE}: `{text}` is not <point>:<n>:kill, <point>:<n>:abort or <point>:<n>:panic"))
            .with_help(format!("for example {VARIABLE}=record.sync.after:3:kill"))
    };
    let parts: Vec<&str> = text.split(':').collect();
    let [point, nth, end] = parts[..] else { return Err(wrong()) };
    let end = match end {
        "kill" => End::Kill,
        "abort" => End::Abort,
        "panic" => End::Panic,
        _ => return Err(wrong()),
    };
    match nth.parse() {
        Ok(nth) if nth > 0 && !point.is_empty() => Ok((point.to_owned(), nth, end)),
        _ => Err(wrong()),
    }
}

fn stop_the_world(end: End) -> ! {
    assert!(end != End::Panic, "as {VARIABLE} asks for");
    if end == End::Kill {
        // Without unsafe code a process can only be killed by another. This thread must not go on meanwhile.
        let kill = Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
        if kill.is_ok_and(|status| status.success()) {
            std::thread::sleep(std::time::Duration::from_secs(10));
        }
    }
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named_counted_and_of_a_kind() {
        assert_eq!(parse("record.torn:2:kill").unwrap(), ("record.torn".into(), 2, End::Kill));
        assert_eq!(parse("mark.before:1:abort").unwrap(), ("mark.before".into(), 1, End::Abort));
        assert_eq!(parse("plan.after:1:panic").unwrap(), ("plan.after".into(), 1, End::Panic));
        for wrong in ["", "record.torn", "record.torn:0:kill", "record.torn:1:stop", ":1:kill", "a:b:c:d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
