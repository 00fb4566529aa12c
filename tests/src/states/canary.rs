//! Another version of a plugin answers for a share of the keys, and can go at any time.

use std::collections::{BTreeMap, BTreeSet};

use millstream_engine::job::PluginChange;
use millstream_engine::run::{CanaryTerms, Changed, Environment, RunOptions, Swapping};
use millstream_engine::{ErrorKind, Result};
use serde_json::{Map, Value, json};

use super::live::{Live, jobs, with_versions};
use super::{job, row};
use crate::replay::{again, with_files};
use crate::scratch::Scratch;
use crate::shadow::beside;
use crate::simulation::Random;
use crate::support::component_of;

const GUEST: &str = "guests/keyed-state";

/// Sessions of keys, whose rows say which version made them. `more`: further keys of the configuration.
fn sessions(more: &str) -> String {
    with_files(&job(&format!(
        "[plugin.p]\npath = \"first.wasm\"\n[operator.x]\ninput = \"rows\"\nplugin = \"p\"\nkey_by = [\"k\"]\n\
         with = {{ do = \"visits\", data = \"v\", gap = 250000000, tells_version = 1{more} }}\n"
    )))
}

/// Files of rows with some of three hundred keys: most are counted, some take their key away, refuse a row, or fail.
fn with_keys(files: i64) -> Scratch {
    let scratch = with_versions(GUEST, 0);
    for n in 0..files {
        let mut random = Random::new(n as u64);
        let rows = (0..60).map(|i| {
            let value = *random.pick(&[23, 46, 69, 23, 46, 26, 29, 31]);
            row(&format!("key {}", random.below(300)), "x", value, 100 * n + i)
        });
        scratch.write(&format!("in/{n:02}.json"), rows.collect::<String>());
    }
    scratch
}

fn begin(live: &Live, scratch: &Scratch, file: &str, share: &str, promote_after: Option<u64>) -> Result<Swapping> {
    let path = Some(scratch.path().join(file));
    let change = PluginChange { plugin: "p".into(), path, ..PluginChange::default() };
    live.control.canary(change, CanaryTerms { share: share.parse().unwrap(), promote_after })
}

/// What each row says, and by which version.
fn told(rows: &[Value]) -> Vec<(Value, i64)> {
    let told = rows.iter().map(|row| {
        let mut row: Vec<Value> = serde_json::from_str(row["out"].as_str().unwrap()).unwrap();
        let version = row.pop().unwrap().as_i64().unwrap();
        (Value::from(row), version)
    });
    told.collect()
}

fn without_versions(rows: &[(Value, i64)]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|(row, _)| row.to_string()).collect();
    rows.sort();
    rows
}

fn keys_of(rows: &[(Value, i64)], version: i64) -> BTreeSet<String> {
    rows.iter().filter(|(_, made_by)| *made_by == version).map(|(row, _)| row[1][0].to_string()).collect()
}

#[test]
fn some_keys_are_answered_for_by_another_version_until_it_ends_and_nothing_of_it_is_left() {
    for more in [
        "",
        ", fails = 1, by_event_time = true",
        ", has_map = true, keep_timers = true",
        ", time_to_live = 400000000, by = \"event\"",
    ] {
        let text = sessions(more);
        let undisturbed = with_keys(24).run(&text).unwrap();
        let want = without_versions(&told(&undisturbed.rows("x")));
        let scratch = with_keys(24);
        let mut live = Live::open(&scratch, &text);
        live.epochs(6);
        let before = told(&live.rows("x"));
        let canary = begin(&live, &scratch, "second.wasm", "30%", None).unwrap();
        live.epochs(8);
        let begun = canary.wait().unwrap();
        assert_eq!((begun.epoch, begun.share), (6, Some("30%".parse().unwrap())));
        let during = told(&live.rows("x")).split_off(before.len());
        let ending = live.control.end_canary().unwrap();
        let ended = live.rows("x").len();
        live.epochs(3);
        assert_eq!(ending.wait().unwrap(), "p");
        let after = told(&live.rows("x")).split_off(ended);
        let (ran, messages) = live.end();

        let (old, new) = (keys_of(&during, 1), keys_of(&during, 2));
        assert!(old.is_disjoint(&new), "{more}: a key is answered for by one of them");
        let share = new.len() * 100 / (old.len() + new.len());
        assert!((18..42).contains(&share), "{more}: {share}% of the keys");
        assert!(keys_of(&before, 2).is_empty() && keys_of(&after, 2).is_empty(), "{more}");
        assert_eq!(without_versions(&told(&ran.rows("x"))), want, "{more}");
        assert_eq!(ran.summary.rejected, undisturbed.summary.rejected, "{more}");
        assert!(messages.iter().any(|m| m.contains("answers for 30% of the keys since epoch 6")), "{messages:?}");
        assert!(messages.iter().any(|m| m.contains("the canary") && m.contains("has ended, as it was told")));
        let (done, each) = again(&scratch, (0, 23), None).unwrap();
        assert_eq!((done.epochs, done.same), (24, 24), "{more}: {each:?}");
        // No table of it is left for the next run to find.
        let (_, messages) = Live::open(&scratch, &text).end();
        assert!(!messages.iter().any(|m| m.contains("canary") || m.contains("dropped")), "{messages:?}");
    }
}

#[test]
fn a_canary_that_does_well_is_promoted_and_one_that_refuses_more_is_not() {
    for (more, share, promoted) in [("", "25%", true), (", fails = 1", "25%", true), (", fails = 2", "25%", false)] {
        let text = sessions(more);
        let undisturbed = with_keys(24).run(&text).unwrap();
        let scratch = with_keys(24);
        let mut live = Live::open(&scratch, &text);
        live.epochs(4);
        let canary = begin(&live, &scratch, "second.wasm", share, Some(5)).unwrap();
        let (ran, messages) = live.end();
        assert_eq!(canary.wait().unwrap().epoch, 4);
        let swapped = messages.iter().find(|m| m.contains("`p` was swapped with epoch"));
        assert_eq!(swapped.is_some(), promoted, "{more}: {messages:?}");
        let rows = told(&ran.rows("x"));
        let mut by_key: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for (row, version) in &rows {
            by_key.entry(row[1][0].to_string()).or_default().insert(*version);
        }
        let ever_new = by_key.values().filter(|versions| versions.contains(&2)).count();
        if promoted {
            assert!(swapped.unwrap().contains("with epoch 9"), "{swapped:?}");
            assert!(ever_new > 150, "{more}: {ever_new}");
            assert_eq!(without_versions(&rows), without_versions(&told(&undisturbed.rows("x"))), "{more}");
        } else {
            assert!(ever_new < 120, "{more}: {ever_new}");
            let refused = ran.summary.rejected - undisturbed.summary.rejected;
            assert!(refused > 5, "what the new version fails with is a dead letter: {refused}");
        }
    }
}

#[test]
fn a_canary_that_is_ended_is_not_promoted_any_more() {
    let text = sessions("");
    let undisturbed = with_keys(24).run(&text).unwrap();
    let scratch = with_keys(24);
    let environment = Environment { brought_over: 8, ..Environment::default() };
    let mut live = Live::try_open(&scratch, &text, RunOptions { environment, ..RunOptions::default() }).unwrap();
    live.epochs(8);
    let canary = begin(&live, &scratch, "second.wasm", "20%", Some(2)).unwrap();
    live.epochs(4);
    let ending = live.control.end_canary().unwrap();
    let (ran, messages) = live.end();
    canary.wait().unwrap();
    ending.wait().unwrap();
    assert!(messages.iter().any(|m| m.contains("states are being brought over")), "{messages:?}");
    assert!(messages.iter().any(|m| m.contains("was not swapped: its canary has ended")), "{messages:?}");
    assert!(!messages.iter().any(|m| m.contains("was swapped with")), "{messages:?}");
    assert_eq!(without_versions(&told(&ran.rows("x"))), without_versions(&told(&undisturbed.rows("x"))));
}

#[test]
fn a_job_that_is_started_again_has_no_canary_and_goes_on_as_it_was() {
    let text = sessions("");
    let undisturbed = with_keys(20).run(&text).unwrap();
    let scratch = with_keys(20);
    let mut live = Live::open(&scratch, &text);
    live.epochs(5);
    let canary = begin(&live, &scratch, "second.wasm", "40%", None).unwrap();
    live.epochs(5);
    canary.wait().unwrap();
    let mut rows = told(&live.rows("x"));
    // As if it had been killed: what is committed stays.
    drop(live);
    let (ran, messages) = Live::open(&scratch, &text).end();
    let over = "a canary answered for some keys of `x`: it has ended with the job, and its states are dropped";
    assert!(messages.iter().any(|m| m == over), "{messages:?}");
    let again = told(&ran.rows("x"));
    assert!(keys_of(&again, 2).is_empty());
    rows.extend(again);
    assert_eq!(without_versions(&rows), without_versions(&told(&undisturbed.rows("x"))));
}

#[test]
fn what_cannot_be_a_canary_is_refused_and_the_job_goes_on() {
    let text = sessions("");
    let scratch = with_keys(12);
    scratch.write("third.wasm", component_of(GUEST, 3));
    let mut live = Live::open(&scratch, &text);
    live.epochs(2);
    let canary = begin(&live, &scratch, "third.wasm", "10%", None).unwrap();
    live.epochs(1);
    let refused = canary.wait().unwrap_err();
    assert!(refused.message().contains("no way from version 1 to version 3"), "{refused}");
    let none = live.control.end_canary().unwrap();
    live.epochs(1);
    assert!(none.wait().unwrap_err().message().contains("the job has no canary"));
    let canary = begin(&live, &scratch, "second.wasm", "10%", None).unwrap();
    live.epochs(2);
    canary.wait().unwrap();
    let second = begin(&live, &scratch, "second.wasm", "20%", None).unwrap();
    live.epochs(1);
    assert!(second.wait().unwrap_err().message().contains("plugin `p` has a canary"));
    let (ran, messages) = live.end();
    let undisturbed = with_keys(12).run(&text).unwrap();
    assert_eq!(without_versions(&told(&ran.rows("x"))), without_versions(&told(&undisturbed.rows("x"))));
    assert!(messages.iter().filter(|m| m.contains("was not swapped")).count() == 2, "{messages:?}");

    // An aggregate has groups, and no keys of its own.
    let (_, guest, text) = jobs().remove(0);
    let scratch = with_versions(guest, 4);
    let mut live = Live::try_open(&scratch, &text, RunOptions::default()).unwrap();
    live.epochs(1);
    let canary = begin(&live, &scratch, "second.wasm", "10%", None).unwrap();
    live.epochs(1);
    let refused = canary.wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.message().contains("has operators without keys of their own"), "{refused}");
}

#[test]
fn epochs_with_a_canary_are_computed_again_with_it_whatever_became_of_it() {
    let text = sessions(", may_adjust_gap = true");
    let scratch = with_keys(28);
    let mut live = Live::open(&scratch, &text);
    live.epochs(3);
    // Of a component that nothing else uses, with another configuration: its timers, and what it tells of them, are others.
    let mut component = component_of(GUEST, 2);
    component.extend(b"\0\x05\x04mine");
    scratch.write("mine.wasm", component);
    let (path, with) = (scratch.path().join("mine.wasm"), json!({ "gap": 100_000_000 }));
    let with = with.as_object().unwrap().clone();
    let change = PluginChange { plugin: "p".into(), path: Some(path), with, ..PluginChange::default() };
    let canary = live.control.canary(change, CanaryTerms { share: "50%".parse().unwrap(), promote_after: None });
    live.epochs(3);
    let began = canary.unwrap().wait().unwrap().epoch;
    // While it is there, also beside a shadow, which has none.
    let seeing = beside(&scratch, "second.wasm", Map::new(), 2);
    let seen = seeing.sees(&mut live, 2);
    seeing.end().unwrap();
    assert!(seen.iter().all(|epoch| epoch.unlike.is_empty() && !epoch.is_same_after()), "{seen:?}");
    let ending = live.control.end_canary().unwrap();
    live.epochs(2);
    assert_eq!(ending.wait().unwrap(), "p");
    // One that is promoted.
    let promoted = begin(&live, &scratch, "second.wasm", "30%", Some(4)).unwrap();
    live.epochs(8);
    assert_eq!(promoted.wait().unwrap().epoch, 10);
    // And one more, with which the job is killed.
    let killed = begin(&live, &scratch, "second.wasm", "70%", None).unwrap();
    live.epochs(3);
    let last = killed.wait().unwrap().epoch;
    drop(live);
    let (_, messages) = Live::open(&scratch, &text).end();
    assert!(messages.iter().any(|m| m.contains("it has ended with the job")), "{messages:?}");
    let end = 27;
    assert!(began == 3 && 14 < last && last + 3 < end, "{began} {last}");
    let gone = scratch.path().join("gone.wasm");
    std::fs::rename(scratch.path().join("second.wasm"), &gone).unwrap();
    std::fs::remove_file(scratch.path().join("mine.wasm")).unwrap();

    let (done, each) = again(&scratch, (0, end), None).unwrap();
    assert_eq!((done.epochs, done.same), (28, 28), "{each:?}");
    // From the state before any of them.
    for epoch in 0..=end {
        let (done, each) = again(&scratch, (epoch, epoch), None).unwrap();
        assert_eq!((done.epochs, done.same), (1, 1), "{each:?}");
    }
    // A changed job has no canary.
    let change = PluginChange { plugin: "p".into(), path: Some(gone), ..PluginChange::default() };
    let changed = Changed { plugins: vec![change], ..Changed::default() };
    let (done, each) = again(&scratch, (began, began + 4), Some(changed)).unwrap();
    assert_eq!((done.same, done.is_compared), (5, true), "{each:?}");
    assert!(done.same_after < 5, "{each:?}");
}
