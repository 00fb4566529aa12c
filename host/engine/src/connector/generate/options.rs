//! The keys of `connector = "generate"`, and what they say.

use std::path::Path;

use super::rows_of::RowsOf;
use crate::job::{Key, KeyKind, KeyTable, Options, Refusal};

/// All words of `rows_of`.
const WORDS: &[&str] = &{
    let mut words = [""; RowsOf::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = RowsOf::ALL[at].word();
        at += 1;
    }
    words
};

/// Urls, or cards, at the most: each takes some bytes of memory as long as the source is open.
pub(super) const MOST: u64 = 10_000_000;

/// The words of `rows_of` whose event times come out of order. Nexmark's are in order, as in the benchmark.
const DELAYED: &[&str] = &[RowsOf::AccessLogs.word(), RowsOf::Cards.word()];

/// Of a source.
pub(super) const SOURCE: KeyTable = KeyTable {
    about: "Makes rows, the same ones for the same options: to try things, and to measure. What they are is said by \
            `rows_of`; nothing in them is null.\n\n\
            - `access-logs`: requests to a web server, urls by Zipf's law. Columns: `url` utf8, `timestamp` timestamp, \
            `bytes` int64, `status` int32, `user` utf8.\n\
            - `cards`: payments with cards, amounts in euros. Of a thousand payments about four are frauds, and `is_fraud` tells \
            them: either a burst of 8 to 20 small ones with one card within a minute, in a city that is not the card's, or a \
            single one of 25 to 60 times what the card usually pays. An honest card has its own city, and seldom pays \
            elsewhere. Columns: `id` int64, `at` timestamp, `card` utf8, `merchant` utf8, `category` utf8, \
            `amount` decimal(10, 2), `city` utf8, `country` utf8, `is_fraud` boolean.\n\
            - `persons`, `auctions`, `bids`: those of the benchmark Nexmark. Of 50 events of its auction house one is a person, \
            three are auctions, 46 are bids. Sources with the same `seed`, `start` and `events_per_second` belong together: \
            a bid's auction and bidder and an auction's seller came before it. Half of the bids go to a hot auction, three in \
            four come from a hot bidder, three in four auctions from a hot seller. Prices are in cents. To have the three \
            advance side by side, give `rows`, `rows_per_second` or `max_rows_per_epoch` as 1 : 3 : 46.\n\
            - Columns of `persons`: `id` int64, `name` utf8, `email_address` utf8, `credit_card` utf8, `city` utf8, \
            `state` utf8, `date_time` timestamp, `extra` utf8.\n\
            - Columns of `auctions`: `id` int64, `item_name` utf8, `description` utf8, `initial_bid` int64, `reserve` int64, \
            `date_time` timestamp, `expires` timestamp, `seller` int64, `category` int64, `extra` utf8.\n\
            - Columns of `bids`: `auction` int64, `bidder` int64, `price` int64, `channel` utf8, `url` utf8, \
            `date_time` timestamp, `extra` utf8.",
    keys: &[
        Key::new("rows_of", KeyKind::Word(WORDS), "\"cards\"", "What the rows are.").or("\"access-logs\""),
        Key::new("seed", KeyKind::Count(0), "7", "The same seed gives the same rows.").or("0"),
        Key::new(
            "rows_per_second",
            KeyKind::Count(1),
            "1000",
            "Rows a second of processing time. Without it, as fast as they are taken.",
        ),
        Key::new("rows", KeyKind::Count(0), "1000000", "Rows in all. Without it there is no end."),
        Key::new("max_rows_per_epoch", KeyKind::Count(1), "10000", "Rows that an epoch admits.").or("100000"),
        Key::new("urls", KeyKind::Count(1), "2000", "Distinct urls.")
            .or("100")
            .with("rows_of", &[RowsOf::AccessLogs.word()]),
        Key::new(
            "cards",
            KeyKind::Count(1),
            "100000",
            "Distinct cards. The one that is used most pays about seven times as often as they do on average: with the \
             10,000 there are without it, 20 payments a second are less than one a minute of each.",
        )
        .or("10000")
        .with("rows_of", &[RowsOf::Cards.word()]),
        Key::new("start", KeyKind::Instant, "2026-06-01T00:00:00Z", "Event time of the first row.")
            .or("2026-01-01T00:00:00Z"),
        Key::new(
            "events_per_second",
            KeyKind::Rate,
            "50.0",
            "Rows per second of event time; of `persons`, `auctions` and `bids`, all three together. Without it, 1000, and \
             20 of `cards`.",
        ),
        Key::new("mean_delay", KeyKind::Duration, "\"1s\"", "By how much event times lie behind, on average.")
            .or("\"5s\"")
            .with("rows_of", DELAYED),
        Key::new("max_delay", KeyKind::Duration, "\"10s\"", "By how much they lie behind at the most.")
            .or("\"1 minute\"")
            .with("rows_of", DELAYED),
    ],
    may_be_static: false,
    check: |options| {
        for key in ["urls", "cards"] {
            if options.count(key).is_some_and(|count| count > MOST) {
                let message = format!("`{key}` must be {MOST} or less");
                let help = "each takes memory as long as the job runs".into();
                return Err(Refusal::Value { key, message, help });
            }
        }
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
    /// What the rows are.
    pub rows_of: RowsOf,
    /// Seed; the same seed gives the same rows.
    pub seed: u64,
    /// Rows a second of processing time; none = as fast as they are taken.
    pub rows_per_second: Option<u64>,
    /// Rows in all; none = endless.
    pub rows: Option<u64>,
    /// Rows an epoch admits at the most.
    pub max_rows_per_epoch: u64,
    /// Distinct urls of access logs.
    pub urls: u64,
    /// Distinct cards.
    pub cards: u64,
    /// Event time of the first event, microseconds since 1970.
    pub start: i64,
    /// Rows per second of event time; of Nexmark, persons, auctions and bids together.
    pub events_per_second: f64,
    /// Mean of the exponential delay by which a row's event time lies behind, microseconds. Nexmark has none.
    pub mean_delay: i64,
    /// Greatest such delay, microseconds.
    pub max_delay: i64,
}

impl GenerateSpec {
    /// What the job file says.
    pub fn of(options: &Options) -> Self {
        let word = options.word("rows_of");
        let rows_of = RowsOf::ALL.into_iter().find(|rows_of| word == Some(rows_of.word())).unwrap_or_default();
        let usual = if rows_of == RowsOf::Cards { 20.0 } else { 1000.0 };
        Self {
            rows_of,
            seed: options.count("seed").unwrap_or_default(),
            rows_per_second: options.count("rows_per_second"),
            rows: options.count("rows"),
            max_rows_per_epoch: options.count("max_rows_per_epoch").unwrap_or(u64::MAX),
            urls: options.count("urls").unwrap_or(1),
            cards: options.count("cards").unwrap_or(1),
            start: options.micros("start").unwrap_or_default(),
            events_per_second: options.rate("events_per_second").unwrap_or(usual),
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
