mod cards;
mod kinds;
mod nexmark;
mod pinned;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use proptest::prelude::*;

use super::math::{exp, ln};
use super::{AccessLogs, GenerateSource, GenerateSpec, LogForm, RowsOf};
use crate::connector::source::conformance::conforms;
use crate::connector::source::{Known, NextLook, Source};
use crate::format::FileFormat;
use crate::format::{Check, RawChunk, RawContent, decoder};
use crate::record::SourceRange;

const START: i64 = 1_735_689_600_000_000;

fn spec() -> GenerateSpec {
    GenerateSpec {
        rows_of: RowsOf::AccessLogs,
        seed: 42,
        rows_per_second: None,
        rows: Some(50_000),
        max_rows_per_epoch: 20_000,
        urls: 2000,
        cards: 1000,
        start: START,
        events_per_second: 500.0,
        mean_delay: 5_000_000,
        max_delay: 50_000_000,
    }
}

#[test]
fn the_next_look_is_when_a_row_is_due() {
    let spec = GenerateSpec { rows: None, rows_per_second: Some(2), ..spec() };
    let mut source = GenerateSource::open(&spec).unwrap();
    assert_eq!(source.plan(7_000_000, Known::default()).unwrap(), None);
    for (now, due) in [(7_000_000, 7_500_000), (7_500_000, 8_000_000), (9_400_000, 9_500_000)] {
        let _ = source.plan(now, Known::default()).unwrap();
        assert_eq!(source.next_look(now), NextLook::At(due));
        assert_eq!(source.plan(due - 1, Known::default()).unwrap(), None);
    }
    assert_eq!(source.next_look(9_499_999), NextLook::At(9_519_999), "not more often than others");
}

#[test]
fn conforms_with_and_without_a_rate() {
    conforms(|| Box::new(GenerateSource::open(&spec()).unwrap()));
    let paced = GenerateSpec { rows_per_second: Some(7000), rows: Some(30_000), ..spec() };
    conforms(|| Box::new(GenerateSource::open(&paced).unwrap()));
}

#[test]
fn the_rate_counts_from_the_first_call() {
    let mut source = GenerateSource::open(&GenerateSpec { rows_per_second: Some(10), rows: None, ..spec() }).unwrap();
    let second = 1_000_000;
    assert_eq!(source.plan(5 * second, Known::default()).unwrap(), None);
    assert_eq!(source.plan(4 * second, Known::default()).unwrap(), None);
    assert_eq!(source.plan(6 * second, Known::default()).unwrap(), Some(SourceRange::Rows { from: 0, to: 10 }));
    assert_eq!(source.plan(6 * second + 99_999, Known::default()).unwrap(), None);
    assert_eq!(
        source.plan(6 * second + 250_000, Known::default()).unwrap(),
        Some(SourceRange::Rows { from: 10, to: 12 })
    );
    assert_eq!(source.plan(i64::MAX, Known::default()).unwrap(), Some(SourceRange::Rows { from: 12, to: 20_012 }));
    assert!(!source.exhausted());
}

#[test]
fn rows_look_like_an_access_log() {
    let logs = AccessLogs::new(&spec()).unwrap();
    let batch = logs.batch(0, 100_000);
    let times = batch.column(1).as_primitive::<TimestampMicrosecondType>().values();
    let mut out_of_order = 0;
    for (i, time) in times.iter().enumerate() {
        let on_time = START + i as i64 * 2000;
        assert!(*time <= on_time && *time >= on_time - 50_001_000, "row {i}");
        out_of_order += usize::from(i > 0 && *time < times[i - 1]);
    }
    assert!(out_of_order > 40_000, "{out_of_order}");
    let behind: i64 = times.iter().enumerate().map(|(i, t)| START + i as i64 * 2000 - t).sum::<i64>() / 100_000;
    assert!((4_900_000..5_100_000).contains(&behind), "{behind}");
    let urls = batch.column(0).as_string::<i32>();
    let first = urls.iter().filter(|u| *u == Some("/shop/item-0")).count();
    let second = urls.iter().filter(|u| *u == Some("/blog/item-1")).count();
    assert!((1.9..2.4).contains(&(first as f64 / second as f64)), "{first} {second}");
    assert!(batch.column(2).as_primitive::<Int64Type>().values().iter().all(|b| (200..20_000).contains(b)));
    let fine = batch.column(3).as_primitive::<Int32Type>().values().iter().filter(|s| **s == 200).count();
    assert!((89_000..91_000).contains(&fine), "{fine}");
}

/// What jobs have read before they must read again, whatever the version: these rows may not change.
#[test]
fn rows_stay_as_they_are() {
    let logs = AccessLogs::new(&spec()).unwrap();
    let mut text = Vec::new();
    logs.write_lines(LogForm::Csv, 0, 2, &mut text);
    logs.write_lines(LogForm::Json, 1_000_000_007, 1_000_000_008, &mut text);
    logs.write_lines(LogForm::Text, 3, 4, &mut text);
    let expected = "\
/shop/item-0,2024-12-31T23:59:50.392Z,19015,200,u21375
/shop/item-0,2024-12-31T23:59:58.477Z,5914,200,u7497
{\"url\":\"/shop/item-0\",\"timestamp\":\"2025-01-24T03:33:10.891Z\",\"bytes\":8078,\"status\":200,\"user\":\"u8474\"}
10.0.176.34 GET /user/item-21 200 10235
";
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn lines_read_back_as_the_rows_they_were_written_from() {
    let logs = AccessLogs::new(&spec()).unwrap();
    let expected = logs.batch(500, 3000);
    let schema = AccessLogs::schema();
    for (form, format) in
        [(LogForm::Json, FileFormat::Json), (LogForm::Csv, FileFormat::Csv { header: false, delimiter: b',' })]
    {
        let mut text = Vec::new();
        logs.write_lines(form, 500, 3000, &mut text);
        let content = RawContent::Lines { bytes: text.into(), before: 0, layout: None, long: Vec::new() };
        let decoder = decoder(format, &schema, &[0, 1, 2, 3, 4], Check::Declared).unwrap();
        let decoded = decoder.decode(&RawChunk { part: 0, index: 0, content }).unwrap();
        assert_eq!(decoded.bad, []);
        assert_eq!(decoded.batch, expected);
    }
}

#[test]
fn options_that_cannot_be_are_refused() {
    assert!(AccessLogs::new(&GenerateSpec { urls: 0, ..spec() }).is_err());
    assert!(AccessLogs::new(&GenerateSpec { events_per_second: f64::NAN, ..spec() }).is_err());
    assert!(AccessLogs::new(&GenerateSpec { mean_delay: -1, ..spec() }).is_err());
    assert!(GenerateSource::open(&GenerateSpec { rows_per_second: Some(0), ..spec() }).is_err());
    assert!(AccessLogs::new(&GenerateSpec { urls: 1, ..spec() }).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_row_depends_on_its_number_alone(from in 0u64..1_000_000, cuts in prop::collection::vec(0u64..700, 1..5), seed: u64) {
        let logs = AccessLogs::new(&GenerateSpec { seed, urls: 50, ..spec() }).unwrap();
        let mut next = from;
        let mut parts: Vec<RecordBatch> = Vec::new();
        for cut in cuts {
            parts.push(logs.batch(next, next + cut));
            next += cut;
        }
        prop_assert_eq!(concat_batches(&AccessLogs::schema(), &parts).unwrap(), logs.batch(from, next));
    }

    #[test]
    fn our_logarithm_and_exponential_are_right(x in 1e-10f64..1e8) {
        prop_assert!((ln(x) - x.ln()).abs() < 1e-9);
        prop_assert!((exp(ln(x)) / x - 1.0).abs() < 1e-9);
    }
}
