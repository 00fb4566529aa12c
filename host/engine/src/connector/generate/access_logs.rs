//! The rows of a made-up web server's access log: urls by Zipf's law, and event times that fall behind by an
//! exponential delay, so that they come out of order within a bound.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, SchemaRef};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::columns::{Texts, schema_of, write_number};
use super::event_times::EventTimes;
use super::math::{Choice, below, exp, ln};
use super::options::{GenerateSpec, MOST};
use super::rows::{Made, Rows};
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

/// Makes the rows of the `generate` source and of `millstream generate access-logs`.
///
/// ```
/// use millstream_engine::connector::generate::{AccessLogs, GenerateSpec};
/// let logs = AccessLogs::new(&GenerateSpec {
///     seed: 42, urls: 2000, events_per_second: 500.0, ..GenerateSpec::default()
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
    times: EventTimes,
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
        if !(1..=MOST).contains(&spec.urls) {
            return Err(SourceError::BadOption(format!("`urls` must lie between 1 and {MOST}")));
        }
        let times = EventTimes::new(spec)?;
        let weights: Vec<f64> = (1..=spec.urls).map(|k| exp(-ZIPF * ln(k as f64))).collect();
        let mut urls = Vec::new();
        let mut ends = Vec::with_capacity(weights.len());
        for (i, section) in (0..spec.urls).zip(SECTIONS.iter().cycle()) {
            urls.extend_from_slice(format!("/{section}/item-{i}").as_bytes());
            ends.push(urls.len() as u32);
        }
        Ok(Self { seed: spec.seed, choice: Choice::new(&weights), urls, ends, times })
    }

    /// `url` utf8, `timestamp`, `bytes` int64, `status` int32, `user` utf8; never null.
    pub fn schema() -> SchemaRef {
        schema_of([
            ("url", DataType::Utf8),
            ("timestamp", timestamp()),
            ("bytes", DataType::Int64),
            ("status", DataType::Int32),
            ("user", DataType::Utf8),
        ])
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
                take(Row {
                    url: self.choice.pick(word(0), word(1)),
                    time: self.times.delayed(next, word(2)),
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

impl Rows for AccessLogs {
    fn schema(&self) -> SchemaRef {
        Self::schema()
    }

    fn per_chunk(&self) -> u64 {
        32_768
    }

    /// All columns take their words from one stream, and are made together.
    fn columns(&self, from: u64, to: u64, wanted: &[usize]) -> Made {
        let batch = self.batch(from, to);
        let bytes = batch.get_array_memory_size() as u64;
        Made { columns: wanted.iter().map(|index| batch.column(*index).clone()).collect(), bytes }
    }
}

/// Appends a user's name.
#[inline]
pub(super) fn write_user(user: u32, to: &mut Vec<u8>) {
    to.push(b'u');
    write_number(user, to);
}
