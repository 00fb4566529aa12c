//! Keyed operators: what must stay the same between two runs, what need not, and states of other versions, with timers that
//! are set.

use serde_json::{Value, json};

use super::live::{Live, with_versions};
use super::plugins::write_version_of;
use super::{job, refused, row, run};
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
    // What states do not depend on is said by the version that has made them.
    let adjustable = edit("gap = 150000000", "gap = 140000000, may_adjust_gap = true");
    refused(
        &scratch,
        &adjustable,
        "x",
        "another configuration (`with`), and does not say that its states are the same",
    );
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

#[test]
fn a_configuration_that_states_do_not_depend_on_is_changed_and_the_states_stay() {
    let text = |gap: u64| {
        sessions().replace("gap = 150000000", &format!("gap = {gap}, may_adjust_gap = true, tells_version = 1"))
    };
    let scratch = with_versions("guests/keyed-state", 0);
    (0..5).for_each(|n| write(&scratch, n));
    // So late that all timers are due.
    scratch.write("in/5.json", row("c", "x", 23, 2000));
    let job = |gap| job(&text(gap).replace("versioned.wasm", "first.wasm"));
    let mut live = Live::open(&scratch, &job(150_000_000));
    live.epochs(1);
    drop(live);
    // By an edit of the job's file, by a swap, and by a swap to a version whose states are brought over as well.
    let mut live = Live::open(&scratch, &job(140_000_000));
    live.epochs(1);
    let swapping = live.swap(&scratch, "", &json!({ "gap": 130_000_000 }));
    live.epochs(2);
    let both = live.swap(&scratch, "second.wasm", &json!({ "gap": 120_000_000 }));
    let (ran, told) = live.end();
    assert_eq!((swapping.wait().unwrap().epoch, both.wait().unwrap().epoch), (2, 4), "{told:?}");
    let told: Vec<String> = ran.rows("x").iter().map(|row| row["out"].as_str().unwrap().to_owned()).collect();
    assert!(told.contains(&r#"["rows",["a"],[10,345],[[23,46],null],2]"#.to_owned()), "all five files: {told:?}");
    // Two minutes after the last row of `a`, which came at 6:41.
    let at = 1_772_323_200_000_000 + (401 + 120) * 1_000_000_i64;
    assert!(told.contains(&format!(r#"["event time",["a"],null,[0,{at}],2]"#)), "{told:?}");
}
