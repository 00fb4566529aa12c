//! What is put up for auction.

use arrow::datatypes::{DataType, SchemaRef};

use super::house::{AUCTIONS, EVENTS_OPEN, active_person, auction_event, fill, hot, id, price};
use crate::connector::generate::columns::{instants, numbers, schema_of, texts};
use crate::connector::generate::draws::{Draws, Randoms};
use crate::connector::generate::event_times::EventTimes;
use crate::connector::generate::options::GenerateSpec;
use crate::connector::generate::rows::{Made, Rows};
use crate::connector::source::SourceError;
use crate::format::timestamp;

/// One auction in so many is not of a hot seller.
const NOT_HOT: u64 = 4;

/// The categories are so many from here on.
const FIRST_CATEGORY: i64 = 10;
const CATEGORIES: u64 = 5;

/// Makes auctions.
#[derive(Debug)]
pub(in crate::connector::generate) struct Auctions {
    times: EventTimes,
    /// Milliseconds of event time that an auction may be open.
    longest: u64,
    items: Randoms,
    descriptions: Randoms,
    prices: Randoms,
    lengths: Randoms,
    sellers: Randoms,
    categories: Randoms,
    extras: Randoms,
}

impl Auctions {
    /// Takes `seed`, `start` and `events_per_second` from `spec`.
    ///
    /// # Errors
    /// [`SourceError::BadOption`].
    pub fn new(spec: &GenerateSpec) -> Result<Self, SourceError> {
        let randoms = |purpose| Randoms::new(spec.seed, purpose);
        Ok(Self {
            times: EventTimes::new(spec)?,
            // On average it is open while as many others are put up as are open at a time.
            longest: ((2 * EVENTS_OPEN) as f64 * 1000.0 / spec.events_per_second) as u64,
            items: randoms(b"a.item  "),
            descriptions: randoms(b"a.descr "),
            prices: randoms(b"a.price "),
            lengths: randoms(b"a.length"),
            sellers: randoms(b"a.seller"),
            categories: randoms(b"a.categ "),
            extras: randoms(b"a.extra "),
        })
    }

    fn date_time(&self, auction: u64) -> i64 {
        self.times.of(auction_event(auction))
    }

    /// A millisecond after the beginning at the least.
    fn expires(&self, auction: u64) -> i64 {
        let millis = 1 + self.lengths.of(auction).below(self.longest.max(1));
        self.date_time(auction).saturating_add(i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    /// The initial bid and the reserve, which is more.
    fn prices(&self, auction: u64) -> (i64, i64) {
        let mut draws = self.prices.of(auction);
        let initial = price(&mut draws);
        (initial, initial + price(&mut draws))
    }

    fn seller(&self, auction: u64) -> i64 {
        let round = auction / AUCTIONS;
        let mut draws = self.sellers.of(auction);
        id(if draws.below(NOT_HOT) > 0 { hot(round) } else { active_person(round, &mut draws) })
    }
}

/// Appends words of small letters, `least` bytes to `most`.
fn words(least: u64, most: u64, mut draws: Draws, to: &mut Vec<u8>) {
    let mut left = least + draws.below(most - least + 1);
    while left > 0 {
        let word = (3 + draws.below(7)).min(left);
        draws.letters(word as usize, to);
        left -= word;
        // Not at the end.
        if left > 1 {
            to.push(b' ');
            left -= 1;
        }
    }
}

impl Rows for Auctions {
    fn schema(&self) -> SchemaRef {
        schema_of([
            ("id", DataType::Int64),
            ("item_name", DataType::Utf8),
            ("description", DataType::Utf8),
            ("initial_bid", DataType::Int64),
            ("reserve", DataType::Int64),
            ("date_time", timestamp()),
            ("expires", timestamp()),
            ("seller", DataType::Int64),
            ("category", DataType::Int64),
            ("extra", DataType::Utf8),
        ])
    }

    fn per_chunk(&self) -> u64 {
        4096
    }

    fn columns(&self, from: u64, to: u64, wanted: &[usize]) -> Made {
        let column = |index: &usize| match index {
            0 => numbers(from..to, id),
            1 => texts(from..to, 12, |auction, text| words(3, 20, self.items.of(auction), text)),
            2 => texts(from..to, 52, |auction, text| words(3, 100, self.descriptions.of(auction), text)),
            3 => numbers(from..to, |auction| self.prices(auction).0),
            4 => numbers(from..to, |auction| self.prices(auction).1),
            5 => instants(from..to, |auction| self.date_time(auction)),
            6 => instants(from..to, |auction| self.expires(auction)),
            7 => numbers(from..to, |auction| self.seller(auction)),
            8 => numbers(from..to, |auction| FIRST_CATEGORY + self.categories.of(auction).below(CATEGORIES) as i64),
            // 500 bytes in all.
            _ => texts(from..to, 380, |auction, text| fill(380, &mut self.extras.of(auction), text)),
        };
        Made::of(wanted.iter().map(column).collect())
    }
}
