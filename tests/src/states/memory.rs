//! The memory of a job's state is counted, and bounded where the job says so.

use millstream_engine::ErrorKind;

use super::{COMPLETE, job, row, run, sql};
use crate::scratch::Scratch;

fn bounded(most: &str) -> String {
    let count = sql("per_key", "SELECT k, count(*) AS n FROM rows GROUP BY k", COMPLETE);
    format!("max_state_memory = \"{most}\"\n{}", job(&count))
}

#[test]
fn state_beyond_what_a_job_allows_stops_it_and_names_the_operator() {
    let scratch = Scratch::new();
    let keys = |n: i64| (0..5000).map(|i| row(&format!("key {n} {i}"), "x", i, n)).collect::<String>();
    (0..4).for_each(|n| drop(scratch.write(&format!("in/{n}.json"), keys(n))));
    let error = scratch.run(&bounded("1 MiB")).err().expect("20,000 keys take more");
    assert_eq!(error.kind(), ErrorKind::Quota, "{error}");
    let message = error.message();
    assert!(message.contains("may take 1.0 MiB (`max_state_memory`)") && message.contains("of `per_key`"), "{message}");
    // Nothing of that epoch is committed: with more room the job goes on where it was.
    let ran = scratch.run(&bounded("64 MiB")).unwrap();
    assert!(ran.summary.resumed_from.is_some() && ran.summary.epochs < 4, "{:?}", ran.summary);
    assert_eq!(ran.rows("per_key").len(), 20_000);
    let (ran, _) = run(&scratch, &sql("per_key", "SELECT k, count(*) AS n FROM rows GROUP BY k", COMPLETE));
    assert_eq!(ran.unwrap().summary.epochs, 0);
}
