//! Operators that go, come back, and are called as others were.

use std::sync::{Arc, Mutex};

use millstream_engine::checkpoint::{Checkpoint, OpenOptions};
use millstream_engine::fault::{Faults, point};
use millstream_engine::run::{Environment, RunOptions};
use millstream_engine::storage::LocalStorage;
use serde_json::{Value, json};

use super::{COMPLETE, job, refused, run, run_with, sql, write};
use crate::scratch::Scratch;
use crate::support::{Ran, assert_same_rows};

fn totals(name: &str, by: &str) -> String {
    sql(name, &format!("SELECT {by} AS g, count(*) AS n, sum(v) AS v FROM rows GROUP BY {by}"), COMPLETE)
}

/// Per group: name, rows, sum.
fn groups(ran: &Ran, name: &str) -> Vec<(String, i64, i64)> {
    let number = |r: &Value, c: &str| r[c].as_i64().unwrap();
    let rows = ran.rows(name);
    let mut all: Vec<_> =
        rows.iter().map(|r| (r["g"].as_str().unwrap().to_owned(), number(r, "n"), number(r, "v"))).collect();
    all.sort();
    all
}

fn expect(ran: &Ran, name: &str, want: &[(&str, i64, i64)]) {
    let want: Vec<_> = want.iter().map(|(g, n, v)| ((*g).to_owned(), *n, *v)).collect();
    assert_eq!(groups(ran, name), want);
}

#[test]
fn the_record_of_the_epoch_that_dropped_a_table_names_it() {
    let scratch = Scratch::new();
    let dropped = || {
        let storage = Arc::new(LocalStorage::new(scratch.path().join("state")));
        let (_, found) = Checkpoint::open(storage, &OpenOptions::default()).unwrap();
        let tables: Vec<String> = found.state.tables().filter(|(_, t)| !t.is_empty()).map(|t| t.0.to_owned()).collect();
        (found.last.unwrap().dropped, tables)
    };
    let kept = totals("kept", "j");
    run_with(&scratch, 0, &format!("{}{kept}", totals("gone", "k")));
    assert_eq!(dropped().0, [""; 0]);
    run_with(&scratch, 1, &kept);
    assert_eq!(dropped(), (vec!["gone".to_owned()], vec!["kept".to_owned(), "source:rows".to_owned()]));
    run_with(&scratch, 2, &kept);
    assert_eq!(dropped().0, [""; 0]);
}

#[test]
fn a_name_that_comes_back_for_something_else_begins_anew() {
    let scratch = Scratch::new();
    expect(&run_with(&scratch, 0, &totals("totals", "k")).0, "totals", &[("a", 2, 3), ("b", 1, 3)]);
    let (ran, told) = run_with(&scratch, 1, &totals("sums", "k"));
    expect(&ran, "sums", &[("a", 2, 23), ("b", 1, 13)]);
    assert!(told.iter().any(|m| m.contains("`totals` is gone") && m.contains("dropped")), "{told:?}");
    // By another key, whose values other rows of the old state have.
    let (ran, told) = run_with(&scratch, 2, &totals("totals", "j"));
    expect(&ran, "totals", &[("x", 1, 21), ("y", 2, 45)]);
    assert!(told.iter().any(|m| m.contains("`totals` is new")), "{told:?}");
    // And by the very same one: what was dropped is gone.
    expect(&run_with(&scratch, 3, &totals("sums", "k")).0, "sums", &[("a", 2, 63), ("b", 1, 33)]);
}

#[test]
fn until_an_epoch_without_it_is_committed_an_operator_may_come_back() {
    let scratch = Scratch::new();
    run_with(&scratch, 0, &totals("totals", "k"));
    let (ran, _) = run(&scratch, &totals("sums", "j"));
    assert_eq!(ran.unwrap().summary.epochs, 0, "there is no input, so there is no epoch");
    // An epoch is computed without it, and fails before it is committed.
    write(&scratch, 1);
    let file = scratch.path().join("in/1.json");
    let away = scratch.path().join("away");
    let faults = Faults::new({
        let (file, away, done) = (file.clone(), away.clone(), Mutex::new(false));
        move |name| {
            if name == point::PLANNED && !std::mem::replace(&mut *done.lock().unwrap(), true) {
                std::fs::rename(&file, &away).unwrap();
            }
        }
    });
    let environment = Environment { faults, ..Environment::default() };
    let failed = scratch.run_with(&job(&totals("sums", "j")), RunOptions { environment, ..RunOptions::default() });
    assert!(failed.is_err());
    std::fs::rename(away, file).unwrap();
    refused(&scratch, &totals("totals", "j"), "totals", "its keys were changed");
    let (ran, _) = run(&scratch, &totals("totals", "k"));
    expect(&ran.unwrap(), "totals", &[("a", 4, 26), ("b", 2, 16)]);
}

#[test]
fn all_tables_of_an_operator_go_and_those_of_others_stay() {
    let other = "[operator.once]\ninput = \"rows\"\ndedup = { keys = [\"k\"], within = \"1 hour\" }\n";
    let by =
        |key: &str| format!("[operator.x]\ninput = \"rows\"\ndedup = {{ keys = [\"{key}\"], within = \"1 hour\" }}\n");
    let session = |gap: &str| {
        let query = format!(
            "SELECT session_window.start, session_window.end, count(*) AS n FROM rows GROUP BY session_window(ts, '{gap}')"
        );
        sql("x", &query, "")
    };
    let joined = |least: &str| {
        let query = format!(
            "SELECT a.k, a.v, b.v AS later FROM rows a LEFT JOIN rows b ON a.k = b.k AND b.ts BETWEEN a.ts + INTERVAL '{least}' AND a.ts + INTERVAL '150 seconds'"
        );
        sql("x", &query, "")
    };
    let pairs = [
        ("dedup", by("k"), by("j")),
        ("throttle", throttle("x", "k"), throttle("x", "j")),
        ("sessions", session("40 seconds"), session("150 seconds")),
        ("join", joined("1 second"), joined("90 seconds")),
    ];
    for (what, before, after) in pairs {
        let scratch = Scratch::new();
        run_with(&scratch, 0, &format!("{before}{other}"));
        run_with(&scratch, 1, other);
        let (ran, _) = run_with(&scratch, 2, &format!("{after}{other}"));
        assert_eq!(ran.rows("once").len(), 0, "{what}: another operator has lost its state");
        // What it gives from the next file on is what it gives where there never was another.
        let alone = Scratch::new();
        run_with(&alone, 1, other);
        run_with(&alone, 2, &format!("{after}{other}"));
        for n in 3..5 {
            let (ran, _) = run_with(&scratch, n, &format!("{after}{other}"));
            let (expected, _) = run_with(&alone, n, &format!("{after}{other}"));
            assert_same_rows(what, ran.rows("x"), expected.rows("x"), 0.0);
        }
    }
}

#[test]
fn what_a_source_has_read_stays_known_while_the_job_is_without_it() {
    let scratch = Scratch::new();
    let both = |operators: &str| {
        let more = "[source.more]\npath = \"in\"\nformat = \"json\"\nschema = { k = \"utf8\" }\n";
        job(&format!("{more}{operators}"))
    };
    let union =
        sql("x", "SELECT k, count(*) AS n FROM (SELECT k FROM rows UNION ALL SELECT k FROM more) GROUP BY k", COMPLETE);
    let alone = sql("x", "SELECT k, count(*) AS n FROM rows GROUP BY k", COMPLETE);
    write(&scratch, 0);
    let rows = |ran: &Ran| {
        let mut rows = ran.rows("x");
        rows.sort_by_key(|r| r["k"].to_string());
        rows
    };
    assert_eq!(rows(&scratch.run(&both(&union)).unwrap()), [json!({"k": "a", "n": 4}), json!({"k": "b", "n": 2})]);
    assert_eq!(rows(&run_with(&scratch, 1, &alone).0), [json!({"k": "a", "n": 6}), json!({"k": "b", "n": 3})]);
    // The other source reads what it had not read, and nothing twice.
    assert_eq!(rows(&scratch.run(&both(&union)).unwrap()), [json!({"k": "a", "n": 8}), json!({"k": "b", "n": 4})]);
}

#[test]
fn a_source_under_another_name_does_not_read_everything_again_into_what_goes_on() {
    let scratch = Scratch::new();
    run_with(&scratch, 0, &totals("totals", "k"));
    write(&scratch, 1);
    let renamed =
        job(&totals("totals", "k")).replace("[source.rows]", "[source.events]").replace("FROM rows", "FROM events");
    let error = scratch.run(&renamed).err().expect("it would count the first file twice");
    for word in ["source `events`", "in/0.json", "`rows` has read", "`totals`"] {
        assert!(error.message().contains(word), "{error}");
    }
    assert!(error.help().is_some_and(|h| h.contains("`rows` again") && h.contains("--fresh")), "{error:?}");
    expect(&run(&scratch, &totals("totals", "k")).0.unwrap(), "totals", &[("a", 4, 26), ("b", 2, 16)]);
    // With an operator that begins anew it may.
    expect(&scratch.run(&renamed.replace("totals", "sums")).unwrap(), "sums", &[("a", 4, 26), ("b", 2, 16)]);
}

#[test]
fn another_jobs_checkpoint_is_not_emptied_by_mistake() {
    let scratch = Scratch::new();
    run_with(&scratch, 0, &totals("totals", "k"));
    let other = job(&totals("sums", "j")).replace("\"states\"", "\"another\"");
    let error = scratch.run(&other).err().expect("it is not its own");
    for word in ["job `states`", "`totals`", "job `another`"] {
        assert!(error.message().contains(word), "{error}");
    }
    assert!(error.help().is_some_and(|h| h.contains("checkpoint of its own")), "{error:?}");
    // A job that is called otherwise and is the same goes on.
    write(&scratch, 1);
    let renamed = job(&totals("totals", "k")).replace("\"states\"", "\"another\"");
    expect(&scratch.run(&renamed).unwrap(), "totals", &[("a", 4, 26), ("b", 2, 16)]);
}

#[test]
fn a_watermark_is_of_its_column() {
    let scratch = Scratch::new();
    let windows = |name: &str, column: &str| {
        let query = format!("SELECT window.start, count(*) AS n FROM rows GROUP BY window({column}, '10 seconds')");
        job(&sql(name, &query, "output_mode = \"update\""))
            .replace("ts = \"timestamp\"", "ts = \"timestamp\", sent = \"timestamp\"")
            .replace("event_time = \"ts\"", &format!("event_time = \"{column}\""))
    };
    let row = |ts: &str, sent: &str| format!("{{\"ts\":\"2026-03-01T{ts}Z\",\"sent\":\"2026-03-01T{sent}Z\"}}\n");
    scratch.write("in/0.json", row("23:00:00", "01:00:00"));
    assert_eq!(scratch.run(&windows("a", "ts")).unwrap().rows("a").len(), 1);
    // What came by the one time says nothing of how far the other has come.
    scratch.write("in/1.json", row("23:00:01", "02:00:00"));
    let ran = scratch.run(&windows("b", "sent")).unwrap();
    assert_eq!((ran.summary.late, ran.rows("b").len()), (0, 1));
    // And it goes on from where it is.
    scratch.write("in/2.json", row("23:00:02", "01:00:00"));
    assert_eq!(scratch.run(&windows("b", "sent")).unwrap().summary.late, 1);
}

#[test]
fn the_states_of_a_query_are_not_given_to_each_other() {
    let scratch = Scratch::new();
    let part = |less: &str| {
        format!("SELECT k AS g, count(*) AS n, sum(v) AS v FROM rows WHERE v {less} 2 GROUP BY window(ts, '1 hour'), k")
    };
    let both = sql("x", &format!("{} UNION ALL {}", part("<"), part(">=")), "");
    let one = sql("x", &part(">="), "");
    run_with(&scratch, 0, &both);
    write(&scratch, 1);
    super::refused(&scratch, &one, "x", "how many states its query keeps was changed");
}

#[test]
fn the_sides_of_a_join_are_not_taken_for_each_other() {
    let part = |name: &str, j: &str| sql(name, &format!("SELECT k, v, ts FROM rows WHERE j = '{j}'"), "");
    let near = "p.k = q.k AND date_trunc('hour', p.ts) = date_trunc('hour', q.ts)";
    let nodes = |x: &str, y: &str, from: &str| {
        let join = format!("SELECT p.v AS x, q.v AS y FROM {from} ON {near}");
        format!("{}{}{}", part(x, "x"), part(y, "y"), sql("pairs", &join, ""))
    };
    let filters = |from: &str| {
        let with = ["p AS (SELECT * FROM rows WHERE j = 'x')", "q AS (SELECT * FROM rows WHERE j = 'y')"].join(", ");
        sql("pairs", &format!("WITH {with} SELECT p.v AS x, q.v AS y FROM {from} ON {near}"), "")
    };
    let cases = [
        (
            nodes("l", "r", "l p JOIN r q"),
            nodes("l", "r", "r q JOIN l p"),
            nodes("left", "right", "left p JOIN right q"),
        ),
        (filters("p JOIN q"), filters("q JOIN p"), filters("p JOIN q")),
    ];
    for (job, swapped, renamed) in cases {
        let scratch = Scratch::new();
        assert_eq!(run_with(&scratch, 0, &job).0.rows("pairs"), [json!({"x": 1, "y": 2})]);
        write(&scratch, 1);
        super::refused(&scratch, &swapped, "pairs", "the sides of its join have changed places");
        // A node may have another name.
        let pairs: Vec<_> = run(&scratch, &renamed).0.unwrap().rows("pairs").iter().map(ToString::to_string).collect();
        let mut expected = [(1, 12), (11, 2), (11, 12)].map(|(x, y)| json!({"x": x, "y": y}).to_string()).to_vec();
        expected.sort();
        let mut pairs = pairs;
        pairs.sort();
        assert_eq!(pairs, expected);
    }
}

/// At most two rows of each value of a column in an hour.
fn throttle(name: &str, by: &str) -> String {
    format!("[operator.{name}]\ninput = \"rows\"\nthrottle = {{ keys = [\"{by}\"], rows = 2, per = \"1 hour\" }}\n")
}

/// An operator of a name, by a column.
type Operator<'a> = &'a dyn Fn(&str, &str) -> String;

#[test]
fn operators_of_every_kind_begin_anew_under_a_name_that_another_had() {
    let grouped = |aggregate: &'static str, time: &'static str, mode: &'static str| {
        move |name: &str, by: &str| {
            sql(name, &format!("SELECT {by} AS g, {aggregate} AS n FROM rows GROUP BY {time}{by}"), mode)
        }
    };
    let dedup = |name: &str, by: &str| {
        format!("[operator.{name}]\ninput = \"rows\"\ndedup = {{ keys = [\"{by}\"], within = \"1 hour\" }}\n")
    };
    let join = |name: &str, by: &str| {
        let side = |name: &str, j: &str| sql(name, &format!("SELECT k, j, v, ts FROM rows WHERE j <> '{j}'"), "");
        let near = format!("p.{by} = q.{by} AND date_trunc('hour', p.ts) = date_trunc('hour', q.ts)");
        let pairs = sql(name, &format!("SELECT p.v AS x, q.v AS y FROM l p JOIN r q ON {near}"), "");
        format!("{}{}{pairs}", side("l", "x"), side("r", "none"))
    };
    let kinds: [(&str, Operator<'_>); 7] = [
        ("aggregate", &grouped("sum(v)", "", COMPLETE)),
        ("distinct", &grouped("count(DISTINCT v % 2)", "", COMPLETE)),
        ("windows", &grouped("sum(v)", "window(ts, '1 hour'), ", COMPLETE)),
        ("sessions", &grouped("sum(v)", "session_window(ts, '1 hour'), ", COMPLETE)),
        ("dedup", &dedup),
        ("throttle", &throttle),
        ("join", &join),
    ];
    let rows = |ran: &Ran| {
        let mut rows: Vec<String> = ran.rows("one").iter().map(Value::to_string).collect();
        rows.sort();
        rows
    };
    for (kind, operator) in kinds {
        let (edited, new) = (Scratch::new(), Scratch::new());
        run_with(&edited, 0, &operator("one", "k"));
        run_with(&edited, 1, &operator("other", "k"));
        let again = rows(&run_with(&edited, 2, &operator("one", "j")).0);
        assert!(!again.is_empty(), "{kind}");
        assert_eq!(again, rows(&run_with(&new, 2, &operator("one", "j")).0), "{kind}");
    }
}
