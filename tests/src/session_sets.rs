//! DISTINCT in sessions that grow together, across epochs and restarts, beside a naive model.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{assert_same_rows, here};

/// Second of the hour, user, value.
type Event = (i64, u8, Option<i64>);

const GAP: i64 = 10;

fn at(second: i64) -> String {
    format!("2026-03-01T09:{:02}:{:02}Z", second / 60, second % 60)
}

/// The sessions of all events together.
fn naive(events: &[Event]) -> Vec<Value> {
    let mut rows = Vec::new();
    for user in 0..2 {
        let mut of_user: Vec<&Event> = events.iter().filter(|e| e.1 == user).collect();
        of_user.sort();
        for session in of_user.chunk_by(|a, b| b.0 <= a.0 + GAP) {
            let values: BTreeSet<i64> = session.iter().filter_map(|e| e.2).collect();
            let large: BTreeSet<i64> = values.iter().copied().filter(|v| *v > 6).collect();
            let pairs: BTreeSet<(i64, i64)> = session.iter().filter_map(|e| Some((e.2?, e.0 % 2))).collect();
            let sum = |set: &BTreeSet<i64>| (!set.is_empty()).then(|| set.iter().sum::<i64>());
            rows.push(json!({
                "start": at(session[0].0), "user": user.to_string(), "n": session.len(), "kinds": values.len(), "sum": sum(&values),
                "mean": sum(&values).map(|sum| sum as f64 / values.len() as f64), "large": sum(&large), "total": sum(&large),
                "pairs": pairs.len(), "list": if values.is_empty() { Value::Null } else { json!(values) },
            }));
        }
    }
    rows
}

/// Each of `epochs` a file; the job is started anew where `restarts` says so.
fn answer(epochs: &[Vec<Event>], restarts: &[bool], mode: &str) -> Vec<Value> {
    let scratch = Scratch::new();
    let plugin = here().join("../plugins/sum-and-max");
    let job = |last: bool| {
        format!(
            r#"
name = "sets"
checkpoint = "state"
final_watermark = {}
[plugin.total]
path = {plugin:?}
[source.s]
path = "in"
format = "json"
schema = {{ t = "timestamp", user = "utf8", v = "int64", s = "int64" }}
max_files_per_epoch = 1
event_time = "t"
watermark = "1 hour"
[operator.x]
output_mode = "{mode}"
sql = """
SELECT session_window.start, user, count(*) AS n, count(DISTINCT v) AS kinds, sum(DISTINCT v) AS sum, avg(DISTINCT v) AS mean,
       sum(DISTINCT v) FILTER (WHERE v > 6) AS large, total(DISTINCT v) FILTER (WHERE v > 6) AS total,
       count(DISTINCT v, s % 2) AS pairs, array_agg(DISTINCT v ORDER BY v) FILTER (WHERE v IS NOT NULL) AS list
FROM s GROUP BY session_window(t, '{GAP} seconds'), user
"""
[sink.out]
input = "x"
connector = "memory"
"#,
            last && mode == "append"
        )
    };
    let mut rows = Vec::new();
    for (n, epoch) in epochs.iter().enumerate() {
        let line = |(second, user, v): &Event| {
            let v = v.map_or("null".to_owned(), |v| v.to_string());
            format!("{{\"t\":\"{}\",\"user\":\"{user}\",\"v\":{v},\"s\":{second}}}\n", at(*second))
        };
        scratch.write(&format!("in/{n:02}.json"), epoch.iter().map(line).collect::<String>());
        let last = n + 1 == epochs.len();
        if restarts[n] || last {
            let ran = scratch.run(&job(last)).unwrap_or_else(|e| panic!("{e:?}"));
            assert_eq!((ran.summary.late, ran.summary.rejected), (0, 0));
            assert!(last || mode != "append" || ran.rows("out").is_empty());
            rows = ran.rows("out");
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sets_of_sessions_are_those_of_their_rows(
        epochs in prop::collection::vec(
            prop::collection::vec((0i64..150, 0u8..2, prop::option::weighted(0.9, 0i64..12)), 1..12),
            1..7,
        ),
        restarts in prop::collection::vec(any::<bool>(), 7),
        is_complete in any::<bool>(),
    ) {
        let mode = if is_complete { "complete" } else { "append" };
        let have = answer(&epochs, &restarts, mode);
        assert_same_rows(mode, have, naive(&epochs.concat()), 1e-9);
    }
}

#[test]
fn one_row_joins_several_sessions_with_sets() {
    // Four sessions of one user and one of the other; then a row that closes two gaps, and one that closes the last.
    let session = |from: i64, values: std::ops::Range<i64>| values.map(move |v| (from + v % 3, 0, Some(v)));
    let first: Vec<Event> =
        session(0, 0..3).chain(session(20, 2..9)).chain([(40, 1, Some(1)), (62, 0, None)]).collect();
    let second: Vec<Event> = session(40, 8..12).collect();
    let epochs = [first, second, vec![(11, 0, None), (31, 0, Some(0))], vec![(52, 0, Some(3))]];
    for mode in ["append", "complete"] {
        for restart in [false, true] {
            let have = answer(&epochs, &[restart; 4], mode);
            assert_eq!(have.len(), 2);
            assert_same_rows(mode, have, naive(&epochs.concat()), 1e-9);
        }
    }
}
