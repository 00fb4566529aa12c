//! Cards that pay as usual, too quickly, and too much.

use fraud_rules_shared::Card;
use millstream_guest::{
    prelude::*,
    testing::{KeyedJob, Table, keyed, keyed_laws},
};

use super::*;

type Plugin = FraudRules<Arithmetic>;

fn payments(payments: &[(&str, i64, f64)]) -> Table {
    Table::new()
        .utf8("card", payments.iter().map(|(card, ..)| *card))
        .timestamp("at", payments.iter().map(|(_, at, _)| at * 1_000_000))
        .float64("amount", payments.iter().map(|(.., amount)| *amount))
}

fn job(with: &str) -> KeyedJob {
    keyed::<Plugin>(with, &["card"], &payments(&[])).expect("it binds").event_time("at")
}

fn alerts(table: &Table) -> Vec<(String, i128)> {
    let alert = |row: Vec<Value>| match (&row[0], &row[1], &row[2]) {
        (Value::Text(card), Value::Int(at), Value::Text(rule)) => (format!("{card} {rule}"), at / 1_000_000),
        _ => panic!("{row:?}"),
    };
    (0..table.rows()).map(|row| alert(table.row(row))).collect()
}

#[test]
fn a_burst_is_told_from_payments_now_and_then() {
    let hourly = (0..20).map(|n| ("calm", n * 3600, 20.0));
    let burst = (0..8).map(|n| ("burst", 5 * n, 1.0));
    let rows: Vec<_> = hourly.chain(burst).collect();
    let came = job("{}").rows(&payments(&rows)).unwrap();
    let expected: Vec<_> = (5..8).map(|n| ("burst velocity".to_owned(), 5 * n)).collect();
    assert_eq!(alerts(&came.table), expected);
}

#[test]
fn an_amount_far_above_the_usual_is_told_and_not_learnt() {
    let mut job = job("{}");
    let rows = [("a", 0, 500.0), ("b", 0, 10.0), ("b", 1000, 20.0), ("b", 2000, 12.0), ("b", 3000, 14.0)];
    assert_eq!(job.rows(&payments(&rows)).unwrap().table.rows(), 0);
    for at in [4000, 5000] {
        let came = job.rows(&payments(&[("b", at, 400.0), ("a", at, 500.0)])).unwrap();
        assert_eq!(alerts(&came.table), [("b amount".to_owned(), i128::from(at))]);
    }
}

#[test]
fn what_comes_in_one_epoch_or_in_several_is_the_same() {
    let rows: Vec<_> = (0..12).map(|n| ("a", 7 * n, 5.0 + n as f64)).collect();
    let mut one = job("{}");
    let at_once = one.rows(&payments(&rows)).unwrap().table;
    let mut other = job("{}");
    let parts: Vec<_> = rows.chunks(5).map(|part| alerts(&other.rows(&payments(part)).unwrap().table)).collect();
    assert_eq!(alerts(&at_once), parts.concat());
    assert_eq!(one.state::<Card>(&["a".into()]), other.state::<Card>(&["a".into()]));
}

#[test]
fn a_card_that_pays_no_more_is_forgotten() {
    let mut job = job(r#"{"forget_after_seconds": 100}"#);
    job.rows(&payments(&[("a", 10, 5.0), ("b", 60, 5.0)])).unwrap();
    job.rows(&payments(&[("a", 20, 5.0)])).unwrap();
    job.watermark(119_000_000).unwrap();
    assert_eq!(job.states(), 2);
    job.watermark(120_000_000).unwrap();
    assert_eq!((job.states(), job.state::<Card>(&["b".into()]).is_some()), (1, true));
    job.watermark(160_000_000).unwrap();
    assert_eq!(job.states(), 0);
}

#[test]
fn columns_are_carried_as_text_and_rules_that_make_no_sense_are_refused() {
    let rows: Vec<_> = (0..6).map(|_| ("a", 0, 5.0)).collect();
    let rows = payments(&rows).int64("id", 0..6i64);
    let mut job = keyed::<Plugin>(r#"{"carry": ["id"]}"#, &["card"], &rows).unwrap().event_time("at");
    assert_eq!(job.rows(&rows).unwrap().table.select(&["id"]), Table::new().utf8("id", ["5"]));
    let wrong = keyed::<Plugin>(r#"{"usual_half_life_seconds": 0}"#, &["card"], &rows).err().unwrap();
    assert_eq!(wrong.to_string(), "bind: `usual_half_life_seconds`: a half-life is longer than 0");
}

#[test]
fn the_laws_hold() {
    let rows: Vec<_> = (0..120i64)
        .map(|n| (["a", "b", "c"][(n * 5 % 3) as usize], n * 37 % 400, 1.0 + (n * n % 900) as f64))
        .collect();
    keyed_laws::<Plugin>("{}", &["card"], Some("at"), &payments(&rows)).unwrap();
}
