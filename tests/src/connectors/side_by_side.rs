//! Sources of one epoch are read side by side: a slow one holds up nobody's rows, and what comes out is what it would be.

use std::sync::Arc;

use millstream_engine::connector::Connectors;
use millstream_engine::job::Trigger;
use millstream_engine::run::{Environment, RunOptions, run};

use super::job;
use super::log::Logs;
use crate::scratch::Scratch;

/// The order of the rows of `copy` is that of the sources.
const JOB: &str = r#"
name = "side-by-side"
[source.a]
connector = "log"
max_per_epoch = 20
[source.b]
connector = "log"
max_per_epoch = 20
[source.c]
path = "c"
format = "json"
schema = { n = "int64" }
[operator.all]
sql = "SELECT n FROM a UNION ALL SELECT n FROM b UNION ALL SELECT n FROM c"
[operator.totals]
sql = "SELECT n % 3 AS k, count(*) AS c, sum(n) AS s FROM all GROUP BY n % 3"
output_mode = "complete"
[sink.copy]
input = "all"
connector = "file"
path = "copy"
format = "json"
[sink.totals]
input = "totals"
connector = "file"
path = "totals"
format = "json"
"#;

/// What is published where `slow` waits until `enough` chunks of `other` were decoded.
fn published(threads: usize, early: usize, slow: Option<(&str, &str, usize)>) -> Vec<Vec<u8>> {
    let (scratch, logs) = (Scratch::new(), Arc::new(Logs::default()));
    for (source, first) in [("a", 0), ("b", 100)] {
        (0..20).for_each(|n| logs.log(source).lock().unwrap().add("0", 0, &format!("{{\"n\":{}}}", first + n)));
    }
    let rows: Vec<String> = (200..210).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    scratch.write("c/0.json", rows.concat());
    if let Some((slow, other, enough)) = slow {
        let decoded = logs.log(other).lock().unwrap().decoded.clone();
        logs.log(slow).lock().unwrap().waits_for = Some((decoded, enough));
    }
    let connectors = Connectors::built_in().with(logs.clone());
    let job = job(&scratch, &connectors, JOB).unwrap();
    let environment = Environment { connectors, early, checkpoint_id: Some(1), ..Environment::default() };
    let options = RunOptions {
        trigger: Some(Trigger::AvailableNow),
        threads: Some(threads),
        environment,
        ..RunOptions::default()
    };
    assert_eq!(run(job, options).unwrap().rows_in, 50);
    let files = ["copy", "totals"].map(|folder| scratch.published(folder).into_iter().map(|(_, bytes)| bytes));
    files.into_iter().flatten().collect()
}

#[test]
fn one_that_blocks_until_chunks_of_another_were_decoded_changes_nothing() {
    let want = published(1, 64, None);
    let rows = String::from_utf8_lossy(&want[0]);
    assert!(rows.starts_with("{\"n\":0}\n") && rows.ends_with("{\"n\":209}\n"), "{rows}");
    for threads in [1, 2, 5] {
        for early in [2, 64] {
            for slow in [None, Some(("a", "b", 2)), Some(("b", "a", 10))] {
                assert!(published(threads, early, slow) == want, "{threads} threads, {early}, {slow:?}");
            }
        }
    }
}
