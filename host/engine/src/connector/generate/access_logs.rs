//! The rows of a made-up web server's access log: urls by Zipf's law, and event times that fall behind by an
//! exponential delay, so that they come out of order within a bound.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::math::{Choice, below, exp, ln};
use super::options::GenerateSpec;
use crate::connector::source::SourceError;
use crate::format::{UTC, timestamp};

/// Random words of one row: row `i` takes the words from `i` times this on of one long stream.
const WORDS: usize = 6;

/// Rows whose random words are made at once.
const BLOCK: usize = 256;

/// How unequal urls are: the k-th is asked for 1 / k^1.1 as often as the first.
const ZIPF: f64 = 1.1;

const USERS: u32 = 50_000;
const SECTIONS: [&str; 8] = ["shop", "blog", "docs", "api", "img", "user", "cart", "help"];
const MAX_URLS: u64 = 10_000_000;

/// Makes the rows of the `generate` source and of `millstream generate access-logs`.
///
/// ```
/// use millstream_engine::connector::generate::{AccessLogs, GenerateSpec};
/// let logs = AccessLogs::new(&GenerateSpec {
///     seed: 42, rows_per_second: None, rows: None, max_rows_per_epoch: 100_000, urls: 2000,
///     start: 1_735_689_600_000_000, events_per_second: 500.0, mean_delay: 5_000_000, max_delay: 50_000_000,
/// })?;
/// assert_eq!(logs.batch(10, 20), logs.batch(0, 100).slice(10, 10));
/// # Ok::<(), millstream_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct AccessLogs {
    seed: u64,
    choice: Choice,
    /// All urls, one after the other, and where each ends.
    urls: Vec<u8>,
    ends: Vec<u32>,
    start: i64,
    /// Microseconds of event time from one row to the next.
    step: f64,
    mean_delay: f64,
    max_delay: f64,
}

/// One made-up request.
pub(super) struct Row {
    pub url: u32,
    /// Event time, microseconds since 1970, in whole milliseconds.
    pub time: i64,
    pub bytes: u32,
    pub status: u16,
    pub user: u32,
}

impl AccessLogs {
    /// Takes `seed`, `urls`, `start`, `events_per_second`, `mean_delay` and `max_delay` from `spec`.
    ///
    /// # Errors
    /// [`SourceError::BadOption`].
    pub fn new(spec: &GenerateSpec) -> Result<Self, SourceError> {
        let bad = |what: &str| Err(SourceError::BadOption(what.into()));
        if !(1..=MAX_URLS).contains(&spec.urls) {
            return Err(SourceError::BadOption(format!("`urls` must lie between 1 and {MAX_URLS}")));
        }
        if !(1e-6..=1e9).contains(&spec.events_per_second) {
            return bad("`events_per_second` must lie between 0.000001 and 1000000000");
        }
        if spec.mean_delay < 0 || spec.max_delay < 0 {
            return bad("delays must not be negative");
        }
        let weights: Vec<f64> = (1..=spec.urls).map(|k| exp(-ZIPF * ln(k as f64))).collect();
        let mut urls = Vec::new();
        let mut ends = Vec::with_capacity(weights.len());
        for (i, section) in (0..spec.urls).zip(SECTIONS.iter().cycle()) {
            urls.extend_from_slice(format!("/{section}/item-{i}").as_bytes());
            ends.push(urls.len() as u32);
        }
        Ok(Self {
            seed: spec.seed,
            choice: Choice::new(&weights),
            urls,
            ends,
            start: spec.start,
            step: 1e6 / spec.events_per_second,
            mean_delay: spec.mean_delay as f64,
            max_delay: spec.max_delay as f64,
        })
    }

    /// `url` utf8, `timestamp`, `bytes` int64, `status` int32, `user` utf8; never null.
    pub fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("url", DataType::Utf8, false),
            Field::new("timestamp", timestamp(), false),
            Field::new("bytes", DataType::Int64, false),
            Field::new("status", DataType::Int32, false),
            Field::new("user", DataType::Utf8, false),
        ]))
    }

    /// Rows `from..to`, which are fewer than a hundred million.
    pub fn batch(&self, from: u64, to: u64) -> RecordBatch {
        let count = usize::try_from(to.saturating_sub(from)).expect("a batch's rows are counted in memory");
        let mut urls = Texts::with_capacity(count, 16);
        let mut users = Texts::with_capacity(count, 6);
        let mut times = Vec::with_capacity(count);
        let mut bytes = Vec::with_capacity(count);
        let mut statuses = Vec::with_capacity(count);
        self.rows(from, to, |row| {
            urls.values.extend_from_slice(self.url(row.url));
            urls.end();
            times.push(row.time);
            bytes.push(i64::from(row.bytes));
            statuses.push(i32::from(row.status));
            write_user(row.user, &mut users.values);
            users.end();
        });
        let columns: Vec<ArrayRef> = vec![
            urls.finish(),
            Arc::new(TimestampMicrosecondArray::from(times).with_timezone(UTC)),
            Arc::new(Int64Array::from(bytes)),
            Arc::new(Int32Array::from(statuses)),
            users.finish(),
        ];
        RecordBatch::try_new(Self::schema(), columns).expect("the columns are those of the schema")
    }

    /// Gives rows `from..to` to `take`, one after the other.
    #[inline]
    pub(super) fn rows(&self, from: u64, to: u64, mut take: impl FnMut(Row)) {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_word_pos(u128::from(from) * WORDS as u128);
        let mut block = [0u8; BLOCK * WORDS * 4];
        let mut next = from;
        while next < to {
            let rows = usize::try_from(to - next).unwrap_or(BLOCK).min(BLOCK);
            let filled = &mut block[..rows * WORDS * 4];
            random.fill_bytes(filled);
            for words in filled.as_chunks::<{ WORDS * 4 }>().0 {
                let (words, _) = words.as_chunks::<4>();
                let word = |i: usize| u32::from_le_bytes(words[i]);
                // Between 0, excluded, and 1: the logarithm exists.
                let uniform = (f64::from(word(2)) + 1.0) / 4_294_967_296.0;
                let delay = (-ln(uniform) * self.mean_delay).min(self.max_delay);
                let time = self.start.saturating_add((next as f64 * self.step - delay) as i64);
                take(Row {
                    url: self.choice.pick(word(0), word(1)),
                    time: time.div_euclid(1000) * 1000,
                    bytes: 200 + below(word(3), 19_800),
                    status: match below(word(4), 100) {
                        0..90 => 200,
                        90..95 => 304,
                        95..99 => 404,
                        _ => 500,
                    },
                    user: below(word(5), USERS),
                });
                next += 1;
            }
        }
    }

    /// The text of a url.
    #[inline]
    pub(super) fn url(&self, url: u32) -> &[u8] {
        let url = url as usize;
        let start = if url == 0 { 0 } else { self.ends[url - 1] as usize };
        &self.urls[start..self.ends[url] as usize]
    }
}

/// Appends a user's name.
#[inline]
pub(super) fn write_user(user: u32, to: &mut Vec<u8>) {
    to.push(b'u');
    write_number(user, to);
}

/// Appends a number in decimal digits.
#[inline]
pub(super) fn write_number(mut number: u32, to: &mut Vec<u8>) {
    let mut digits = [0u8; 10];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[at..]);
}

/// A column of texts while it is written.
struct Texts {
    values: Vec<u8>,
    ends: Vec<i32>,
}

impl Texts {
    fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { values: Vec::with_capacity(rows * bytes), ends }
    }

    #[inline]
    fn end(&mut self) {
        self.ends.push(i32::try_from(self.values.len()).expect("a batch has less than 2 GiB of text"));
    }

    fn finish(self) -> ArrayRef {
        let offsets = OffsetBuffer::new(self.ends.into());
        Arc::new(StringArray::new(offsets, Buffer::from_vec(self.values), None))
    }
}
