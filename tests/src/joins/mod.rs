//! Joins of streams, where neither the cases that a real Spark answered nor the simulation say it: real files and threads,
//! many rows, conditions in several places, joins of joins and of aggregations, what is left in the state.

mod all_pairs;
mod over_time;
mod queries;

use millstream_engine::run::RunOptions;
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::lines;

/// A row of a stream: key, number, second.
type Row = (Option<&'static str>, i64, i64);

/// Streams `a`, `b` and `c`, and operator `x` over them with the sink `out`.
fn job(sql: &str, keys: &str) -> String {
    let source = |name: &str| {
        format!(
            "[source.{name}]\npath = \"in/{name}\"\nformat = \"json\"\nmax_files_per_epoch = 1\n\
             schema = {{ k = \"utf8\", n = \"int64\", t = \"timestamp\" }}\nevent_time = \"t\"\nwatermark = \"5s\"\n"
        )
    };
    format!(
        "name = \"joins\"\ncheckpoint = \"state\"\n{}{}{}[operator.x]\nsql = \"\"\"{sql}\"\"\"\n{keys}\n\
         [sink.out]\ninput = \"x\"\nconnector = \"file\"\npath = \"out\"\nformat = \"json\"\n",
        source("a"),
        source("b"),
        source("c")
    )
}

fn at(second: i64) -> String {
    format!("2026-03-01T{:02}:{:02}:{:02}Z", 9 + second / 3600, second / 60 % 60, second % 60)
}

fn shown((k, n, second): &Row) -> Value {
    json!({"k": k, "n": n, "t": at(*second)})
}

fn write(scratch: &Scratch, source: &str, part: usize, rows: &[Row]) {
    let text: String = rows.iter().map(|row| format!("{}\n", shown(row))).collect();
    scratch.write(&format!("in/{source}/{part}.json"), text);
}

/// The streams, a file of each per epoch; those that are not given have no rows.
fn write_all(scratch: &Scratch, streams: &[(&str, &[&[Row]])]) {
    for name in ["a", "b", "c"] {
        write(scratch, name, 0, &[]);
        let parts = streams.iter().filter(|(n, _)| *n == name).flat_map(|(_, parts)| parts.iter());
        parts.enumerate().for_each(|(part, rows)| write(scratch, name, part, rows));
    }
}

/// What sink `out` has of each epoch: the rows of its file.
fn by_epoch(scratch: &Scratch) -> Vec<(u64, Vec<Value>)> {
    let parts = scratch.published("out").into_iter();
    let epoch = |name: &str| name.split(['-', '.']).nth(2).unwrap().parse().unwrap();
    parts.map(|(name, bytes)| (epoch(&name), lines(std::str::from_utf8(&bytes).unwrap()))).collect()
}

fn out(scratch: &Scratch) -> Vec<Value> {
    by_epoch(scratch).into_iter().flat_map(|(_, rows)| rows).collect()
}

/// The rows that the job gives on input of its own.
fn answer(scratch: &Scratch, sql: &str, keys: &str) -> Vec<Value> {
    let options = RunOptions { fresh: true, ..RunOptions::default() };
    scratch.run_with(&job(sql, keys), options).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    out(scratch)
}

/// Some rows of all streams over three epochs, and a fourth that moves the watermark.
fn streams(scratch: &Scratch) -> [Vec<Row>; 3] {
    let keys = [Some("x"), Some("y"), None, Some("z")];
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (s, (source, step)) in ["a", "b", "c"].into_iter().zip([7, 11, 13]).enumerate() {
        for part in 0..3 {
            let row = |n: i64| (keys[(n / 2) as usize % 4], n, n + n * step % 4);
            let rows: Vec<Row> = (part * 20..part * 20 + 20).map(row).collect();
            write(scratch, source, part as usize, &rows);
            all[s].extend(rows);
        }
        write(scratch, source, 3, &[(Some("end"), -1, 600)]);
        all[s].push((Some("end"), -1, 600));
    }
    all
}

/// The pairs of equal keys, not null.
fn pairs<'r>(left: &'r [Row], right: &'r [Row]) -> impl Iterator<Item = (&'r Row, &'r Row)> {
    let left = left.iter().filter(|(k, ..)| k.is_some());
    left.flat_map(move |l| right.iter().filter(move |r| r.0 == l.0).map(move |r| (l, r)))
}
