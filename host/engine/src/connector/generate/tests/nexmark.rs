//! The three sources of Nexmark are of one sequence of events.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};

use super::START;
use super::kinds::{all, of};
use crate::connector::generate::{GenerateSpec, RowsOf};

/// Rounds of 50 events.
const ROUNDS: u64 = 4000;

fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values()
}

fn instants<'a>(batch: &'a RecordBatch, name: &str) -> &'a [i64] {
    batch.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>().values()
}

/// Persons, auctions and bids of the same events.
fn house() -> [RecordBatch; 3] {
    [(RowsOf::Persons, 1), (RowsOf::Auctions, 3), (RowsOf::Bids, 46)]
        .map(|(rows_of, share)| all(&of(rows_of), 0, ROUNDS * share))
}

/// Event times by id.
fn by_id(batch: &RecordBatch, time: &str) -> BTreeMap<i64, i64> {
    numbers(batch, "id").iter().copied().zip(instants(batch, time).iter().copied()).collect()
}

#[test]
fn together_they_are_all_events_and_no_two_are_one() {
    let batches = house();
    let mut times: Vec<i64> = batches.iter().flat_map(|batch| instants(batch, "date_time")).copied().collect();
    times.sort_unstable();
    // 500 events a second.
    assert!(times.iter().zip(0..).all(|(time, event)| *time == START + event * 2000));
    for batch in &batches {
        assert!(instants(batch, "date_time").is_sorted());
    }
    for batch in &batches[..2] {
        assert!(numbers(batch, "id").iter().zip(1000..).all(|(id, expected)| *id == expected));
    }
}

#[test]
fn all_that_is_referred_to_is_there_before() {
    let [persons, auctions, bids] = house();
    let (persons, opened) = (by_id(&persons, "date_time"), by_id(&auctions, "date_time"));
    for (seller, time) in numbers(&auctions, "seller").iter().zip(instants(&auctions, "date_time")) {
        assert!(persons[seller] < *time, "{seller}");
    }
    for (auction, time) in numbers(&bids, "auction").iter().zip(instants(&bids, "date_time")) {
        assert!(opened[auction] < *time, "{auction}");
    }
    for (bidder, time) in numbers(&bids, "bidder").iter().zip(instants(&bids, "date_time")) {
        assert!(persons[bidder] < *time, "{bidder}");
    }
}

#[test]
fn the_hot_ones_have_their_share() {
    let [_, auctions, bids] = house();
    let share = |column: &[i64], rest: i64| {
        column.iter().filter(|id| (**id - 1000) % 100 == rest).count() as f64 / column.len() as f64
    };
    // A hundredth of those that are not hot fall on a hot one, too.
    for (what, share, expected) in [
        ("auctions", share(numbers(&bids, "auction"), 0), 0.505),
        ("bidders", share(numbers(&bids, "bidder"), 1), 0.7525),
        ("sellers", share(numbers(&auctions, "seller"), 0), 0.7525),
    ] {
        assert!((share - expected).abs() < 0.02, "{what}: {share}");
    }
    let last: Vec<i64> = numbers(&bids, "auction").iter().rev().take(46).copied().collect();
    let newest = 1000 + ROUNDS as i64 * 3 - 1;
    assert!(last.iter().all(|auction| (newest - 199..=newest).contains(auction)), "bids go to what is open: {last:?}");
}

#[test]
fn values_are_those_of_the_benchmark() {
    let [persons, auctions, bids] = house();
    let prices = numbers(&bids, "price");
    assert!(prices.iter().all(|price| (100..=100_000_000).contains(price)));
    for power in 2..8 {
        let (low, high) = (10i64.pow(power), 10i64.pow(power + 1));
        let share = prices.iter().filter(|p| (low..high).contains(p)).count() as f64 / prices.len() as f64;
        assert!((share - 1.0 / 6.0).abs() < 0.01, "{low}: {share}");
    }
    let categories = numbers(&auctions, "category");
    for category in 10..15 {
        let share = categories.iter().filter(|c| **c == category).count() as f64 / categories.len() as f64;
        assert!((share - 0.2).abs() < 0.02, "{category}: {share}");
    }
    assert!(
        numbers(&auctions, "initial_bid").iter().zip(numbers(&auctions, "reserve")).all(|(bid, least)| bid < least)
    );
    let open: Vec<i64> = instants(&auctions, "expires")
        .iter()
        .zip(instants(&auctions, "date_time"))
        .map(|(expires, begins)| expires - begins)
        .collect();
    assert!(open.iter().all(|open| (1000..=6_664_000).contains(open)));
    // While a hundred auctions are put up, at 30 a second.
    let mean = open.iter().sum::<i64>() / open.len() as i64;
    assert!((3_200_000..3_460_000).contains(&mean), "{mean}");
    let states = persons.column_by_name("state").unwrap().as_string::<i32>();
    let asked = states.iter().flatten().filter(|state| ["OR", "ID", "CA"].contains(state)).count();
    assert!((ROUNDS as usize * 45 / 100..ROUNDS as usize * 55 / 100).contains(&asked), "{asked}");
}

#[test]
fn half_of_the_bids_come_by_channels_with_names() {
    let [_, _, bids] = house();
    let channels = bids.column_by_name("channel").unwrap().as_string::<i32>();
    let urls = bids.column_by_name("url").unwrap().as_string::<i32>();
    let mut url_of: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut named, mut told) = (0, 0);
    for (channel, url) in channels.iter().flatten().zip(urls.iter().flatten()) {
        assert_eq!(*url_of.entry(channel).or_insert(url), url, "a channel has one url");
        assert!(url.starts_with("https://www.nexmark.com/") && url.contains("/item.htm?query=1"), "{url}");
        match channel.strip_prefix("channel-") {
            Some(number) if url.contains("channel_id=") => {
                assert!(url.ends_with(&format!("&channel_id={number}")), "{url}");
                told += 1;
            }
            Some(_) => {}
            None => {
                assert!(["Google", "Facebook", "Baidu", "Apple"].contains(&channel) && !url.contains("channel_id"));
                named += 1;
            }
        }
    }
    let share = |count: i32| f64::from(count) / bids.num_rows() as f64;
    assert!((share(named) - 0.5).abs() < 0.01, "{named}");
    assert!((share(told) - 0.45).abs() < 0.01, "{told}");
}

#[test]
fn rows_weigh_what_they_do_in_the_benchmark() {
    let batches = house();
    // Of bids with channel and url, which the benchmark's weight leaves out.
    for (batch, expected) in batches.iter().zip([200, 500, 178]) {
        let bytes: usize = batch
            .columns()
            .iter()
            .map(|column| match column.as_string_opt::<i32>() {
                Some(texts) => texts.value_data().len(),
                None => 8 * column.len(),
            })
            .sum();
        let weight = bytes / batch.num_rows();
        assert!((expected * 19 / 20..expected * 21 / 20).contains(&weight), "{weight} bytes, {expected} expected");
    }
}

#[test]
fn times_of_nexmark_are_in_order_whatever_delay_is_asked_for() {
    for rows_of in [RowsOf::Persons, RowsOf::Auctions, RowsOf::Bids] {
        let spec = GenerateSpec { mean_delay: 0, max_delay: 0, ..of(rows_of) };
        assert_eq!(all(&spec, 0, 1000), all(&of(rows_of), 0, 1000));
    }
}
