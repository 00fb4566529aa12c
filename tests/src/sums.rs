//! Results that do not fit their column are dead letters with their group; an aggregate of no rows is a row.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{Ran, assert_same_rows, here};

/// Files of rows `(second of 09:00, key, value)`, an epoch each.
fn input(scratch: &Scratch, files: &[&[(i64, &str, i64)]]) {
    for (n, rows) in files.iter().enumerate() {
        let line = |(t, k, v): &(i64, &str, i64)| {
            format!("{{\"t\":\"2026-03-01T09:{:02}:{:02}Z\",\"k\":\"{k}\",\"v\":{v}}}\n", t / 60, t % 60)
        };
        scratch.write(&format!("in/{n}.json"), rows.iter().map(line).collect::<String>());
    }
}

fn job(more: &str, mode: &str, sql: &str) -> String {
    let plugin = here().join("../plugins/sum-and-max");
    format!(
        r#"
name = "sums"
{more}
[plugin.total]
path = {plugin:?}
[source.s]
path = "in"
format = "json"
schema = {{ t = "timestamp", k = "utf8", v = "int64" }}
max_files_per_epoch = 1
event_time = "t"
watermark = "0s"
[operator.x]
sql = "{sql}"
{mode}
[sink.out]
input = "x"
connector = "memory"
"#
    )
}

fn run(scratch: &Scratch, more: &str, mode: &str, sql: &str) -> Ran {
    scratch.run(&job(more, mode, sql)).unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

/// Of each dead letter its epoch, its row and its reason.
fn letters(scratch: &Scratch) -> Vec<Value> {
    let letters = scratch.lines("sums.dead-letters.jsonl");
    let row = |l: &Value| serde_json::from_str::<Value>(l["row"].as_str().unwrap()).unwrap();
    letters.iter().map(|l| json!([l["epoch"], row(l), l["reason"]])).collect()
}

const COMPLETE: &str = "output_mode = \"complete\"";
const UPDATE: &str = "output_mode = \"update\"";
const TOO_LARGE: i128 = i64::MAX as i128 + 1;

/// `a` is too large after the second file, within bounds again after the fourth; the third one leaves it alone.
const COMES_BACK: [&[(i64, &str, i64)]; 4] =
    [&[(1, "a", i64::MAX), (1, "b", 1)], &[(2, "a", 1)], &[(3, "b", 1)], &[(4, "a", -3)]];

#[test]
fn a_sum_that_does_not_fit_is_a_dead_letter_where_it_was_touched_and_comes_back_when_it_fits() {
    for (sum, reason) in [("sum(v)", "sum(v)"), ("sum(DISTINCT v)", "sum(DISTINCT v)"), ("total(v)", "sum")] {
        for mode in [COMPLETE, UPDATE] {
            let scratch = Scratch::new();
            input(&scratch, &COMES_BACK);
            let ran = run(&scratch, "", mode, &format!("SELECT k, {sum} AS total, count(*) AS n FROM s GROUP BY k"));
            let b = if sum.contains("DISTINCT") { 1 } else { 2 };
            let want = vec![json!({"k": "a", "total": i64::MAX - 2, "n": 3}), json!({"k": "b", "total": b, "n": 2})];
            assert_same_rows(&format!("{sum}, {mode}"), ran.rows("out"), want, 0.0);
            let want = json!([1, {"k": "a"}, format!("{reason} = {TOO_LARGE} does not fit int64")]);
            assert_eq!(letters(&scratch), [want], "{sum}, {mode}");
            assert_eq!(ran.summary.rejected, 1);
        }
    }
}

#[test]
fn a_sum_of_intervals_that_does_not_fit_is_a_dead_letter_and_never_another_length() {
    // Months are 32 bits, what is less than a day 64: either is full after the second file, and not any more after the fourth.
    for (interval, part, each, shown) in [
        ("INTERVAL '2000000000 months'", "months", 2_000_000_000_i128, "2000000000 mons"),
        ("INTERVAL '2000000000 days'", "days", 2_000_000_000, "2000000000 days"),
        ("INTERVAL '2000000 hours'", "nanoseconds", 2_000_000 * 3_600_000_000_000, "2000000 hours"),
    ] {
        let back = interval.replace("'2", "'-2");
        for mode in [COMPLETE, UPDATE] {
            let scratch = Scratch::new();
            input(&scratch, &[&[(1, "a", 1), (1, "b", 0)], &[(2, "a", 1)], &[(3, "b", 0)], &[(4, "a", -1)]]);
            let sum = format!("sum(CASE v WHEN 1 THEN {interval} WHEN -1 THEN {back} ELSE INTERVAL '1 day' END)");
            let sql = format!("SELECT k, CAST({sum} AS VARCHAR) AS total, count(*) AS n FROM s GROUP BY k");
            let ran = run(&scratch, "", mode, &sql);
            let want = vec![json!({"k": "a", "total": shown, "n": 3}), json!({"k": "b", "total": "2 days", "n": 2})];
            assert_same_rows(&format!("{interval}, {mode}"), ran.rows("out"), want, 0.0);
            let letters = letters(&scratch);
            assert_eq!(
                (letters.len(), &letters[0][0], &letters[0][1]),
                (1, &json!(1), &json!({"k": "a"})),
                "{letters:?}"
            );
            let reason = letters[0][2].as_str().unwrap();
            let want = format!(" = {} {part} does not fit interval", 2 * each);
            assert!(reason.starts_with("sum(CASE v WHEN 1 THEN INTERVAL '") && reason.ends_with(&want), "{reason}");
        }
    }
}

#[test]
fn an_average_of_integers_is_exact_beside_aggregates_of_the_same_column_as_floats() {
    // As floats, 2^53 + 1 is 2^53.
    let large = (1 << 53) + 1;
    let scratch = Scratch::new();
    input(&scratch, &[&[(1, "a", large), (1, "a", large), (1, "a", -(1 << 53)), (1, "a", -(1 << 53))]]);
    for beside in ["stddev(v)", "sum(CAST(v AS DOUBLE))", "corr(v, v)", "median(CAST(v AS DOUBLE)), sum(v + 0.5)"] {
        for distinct in ["", "DISTINCT "] {
            let sql = format!("SELECT {beside}, avg({distinct}v) AS mean, k FROM s GROUP BY k");
            let ran = run(&scratch, "", COMPLETE, &sql);
            assert_eq!(ran.rows("out")[0]["mean"], json!(0.5), "{sql}");
        }
    }
}

#[test]
fn windows_and_sessions_whose_sums_do_not_fit_are_set_aside_with_their_times() {
    let rows: &[(i64, &str, i64)] = &[(0, "a", i64::MIN), (5, "a", -1), (5, "b", 7), (200, "z", 0)];
    let at = |second: i64| format!("2026-03-01T09:{:02}:{:02}Z", second / 60, second % 60);
    let too_small = format!("sum(v) = {} does not fit int64", i128::from(i64::MIN) - 1);
    for (group, key, fits) in [
        ("window(t, '10 seconds')", json!({"window": {"start": at(0), "end": at(10)}, "k": "a"}), 1),
        ("session_window(t, '10 seconds')", json!({"session_window": {"start": at(0), "end": at(15)}, "k": "a"}), 1),
    ] {
        let scratch = Scratch::new();
        input(&scratch, &[rows, &[(300, "z", 0)]]);
        let name = group.split('(').next().unwrap();
        let sql = format!("SELECT {name} AS w, k, sum(v) AS total FROM s GROUP BY {group}, k");
        let ran = run(&scratch, "", "", &sql);
        assert_eq!(ran.rows("out").iter().filter(|r| r["k"] == "b").count(), fits, "{group}");
        assert!(ran.rows("out").iter().all(|r| r["k"] != "a"));
        let letters = letters(&scratch);
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!((&letters[0][1], &letters[0][2]), (&key, &json!(too_small)));
    }
    // Of the three sliding windows over the two rows, one has both of them.
    let scratch = Scratch::new();
    input(&scratch, &[rows, &[(300, "z", 0)]]);
    let sql = "SELECT window.start AS w, k, sum(v) AS total FROM s WHERE k = 'a' GROUP BY window(t, '10 seconds', '5 seconds'), k";
    let ran = run(&scratch, "", "", sql);
    assert_eq!(ran.rows("out").len(), 2);
    assert_eq!(letters(&scratch).len(), 1);
    // Complete mode: each window once for the epoch that touched it.
    let scratch = Scratch::new();
    input(&scratch, &[rows, &[(3, "b", 1)], &[(7, "a", 0)]]);
    let ran = run(&scratch, "", COMPLETE, sql);
    assert_eq!(ran.rows("out").len(), 2);
    assert_eq!(letters(&scratch).iter().map(|l| l[0].clone()).collect::<Vec<_>>(), [json!(0), json!(2)]);
}

#[test]
fn what_is_made_of_a_sum_may_not_fit_either() {
    let scratch = Scratch::new();
    input(&scratch, &[&[(1, "a", i64::MAX), (1, "b", 1), (1, "c", 2)]]);
    let ran = run(&scratch, "", COMPLETE, "SELECT k, sum(v) + 1 AS more FROM s GROUP BY k HAVING sum(v) * 2 > 2");
    assert_eq!(ran.rows("out"), [json!({"k": "c", "more": 3})]);
    let letters = letters(&scratch);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0][1]["k"], "a", "{letters:?}");
}

#[test]
fn a_job_that_stops_at_the_first_row_it_cannot_use_stops_at_a_sum_too() {
    let scratch = Scratch::new();
    input(&scratch, &COMES_BACK);
    let text = job("on_error = \"fail\"", COMPLETE, "SELECT k, total(v) AS total FROM s GROUP BY k");
    let error = scratch.run(&text).err().unwrap().to_string();
    let want = format!("`x` refused the group {{\"k\":\"a\"}}: sum = {TOO_LARGE} does not fit int64");
    assert!(error.contains(&want), "{error}");
}

#[test]
fn an_aggregate_of_no_rows_is_a_row_in_every_epoch() {
    let aggregates = "count(*) AS n, count(v) AS known, sum(v) AS total, avg(v) AS mean, min(v) AS least, count(DISTINCT k) AS kinds, \
        total(v) AS ours, total(DISTINCT v) AS once, count(DISTINCT k, v) AS pairs, max(v) FILTER (WHERE v > 1) AS most, \
        bool_and(v > 1) AS every, stddev(v) AS off, first_value(v ORDER BY t) AS first";
    for mode in [COMPLETE, UPDATE] {
        let scratch = Scratch::new();
        input(&scratch, &[&[(1, "a", 5)], &[(2, "a", 6)]]);
        let ran = run(&scratch, "", mode, &format!("SELECT {aggregates} FROM s WHERE v > 100"));
        let nothing = json!({"n": 0, "known": 0, "kinds": 0, "pairs": 0});
        assert_same_rows(mode, ran.rows("out"), vec![nothing], 0.0);
        assert_eq!(ran.summary.rows_out["out"], 2, "a row an epoch");
        // What came before the rows changes nothing.
        input(&scratch, &[&[], &[(2, "a", 6)], &[(2, "a", 106)], &[(2, "b", 1)]]);
        let ran = run(
            &scratch,
            "",
            mode,
            "SELECT count(*) AS n, sum(v) AS total, total(v) AS ours, count(DISTINCT k) AS kinds FROM s WHERE v > 100",
        );
        assert_same_rows(mode, ran.rows("out"), vec![json!({"n": 1, "total": 106, "ours": 106, "kinds": 1})], 0.0);
        assert_eq!(ran.summary.rows_out["out"], 4);
    }
}

/// A group's values.
#[derive(Debug, Default)]
struct Values(Vec<i64>);

impl Values {
    fn different(&self) -> Vec<i64> {
        let mut different = self.0.clone();
        different.sort_unstable();
        different.dedup();
        different
    }

    fn sum(of: &[i64]) -> Option<i64> {
        i64::try_from(of.iter().map(|v| i128::from(*v)).sum::<i128>()).ok()
    }

    fn mean(of: &[i64]) -> f64 {
        let (sum, n) = (of.iter().map(|v| i128::from(*v)).sum::<i128>(), of.len() as i128);
        (sum / n) as f64 + (sum % n) as f64 / n as f64
    }

    fn median(&self) -> f64 {
        let mut sorted: Vec<i128> = self.0.iter().map(|v| i128::from(*v)).collect();
        sorted.sort_unstable();
        let n = sorted.len();
        let twice = if n % 2 == 1 { 2 * sorted[n / 2] } else { sorted[n / 2 - 1] + sorted[n / 2] };
        twice as f64 / 2.0
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every aggregate of whole numbers, of the greatest and the least there are, beside numbers of 128 bits.
    #[test]
    fn extreme_integers_in_every_aggregate(
        files in prop::collection::vec(
            prop::collection::vec(
                (0..3usize, prop::sample::select(vec![i64::MAX, i64::MIN, i64::MIN + 1, i64::MAX - 1, -1, 0, 1, 3, 1 << 53])),
                1..8,
            ),
            1..5,
        ),
    ) {
        let scratch = Scratch::new();
        let rows: Vec<Vec<(i64, &str, i64)>> =
            files.iter().map(|file| file.iter().map(|(k, v)| (0, ["a", "b", "c"][*k], *v)).collect()).collect();
        input(&scratch, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut groups: BTreeMap<&str, Values> = BTreeMap::new();
        rows.iter().flatten().for_each(|(_, k, v)| groups.entry(k).or_default().0.push(*v));

        let sums = "SELECT k, sum(v) AS sum, sum(DISTINCT v) AS once FROM s GROUP BY k";
        let have = run(&scratch, "", COMPLETE, sums).rows("out");
        let want = groups.iter().filter_map(|(k, of)| {
            Some(json!({"k": k, "sum": Values::sum(&of.0)?, "once": Values::sum(&of.different())?}))
        });
        assert_same_rows("sums", have, want.collect(), 0.0);

        let rest = "SELECT k, count(v) AS n, min(v) AS least, max(v) AS most, median(v) AS middle, \
                    bit_xor(v) AS bits, count(DISTINCT v) AS kinds, approx_percentile_cont(v, 1.0) AS last, first_value(v ORDER BY v DESC) AS first \
                    FROM s GROUP BY k";
        let have = run(&scratch, "", COMPLETE, rest).rows("out");
        prop_assert_eq!(have.len(), groups.len());
        for row in have {
            let of = &groups[row["k"].as_str().unwrap()];
            let number = |column: &str| row[column].as_i64().unwrap();
            let (most, least) = (of.0.iter().max().unwrap(), of.0.iter().min().unwrap());
            prop_assert_eq!((number("n"), number("kinds")), (of.0.len() as i64, of.different().len() as i64));
            prop_assert_eq!((number("most"), number("least"), number("first")), (*most, *least, *most));
            prop_assert_eq!(number("bits"), of.0.iter().fold(0, |all, v| all ^ v));
            prop_assert!((row["last"].as_f64().unwrap() - *most as f64).abs() <= 2048.0);
            // Of floats.
            prop_assert!((row["middle"].as_f64().unwrap() - of.median()).abs() <= 2048.0);
        }
        for distinct in ["", "DISTINCT "] {
            let have = run(&scratch, "", COMPLETE, &format!("SELECT k, avg({distinct}v) AS mean FROM s GROUP BY k")).rows("out");
            prop_assert_eq!(have.len(), groups.len());
            for row in have {
                let of = &groups[row["k"].as_str().unwrap()];
                let want = if distinct.is_empty() { Values::mean(&of.0) } else { Values::mean(&of.different()) };
                let have = row["mean"].as_f64().unwrap();
                prop_assert!((have - want).abs() <= want.abs() * f64::EPSILON, "{distinct}{have} for {want}");
            }
        }
    }
}
