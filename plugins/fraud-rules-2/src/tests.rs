//! What is usual beside large payments, and cards of the version before.

use fraud_rules_shared::Card;
use millstream_guest::{
    prelude::*,
    testing::{KeyedJob, Table, keyed, keyed_laws},
};

use super::*;

type Plugin = FraudRules<Geometric>;

fn payments(payments: &[(&str, i64, f64)]) -> Table {
    Table::new()
        .utf8("card", payments.iter().map(|(card, ..)| *card))
        .timestamp("at", payments.iter().map(|(_, at, _)| at * 1_000_000))
        .float64("amount", payments.iter().map(|(.., amount)| *amount))
}

fn job() -> KeyedJob {
    keyed::<Plugin>("{}", &["card"], &payments(&[])).expect("it binds").event_time("at")
}

#[test]
fn one_large_payment_does_not_make_the_next_one_usual() {
    let mut job = job();
    // 150 is less than twenty times 10; the mean of these is 38 then, and twenty times 38 would be usual.
    let rows = [("a", 0, 10.0), ("a", 1000, 10.0), ("a", 2000, 10.0), ("a", 3000, 10.0), ("a", 4000, 150.0)];
    assert_eq!(job.rows(&payments(&rows)).unwrap().table.rows(), 0);
    let came = job.rows(&payments(&[("a", 5000, 500.0)])).unwrap().table;
    assert_eq!(came.select(&["rule"]), Table::new().utf8("rule", ["amount"]));
    let Value::Float(usual) = came.select(&["usual"]).row(0)[0] else { panic!("{came:?}") };
    assert!((17.0..17.5).contains(&usual), "{usual}");
}

#[test]
fn a_card_of_version_1_usually_pays_what_it_did() {
    let mut job = job();
    let card = |sum: f64, weight: f64| Card { last: 7_000_000, recent: 1.5, weight, sum };
    for (name, sum, weight) in [("a", 80.0, 4.0), ("new", 0.0, 0.0), ("refunded", -3.0, 2.0)] {
        job.stored_by_version(1, &[name.into()], &card(sum, weight)).unwrap();
    }
    let large = job.rows(&payments(&[("a", 7, 401.0), ("new", 7, 5.0), ("refunded", 7, 0.0)])).unwrap().table;
    assert_eq!(large.select(&["card", "usual"]).row(0)[0], "a".into());
    let Value::Float(usual) = large.select(&["usual"]).row(0)[0] else { panic!("{large:?}") };
    assert!(large.rows() == 1 && (usual - 20.0).abs() < 1e-9, "{large:?}");
    let stored = job.state::<Card>(&["a".into()]).unwrap();
    assert_eq!((stored.last, stored.recent, stored.weight), (7_000_000, 2.5, 4.0));
    for (name, weight, usual) in [("new", 1.0, 5.0), ("refunded", 3.0, 0.01)] {
        let card = job.state::<Card>(&[name.into()]).unwrap();
        assert!(card.weight == weight && (card.sum / weight - f64::ln(usual)).abs() < 1e-9, "{name}: {card:?}");
    }
}

#[test]
fn a_version_that_is_not_known_is_refused() {
    let mut job = job();
    let refused = job.stored_by_version(3, &["a".into()], &Card::default()).unwrap_err();
    assert!(refused.to_string().contains("cards of version 3 are unknown"), "{refused}");
}

#[test]
fn the_laws_hold() {
    let rows: Vec<_> = (0..120i64)
        .map(|n| (["a", "b", "c"][(n * 5 % 3) as usize], n * 37 % 400, 1.0 + (n * n % 900) as f64))
        .collect();
    keyed_laws::<Plugin>("{}", &["card"], Some("at"), &payments(&rows)).unwrap();
}
