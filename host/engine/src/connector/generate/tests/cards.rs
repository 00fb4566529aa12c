//! Card payments look like ones, and frauds among them like frauds.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};

use super::START;
use super::kinds::{all, of};
use crate::connector::generate::{GenerateSource, GenerateSpec, RowsOf};

const ROWS: u64 = 200_000;

/// As many payments a second for each card as there are by default.
fn spec() -> GenerateSpec {
    GenerateSpec { cards: 10_000, events_per_second: 20.0, ..of(RowsOf::Cards) }
}

struct Payment<'a> {
    at: i64,
    card: &'a str,
    cents: i128,
    city: &'a str,
    is_fraud: bool,
}

fn payments(batch: &RecordBatch) -> Vec<Payment<'_>> {
    let at = batch.column(1).as_primitive::<TimestampMicrosecondType>();
    let (cards, cities) = (batch.column(2).as_string::<i32>(), batch.column(6).as_string::<i32>());
    let (cents, frauds) = (batch.column(5).as_primitive::<Decimal128Type>(), batch.column(8).as_boolean());
    let payment = |i| Payment {
        at: at.value(i),
        card: cards.value(i),
        cents: cents.value(i),
        city: cities.value(i),
        is_fraud: frauds.value(i),
    };
    (0..batch.num_rows()).map(payment).collect()
}

#[test]
fn cards_are_used_by_the_law_of_zipf_and_mandelbrot() {
    let batch = all(&spec(), 0, ROWS);
    let mut uses: BTreeMap<&str, u32> = BTreeMap::new();
    payments(&batch).iter().for_each(|payment| *uses.entry(payment.card).or_default() += 1);
    let share = |from: u32, to: u32| -> f64 {
        let uses = (from..to).filter_map(|card| uses.get(format!("c{card}").as_str()));
        f64::from(uses.sum::<u32>()) / ROWS as f64
    };
    // The integral of 1 / (k + 500) from 0 to 10,000 is ln 21.
    for (from, to) in [(0, 500), (500, 2000), (2000, 10_000)] {
        let expected = (f64::from(to + 500) / f64::from(from + 500)).ln() / 21f64.ln();
        assert!((share(from, to) / expected - 1.0).abs() < 0.03, "{from} to {to}: {}", share(from, to));
    }
    let most = f64::from(*uses.values().max().unwrap()) / (ROWS as f64 / 10_000.0);
    assert!((5.0..10.0).contains(&most), "the most used card pays {most} times as often as the average");
}

#[test]
fn times_are_out_of_order_within_a_bound_and_ids_in_order() {
    let batch = all(&spec(), 0, ROWS);
    let ids = batch.column(0).as_primitive::<Int64Type>().values();
    assert!(ids.iter().zip(0..).all(|(id, row)| *id == row));
    let payments = payments(&batch);
    let (mut out_of_order, mut behind) = (0, 0);
    for (i, payment) in payments.iter().enumerate() {
        let on_time = START + i as i64 * 50_000;
        assert!(payment.at <= on_time && payment.at >= on_time - 50_001_000, "row {i}");
        out_of_order += usize::from(i > 0 && payment.at < payments[i - 1].at);
        behind += on_time - payment.at;
    }
    assert!(out_of_order > 80_000, "{out_of_order}");
    assert!((4_900_000..5_100_000).contains(&(behind / ROWS as i64)), "{behind}");
}

#[test]
fn honest_cards_are_at_home_and_pay_what_they_usually_pay() {
    let batch = all(&spec(), 0, ROWS);
    let mut of_cards: BTreeMap<&str, Vec<&Payment<'_>>> = BTreeMap::new();
    let payments = payments(&batch);
    for payment in payments.iter().filter(|payment| !payment.is_fraud) {
        of_cards.entry(payment.card).or_default().push(payment);
    }
    let (mut known, mut away, mut excessive) = (0, 0, 0);
    for payments in of_cards.values().filter(|payments| payments.len() >= 20) {
        let mut cities: BTreeMap<&str, usize> = BTreeMap::new();
        payments.iter().for_each(|payment| *cities.entry(payment.city).or_default() += 1);
        let mean = payments.iter().map(|payment| payment.cents).sum::<i128>() / payments.len() as i128;
        known += payments.len();
        away += payments.len() - cities.values().max().unwrap();
        excessive += payments.iter().filter(|payment| payment.cents > mean * 12).count();
    }
    assert!(known > 100_000, "{known}");
    let away = away as f64 / known as f64;
    assert!((0.015..0.025).contains(&away), "{away}");
    assert!(excessive * 1000 < known, "{excessive} of {known}");
    assert!(payments.iter().all(|payment| (50..10_000_000).contains(&payment.cents)));
}

/// Of each rate: few enough rows that one lane has all bursts, and enough for many lanes.
#[test]
fn frauds_are_bursts_and_large_payments() {
    for (events_per_second, cards) in [(20.0, 10_000), (2000.0, 1_000_000)] {
        let spec = GenerateSpec { events_per_second, cards, mean_delay: 0, max_delay: 0, ..spec() };
        let rows = if cards > 10_000 { 600_000 } else { ROWS };
        let batch = all(&spec, 0, rows);
        let mut frauds: BTreeMap<(&str, &str), Vec<Payment<'_>>> = BTreeMap::new();
        let mut count = 0;
        for payment in payments(&batch).into_iter().filter(|payment| payment.is_fraud) {
            count += 1;
            frauds.entry((payment.card, payment.city)).or_default().push(payment);
        }
        let share = f64::from(count) / rows as f64;
        assert!((0.0035..0.0055).contains(&share), "{share} at {events_per_second}");
        let (mut large, mut whole, mut cut) = (0, 0, 0);
        for payments in frauds.values() {
            let lasts = payments[payments.len() - 1].at - payments[0].at;
            match payments.len() {
                1 if payments[0].cents > 3_000 => large += 1,
                8..=20 => {
                    whole += 1;
                    assert!(lasts <= 60_000_000, "{} payments in {lasts} us", payments.len());
                    assert!(payments.iter().all(|payment| (100..3_000).contains(&payment.cents)));
                }
                // Begun before the first row, not ended at the last, or two of one card.
                _ => cut += 1,
            }
        }
        let expected = rows / 4000;
        assert!(whole > expected * 7 / 10 && whole <= expected + 2, "{whole} bursts at {events_per_second}");
        assert!((rows / 1250..rows / 800).contains(&large), "{large} large payments");
        assert!(cut <= expected / 4 + 3, "{cut} cut, {whole} whole");
    }
}

/// What an example does: more than six payments in a minute, or twelve times what the card pays on average.
#[test]
fn simple_rules_find_most_frauds_and_accuse_few() {
    let batch = all(&spec(), 0, ROWS);
    let mut of_cards: BTreeMap<&str, Vec<Payment<'_>>> = BTreeMap::new();
    payments(&batch).into_iter().for_each(|payment| of_cards.entry(payment.card).or_default().push(payment));
    let (mut right, mut wrong, mut missed) = (0, 0, 0);
    for payments in of_cards.values_mut() {
        payments.sort_by_key(|payment| payment.at);
        for payment in &*payments {
            let near = payments.iter().filter(|other| (other.at - payment.at).abs() <= 60_000_000).count();
            let others = payments.len() as i128 - 1;
            let mean = (payments.iter().map(|other| other.cents).sum::<i128>() - payment.cents) / others.max(1);
            let is_large = others >= 5 && payment.cents > mean * 12;
            match (near > 6 || is_large, payment.is_fraud) {
                (true, true) => right += 1,
                (true, false) => wrong += 1,
                (false, true) => missed += 1,
                (false, false) => {}
            }
        }
    }
    assert!(missed * 20 < right, "{missed} missed, {right} found");
    assert!(wrong * 4 < right, "{wrong} accused, {right} found");
}

#[test]
fn cards_that_cannot_be_are_refused() {
    for cards in [0, 10_000_001] {
        assert!(GenerateSource::open(&GenerateSpec { cards, ..spec() }).is_err());
    }
    assert_eq!(all(&GenerateSpec { cards: 1, ..spec() }, 0, 10).num_rows(), 10);
}
