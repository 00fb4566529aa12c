//! Checkpoints of versions that noted what must stay the same in a library's words, and kept for ever what removed
//! operators had stored. They are made of one of this version's by writing another record after its last.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_engine::checkpoint::{Checkpoint, Options};
use millstream_engine::run::check;
use millstream_engine::state::State;
use millstream_engine::storage::LocalStorage;
use serde_json::{Value, json};

use super::{COMPLETE, job, refused, run, run_with, sql, write};
use crate::scratch::Scratch;
use crate::support::runtime;

/// Appends an epoch that changes nothing, with `stateful` in its record.
fn note(scratch: &Scratch, stateful: BTreeMap<String, Value>) {
    let storage = Arc::new(LocalStorage::new(scratch.path().join("state")));
    let (mut checkpoint, found) = Checkpoint::open(storage, &Options::default()).unwrap();
    let mut record = found.last.unwrap();
    record.epoch += 1;
    record.outputs.clear();
    record.stateful = stateful;
    checkpoint.append(&record, &State::new(checkpoint.partitions()).take_changes(), &[]).unwrap();
    checkpoint.mark_published(record.epoch).unwrap();
    checkpoint.close().unwrap();
}

/// What an earlier version noted of these operators.
fn former(scratch: &Scratch, operators: &str) -> BTreeMap<String, Value> {
    let plan = check(scratch.job(&job(operators)).unwrap(), Some(&runtime())).unwrap();
    let former = plan.stateful.iter().map(|s| (s.name.to_string(), s.operator.former_fingerprint().text.into()));
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
