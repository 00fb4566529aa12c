//! Sources that are away for a while: what was planned of them waits, they are asked again when they said, and a person is
//! told once that they went and once that they are back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::report::{Observer, SourceChange};
use crate::Error;
use crate::name::Name;
use crate::record::SourceRange;

/// Longest wait between two tries, unless the source itself wants a longer one.
const LONGEST: Duration = Duration::from_secs(60);

/// Time between two times that somebody is told of the same source: one that comes and goes is told of now and then.
const TOLD_EVERY: i64 = 10_000_000;

/// How it stands with a source.
#[derive(Debug, Default)]
pub(super) struct Presence {
    away: Option<Away>,
    /// When it was last told that it was away, processing time.
    told: Option<i64>,
    /// What was planned of it and not computed.
    held: Option<SourceRange>,
}

/// A source that is away.
#[derive(Debug, Clone, Copy)]
struct Away {
    since: i64,
    /// When it is tried again.
    until: i64,
    tries: u32,
    /// Whether somebody was told.
    told: bool,
}

impl Presence {
    /// When to try again, if it is away.
    pub fn until(&self) -> Option<i64> {
        self.away.map(|away| away.until)
    }

    /// Whether it is away and not to be tried at `now`.
    pub fn waits(&self, now: i64) -> bool {
        // A clock that was set back must not make it wait for as long.
        self.away.is_some_and(|away| away.since <= now && now < away.until)
    }

    /// Whether it is away, or something of it was planned and not computed.
    pub fn has_more(&self) -> bool {
        self.away.is_some() || self.held.is_some()
    }

    /// Whether it is away.
    pub fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// What was planned before and not computed.
    pub fn take_held(&mut self) -> Option<SourceRange> {
        self.held.take()
    }

    /// What was planned is for a later epoch.
    pub fn hold(&mut self, range: SourceRange) {
        self.held = Some(range);
    }

    /// It failed at `now` with an error that passes.
    pub fn went(&mut self, name: &str, failed: &PassingError, now: i64, observer: &dyn Observer) {
        let tries = self.away.map_or(0, |away| away.tries + 1);
        let longest = LONGEST.max(failed.again_after);
        let wait = failed.again_after.saturating_mul(1 << tries.min(16)).min(longest).max(Duration::from_millis(1));
        let until = now.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
        let mut away = self.away.unwrap_or(Away { since: now, until, tries, told: false });
        if !away.told && self.told.is_none_or(|told| now < told || now - told >= TOLD_EVERY) {
            (away.told, self.told) = (true, Some(now));
            observer.source(&SourceChange::Away { source: name.to_owned(), why: failed.why.clone() });
        }
        self.away = Some(Away { until, tries, ..away });
    }

    /// It was looked at, or read, and that went well.
    pub fn is_there(&mut self, name: &str, now: i64, observer: &dyn Observer) {
        if let Some(Away { since, told: true, .. }) = self.away.take() {
            let after = Duration::from_micros(now.saturating_sub(since).max(0).unsigned_abs());
            observer.source(&SourceChange::Back { source: name.to_owned(), after });
        }
    }
}

/// An error of a source that passes.
#[derive(Debug, Clone)]
pub(super) struct PassingError {
    again_after: Duration,
    why: String,
}

impl PassingError {
    /// If `error` passes by itself.
    pub fn of(error: &Error) -> Option<Self> {
        error.again_after().map(|again_after| Self { again_after, why: error.message().to_owned() })
    }
}

/// The sources that went away while an epoch was read. Any thread that reads notes it.
#[derive(Debug, Default)]
pub(super) struct Gone(Mutex<BTreeMap<Name, PassingError>>);

impl Gone {
    /// Notes it if `error`, of source `source`, passes.
    pub fn note(&self, source: &Name, error: &Error) {
        if let Some(failed) = PassingError::of(error) {
            // What it guards is right after any panic.
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(source.clone(), failed);
        }
    }

    /// Those that went.
    pub fn into_inner(self) -> BTreeMap<Name, PassingError> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for SourceChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away { source, why } => write!(f, "source `{source}` is away, the job waits for it: {why}"),
            Self::Back { source, after } => {
                write!(f, "source `{source}` is back after {}", crate::time::shown_length(after.as_micros() as i64))
            }
        }
    }
}
