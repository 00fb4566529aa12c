//! What a join may say: conditions in ON and WHERE, keys that are cast, windows that both sides lie in, joins of joins and
//! of windows, state that may grow.

use millstream_engine::run::RunOptions;
use serde_json::{Value, json};

use super::{Row, answer, at, job, out, pairs, streams, write_all};
use crate::scratch::Scratch;
use crate::support::{assert_same_rows, here};

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
fn a_pair_for_which_the_condition_fails_is_set_aside_and_the_rest_goes_on() {
    let scratch = Scratch::new();
    let rows: &[&[Row]] = &[&[(Some("x"), 1, 0), (Some("x"), 2, 0), (Some("x"), 4, 0)]];
    write_all(&scratch, &[("a", rows), ("b", rows)]);
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND a.t = b.t AND 6 / (a.n - b.n) > 2";
    assert_same_rows(sql, answer(&scratch, sql, ""), vec![json!({"n": 2, "m": 1}), json!({"n": 4, "m": 2})], 0.0);
    let letters = scratch.lines("joins.dead-letters.jsonl");
    assert_eq!(letters.len(), 3, "{letters:?}");
    assert!(letters.iter().all(|l| l["node"] == "x" && l["source"].is_null()), "{letters:?}");
    assert_eq!(letters[0]["reason"], "`6 / (a.n - b.n) > 2` failed: Divide by zero error");

    // Where it decides which rows have no match, nobody can say.
    let outer = sql.replace("JOIN", "LEFT JOIN");
    let options = RunOptions { fresh: true, ..RunOptions::default() };
    let Err(error) = scratch.run_with(&job(&outer, ""), options) else { panic!("it was not refused") };
    assert!(error.message().contains("the join's condition fails for a pair of rows"), "{error}");
}

#[test]
fn a_plugin_in_the_condition_of_an_inner_join_is_asked_about_pairs() {
    let scratch = Scratch::new();
    write_all(
        &scratch,
        &[("a", &[&[(Some("x/1"), 1, 0), (Some("x/2"), 2, 0)]]), ("b", &[&[(Some("x/1"), 1, 0), (Some("x/2"), 3, 0)]])],
    );
    let plugin = here().join("../plugins/nth-word");
    let keys = format!("[plugin.part]\npath = {plugin:?}\nwith = {{ n = 2, separator = \"/\" }}\n");
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND a.t = b.t AND part(b.k) = CAST(a.n AS VARCHAR)
               WHERE part(a.k) <> '1'";
    assert_eq!(answer(&scratch, sql, &keys), [json!({"n": 2, "m": 3})]);
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
