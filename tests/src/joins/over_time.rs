//! Rows of a join in time: when those without a match come out, late ones, ones without a time, and what is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_engine::run::{EpochReport, Observer, RunOptions};
use serde_json::{Value, json};

use super::{Row, answer, at, by_epoch, job, out, shown, write_all};
use crate::scratch::Scratch;
use crate::support::{assert_same_rows, lines};

#[test]
fn a_row_without_a_match_comes_out_when_the_watermark_is_past_the_last_time_that_could_match_it() {
    let x = Some("x");
    let end = Some("end");
    let sql =
        "SELECT a.n, b.n AS m FROM a FULL JOIN b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL '10 seconds'";
    // The watermark is five seconds behind: at 25 or 26 with the last epoch's rows, and known one epoch later.
    for (last, left_comes) in [(30, None), (31, Some(3))] {
        let scratch = Scratch::new();
        let a: &[&[Row]] = &[&[(x, 1, 15)], &[(end, 2, 20)], &[(end, 3, last)]];
        let b: &[&[Row]] = &[&[(Some("y"), 4, 15)], &[(end, 5, 20)], &[(end, 6, last)]];
        write_all(&scratch, &[("a", a), ("b", b)]);
        answer(&scratch, sql, "");
        let epoch_of =
            |row: Value| by_epoch(&scratch).into_iter().find(|(_, rows)| rows.contains(&row)).map(|(e, _)| e);
        assert_eq!(epoch_of(json!({"n": 1})), left_comes, "until {last}");
        // A right row matches earlier ones only: it goes when the watermark is past it, and with 20 that is at it.
        assert_eq!(epoch_of(json!({"m": 4})), Some(3), "until {last}");
        assert_eq!(epoch_of(json!({"n": 2, "m": 5})), Some(1));
    }
}

#[test]
fn a_late_row_is_set_aside_whole_and_does_not_come_out_with_nulls() {
    let scratch = Scratch::new();
    let x = Some("x");
    let late: &[Row] = &[(x, 1, 95), (x, 2, 96), (None, 3, 10)];
    let a: &[&[Row]] = &[&[(x, 0, 100)], &[(x, 4, 101)], late, &[(Some("y"), 5, 500)]];
    write_all(&scratch, &[("a", a), ("b", &[&[(x, 9, 100)], &[], &[], &[(Some("end"), 8, 500)]])]);
    let sink = "late = \"late\"\n[sink.late]\nconnector = \"file\"\npath = \"late\"\nformat = \"json\"\n";
    let joined =
        "SELECT a.n, b.n AS m, a.t FROM a LEFT JOIN b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL '4 seconds'";
    let late = |scratch: &Scratch| {
        let files = scratch.published("late").into_iter();
        let rows = files.flat_map(|(_, bytes)| lines(std::str::from_utf8(&bytes).unwrap()));
        rows.map(|mut row| {
            assert!(row["_file"].as_str().unwrap().ends_with("in/a/2.json"), "{row}");
            assert_eq!((&row["_node"], &row["_epoch"]), (&json!("x"), &json!(2)));
            row.as_object_mut().unwrap().retain(|key, value| !key.starts_with('_') && !value.is_null());
            row
        })
        .collect::<Vec<_>>()
    };
    let have = answer(&scratch, joined, sink);
    let row = |n: i64, t: i64| json!({"n": n, "t": at(t)});
    let matched = |n: i64, t: i64| json!({"n": n, "m": 9, "t": at(t)});
    let set_aside = [json!({"k": "x", "n": 1, "t": at(95)}), json!({"n": 3, "t": at(10)})];
    assert_same_rows("out", have, vec![matched(0, 100), row(4, 101), matched(2, 96)], 0.0);
    assert_eq!(late(&scratch), set_aside);
    // In one query with windows over the join, late rows are still the join's own: with all their columns.
    let counted = format!("SELECT window.start, count(*) AS rows FROM ({joined}) GROUP BY window(t, '1 minute')");
    let have = answer(&scratch, &counted, sink);
    assert_eq!(have, [json!({"start": at(60), "rows": 3})]);
    assert_eq!(late(&scratch), set_aside);
}

/// The state at the end of the last epoch, and the most bytes of it there were.
#[derive(Default)]
struct Watch {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Observer for Watch {
    fn epoch(&self, report: &EpochReport) {
        self.rows.store(report.state_rows, Ordering::Relaxed);
        self.bytes.fetch_max(report.state_bytes, Ordering::Relaxed);
    }
}

#[test]
fn the_state_is_that_of_the_rows_that_can_still_be_matched() {
    let scratch = Scratch::new();
    // A row a second of each side, every second one of a key of its own, in ten epochs of a hundred seconds each.
    let name = |n: i64| if n % 2 == 0 { "hot".to_owned() } else { format!("k{n}") };
    for part in 0..10 {
        for source in ["a", "b"] {
            let rows = (part * 100..part * 100 + 100).map(|n| json!({"k": name(n), "n": n, "t": at(n)}));
            scratch.write(&format!("in/{source}/{part}.json"), rows.map(|r| format!("{r}\n")).collect::<String>());
        }
    }
    scratch.write("in/c/0.json", "");
    let sql = |kind: &str| {
        format!(
            "SELECT a.n, b.n AS m FROM a {kind} JOIN b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL '20 seconds'"
        )
    };
    let run = |kind: &str| {
        let watch = Arc::new(Watch::default());
        let options = RunOptions { observer: watch.clone(), fresh: true, ..RunOptions::default() };
        scratch.run_with(&job(&sql(kind), ""), options).unwrap();
        (out(&scratch), watch.rows.load(Ordering::Relaxed), watch.bytes.load(Ordering::Relaxed))
    };
    let (rows, left, bytes) = run("");
    let want =
        (0..1000i64).flat_map(|n| (n..=n + 20).filter(move |m| *m < 1000 && (*m == n || n % 2 == 0 && m % 2 == 0)));
    assert_eq!(rows.len(), want.count());
    // The watermark is at 994: rows of `a` from 974 on wait, those of `b` from 994 on, and a few seconds' more, whose
    // slots of time have not passed whole.
    assert!((14..=30).contains(&left), "{left} entries for some 27 rows, half of them in one list a slot");
    // Some 130 seconds' rows of fifty bytes at once.
    assert!(bytes > 0 && bytes < 60_000, "{bytes} bytes of state");
    let (rows, left_outer, _) = run("FULL");
    assert!(rows.len() > 1000 && left_outer == left, "{left_outer} entries");
}

#[test]
fn a_row_without_a_time_is_a_dead_letter() {
    let scratch = Scratch::new();
    write_all(&scratch, &[("b", &[&[(Some("x"), 3, 1)]])]);
    scratch.write("in/a/0.json", format!("{}\n{{\"k\":\"x\",\"n\":2}}\n", shown(&(Some("x"), 1, 1))));
    let sql = "SELECT a.n, b.n AS m FROM a LEFT JOIN b ON a.k = b.k AND a.t = b.t";
    assert_eq!(answer(&scratch, sql, ""), [json!({"n": 1, "m": 3})]);
    let letters = scratch.lines("joins.dead-letters.jsonl");
    assert_eq!(letters.len(), 1);
    assert!(letters[0]["reason"].as_str().unwrap().contains("event time is null"), "{letters:?}");
    assert_eq!((&letters[0]["line"], &letters[0]["node"]), (&json!(2), &json!("x")));
}
