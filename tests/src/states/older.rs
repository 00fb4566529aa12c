//! Checkpoints of versions that noted what must stay the same in a library's words, and kept for ever what removed
//! operators had stored. They are made of one of this version's by writing another record after its last.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use millstream_engine::checkpoint::{Checkpoint, OpenOptions};
use millstream_engine::run::check;
use millstream_engine::state::row::{Form, RowBuffer, decode, encode};
use millstream_engine::state::{Partition, State};
use millstream_engine::storage::LocalStorage;
use serde_json::{Value, json};

use super::{COMPLETE, job, refused, row, run, run_with, sql, write};
use crate::scratch::Scratch;
use crate::support::runtime;

/// Appends an epoch that changes nothing, with `stateful` in its record.
pub(super) fn note(scratch: &Scratch, stateful: BTreeMap<String, Value>) {
    append(scratch, |noted, _| *noted = stateful);
}

/// Appends an epoch that changes what its record says of operators, and the state.
fn append(scratch: &Scratch, change: impl FnOnce(&mut BTreeMap<String, Value>, &mut State)) {
    let storage = Arc::new(LocalStorage::new(scratch.path().join("state")));
    let (mut checkpoint, mut found) = Checkpoint::open(storage, &OpenOptions::default()).unwrap();
    let mut record = found.last.unwrap();
    record.epoch += 1;
    record.outputs.clear();
    change(&mut record.stateful, &mut found.state);
    checkpoint.append(&record, &found.state.take_changes(), &[]).unwrap();
    checkpoint.mark_published(record.epoch).unwrap();
    checkpoint.close().unwrap();
}

/// What an earlier version noted of these operators.
fn former(scratch: &Scratch, operators: &str) -> BTreeMap<String, Value> {
    let plan = check(scratch.job(&job(operators)).unwrap(), Some(&runtime())).unwrap();
    let former = plan.stateful.iter().map(|(name, s)| (name.to_string(), s.operator.former_fingerprint().text.into()));
    former.collect()
}

fn totals(by: &str) -> String {
    sql("totals", &format!("SELECT {by} AS k, sum(v) AS v FROM rows GROUP BY {by}"), COMPLETE)
}

fn rows(ran: &crate::support::Ran, name: &str) -> Vec<Value> {
    let mut rows = ran.rows(name);
    rows.sort_by_key(Value::to_string);
    rows
}

#[test]
fn what_an_earlier_version_kept_of_removed_operators_is_dropped() {
    for by in ["k", "j"] {
        let scratch = Scratch::new();
        run_with(&scratch, 0, &totals("k"));
        // `totals` was renamed for one epoch, and its state stayed.
        note(&scratch, BTreeMap::from([("sums".to_owned(), "no time; keys …".into())]));
        let (ran, told) = run_with(&scratch, 1, &totals(by));
        assert!(told.iter().any(|m| m.contains("state of an earlier `totals`") && m.contains("dropped")), "{told:?}");
        let expected = match by {
            "k" => [json!({"k": "a", "v": 23}), json!({"k": "b", "v": 13})],
            _ => [json!({"k": "x", "v": 11}), json!({"k": "y", "v": 25})],
        };
        assert_eq!(rows(&ran, "totals"), expected);
        // For good.
        let (ran, told) = run(&scratch, &totals(by));
        assert_eq!((ran.unwrap().summary.epochs, told), (0, Vec::new()));
    }
}

#[test]
fn a_checkpoint_with_fingerprints_in_a_librarys_words_is_taken_up() {
    let scratch = Scratch::new();
    run_with(&scratch, 0, &totals("k"));
    note(&scratch, former(&scratch, &totals("k")));
    refused(&scratch, &totals("j"), "totals", "its keys, window or aggregates were changed");
    // An edit that this state does not depend on.
    let more = format!("{}{}", totals("k"), sql("shown", "SELECT k FROM rows", ""));
    let (ran, _) = run_with(&scratch, 1, &more);
    assert_eq!(rows(&ran, "totals"), [json!({"k": "a", "v": 26}), json!({"k": "b", "v": 16})]);
    // Noted anew, it is told precisely.
    refused(&scratch, &totals("j"), "totals", "does not fit any more: its keys were changed");
}

#[test]
fn what_an_earlier_version_did_not_note_must_not_be_edited_before_it_is() {
    let by_mode = |mode: &str| {
        sql(
            "x",
            "SELECT k, sum(v) AS v FROM rows GROUP BY session_window(ts, '30 seconds'), k",
            &format!("output_mode = \"{mode}\""),
        )
    };
    let scratch = Scratch::new();
    run_with(&scratch, 0, &by_mode("complete"));
    let noted = former(&scratch, &by_mode("complete"));
    assert_eq!(noted, former(&scratch, &by_mode("append")), "the mode was not noted");
    note(&scratch, noted);
    write(&scratch, 1);
    refused(&scratch, &by_mode("append"), "x", "has not noted all");
    let (ran, _) = run(&scratch, &by_mode("complete"));
    assert_eq!(ran.unwrap().rows("x").len(), 4);
    refused(&scratch, &by_mode("append"), "x", "it was in complete mode and is in append mode now");
}

/// A key's sessions with a state of lists: of each call the values in the session's set, which are of int64.
fn with_lists(sessions: &[u8], sets: &Partition, calls: u8) -> Vec<u8> {
    let number = |at: usize| i64::from_le_bytes(sessions[at..at + 8].try_into().unwrap());
    let (mut old, mut at) = (Vec::new(), 0);
    while at < sessions.len() {
        let len = u32::from_le_bytes(sessions[at + 16..at + 20].try_into().unwrap()) as usize;
        let entries = sets.bucket(number(at + 20)).map(|bucket| bucket.sorted()).unwrap_or_default();
        let list = |call: u8| -> ArrayRef {
            let values = entries.iter().filter_map(|(entry, _)| entry.strip_prefix(&[0, call]));
            let values: Vec<&[u8]> = values.collect();
            let lengths = OffsetBuffer::from_lengths([values.len()]);
            let fields = Fields::from(vec![Field::new("v", DataType::Int64, true)]);
            let item = Arc::new(Field::new_list_field(DataType::Struct(fields.clone()), false));
            let values = StructArray::new(fields, decode(&values, &[DataType::Int64]).unwrap(), None);
            Arc::new(ListArray::new(item, lengths, Arc::new(values), None))
        };
        let mut state = RowBuffer::new();
        encode(&(0..calls).map(list).collect::<Vec<_>>(), 1, Form::Value, &mut state).unwrap();
        old.extend_from_slice(&sessions[at..at + 16]);
        old.extend_from_slice(&(state.row(0).len() as u32).to_le_bytes());
        old.extend_from_slice(state.row(0));
        at += 28 + len;
    }
    old
}

#[test]
fn sets_of_sessions_that_were_lists_in_their_states_are_brought_over() {
    let query = "SELECT k, count(DISTINCT v) AS n, sum(DISTINCT w) FILTER (WHERE v > 12) AS sum FROM rows \
                 GROUP BY session_window(ts, '200 seconds'), k";
    let query = sql("x", query, COMPLETE);
    let scratch = Scratch::new();
    run_with(&scratch, 0, &query);
    run_with(&scratch, 1, &query);
    append(&scratch, |noted, state| {
        assert!(noted.get_mut("x").unwrap().as_object_mut().unwrap().remove("sets").is_some());
        let tables = ["x".to_owned(), "x.distinct".to_owned()];
        let [sessions, sets] = state.tables_named(&tables).try_into().unwrap();
        let mut changed = 0;
        for (sessions, sets) in sessions.partitions_mut().iter_mut().zip(sets.partitions_mut()) {
            let keys = sessions.bucket(0).map(|bucket| bucket.sorted()).unwrap_or_default();
            let old: Vec<_> = keys.iter().map(|(key, value)| (key.to_vec(), with_lists(value, sets, 2))).collect();
            changed += old.len();
            for (key, value) in &old {
                sessions.put(0, key, value);
            }
            sets.clear();
        }
        assert_eq!(changed, 2);
    });
    // Without input nothing is committed, so it is done again.
    let (ran, told) = run(&scratch, &query);
    assert_eq!(ran.unwrap().summary.epochs, 0);
    assert!(told.iter().any(|m| m.contains("`x`: an earlier version kept the values of DISTINCT")), "{told:?}");
    let (ran, told) = run_with(&scratch, 2, &query);
    assert!(told.iter().any(|m| m.contains("they were brought over")), "{told:?}");
    let want = [json!({"k": "a", "n": 6, "sum": 430}), json!({"k": "b", "n": 3, "sum": 360})];
    assert_eq!(rows(&ran, "x"), want);
    // Values that were there count no more than once.
    scratch.write("in/3.json", row("a", "x", 1, 250) + &row("b", "y", 13, 250));
    let (ran, told) = run(&scratch, &query);
    assert!(!told.iter().any(|m| m.contains("brought over")), "{told:?}");
    assert_eq!(rows(&ran.unwrap(), "x"), want);
}
