//! Jobs over the rows of the connector `generate`.

use std::collections::BTreeSet;

use millstream_engine::run::RunOptions;
use serde_json::Value;

use crate::scratch::Scratch;

/// Nexmark's three streams, each cut into epochs of its own; who has put up what was bidden for.
const HOUSE: &str = r#"
name = "house"
[source.persons]
connector = "generate"
rows_of = "persons"
seed = 7
rows = 200
max_rows_per_epoch = 90
event_time = "date_time"
watermark = "0s"
[source.auctions]
connector = "generate"
rows_of = "auctions"
seed = 7
rows = 600
max_rows_per_epoch = 170
event_time = "date_time"
watermark = "0s"
[source.bids]
connector = "generate"
rows_of = "bids"
seed = 7
rows = 9200
max_rows_per_epoch = 4000
event_time = "date_time"
watermark = "0s"
[operator.offers]
sql = """SELECT a.id, p.id AS seller, p.name, a.date_time FROM auctions a JOIN persons p
ON a.seller = p.id AND a.date_time BETWEEN p.date_time AND p.date_time + INTERVAL '1 hour'"""
[operator.wanted]
sql = """SELECT o.id, o.seller, o.name, b.bidder, b.price FROM bids b JOIN offers o
ON b.auction = o.id AND b.date_time BETWEEN o.date_time AND o.date_time + INTERVAL '1 hour'"""
[sink.offers]
input = "offers"
connector = "memory"
[sink.wanted]
input = "wanted"
connector = "memory"
"#;

#[test]
fn bids_find_their_auctions_and_auctions_their_sellers() {
    let ran = Scratch::new().run(HOUSE).unwrap();
    let count = |rows: &[Value], column: &str| rows.iter().map(|r| r[column].as_i64()).collect::<BTreeSet<_>>().len();
    let offers = ran.rows("offers");
    assert_eq!((offers.len(), count(&offers, "id")), (600, 600));
    let wanted = ran.rows("wanted");
    assert_eq!(wanted.len(), 9200);
    let counts = ["id", "bidder", "seller"].map(|column| count(&wanted, column));
    assert!(counts.iter().zip([500, 150, 70]).all(|(count, least)| *count > least), "{counts:?}");
}

/// Frauds, as an example would look for them.
const FRAUDS: &str = r#"
name = "frauds"
[source.payments]
connector = "generate"
rows_of = "cards"
rows = 60000
max_rows_per_epoch = 25000
event_time = "at"
watermark = "1 minute"
[operator.frauds]
sql = "SELECT * FROM payments WHERE is_fraud"
[operator.bursts]
sql = """SELECT card, count(*) AS payments, sum(amount) AS total, count(*) FILTER (WHERE is_fraud) AS frauds
FROM payments GROUP BY window(at, '1 minute'), card HAVING count(*) > 6"""
[sink.frauds]
input = "frauds"
connector = "memory"
[sink.bursts]
input = "bursts"
connector = "memory"
"#;

#[test]
fn bursts_of_payments_are_found_whatever_the_cores() {
    let run = |threads| {
        let options = RunOptions { threads: Some(threads), ..RunOptions::default() };
        let ran = Scratch::new().run_with(FRAUDS, options).unwrap();
        (ran.rows("frauds"), ran.rows("bursts"))
    };
    let (frauds, bursts) = run(1);
    assert!((200..330).contains(&frauds.len()), "{}", frauds.len());
    assert!(bursts.len() >= 8, "{bursts:?}");
    let right = bursts.iter().filter(|burst| burst["frauds"].as_i64() > Some(4)).count();
    assert!(right * 10 >= bursts.len() * 9, "{bursts:?}");
    assert_eq!(run(4), (frauds, bursts));
}
