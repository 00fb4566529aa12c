//! Aggregates by plugins, and plugins in what is grouped by: what they were told, what they read, and which version of
//! them has stored the states.

use std::path::Path;

use serde_json::{Value, json};

use super::{COMPLETE, job, refused, row, run, run_with, sql, write};
use crate::restart::{Watch, watched};
use crate::scratch::Scratch;
use crate::support::{Ran, component_of, here};

fn plugin(path: &Path, with: &str) -> String {
    format!("[plugin.p]\npath = {path:?}\n{with}\n")
}

fn sums_of(with: &str) -> String {
    plugin(&here().join("../plugins/sum-and-max"), with)
}

fn node(name: &str, with: &str) -> String {
    format!(
        "[operator.{name}]\ninput = \"rows\"\nplugin = \"p\"\ngroup_by = [\"k\"]\noutput_mode = \"update\"\n{with}\n"
    )
}

/// Per group: its name and its sum.
fn sums(ran: &Ran) -> Vec<Value> {
    let mut rows: Vec<Value> = ran.rows("x").iter().map(|r| json!([r["k"], r["sum"]])).collect();
    rows.sort_by_key(Value::to_string);
    rows
}

#[test]
fn another_configuration_of_a_plugin_is_refused_by_its_name() {
    let with = |column: &str| format!("with = {{ column = \"{column}\" }}");
    let in_sql =
        |with: &str| format!("{}{}", sums_of(with), sql("x", "SELECT k, p(v) AS sum FROM rows GROUP BY k", COMPLETE));
    let in_node = |column: &str| format!("{}{}", sums_of(""), node("x", &with(column)));
    for (what, before, after, again) in [
        ("node", in_node("v"), in_node("w"), in_node("v")),
        (
            "SQL",
            in_sql("with = { output = \"sum\" }"),
            in_sql("with = { output = \"max\" }"),
            in_sql("with = { output = \"sum\" }"),
        ),
    ] {
        let scratch = Scratch::new();
        run_with(&scratch, 0, &before);
        write(&scratch, 1);
        let words =
            if what == "node" { "its aggregates were changed" } else { "plugin `p` was given another configuration" };
        refused(&scratch, &after, "x", words);
        let (ran, _) = run(&scratch, &again);
        assert_eq!(sums(&ran.unwrap()), [json!(["a", 26]), json!(["b", 16])], "{what}");
    }
    // In what is grouped by: what is a group under one configuration is another one under the next.
    let by_word = |n: u32| {
        let plugin = plugin(&here().join("../plugins/nth-word"), &format!("with = {{ n = {n}, separator = \"-\" }}"));
        let query = "SELECT p(k || '-' || j) AS k, sum(v) AS sum FROM rows GROUP BY p(k || '-' || j)";
        format!("{plugin}{}", sql("x", query, COMPLETE))
    };
    let scratch = Scratch::new();
    run_with(&scratch, 0, &by_word(1));
    refused(&scratch, &by_word(2), "x", "its keys were changed");
    assert_eq!(sums(&run_with(&scratch, 1, &by_word(1)).0), [json!(["a", 26]), json!(["b", 16])]);
}

#[test]
fn a_configuration_that_an_aggregate_does_not_depend_on_is_changed_and_the_states_stay() {
    let scratch = Scratch::new();
    write_version_of("guests/three-versions", &scratch, 1);
    let times = |n: u32| {
        let path = scratch.path().join("versioned.wasm");
        format!("{}{}", plugin(&path, ""), node("x", &format!("with = {{ times = {n} }}")))
    };
    run_with(&scratch, 0, &times(2));
    assert_eq!(sums(&run_with(&scratch, 1, &times(3)).0), [json!(["a", 78]), json!(["b", 48])]);
    // And with a version that has other states.
    write_version_of("guests/three-versions", &scratch, 2);
    let (ran, told) = run_with(&scratch, 2, &times(1));
    assert_eq!(sums(&ran), [json!(["a", 69]), json!(["b", 39])]);
    assert!(told.iter().any(|m| m.contains("of version 1 of plugin `p` were brought over")), "{told:?}");
    refused(&scratch, &times(1).replace("times = 1", "times = 1, column = \"v\""), "x", "another configuration");
}

#[test]
fn what_others_read_of_a_plugins_input_is_nothing_to_its_state() {
    let x = format!("{}{}", sums_of(""), node("x", "with = { column = \"v\" }"));
    let scratch = Scratch::new();
    run_with(&scratch, 0, &x);
    // A sink that wants columns of the input that nobody wanted before; and not any more.
    let raw = "[sink.raw]\ninput = \"rows\"\nconnector = \"memory\"\n";
    write(&scratch, 1);
    let ran = scratch.run(&(job(&x) + raw)).unwrap();
    assert_eq!((ran.rows("raw").len(), sums(&ran)), (3, vec![json!(["a", 26]), json!(["b", 16])]));
    assert_eq!(sums(&run_with(&scratch, 2, &x).0), [json!(["a", 69]), json!(["b", 39])]);
    // Other spacing, other limits.
    let other = x
        .replace("with = { column = \"v\" }", "with = {column=\"v\"}")
        .replace("[plugin.p]", "[plugin.p]\nlimits = { time = \"2s\" }");
    assert_eq!(sums(&run_with(&scratch, 3, &other).0), [json!(["a", 132]), json!(["b", 72])]);
    // A plugin of another name is another plugin.
    let renamed = x.replace("[plugin.p]", "[plugin.q]").replace("plugin = \"p\"", "plugin = \"q\"");
    refused(&scratch, &renamed, "x", "its aggregates were changed");
}

/// Writes `versioned.wasm`: the test guest whose states are of `version`.
fn write_version(scratch: &Scratch, version: u8) {
    write_version_of("guests/three-versions", scratch, version);
}

/// Writes `versioned.wasm`: the guest in this folder with states of `version`.
pub fn write_version_of(guest: &'static str, scratch: &Scratch, version: u8) {
    scratch.write("versioned.wasm", component_of(guest, version));
}

#[test]
fn states_of_an_older_version_of_a_plugin_are_brought_over() {
    let plugin = plugin(Path::new("versioned.wasm"), "");
    let grouped = |by: &str, more: &str| {
        let query = format!(
            "SELECT k, count(*) AS n, p(v) AS sum, count(DISTINCT v) AS kinds, max(v) AS most FROM rows GROUP BY {by}"
        );
        format!("{plugin}{}", sql("x", &query, more))
    };
    for (what, operators) in [
        ("groups", grouped("k", COMPLETE)),
        ("windows", grouped("window(ts, '1000 seconds'), k", COMPLETE)),
        ("sessions", grouped("session_window(ts, '200 seconds'), k", COMPLETE)),
        ("a node", format!("{plugin}{}", node("x", ""))),
    ] {
        let scratch = Scratch::new();
        write_version(&scratch, 1);
        run_with(&scratch, 0, &operators);
        run_with(&scratch, 1, &operators);
        write_version(&scratch, 2);
        // Without input nothing is committed, so it is done again.
        let (ran, told) = run(&scratch, &operators);
        assert_eq!(ran.unwrap().summary.epochs, 0, "{what}");
        assert!(told.iter().any(|m| m.contains("states of version 1 of plugin `p` were brought over")), "{told:?}");
        let (ran, told) = run_with(&scratch, 2, &operators);
        assert!(told.iter().any(|m| m.contains("brought over")), "{told:?}");
        assert_eq!(sums(&ran), [json!(["a", 69]), json!(["b", 39])], "{what}");
        // From then on they are of the new version.
        let (ran, told) = run_with(&scratch, 3, &operators);
        assert!(!told.iter().any(|m| m.contains("brought over")), "{told:?}");
        assert_eq!(sums(&ran), [json!(["a", 132]), json!(["b", 72])], "{what}");

        write_version(&scratch, 1);
        let error = refused(&scratch, &operators, "x", "states of version 2 of plugin `p`, whose version is 1");
        assert!(error.help().unwrap().contains("state_version 2 or a later one"), "{error:?}");
        write_version(&scratch, 3);
        let error = run(&scratch, &operators).0.err().expect("it has no migrate");
        for word in
            ["`x`", "plugin `p` cannot bring over its states of version 2", "no way from version 2 to version 3"]
        {
            assert!(error.message().contains(word), "{error}");
        }
        assert!(error.help().is_some_and(|h| h.contains("`migrate`") && h.contains("--fresh")), "{error:?}");
        write_version(&scratch, 2);
        assert_eq!(sums(&run_with(&scratch, 4, &operators).0), [json!(["a", 215]), json!(["b", 115])], "{what}");
    }
}

#[test]
fn another_build_with_the_same_state_version_goes_on() {
    let operators = format!("{}{}", plugin(Path::new("versioned.wasm"), ""), node("x", ""));
    let scratch = Scratch::new();
    write_version(&scratch, 1);
    run_with(&scratch, 0, &operators);
    let file = scratch.path().join("versioned.wasm");
    let mut component = std::fs::read(&file).unwrap();
    // A section that nobody reads: its number, its length, the length of its name, its name.
    component.extend([0, 3, 2, b'b', b'1']);
    std::fs::write(&file, component).unwrap();
    write(&scratch, 1);
    let (ran, told) = watched(&scratch, &job(&operators), Watch::default(), None);
    assert!(told.iter().any(|m| m.contains("plugin `p` was replaced")), "{told:?}");
    assert_eq!(sums(&ran.unwrap()), [json!(["a", 26]), json!(["b", 16])]);
}

#[test]
fn states_that_another_build_cannot_read_stop_the_job_and_nothing_is_lost() {
    let in_sql = sql("x", "SELECT k, p.total(v) AS total FROM rows GROUP BY k", COMPLETE);
    let keyed = |plugin: &str| format!("[operator.x]\ninput = \"rows\"\nplugin = \"p.{plugin}\"\nkey_by = [\"k\"]\n");
    let totals = |ran: &Ran| {
        let mut rows: Vec<Value> = ran.rows("x").iter().map(|r| json!([r["k"], r["total"]])).collect();
        rows.sort_by_key(Value::to_string);
        rows
    };
    let timed = format!("{}with = {{ by_timer = true }}\n", keyed("in-value"));
    for (operators, place, expected) in [
        (in_sql, "plugin `p.total`", [json!(["a", 4]), json!(["b", 2])].as_slice()),
        (keyed("in-map"), r#"plugin `p.in-map`, for {"k":""#, &[json!(["a", 2]), json!(["a", 2]), json!(["b", 2])]),
        (keyed("in-value"), r#"plugin `p.in-value`, for {"k":""#, &[json!(["a", 4]), json!(["b", 2])]),
        (timed, r#"plugin `p.in-value`, for {"k":""#, &[json!(["a", 2]), json!(["b", 1])]),
    ] {
        let operators = format!("{}{operators}", plugin(Path::new("versioned.wasm"), ""));
        let scratch = Scratch::new();
        write_version_of("guests/another-shape", &scratch, 1);
        run_with(&scratch, 0, &operators);
        write_version_of("guests/another-shape", &scratch, 2);
        match operators.contains("by_timer") {
            // Rows of another key, which make the timers due.
            true => drop(scratch.write("in/1.json", row("c", "x", 1, 100))),
            false => write(&scratch, 1),
        }
        for _ in 0..2 {
            let error = run(&scratch, &operators).0.err().expect("it cannot read them");
            let words = "the plugin cannot read a stored state: ";
            assert!([place, words].iter().all(|words| error.message().contains(words)), "{error}");
            assert!(error.message().contains("missing field `since`"), "{error}");
            assert!(error.help().is_some_and(|help| help.contains("`migrate`")), "{error:?}");
        }
        assert!(!scratch.path().join("states.dead-letters.jsonl").exists(), "{operators}");
        write_version_of("guests/another-shape", &scratch, 1);
        let (ran, _) = run(&scratch, &operators);
        assert_eq!(totals(&ran.unwrap()), expected, "{operators}");
    }
}
