//! Which edits of a query mean the same to its state, and the form of a fingerprint, which a newer library must not change.

use millstream_engine::run::check;
use serde_json::{Value, json};

use super::{COMPLETE, job, sql};
use crate::scratch::Scratch;
use crate::support::runtime;

/// The fingerprints of the operators, by the names of their states.
fn fingerprints(operators: &str) -> Vec<(String, Value)> {
    let scratch = Scratch::new();
    scratch.write("in/0.json", "");
    let plan = scratch.job(&job(operators)).and_then(|job| check(job, Some(&runtime())));
    let plan = plan.unwrap_or_else(|e| panic!("{operators}: {e:?}"));
    plan.stateful.iter().map(|(name, s)| (name.to_string(), s.operator.fingerprint().told())).collect()
}

fn one(query: &str, more: &str) -> Value {
    fingerprints(&sql("x", query, more)).pop().unwrap().1
}

#[test]
fn what_a_query_keeps_is_told_by_what_it_computes() {
    let other = "[source.other]\npath = \"in\"\nformat = \"json\"\nschema = { k = \"utf8\", v = \"int64\", w = \"int64\", ts = \"timestamp\" }\nevent_time = \"ts\"\nwatermark = \"1 second\"\n";
    let with_other = |query: &str, more: &str| {
        let mut all = fingerprints(&format!("{other}{}", sql("x", query, more)));
        // The join's own state, or what is above it.
        (all.pop().unwrap(), all)
    };
    for (a, b, same) in [
        // Names, places, filters before it, and what comes after it.
        ("SELECT k, sum(v) FROM rows GROUP BY k", "SELECT sum(r.v) AS s, r.k AS key FROM rows r GROUP BY r.k", true),
        (
            "SELECT k, sum(v) FROM rows GROUP BY k",
            "SELECT k, sum(v) + 1 FROM rows WHERE w > 3 GROUP BY k HAVING sum(v) > 2",
            true,
        ),
        (
            "SELECT k, sum(v) FROM rows GROUP BY k",
            "SELECT g, sum(x) FROM (SELECT k AS g, v AS x FROM rows) GROUP BY g",
            true,
        ),
        (
            "SELECT k, sum(v) FROM rows GROUP BY k",
            "SELECT k, sum(v) FROM (SELECT * FROM rows UNION ALL SELECT * FROM rows) GROUP BY k",
            true,
        ),
        // What is grouped by, and what is computed.
        ("SELECT k, sum(v) FROM rows GROUP BY k", "SELECT j, sum(v) FROM rows GROUP BY j", false),
        ("SELECT k, sum(v) FROM rows GROUP BY k", "SELECT k, sum(w) FROM rows GROUP BY k", false),
        ("SELECT k, sum(v) FROM rows GROUP BY k", "SELECT k, sum(v + 1) FROM rows GROUP BY k", false),
        ("SELECT k, sum(v + 2) FROM rows GROUP BY k", "SELECT k, sum(v + 1) FROM rows GROUP BY k", false),
        ("SELECT k, sum(v) FROM rows GROUP BY k", "SELECT k, sum(DISTINCT v) FROM rows GROUP BY k", false),
        ("SELECT k, sum(v) FROM rows GROUP BY k", "SELECT k, sum(v) FILTER (WHERE w > 3) FROM rows GROUP BY k", false),
        ("SELECT k, sum(v) FROM rows GROUP BY k", "SELECT upper(k), sum(v) FROM rows GROUP BY upper(k)", false),
        (
            "SELECT lower(k), sum(v) FROM rows GROUP BY lower(k)",
            "SELECT upper(k), sum(v) FROM rows GROUP BY upper(k)",
            false,
        ),
        ("SELECT max(v) FROM rows", "SELECT min(v) FROM rows", false),
        ("SELECT array_agg(v ORDER BY w) FROM rows", "SELECT array_agg(v ORDER BY w DESC) FROM rows", false),
        ("SELECT array_agg(v ORDER BY w) FROM rows", "SELECT array_agg(v ORDER BY v) FROM rows", false),
        ("SELECT last_value(v) FROM rows", "SELECT last_value(v) IGNORE NULLS FROM rows", false),
        ("SELECT count(DISTINCT k, v) FROM rows", "SELECT count(DISTINCT k, w) FROM rows", false),
        // Columns that only look the same.
        (
            "SELECT g, sum(v) FROM (SELECT k AS g, v FROM rows) GROUP BY g",
            "SELECT g, sum(v) FROM (SELECT j AS g, v FROM rows) GROUP BY g",
            false,
        ),
        (
            "SELECT k, sum(v) FROM (SELECT k, v FROM rows UNION ALL SELECT k, w AS v FROM rows) GROUP BY k",
            "SELECT k, sum(v) FROM (SELECT k, w AS v FROM rows UNION ALL SELECT k, w AS v FROM rows) GROUP BY k",
            false,
        ),
    ] {
        let (a_told, b_told) = (one(a, COMPLETE), one(b, COMPLETE));
        assert_eq!(a_told == b_told, same, "{a}\n{a_told}\n{b}\n{b_told}");
    }
    for (a, b, same) in [
        ("SELECT DISTINCT k AS x, ts FROM rows", "SELECT DISTINCT j AS x, ts FROM rows", false),
        ("SELECT DISTINCT k AS x, ts FROM rows", "SELECT DISTINCT k AS y, ts FROM rows r", true),
        (
            "SELECT sum(v) FROM rows GROUP BY window(ts, '1 minute')",
            "SELECT sum(v) FROM rows GROUP BY window(ts, '60 seconds')",
            true,
        ),
        (
            "SELECT sum(v) FROM rows GROUP BY window(ts, '1 minute')",
            "SELECT sum(v) FROM rows GROUP BY window(ts, '2 minutes')",
            false,
        ),
        (
            "SELECT sum(v) FROM rows GROUP BY window(ts, '1 minute')",
            "SELECT sum(v) FROM rows GROUP BY session_window(ts, '1 minute')",
            false,
        ),
        (
            "SELECT sum(v) FROM rows GROUP BY session_window(ts, '2 minutes')",
            "SELECT sum(v) FROM rows GROUP BY session_window(ts, '1 minute')",
            false,
        ),
    ] {
        let (a_told, b_told) = (one(a, ""), one(b, ""));
        assert_eq!(a_told == b_told, same, "{a}\n{a_told}\n{b}\n{b_told}");
    }
    const ON: &str = "rows l JOIN other r ON l.k = r.k AND r.ts BETWEEN l.ts AND l.ts + INTERVAL '1 minute'";
    const LEFT: &str = "rows l LEFT JOIN other r ON l.k = r.k AND r.ts BETWEEN l.ts AND l.ts + INTERVAL '1 minute'";
    for (a, b, same) in [
        (format!("SELECT l.v FROM {ON}"), format!("SELECT l.v AS other FROM {ON}"), true),
        (format!("SELECT l.v FROM {ON}"), format!("SELECT r.v FROM {ON}"), false),
        (format!("SELECT l.v FROM {LEFT}"), format!("SELECT l.v FROM {ON}"), false),
        (
            format!("SELECT l.v, r.v AS u FROM {LEFT} AND l.v < r.v"),
            format!("SELECT l.v, r.v AS u FROM {LEFT} AND r.v < l.v"),
            false,
        ),
        (format!("SELECT l.v FROM {ON}"), format!("SELECT l.v FROM {}", ON.replace("1 minute", "2 minutes")), false),
        // A group by one side's column or the other's, of the same name.
        (
            format!("SELECT l.v, count(*) FROM {ON} GROUP BY window(l.ts, '1 minute'), l.v"),
            format!("SELECT r.v, count(*) FROM {ON} GROUP BY window(l.ts, '1 minute'), r.v"),
            false,
        ),
    ] {
        let (a_told, b_told) = (with_other(&a, ""), with_other(&b, ""));
        assert_eq!(a_told == b_told, same, "{a}\n{a_told:?}\n{b}\n{b_told:?}");
    }
}

/// A library that plans or names things in another way must not make all checkpoints unusable: then the words are
/// translated, or the version of the form is raised.
#[test]
fn the_form_of_a_fingerprint_stays_as_it_is() {
    let plain = one("SELECT k, count(*) AS n, sum(v) FILTER (WHERE w > 3) AS v FROM rows GROUP BY k", COMPLETE);
    let aggregates = json!([
        {"fn": "count", "version": 1, "state": ["int64"], "args": [{"lit": 1, "type": "int64"}]},
        {"fn": "sum", "version": 1, "state": ["int64", "int64"], "args": [{"col": "v"}],
         "where": [{"op": ">", "of": [{"col": "w"}, {"lit": 3, "type": "int64"}]}]},
    ]);
    assert_eq!(plain, json!({"v": 1, "of": "aggregate", "keys": [[{"col": "k"}, "utf8"]], "aggregates": aggregates}));

    let windows = one("SELECT max(v) FROM rows GROUP BY window(ts, '2 minutes', '1 minute'), upper(k)", "");
    let time = json!({"window of": [{"col": "ts"}], "size": 120_000_000, "slide": 60_000_000, "offset": 0});
    let keys = json!([[{"fn": "upper", "of": [{"col": "k"}]}, "utf8"]]);
    let aggregates = json!([{"fn": "max", "version": 1, "state": ["int64"], "args": [{"col": "v"}]}]);
    let told =
        json!({"v": 1, "of": "aggregate", "keys": keys, "aggregates": aggregates, "time": time, "mode": "append"});
    assert_eq!(windows, told);

    let dedup = fingerprints("[operator.x]\ninput = \"rows\"\ndedup = { keys = [\"k\"] }\n").pop().unwrap().1;
    let told =
        json!({"v": 1, "of": "dedup", "keys": [[{"col": "k"}, "utf8"]], "remembers": {"after": [{"col": "ts"}]}});
    assert_eq!(dedup, told);

    let join =
        one("SELECT a.v FROM rows a JOIN rows b ON a.k = b.j AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 minute'", "");
    let side = |keys: Value, columns: Value| json!({"keys": keys, "at": [{"col": "ts"}], "columns": columns});
    let column = |name: &str, of: &str| json!([{"col": name}, of]);
    let told = json!({
        "v": 1, "of": "join", "join": "inner",
        "left": side(json!([{"col": "k"}]), json!([column("k", "utf8"), column("v", "int64"), column("ts", "timestamp")])),
        "right": side(json!([{"col": "j"}]), json!([column("j", "utf8"), column("ts", "timestamp")])),
        "sides": [{"nodes": ["rows"], "where": []}, {"nodes": ["rows"], "where": []}],
        "reach": {"least": 0, "most": 60_000_000, "window": null},
    });
    assert_eq!(join, told);
}
