//! Counts that are right where there is room, and never too low where there is none.

use millstream_guest::testing::{Table, keyed, keyed_laws};

use super::*;

fn rows(items: &[(&str, &str, i64)]) -> Table {
    Table::new()
        .utf8("shop", items.iter().map(|(shop, ..)| *shop))
        .utf8("product", items.iter().map(|(_, product, _)| *product))
        .timestamp("at", items.iter().map(|(.., at)| at * 1_000_000))
}

#[test]
fn the_most_frequent_come_when_their_period_is_over() {
    let with = r#"{"item": "product", "k": 2}"#;
    let mut job = keyed::<TopK>(with, &["shop"], &rows(&[])).unwrap().event_time("at");
    let items = [("a", "x", 1), ("a", "y", 2), ("a", "x", 3), ("b", "z", 4), ("a", "w", 59)];
    job.rows(&rows(&items)).unwrap();
    assert_eq!(job.watermark(59_999_999).unwrap().table.rows(), 0);
    let end = [60_000_000; 3];
    let expected = Table::new().utf8("shop", ["a", "a", "b"]).timestamp("end", end).uint32("rank", [1, 2, 1]);
    let expected = expected.utf8("item", ["x", "w", "z"]).uint64("count", [2, 1, 1]).uint64("error", [0, 0, 0]);
    assert_eq!(job.watermark(60_000_000).unwrap().table, expected);
    assert_eq!(job.states(), 0);
}

#[test]
fn each_row_counts_in_its_own_period() {
    let with = r#"{"item": "product"}"#;
    let mut job = keyed::<TopK>(with, &["shop"], &rows(&[])).unwrap().event_time("at");
    let items = rows(&[("a", "x", 130), ("a", "x", 1), ("a", "x", 2), ("a", "y", 0)]);
    let came = job.epoch(&items, 0).unwrap();
    assert_eq!((came.late, came.table.rows()), (items.take(&[3]), 0));
    let came = job.watermark(200_000_000).unwrap().table;
    let expected = Table::new().timestamp("end", [60_000_000, 180_000_000]).uint64("count", [2, 1]);
    assert_eq!(came.select(&["end", "count"]), expected);
}

/// The bounds of the paper: with m counters and n rows, no count is too low, none too high by more than n / m, and what
/// is more frequent than n / m has a counter.
#[test]
fn with_few_counters_the_bounds_hold() {
    let (n, m) = (5000u64, 20);
    // Item i of 200 about as often as 1 / (i + 1).
    let item = |row: u64| (200f64.powf((row * 7919 % n) as f64 / n as f64) - 1.0) as u64;
    let (mut counters, mut truth) = (Counters::default(), BTreeMap::<String, u64>::new());
    for row in 0..n {
        let item = item(row).to_string();
        counters.add(&item, m);
        *truth.entry(item).or_default() += 1;
    }
    assert!(truth.len() > 100 && counters.items.len() == m);
    for (item, (count, error)) in &counters.items {
        assert!(*count >= truth[item] && count - error <= truth[item] && *error <= n / m as u64, "{item}");
    }
    for (item, count) in truth.iter().filter(|(_, count)| **count > n / m as u64) {
        assert!(counters.items.contains_key(item), "{item}, {count} times");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let fails = |with| keyed::<TopK>(with, &["shop"], &rows(&[])).err().unwrap().to_string();
    assert!(fails(r#"{"item": "product", "k": 9, "counters": 8}"#).contains("`counters`"));
    assert!(fails(r#"{"item": "product", "every_seconds": 0}"#).contains("`every_seconds`"));
}

#[test]
fn the_laws_hold() {
    let product = |n: i64| ["v", "w", "x", "y", "z"][(n * n % 5) as usize];
    let items: Vec<_> = (0..120i64).map(|n| (["a", "b"][(n * 5 % 2) as usize], product(n), n * 37 % 300)).collect();
    for with in [r#"{"item": "product"}"#, r#"{"item": "product", "k": 1, "counters": 2}"#] {
        keyed_laws::<TopK>(with, &["shop"], Some("at"), &rows(&items)).unwrap();
    }
}
