//! Joins of streams, where neither the cases that a real Spark answered nor the simulation say it: real files and threads,
//! many rows, conditions in several places, joins of joins and of aggregations, what is left in the state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_engine::job::Trigger;
use millstream_engine::run::{EpochReport, Observer, RunOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::assert_same_rows;

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
    parts.map(|(name, bytes)| (epoch(&name), crate::support::lines(std::str::from_utf8(&bytes).unwrap()))).collect()
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

#[test]
fn where_above_an_inner_join_bounds_it_and_commas_join() {
    let scratch = Scratch::new();
    let [a, b, _] = streams(&scratch);
    let wanted = |(l, r): &(&Row, &Row)| (-2..=3).contains(&(r.2 - l.2)) && l.1 + r.1 > 10 && l.1 % 2 == 0;
    let want: Vec<Value> = pairs(&a, &b).filter(wanted).map(|(l, r)| json!({"n": l.1, "m": r.1})).collect();
    assert!(want.len() > 10, "{}", want.len());
    for sql in [
        "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND b.t >= a.t - INTERVAL '2 seconds'
         WHERE b.t - a.t <= INTERVAL '3 seconds' AND a.n + b.n > 10 AND a.n % 2 = 0",
        "SELECT a.n, b.n AS m FROM a, b
         WHERE a.k = b.k AND a.t < b.t + INTERVAL '2001 milliseconds' AND b.t - INTERVAL '3 seconds' <= a.t
           AND a.n + b.n > 10 AND a.n % 2 = 0",
        "SELECT a.n, e.m FROM a JOIN (SELECT k, t, n AS m FROM b) e USING (k)
         WHERE e.t BETWEEN a.t - INTERVAL '2 seconds' AND a.t + INTERVAL '3 seconds' AND n + m > 10 AND n % 2 = 0",
    ] {
        assert_same_rows(sql, answer(&scratch, sql, ""), want.clone(), 0.0);
    }
}

#[test]
fn keys_of_two_kinds_meet_where_the_query_casts_them() {
    let scratch = Scratch::new();
    write_all(&scratch, &[("a", &[&[(Some("7"), 1, 0), (Some("x"), 2, 0)]]), ("b", &[&[(None, 7, 0), (None, 2, 0)]])]);
    let want = [json!({"n": 1, "m": 7})];
    assert_eq!(
        answer(&scratch, "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = CAST(b.n AS VARCHAR) AND a.t = b.t", ""),
        want
    );
    assert_eq!(
        answer(&scratch, "SELECT a.n, b.n AS m FROM a, b WHERE TRY_CAST(a.k AS INT) = b.n AND a.t = b.t", ""),
        want
    );
}

#[test]
fn rows_come_out_in_one_order_whatever_the_threads() {
    let scratch = Scratch::new();
    streams(&scratch);
    let sql =
        "SELECT a.k, a.n, b.n AS m FROM a FULL JOIN b ON a.k = b.k AND b.t BETWEEN a.t - INTERVAL '9 seconds' AND a.t";
    let run = |threads| {
        let options = RunOptions { threads: Some(threads), fresh: true, ..RunOptions::default() };
        scratch.run_with(&job(sql, ""), options).unwrap();
        out(&scratch)
    };
    let one = run(1);
    assert!(one.len() > 100, "{}", one.len());
    assert_eq!(one, run(4));
}

#[test]
fn rows_of_one_window_join_by_date_bin_and_come_out_alone_when_it_is_over() {
    let scratch = Scratch::new();
    let [a, b, _] = streams(&scratch);
    let mut want: Vec<Value> = Vec::new();
    for l in &a {
        let found: Vec<_> = b.iter().filter(|r| l.0.is_some() && r.0 == l.0 && r.2 / 10 == l.2 / 10).collect();
        want.extend(found.iter().map(|r| json!({"n": l.1, "m": r.1})));
        if found.is_empty() {
            want.push(json!({"n": l.1}));
        }
    }
    let sql = "SELECT a.n, b.n AS m FROM a LEFT JOIN b
               ON a.k = b.k AND date_bin(INTERVAL '10 seconds', a.t) = date_bin(INTERVAL '10 seconds', b.t)";
    assert_same_rows("date_bin", answer(&scratch, sql, ""), want, 0.0);
    let minutes = "SELECT a.n, b.n AS m FROM a JOIN b ON date_trunc('minute', a.t) = date_trunc('minute', b.t)";
    let near = a.iter().flat_map(|l| b.iter().filter(|r| l.2 / 60 == r.2 / 60).map(|r| json!({"n": l.1, "m": r.1})));
    assert_same_rows("date_trunc as the only key", answer(&scratch, minutes, ""), near.collect(), 0.0);
}

/// The times of an epoch's rows of one key for which nothing can match hide none of the partners of those between them.
#[test]
fn in_one_window_and_far_apart() {
    let scratch = Scratch::new();
    let x = Some("x");
    let hidden: &[Row] = &[(x, 1, 90), (x, 2, 105), (x, 3, 190)];
    write_all(&scratch, &[("a", &[&[], hidden]), ("b", &[&[(x, 9, 155)], &[]])]);
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND b.t >= a.t + INTERVAL '50 seconds'
               AND date_bin(INTERVAL '100 seconds', a.t, TIMESTAMP '2026-03-01T09:00:00Z')
                 = date_bin(INTERVAL '100 seconds', b.t, TIMESTAMP '2026-03-01T09:00:00Z')";
    assert_eq!(answer(&scratch, sql, ""), [json!({"n": 2, "m": 9})]);
}

#[test]
fn a_join_of_a_join_goes_by_either_event_time() {
    let scratch = Scratch::new();
    let [a, b, c] = streams(&scratch);
    let near = |from, to| move |(l, r): &(&Row, &Row)| (from..=to).contains(&(r.2 - l.2));
    let want: Vec<Value> = pairs(&a, &b)
        .filter(near(0, 4))
        .flat_map(|(l, r)| {
            let third = pairs(std::slice::from_ref(r), &c).filter(near(-3, 3));
            third.map(|(_, o)| json!({"n": l.1, "m": r.1, "o": o.1})).collect::<Vec<_>>()
        })
        .collect();
    assert!(want.len() > 50, "{}", want.len());
    let sql = "SELECT a.n, b.n AS m, c.n AS o FROM a
               JOIN b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL '4 seconds'
               JOIN c ON b.k = c.k AND c.t BETWEEN b.t - INTERVAL '3 seconds' AND b.t + INTERVAL '3 seconds'";
    assert_same_rows("three streams", answer(&scratch, sql, ""), want, 0.0);
}

#[test]
fn state_that_may_grow_joins_without_bounds() {
    let scratch = Scratch::new();
    let [a, b, _] = streams(&scratch);
    let want = pairs(&a, &b).map(|(l, r)| json!({"n": l.1, "m": r.1})).collect();
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k";
    assert_same_rows("for ever", answer(&scratch, sql, "unbounded_state = true"), want, 0.0);
    // One side has a bound: the other's rows are kept for ever.
    let want = pairs(&a, &b).filter(|(l, r)| r.2 >= l.2).map(|(l, r)| json!({"n": l.1, "m": r.1})).collect();
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND b.t >= a.t";
    assert_same_rows("from then on", answer(&scratch, sql, "unbounded_state = true"), want, 0.0);
}

#[test]
fn a_row_without_a_match_comes_out_when_the_watermark_reaches_the_last_time_that_could_match_it() {
    let x = Some("x");
    let end = Some("end");
    let sql =
        "SELECT a.n, b.n AS m FROM a FULL JOIN b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL '10 seconds'";
    // The watermark is five seconds behind: at 24 or 25 with the last epoch's rows, and known one epoch later.
    for (last, left_comes) in [(29, None), (30, Some(3))] {
        let scratch = Scratch::new();
        let a: &[&[Row]] = &[&[(x, 1, 15)], &[(end, 2, 20)], &[(end, 3, last)]];
        let b: &[&[Row]] = &[&[(Some("y"), 4, 15)], &[(end, 5, 20)], &[(end, 6, last)]];
        write_all(&scratch, &[("a", a), ("b", b)]);
        answer(&scratch, sql, "");
        let epoch_of =
            |row: Value| by_epoch(&scratch).into_iter().find(|(_, rows)| rows.contains(&row)).map(|(e, _)| e);
        assert_eq!(epoch_of(json!({"n": 1})), left_comes, "until {last}");
        // A right row matches earlier ones only: it goes when the watermark is where it stands.
        assert_eq!(epoch_of(json!({"m": 4})), Some(2), "until {last}");
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
        let rows = files.flat_map(|(_, bytes)| crate::support::lines(std::str::from_utf8(&bytes).unwrap()));
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

#[test]
fn windows_join_streams_and_each_other() {
    let scratch = Scratch::new();
    let [a, b, _] = streams(&scratch);
    let count = |rows: &[Row], minute: i64| rows.iter().filter(|(.., t)| t / 20 == minute).count();
    let each = |name: &str| format!("SELECT window, count(*) AS n FROM {name} GROUP BY window(t, '20 seconds')");
    // Windows that end together.
    let sql = format!(
        "SELECT l.window.start AS start, l.n, r.n AS m FROM ({}) l JOIN ({}) r ON l.window = r.window",
        each("a"),
        each("b")
    );
    let both = |w: i64| json!({"start": at(w * 20), "n": count(&a, w), "m": count(&b, w)});
    assert_same_rows("two windows", answer(&scratch, &sql, ""), (0..4).map(both).collect(), 0.0);
    // A window and the rows of the stream in the ten seconds after its end.
    let keyed = "SELECT window, k, count(*) AS n FROM a GROUP BY window(t, '20 seconds'), k";
    let sql = format!(
        "SELECT l.k, l.n, r.n AS m FROM ({keyed}) l LEFT JOIN b r
         ON l.k = r.k AND r.t BETWEEN l.window.end AND l.window.end + INTERVAL '9 seconds'"
    );
    let mut want = Vec::new();
    for (w, k) in (0..4).flat_map(|w| [Some("x"), Some("y"), None, Some("z")].map(|k| (w, k))) {
        let n = a.iter().filter(|(l, _, t)| *l == k && t / 20 == w).count();
        let after: Vec<_> =
            b.iter().filter(|r| k.is_some() && r.0 == k && (0..10).contains(&(r.2 - w * 20 - 20))).collect();
        want.extend(after.iter().filter(|_| n > 0).map(|r| json!({"k": k, "n": n, "m": r.1})));
        if after.is_empty() && n > 0 {
            want.push(json!({"k": k, "n": n}));
        }
    }
    assert_same_rows("windows and rows", answer(&scratch, &sql, ""), want, 0.0);
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

/// What a random join says: kind, bounds, a window that both lie in, whether numbers are compared too.
#[derive(Debug, Clone)]
struct Random {
    kind: &'static str,
    least: i64,
    most: i64,
    bin: Option<i64>,
    ordered: bool,
}

impl Random {
    fn sql(&self) -> String {
        let Self { kind, least, most, bin, ordered } = self;
        let columns = if *kind == "LEFT SEMI" { "a.k, a.n" } else { "a.k, a.n, b.k AS l, b.n AS m" };
        let mut on =
            format!("a.k = b.k AND b.t >= a.t + INTERVAL '{least} seconds' AND b.t <= a.t + INTERVAL '{most} seconds'");
        if let Some(bin) = bin {
            let of = |t: &str| format!("date_bin(INTERVAL '{bin} seconds', {t})");
            on += &format!(" AND {} = {}", of("a.t"), of("b.t"));
        }
        if *ordered {
            on += " AND a.n < b.n";
        }
        format!("SELECT {columns} FROM a {kind} JOIN b ON {on}")
    }

    /// The rows there are at the end, when no row is late and everything has been closed.
    fn rows(&self, a: &[Row], b: &[Row]) -> Vec<Value> {
        let matches = |l: &Row, r: &Row| {
            l.0.is_some()
                && l.0 == r.0
                && (self.least..=self.most).contains(&(r.2 - l.2))
                // 09:00 begins no window of every length.
                && self.bin.is_none_or(|bin| (l.2 + NINE).div_euclid(bin) == (r.2 + NINE).div_euclid(bin))
                && (!self.ordered || l.1 < r.1)
        };
        let mut rows = Vec::new();
        for l in a {
            let found: Vec<&Row> = b.iter().filter(|r| matches(l, r)).collect();
            match self.kind {
                "LEFT SEMI" if !found.is_empty() => rows.push(json!({"k": l.0, "n": l.1})),
                "LEFT SEMI" => {}
                _ => rows.extend(found.iter().map(|r| json!({"k": l.0, "n": l.1, "l": r.0, "m": r.1}))),
            }
            if found.is_empty() && matches!(self.kind, "LEFT" | "FULL") {
                rows.push(json!({"k": l.0, "n": l.1}));
            }
        }
        let alone = b.iter().filter(|r| matches!(self.kind, "RIGHT" | "FULL") && !a.iter().any(|l| matches(l, r)));
        rows.extend(alone.map(|r| json!({"l": r.0, "m": r.1})));
        rows
    }
}

/// 2026-03-01T09:00:00Z, seconds since 1970.
const NINE: i64 = 1_772_355_600;

fn random() -> impl Strategy<Value = Random> {
    let kind = prop::sample::select(vec!["INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI"]);
    let bin = prop::option::of(5i64..80);
    (kind, -40i64..40, -40i64..40, bin, any::<bool>()).prop_map(|(kind, x, y, bin, ordered)| Random {
        kind,
        least: x.min(y),
        most: x.max(y),
        bin,
        ordered,
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let keys = prop::sample::select(vec![Some("x"), Some("y"), Some("a longer key"), None]);
    proptest::collection::vec((keys, 0i64..100, 0i64..150), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn where_no_row_is_late_rows_are_those_of_all_pairs_however_they_are_split_and_restarted(
        join in random(),
        streams in (rows(), rows()),
        cuts in proptest::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..5),
        restarts in 0usize..4,
    ) {
        let scratch = Scratch::new();
        for (source, rows) in [("a", &streams.0), ("b", &streams.1)] {
            let index = |cut: &(prop::sample::Index, prop::sample::Index)| {
                if source == "a" { cut.0.index(rows.len() + 1) } else { cut.1.index(rows.len() + 1) }
            };
            let mut cuts: Vec<usize> = cuts.iter().map(index).chain([0, rows.len()]).collect();
            cuts.sort_unstable();
            cuts.windows(2).enumerate().for_each(|(part, w)| write(&scratch, source, part, &rows[w[0]..w[1]]));
        }
        scratch.write("in/c/0.json", "");
        let job = job(&join.sql(), "").replace("watermark = \"5s\"", "watermark = \"150s\"");
        for _ in 0..restarts {
            let once = RunOptions { trigger: Some(Trigger::Once), threads: Some(1), ..RunOptions::default() };
            scratch.run_with(&job, once).unwrap();
        }
        let ran = scratch.run(&format!("final_watermark = true\n{job}")).unwrap();
        prop_assert_eq!(ran.summary.late, 0);
        assert_same_rows(&join.sql(), out(&scratch), join.rows(&streams.0, &streams.1), 0.0);
    }
}
