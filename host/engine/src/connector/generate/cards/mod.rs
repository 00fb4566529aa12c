//! Payments with cards, of which some are frauds: for jobs that look for them, with what they should find.
//!
//! How often a card pays goes by the law of Zipf and Mandelbrot, whose head is flatter than Zipf's: a card that pays
//! without end would look like a burst. There are two frauds: a burst of small payments with one card in a minute
//! ([`bursts`]), and a single payment far larger than what the card usually pays.

mod bursts;
mod holders;
mod merchants;

use std::cell::LazyCell;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Decimal128Array};
use arrow::datatypes::{DataType, SchemaRef};

use self::bursts::Bursts;
use self::holders::{CITIES, Holders};
use self::merchants::Merchants;
use super::columns::{instants, numbers, schema_of, texts, write_number};
use super::draws::Randoms;
use super::event_times::EventTimes;
use super::math::Choice;
use super::options::{GenerateSpec, MOST};
use super::rows::{Made, Rows};
use crate::connector::source::SourceError;
use crate::format::timestamp;

/// So many ranks are laid before the first card: a twentieth of all cards. The first one then pays about seven times as
/// often as cards do on average.
const FLATTENED: f64 = 0.05;

/// An honest payment in so many is not made in the card's city.
const AWAY: u64 = 50;

/// A payment in so many is far too large.
const LARGE: u64 = 1000;

/// Digits of an amount, and those behind the point. It is a decimal since it is money: sums are exact, whatever order they
/// are made in.
const AMOUNT: (u8, i8) = (10, 2);

/// Makes card payments.
#[derive(Debug)]
pub(super) struct Cards {
    times: EventTimes,
    count: u64,
    choice: Choice,
    holders: Holders,
    merchants: Merchants,
    bursts: Bursts,
    payments: Randoms,
}

/// One payment.
struct Payment {
    /// Microseconds since 1970, in whole milliseconds.
    at: i64,
    card: u32,
    category: usize,
    merchant: u32,
    cents: i64,
    city: usize,
    is_fraud: bool,
}

impl Cards {
    /// Takes `seed`, `cards`, `start`, `events_per_second`, `mean_delay` and `max_delay` from `spec`.
    ///
    /// # Errors
    /// [`SourceError::BadOption`].
    pub fn new(spec: &GenerateSpec) -> Result<Self, SourceError> {
        if !(1..=MOST).contains(&spec.cards) {
            return Err(SourceError::BadOption(format!("`cards` must lie between 1 and {MOST}")));
        }
        let before = spec.cards as f64 * FLATTENED;
        let weights: Vec<f64> = (1..=spec.cards).map(|rank| 1.0 / (rank as f64 + before)).collect();
        Ok(Self {
            times: EventTimes::new(spec)?,
            count: spec.cards,
            choice: Choice::new(&weights),
            holders: Holders::new(spec.seed),
            merchants: Merchants::new(),
            bursts: Bursts::new(spec.seed, spec.events_per_second),
            payments: Randoms::new(spec.seed, b"c.paymnt"),
        })
    }

    fn payment(&self, row: u64) -> Payment {
        let mut draws = self.payments.of(row);
        let at = self.times.delayed(row, draws.half());
        let category = self.merchants.category(&mut draws);
        let merchant = self.merchants.number(&mut draws);
        if let Some(mut burst) = self.bursts.of(row) {
            // The same for all of the burst; the rest is the payment's own.
            let card = burst.below(self.count) as u32;
            let city = self.holders.away(card, &mut burst);
            return Payment {
                at,
                card,
                category,
                merchant,
                cents: 100 + draws.below(2900) as i64,
                city,
                is_fraud: true,
            };
        }
        let card = self.choice.pick(draws.half(), draws.half());
        let is_fraud = draws.below(LARGE) == 0;
        let usual = self.holders.usual(card);
        let cents = match is_fraud {
            true => usual * (25.0 + draws.uniform() * 35.0),
            false => usual * self.merchants.scale(category, &mut draws),
        };
        let city = match !is_fraud && draws.below(AWAY) == 0 {
            true => self.holders.away(card, &mut draws),
            false => self.holders.home(card),
        };
        Payment { at, card, category, merchant, cents: cents.round().max(50.0) as i64, city, is_fraud }
    }
}

impl Rows for Cards {
    fn schema(&self) -> SchemaRef {
        schema_of([
            ("id", DataType::Int64),
            ("at", timestamp()),
            ("card", DataType::Utf8),
            ("merchant", DataType::Utf8),
            ("category", DataType::Utf8),
            ("amount", DataType::Decimal128(AMOUNT.0, AMOUNT.1)),
            ("city", DataType::Utf8),
            ("country", DataType::Utf8),
            ("is_fraud", DataType::Boolean),
        ])
    }

    fn per_chunk(&self) -> u64 {
        16_384
    }

    fn columns(&self, from: u64, to: u64, wanted: &[usize]) -> Made {
        // Some columns, and no column at all, need none of them.
        let payments = LazyCell::new(|| (from..to).map(|row| self.payment(row)).collect::<Vec<Payment>>());
        let payment = |row: u64| &payments[(row - from) as usize];
        let column = |index: &usize| -> ArrayRef {
            match index {
                0 => numbers(from..to, |row| i64::try_from(row).unwrap_or(i64::MAX)),
                1 => instants(from..to, |row| payment(row).at),
                2 => texts(from..to, 6, |row, text| {
                    text.push(b'c');
                    write_number(payment(row).card, text);
                }),
                3 => texts(from..to, 13, |row, text| {
                    text.extend_from_slice(merchants::CATEGORIES[payment(row).category].name.as_bytes());
                    text.push(b'-');
                    write_number(payment(row).merchant, text);
                }),
                4 => texts(from..to, 9, |row, text| {
                    text.extend_from_slice(merchants::CATEGORIES[payment(row).category].name.as_bytes());
                }),
                5 => {
                    let cents = payments.iter().map(|payment| i128::from(payment.cents));
                    let data_type = DataType::Decimal128(AMOUNT.0, AMOUNT.1);
                    Arc::new(Decimal128Array::from_iter_values(cents).with_data_type(data_type))
                }
                6 => texts(from..to, 7, |row, text| text.extend_from_slice(CITIES[payment(row).city].0.as_bytes())),
                7 => texts(from..to, 2, |row, text| text.extend_from_slice(CITIES[payment(row).city].1.as_bytes())),
                _ => Arc::new(BooleanArray::from_iter(payments.iter().map(|payment| Some(payment.is_fraud)))),
            }
        };
        Made::of(wanted.iter().map(column).collect())
    }
}
