//! What is stored of keys, read as rows.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use serde_json::{Value, json};

use super::super::{Domain, KeyedBinding, TimeToLive};
use super::maps::Words;
use super::native::One;
use super::{Running, pair, row};
use crate::format::encode::json_lines;
use crate::operator::reading::{Reading, Wanted};
use crate::operator::{AnyStateful, StoredColumns};
use crate::state::Table;

/// What is stored of keys, with these values in the first columns.
fn read(running: &mut Running, wanted: &[Option<&str>]) -> Vec<Value> {
    read_of(running, wanted, None)
}

/// The same of the entries of a map, if one is named.
fn read_of(running: &mut Running, wanted: &[Option<&str>], map: Option<usize>) -> Vec<Value> {
    let mut those = Wanted::default();
    for (at, text) in wanted.iter().enumerate() {
        let value: ArrayRef = Arc::new(StringArray::from(vec![*text]));
        assert!(those.with(at, value));
    }
    let names = running.names();
    let mut lines = json_lines(Vec::new());
    let tables = running.state.tables_named(&names);
    let tables: Vec<&Table> = tables.iter().map(|table| &**table).collect();
    let operator: &dyn AnyStateful = &running.operator;
    let columns: StoredColumns = match map {
        Some(_) => running.operator.map_columns(),
        None => operator.stored_columns(&BTreeMap::new()).unwrap(),
    };
    let mut take = |batch| {
        lines.write(&batch).unwrap();
        Ok(ControlFlow::Continue(()))
    };
    let mut reading = Reading::new(columns, &those, &mut take);
    match map {
        Some(map) => running.operator.read_map(map, &tables, &mut reading).unwrap(),
        None => operator.read(&tables, &mut reading).unwrap(),
    }
    lines.finish().unwrap();
    let text = String::from_utf8(lines.into_inner()).unwrap();
    let mut rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    rows.sort_by_key(|row| (row["k"].to_string(), row["entry"].to_string()));
    rows
}

/// Counts its rows but for those that say `timer`, and sets a timer five seconds after each.
fn keep(one: &mut One) -> Result<(), String> {
    let counted = one.rows.iter().filter(|row| row.data != json!("timer")).count() as i64;
    if counted > 0 {
        one.set_number(one.number().unwrap_or(0) + counted);
    }
    for row in one.rows.clone() {
        one.set(Domain::EventTime, 7, row.time.unwrap_or(0) + 5_000_000);
    }
    Ok(())
}

#[test]
fn states_timers_and_when_they_were_changed_are_read_and_found_by_key() {
    let time_to_live = Some(TimeToLive { domain: Domain::EventTime, microseconds: 60_000_000 });
    let mut running = Running::native(KeyedBinding { time_to_live, ..KeyedBinding::default() }, keep);
    let rows =
        [row("a", 1_000_000, json!("up")), row("a", 2_000_000, json!("up")), row("b", 3_000_000, json!("timer"))];
    running.rows(&rows, 0, pair(0, 500_000));
    let timer = |at: &str| json!([{ "clock": "event time", "tag": 7, "at": at }]);
    let a = json!({ "k": "a", "state": "0200000000000000", "changed": "1970-01-01T00:00:00.500Z",
                    "timers": timer("1970-01-01T00:00:07Z") });
    // It has set a timer, and keeps nothing.
    let b = json!({ "k": "b", "timers": timer("1970-01-01T00:00:08Z") });
    assert_eq!(read(&mut running, &[]), [a.clone(), b.clone()]);
    // By a part of the key, and by all of it.
    for rest in [&[][..], &[None]] {
        let with = |key| [&[Some(key)], rest].concat();
        assert_eq!(read(&mut running, &with("a")), std::slice::from_ref(&a));
        assert_eq!(read(&mut running, &with("b")), std::slice::from_ref(&b));
        assert!(read(&mut running, &with("c")).is_empty());
    }
}

#[test]
fn entries_of_maps_are_counted_also_of_keys_that_have_nothing_else() {
    let mut running = Running::new(super::operator(Words::new()).unwrap());
    let adds = [("k", 0, "x"), ("k", 0, "y"), ("k", 1, "x"), ("l", 1, "z")];
    let adds = adds.map(|(key, map, word)| row(key, 5, json!(["add", map, word])));
    running.rows(&adds, 0, pair(0, 1));
    let kept = |key: &str, first: u64, second: u64| json!({ "k": key, "first.entries": first, "second.entries": second, "timers": [] });
    assert_eq!(read(&mut running, &[]), [kept("k", 2, 1), kept("l", 0, 1)]);
    assert_eq!(read(&mut running, &[Some("l")]), [kept("l", 0, 1)]);
    assert_eq!(read(&mut running, &[Some("l"), None]), [kept("l", 0, 1)]);
}

#[test]
fn entries_of_a_map_are_read_and_found_by_key() {
    let mut running = Running::new(super::operator(Words::new()).unwrap());
    // More keys than are made rows of at once, and some with several entries.
    let keys: Vec<String> = (0..5000).map(|key| format!("k{key:04}")).collect();
    let adds = keys.iter().enumerate().flat_map(|(i, key)| {
        let words = ["x", "y", "z"].into_iter().take(1 + i % 3);
        words.map(move |word| row(key, 5, json!(["add", i % 2, word])))
    });
    let adds: Vec<_> = adds.collect();
    running.rows(&adds, 0, pair(0, 1));
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for map in 0..2 {
        let all = read_of(&mut running, &[], Some(map));
        let want = keys.iter().enumerate().filter(|(i, _)| i % 2 == map);
        let want = want.flat_map(|(i, key)| ["x", "y", "z"].into_iter().take(1 + i % 3).map(move |word| (key, word)));
        let want: Vec<(Value, Value)> = want.map(|(key, word)| (json!(key), json!(hex(word)))).collect();
        let told: Vec<(Value, Value)> = all.iter().map(|row| (row["k"].clone(), row["entry"].clone())).collect();
        assert_eq!(told, want);
        assert!(all.iter().all(|row| row["value"].is_string()), "{:?}", all[0]);
        for rest in [&[][..], &[None]] {
            let asked = |key| [&[Some(key)], rest].concat();
            let one: Vec<Value> = all.iter().filter(|row| row["k"] == "k0005").cloned().collect();
            assert_eq!(read_of(&mut running, &asked("k0005"), Some(map)), one);
            assert_eq!(one.len(), 3 * map);
        }
    }
}
