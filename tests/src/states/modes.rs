//! Every output mode changed to every other, for every way to group by time. A mode decides which groups are kept and
//! which have come out; where that differs, the change is refused.

use serde_json::{Value, json};

use super::{refused, run, run_with, sql};
use crate::scratch::Scratch;

/// What it is called, what comes out of it, what is grouped by, its modes.
const TIMES: [(&str, &str, &str, &[&str]); 6] = [
    ("no time", "k", "k", &["complete", "update"]),
    ("tumbling windows", "window.start, k", "window(ts, '1 minute'), k", &["append", "update", "complete"]),
    ("sliding windows", "window.start, k", "window(ts, '2 minutes', '1 minute'), k", &["append", "update", "complete"]),
    ("sessions", "session_window.start, k", "session_window(ts, '30 seconds'), k", &["append", "complete"]),
    ("the event time", "ts, k", "ts, k", &["append", "update", "complete"]),
    ("bins", "date_bin(INTERVAL '1 minute', ts) AS t, k", "t, k", &["append", "update", "complete"]),
];

fn operator((_, shown, by, _): (&str, &str, &str, &[&str]), mode: &str) -> String {
    let query = format!("SELECT {shown}, sum(v) AS v FROM rows GROUP BY {by}");
    sql("x", &query, &format!("output_mode = \"{mode}\""))
}

#[test]
fn a_changed_output_mode_keeps_the_state_or_is_refused() {
    for time in TIMES {
        let (what, _, _, modes) = time;
        let operator = |mode: &str| operator(time, mode);
        for (before, after) in modes.iter().flat_map(|a| modes.iter().map(move |b| (*a, *b))) {
            let scratch = Scratch::new();
            run_with(&scratch, 0, &operator(before));
            run_with(&scratch, 1, &operator(before));
            if before == after || what == "no time" {
                let (ran, _) = run_with(&scratch, 2, &operator(after));
                if what == "no time" {
                    let mut rows = ran.rows("x");
                    rows.sort_by_key(|r| r["k"].to_string());
                    let rows: Vec<Value> = rows.iter().map(|r| json!([r["k"], r["v"]])).collect();
                    assert_eq!(rows, [json!(["a", 69]), json!(["b", 39])], "{before} to {after}");
                }
                continue;
            }
            println!("{what}: {before} to {after}");
            let error = refused(&scratch, &operator(after), "x", "");
            let said = format!("it was in {before} mode and is in {after} mode now");
            // Where complete mode takes an expression of the time for a key like others, it is not known as a time.
            if !["the event time", "bins"].contains(&what) {
                assert!(error.message().contains(&said), "{what}, {before} to {after}: {error}");
                assert!(error.help().unwrap().contains(&format!("output_mode = \"{before}\"")), "{error:?}");
            }
            // As it was, and under another name, it goes on.
            run(&scratch, &operator(before)).0.unwrap();
            run_with(&scratch, 2, &operator(after).replace("operator.x", "operator.y"));
        }
    }
}
