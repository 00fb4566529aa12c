//! The keys of `connector = "generate"`, and what they say.

use std::path::Path;

use crate::job::{Key, KeyKind, KeyTable, Options, Refusal};

/// Of a source.
pub(super) const SOURCE: KeyTable = KeyTable {
    about: "Makes access-log rows, the same ones for the same options: to try things, and to measure. Columns: \
            `timestamp`, `ip`, `url`, `status`, `bytes`.",
    keys: &[
        Key::new("seed", KeyKind::Count(0), "7", "The same seed gives the same rows.").or("0"),
        Key::new(
            "rows_per_second",
            KeyKind::Count(1),
            "1000",
            "Rows a second of processing time. Without it, as fast as they are taken.",
        ),
        Key::new("rows", KeyKind::Count(0), "1000000", "Rows in all. Without it there is no end."),
        Key::new("max_rows_per_epoch", KeyKind::Count(1), "10000", "Rows that an epoch admits.").or("100000"),
        Key::new("urls", KeyKind::Count(1), "2000", "Distinct urls.").or("100"),
        Key::new("start", KeyKind::Instant, "2026-06-01T00:00:00Z", "Event time of the first row.")
            .or("2026-01-01T00:00:00Z"),
        Key::new("events_per_second", KeyKind::Rate, "50.0", "Rows per second of event time.").or("1000.0"),
        Key::new("mean_delay", KeyKind::Duration, "\"1s\"", "By how much event times lie behind, on average.")
            .or("\"5s\""),
        Key::new("max_delay", KeyKind::Duration, "\"10s\"", "By how much they lie behind at the most.")
            .or("\"1 minute\""),
    ],
    may_be_static: false,
    check: |options| {
        let spec = GenerateSpec::of(options);
        if spec.mean_delay <= spec.max_delay {
            return Ok(());
        }
        let is_given = !options.place("mean_delay").is_empty();
        Err(Refusal::Value {
            key: if is_given { "mean_delay" } else { "max_delay" },
            message: "`mean_delay` is greater than `max_delay`".into(),
            help: "the mean is 5 seconds and the greatest 1 minute unless they are given".into(),
        })
    },
};

/// What the rows are made of.
#[derive(Debug, Clone)]
pub struct GenerateSpec {
    /// Seed; the same seed gives the same rows.
    pub seed: u64,
    /// Rows a second of processing time; none = as fast as they are taken.
    pub rows_per_second: Option<u64>,
    /// Rows in all; none = endless.
    pub rows: Option<u64>,
    /// Rows an epoch admits at the most.
    pub max_rows_per_epoch: u64,
    /// Distinct urls.
    pub urls: u64,
    /// Event time of the first row, microseconds since 1970.
    pub start: i64,
    /// Rows per second of event time.
    pub events_per_second: f64,
    /// Mean of the exponential delay by which a row's event time lies behind, microseconds.
    pub mean_delay: i64,
    /// Greatest such delay, microseconds.
    pub max_delay: i64,
}

impl GenerateSpec {
    /// What the job file says.
    pub fn of(options: &Options) -> Self {
        Self {
            seed: options.count("seed").unwrap_or_default(),
            rows_per_second: options.count("rows_per_second"),
            rows: options.count("rows"),
            max_rows_per_epoch: options.count("max_rows_per_epoch").unwrap_or(u64::MAX),
            urls: options.count("urls").unwrap_or(1),
            start: options.micros("start").unwrap_or_default(),
            events_per_second: options.rate("events_per_second").unwrap_or(1.0),
            mean_delay: options.micros("mean_delay").unwrap_or_default(),
            max_delay: options.micros("max_delay").unwrap_or_default(),
        }
    }
}

impl Default for GenerateSpec {
    /// What holds where a job file says nothing: a site of 100 urls with 1,000 hits a second of event time from 2026 on,
    /// each up to a minute (5 s on average) late; endless, as fast as they are taken.
    fn default() -> Self {
        Self::of(&Options::given("generate", &SOURCE, Path::new("/"), []))
    }
}
