//! Keyed operators: what must stay the same between two runs, what need not, and states of other versions, with timers that
//! are set.

use serde_json::Value;

use super::plugins::write_version_of;
use super::{refused, row, run};
use crate::scratch::Scratch;
use crate::support::Ran;

/// Sessions by `k`; a timer is due two files later.
fn sessions() -> String {
    "[plugin.p]\npath = \"versioned.wasm\"\n[operator.x]\ninput = \"rows\"\nplugin = \"p\"\nkey_by = [\"k\"]\n\
     with = { do = \"visits\", data = \"v\", gap = 150000000 }\n"
        .to_owned()
}

/// Writes file `n`: of `a` two rows, of `b` one; each is counted and no more.
fn write(scratch: &Scratch, n: i64) {
    let rows = [("a", "x", 23), ("a", "y", 46), ("b", "y", 69)].into_iter().zip(0..);
    let rows: String = rows.map(|((k, j, v), i)| row(k, j, v, 100 * n + i)).collect();
    scratch.write(&format!("in/{n}.json"), rows);
}

/// Runs the job of these operators after file `n` has come.
fn run_with(scratch: &Scratch, n: i64, operators: &str) -> (Ran, Vec<String>) {
    write(scratch, n);
    let (ran, told) = run(scratch, operators);
    (ran.unwrap_or_else(|e| panic!("{operators}: {e:?}")), told)
}

fn begun(version: u8) -> Scratch {
    let scratch = Scratch::new();
    write_version_of("guests/keyed-state", &scratch, version);
    run_with(&scratch, 0, &sessions());
    scratch
}

/// What came out: what it is of, the key, and its count and sum.
fn came(ran: &Ran) -> Vec<String> {
    let row = |row: &Value| {
        let row: Value = serde_json::from_str(row["out"].as_str().unwrap()).unwrap();
        format!("{} {} {}", row[0].as_str().unwrap(), row[1][0].as_str().unwrap(), row[2])
    };
    let mut rows: Vec<String> = ran.rows("x").iter().map(row).collect();
    rows.sort();
    rows
}

#[test]
fn what_was_changed_is_said_and_nothing_is_lost_by_a_refusal() {
    let scratch = begun(1);
    write(&scratch, 1);
    let edit = |from: &str, to: &str| {
        let edited = sessions().replace(from, to);
        assert_ne!(edited, sessions());
        edited
    };
    for (from, to, words) in [
        ("key_by = [\"k\"]", "key_by = [\"j\"]", "its keys were changed"),
        ("key_by = [\"k\"]", "key_by = [\"k\", \"j\"]", "its keys were changed"),
        ("gap = 150000000", "gap = 140000000", "plugin `p` was given another configuration"),
        ("data = \"v\"", "data = \"w\"", "function"),
        ("gap = 150000000", "gap = 150000000, time_to_live = 7", "function"),
        ("gap = 150000000", "gap = 150000000, has_map = true", "function"),
    ] {
        refused(&scratch, &edit(from, to), "x", words);
    }
    let renamed = edit("[plugin.p]", "[plugin.q]").replace("plugin = \"p\"", "plugin = \"q\"");
    refused(&scratch, &renamed, "x", "function");
    // As it was, it goes on; a configuration that is written otherwise, and limits, are nothing to it.
    let same = edit(
        "with = { do = \"visits\", data = \"v\", gap = 150000000 }",
        "with = {gap=150_000_000,data=\"v\",do=\"visits\"}",
    )
    .replace("[plugin.p]", "[plugin.p]\nlimits = { time = \"3s\" }");
    let (ran, _) = run(&scratch, &same);
    assert_eq!(came(&ran.unwrap()), ["rows a [4,138]", "rows b [2,138]"]);
    // Under another name it begins anew, and what was there is dropped, timers too.
    let other = edit("[operator.x]", "[operator.y]");
    let (ran, told) = run_with(&scratch, 2, &other);
    assert!(
        told.iter().any(|m| m.contains("`x` is gone")) && told.iter().any(|m| m.contains("`y` is new")),
        "{told:?}"
    );
    assert_eq!(ran.rows("y").len(), 2);
    let (ran, _) = run_with(&scratch, 3, &sessions());
    assert_eq!(came(&ran), ["rows a [2,69]", "rows b [1,69]"]);
}

#[test]
fn states_of_an_older_version_are_brought_over_and_their_timers_fire() {
    let scratch = begun(1);
    write_version_of("guests/keyed-state", &scratch, 2);
    // Without input nothing is committed, so it is done again.
    let (ran, told) = run(&scratch, &sessions());
    assert_eq!(ran.unwrap().summary.epochs, 0);
    assert!(told.iter().any(|m| m.contains("states of version 1 of plugin `p` were brought over")), "{told:?}");
    // The second file's rows move the timers on; the third's come when these are due, a moment before they fire.
    let (ran, told) = run_with(&scratch, 1, &sessions());
    assert!(told.iter().any(|m| m.contains("brought over")), "{told:?}");
    assert_eq!(came(&ran), ["rows a [4,138]", "rows b [2,138]"]);
    write_version_of("guests/keyed-state", &scratch, 1);
    refused(&scratch, &sessions(), "x", "states of version 2 of plugin `p`, whose version is 1");
    write_version_of("guests/keyed-state", &scratch, 3);
    let error = run(&scratch, &sessions()).0.err().expect("it has no migrate");
    for word in ["`x`", "no way from version 2 to version 3"] {
        assert!(error.message().contains(word), "{error}");
    }
    assert!(error.help().is_some_and(|h| h.contains("`migrate`") && h.contains("--fresh")), "{error:?}");

    write_version_of("guests/keyed-state", &scratch, 2);
    scratch.write("in/2.json", row("c", "x", 46, 1000));
    let (ran, _) = run(&scratch, &sessions());
    // Of `a` and `b` what they had when their timers fired: nothing any more, since these remove it.
    assert_eq!(came(&ran.unwrap()), ["event time a null", "event time b null", "rows c [1,46]"]);
}
