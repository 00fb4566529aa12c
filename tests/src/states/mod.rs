//! State never mixes: whatever is edited between two runs, what an operator finds in the checkpoint means what it takes it
//! for, or the job is refused with what to do.
//!
//! * `branches`: queries with several states, whose branches are put in another order or changed
//! * `names`: operators that go, come back, and are called as others were
//! * `canary`: another version of a plugin that answers for some of its keys
//! * `modes`: every output mode changed to every other, for every way to group by time
//! * `plugins`: configurations, columns, versions and builds of plugins
//! * `older`: checkpoints of earlier versions
//! * `partitions`: checkpoints with another number of partitions
//! * `memory`: what state takes, and may take
//! * `queries`: which edits of a query mean the same, and the form of a fingerprint
//! * `keyed`: keyed operators
//! * `keyed_walk`: random edits of keyed operators, with timers that are set, beside a model
//! * `walk`: random edits, restarts and input beside a model
//! * `swaps`: plugins that are replaced while the job runs; `beside`: states that are brought over in batches meanwhile
//! * `endless`: versions that never return
//! * `savepoints`: jobs that begin with what another one had, changed or not
//! * `live`, `steps`: how they go

mod beside;
mod branches;
mod canary;
mod endless;
mod keyed;
mod keyed_walk;
pub(crate) mod live;
mod memory;
mod modes;
mod names;
mod older;
mod partitions;
mod plugins;
mod queries;
mod savepoints;
mod steps;
mod swaps;
mod walk;

use millstream_engine::{Error, ErrorKind, Result};

use crate::restart::{Watch, watched};
use crate::scratch::Scratch;
use crate::support::Ran;

/// A job over `in/*.json` with these operators and plugins, and a memory sink for each operator, named after it.
fn job(operators: &str) -> String {
    let names = operators.lines().filter_map(|line| line.strip_prefix("[operator.")?.strip_suffix(']'));
    let sinks: String = names.map(|n| format!("[sink.{n}]\ninput = \"{n}\"\nconnector = \"memory\"\n")).collect();
    format!(
        r#"
name = "states"
checkpoint = "state"
[source.rows]
path = "in"
format = "json"
schema = {{ k = "utf8", j = "utf8", v = "int64", w = "int64", ts = "timestamp" }}
event_time = "ts"
watermark = "1 second"
max_files_per_epoch = 1
{operators}{sinks}"#
    )
}

/// An operator of this name with this query and these further lines.
fn sql(name: &str, query: &str, more: &str) -> String {
    format!("[operator.{name}]\nsql = \"\"\"{query}\"\"\"\n{more}\n")
}

const COMPLETE: &str = "output_mode = \"complete\"";

/// A row at some second of a day.
fn row(k: &str, j: &str, v: i64, second: i64) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let ts = format!("2026-03-01T{hour:02}:{minute:02}:{second:02}Z");
    format!("{{\"k\":\"{k}\",\"j\":\"{j}\",\"v\":{v},\"w\":{},\"ts\":\"{ts}\"}}\n", v * 10)
}

/// Writes file `n`: rows at `100 * n` seconds and after, of which each `(k, j)` has one.
fn write(scratch: &Scratch, n: i64) {
    let rows = [("a", "x"), ("a", "y"), ("b", "y")].into_iter().zip(0..);
    let rows: String = rows.map(|((k, j), i)| row(k, j, n * 10 + i + 1, 100 * n + i)).collect();
    scratch.write(&format!("in/{n}.json"), rows);
}

/// Runs the job of these operators on what has come; what it gave and what it was told.
fn run(scratch: &Scratch, operators: &str) -> (Result<Ran>, Vec<String>) {
    watched(scratch, &job(operators), Watch::default(), None)
}

/// Runs it after file `n` has come.
fn run_with(scratch: &Scratch, n: i64, operators: &str) -> (Ran, Vec<String>) {
    write(scratch, n);
    let (ran, told) = run(scratch, operators);
    (ran.unwrap_or_else(|e| panic!("{operators}: {e:?}")), told)
}

/// Runs the job of these operators, which is refused for the state of `name`, and what was changed said as `words`.
fn refused(scratch: &Scratch, operators: &str, name: &str, words: &str) -> Error {
    let error = run(scratch, operators).0.err().unwrap_or_else(|| panic!("went on: {operators}"));
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let message = error.message();
    assert!(message.contains(&format!("the checkpoint's state of `{name}`")) && message.contains(words), "{message}");
    assert!(error.help().is_some_and(|h| h.contains("another name") && h.contains("--fresh")), "{error:?}");
    error
}
