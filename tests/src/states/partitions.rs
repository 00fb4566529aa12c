//! A checkpoint has a number of partitions of its own: whoever goes on with it goes by that, whatever a new one would have.

use millstream_engine::run::{Environment, RunOptions};
use serde_json::Value;

use super::{COMPLETE, job, sql, write};
use crate::scratch::Scratch;
use crate::support::Ran;

/// Operators of every kind that keeps state.
fn operators() -> String {
    let dedup = "[operator.firsts]\ndedup = { keys = [\"k\", \"j\"], within = \"1 hour\" }\ninput = \"rows\"\n";
    let pairs = "SELECT a.k, a.v, b.w FROM rows a JOIN rows b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '5 minutes'";
    [
        &sql("totals", "SELECT k, sum(v) AS v, count(DISTINCT j) AS j FROM rows GROUP BY k", COMPLETE),
        &sql("all", "SELECT count(*) AS n FROM rows", COMPLETE),
        &sql(
            "windows",
            "SELECT window.start, k, sum(v) AS v FROM rows GROUP BY window(ts, '4 minutes', '1 minute'), k",
            "",
        ),
        &sql(
            "sessions",
            "SELECT session_window.start, k, sum(v) AS v FROM rows GROUP BY session_window(ts, '30 seconds'), k",
            "",
        ),
        &sql("pairs", pairs, ""),
        dedup,
    ]
    .concat()
}

fn run(scratch: &Scratch, partitions: Option<u32>) -> Ran {
    let mut environment = Environment::default();
    environment.partitions = partitions.unwrap_or(environment.partitions);
    scratch.run_with(&job(&operators()), RunOptions { environment, ..RunOptions::default() }).unwrap()
}

fn rows(ran: &Ran, name: &str) -> Vec<Value> {
    let mut rows = ran.rows(name);
    rows.sort_by_key(Value::to_string);
    rows
}

/// What the second of two runs gives, the first of which has made the checkpoint with so many partitions.
fn second_run(partitions: Option<u32>) -> Vec<(&'static str, Vec<Value>)> {
    let scratch = Scratch::new();
    (0..4).for_each(|n| write(&scratch, n));
    run(&scratch, partitions);
    (4..9).for_each(|n| write(&scratch, n));
    let ran = run(&scratch, None);
    ["totals", "all", "windows", "sessions", "pairs", "firsts"].map(|name| (name, rows(&ran, name))).to_vec()
}

#[test]
fn a_job_goes_on_over_as_many_partitions_as_its_checkpoint_has() {
    let want = second_run(None);
    assert!(want.iter().all(|(name, rows)| *name == "firsts" || !rows.is_empty()), "{want:?}");
    for partitions in [1, 3, 40] {
        assert_eq!(second_run(Some(partitions)), want, "{partitions} partitions");
    }
}
