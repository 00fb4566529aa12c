//! Keyed operators: steps there, outcomes back, and what cannot be one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{FieldRef, Int64Type};
use millstream_plugin::keyed::{Domain, MapEntries, Phase, Step, Timer};
use millstream_plugin::{Bound, BoundKeyed, CallOptions, InputField, Limits, PluginError, Request};

use super::plugin;

fn input(times: &[i64]) -> RecordBatch {
    let users = StringArray::from_iter_values(times.iter().map(|_| "-"));
    let times = Int64Array::from(times.to_vec());
    RecordBatch::try_from_iter([("user", Arc::new(users) as ArrayRef), ("at", Arc::new(times) as ArrayRef)]).unwrap()
}

fn bind(mode: &str) -> Result<BoundKeyed, PluginError> {
    let schema = input(&[]).schema();
    let (fields, keys): (_, [FieldRef; 1]) = (InputField::of_schema(&schema), [schema.fields()[0].clone()]);
    let config = format!("{{\"do\": \"{mode}\"}}");
    let request = Request { config: &config, input: &fields, keys: &keys, ..Request::default() };
    match plugin("keyed").bind(&request, &Limits::default())? {
        Bound::Keyed(keyed) => Ok(keyed),
        other => panic!("{other:?}"),
    }
}

/// A step for two keys, the first of which has two rows.
fn step() -> Step {
    let keys = StringArray::from(vec![Some("ann"), None]);
    Step {
        phase: Phase::Rows,
        now: 5,
        watermark: Some(3),
        late_watermark: None,
        keys: RecordBatch::try_from_iter_with_nullable([("user", Arc::new(keys) as ArrayRef, true)]).unwrap(),
        row_offsets: vec![0, 2, 3],
        rows: input(&[11, 21, 7]),
        values: vec![BinaryArray::from_opt_vec(vec![Some(&40i64.to_le_bytes()), None])],
        maps: Vec::new(),
        due: Vec::new(),
    }
}

fn call(mode: &str, step: &Step) -> Result<millstream_plugin::keyed::Outcome, PluginError> {
    bind(mode)?.call_with(step, CallOptions::default())
}

fn longs(column: &dyn Array) -> Vec<i64> {
    column.as_primitive::<Int64Type>().values().to_vec()
}

#[test]
fn states_and_timers_come_back() {
    let bound = bind("timers").unwrap();
    let binding = bound.binding();
    assert_eq!((&binding.values[..], binding.maps.len(), binding.reads.len()), (&["count".to_owned()][..], 0, 1));
    let outcome = bound.call_with(&step(), CallOptions::default()).unwrap();
    let [changes] = &outcome.values[..] else { panic!("{outcome:?}") };
    assert_eq!((changes.value, &changes.keys[..]), (0, &[0, 1][..]));
    let count = |row: usize| i64::from_le_bytes(changes.values.value(row).try_into().unwrap());
    assert_eq!((count(0), count(1)), (42, 1));
    let timer = |key, at| Timer { key, domain: Domain::EventTime, tag: 7, at };
    assert_eq!(outcome.set_timers, [timer(0, 10_000_021), timer(1, 10_000_007)]);
    assert!(outcome.output_of.is_empty() && outcome.output[0].is_empty());

    let due = Step {
        phase: Phase::Timers,
        row_offsets: vec![0; 3],
        rows: input(&[]),
        due: vec![timer(1, 1), timer(0, 2)],
        ..step()
    };
    let outcome = bound.call_with(&due, CallOptions::default()).unwrap();
    assert_eq!((longs(&outcome.output[0]), &outcome.output_of[..]), (vec![0, 40], &[0, 1][..]));
    assert_eq!(outcome.removed, [0, 1]);
}

#[test]
fn entries_of_maps_are_asked_for() {
    let bound = bind("map").unwrap();
    let needs = bound.needs_with(&step(), CallOptions::default()).unwrap();
    let [MapEntries { map: 0, keys, entry_keys, .. }] = &needs.entries[..] else { panic!("{needs:?}") };
    assert_eq!((&keys[..], entry_keys.value(0), entry_keys.value(1)), (&[0, 1][..], &[1][..], &[7][..]));
    let values = BinaryArray::from_opt_vec(vec![Some(&9i64.to_le_bytes()), None]);
    let maps = vec![MapEntries { values, ..needs.entries[0].clone() }];
    let outcome = bound.call_with(&Step { maps, ..step() }, CallOptions::default()).unwrap();
    assert_eq!(longs(&outcome.output[0]), [11, 1]);
    assert_eq!(outcome.entries[0].values.value(0), 11i64.to_le_bytes());
}

#[test]
fn states_of_an_older_version_are_brought_over() {
    let old: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&21i64.to_le_bytes()]));
    let bound = bind("version-2").unwrap();
    assert_eq!((bound.binding().state_version, &*bound.binding().adjustable), (2, &["unit".to_owned()][..]));
    let (names, old) = (["count".to_owned()], [old]);
    let migrate = |from| bound.migrate_with(from, &names, &old, CallOptions::default());
    assert_eq!(migrate(1).unwrap()[0].value(0), 42i64.to_le_bytes());
    assert_eq!(migrate(3).unwrap_err().to_string(), "the plugin failed: no way from version 3");
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = |mode: &str| bind(mode).map(|_| ()).unwrap_err().to_string();
    assert_eq!(refused("refuse"), "the plugin refused `do` of its configuration: not by user");
    assert!(refused("same-states").ends_with("`bind`: state `count` is kept twice"));
    assert!(refused("skip-nulls").contains("cannot leave out rows with nulls"));
    for (mode, expected) in [
        ("state-beyond", "it changed state 9, and keeps 1"),
        ("changes-uneven", "1 rows, but 2 are due"),
        ("changes-half", "the keys of changes of 3 bytes; they are of 4 bytes each"),
        ("value-as-map", "state 0 is no map"),
        ("entry-without-key", "it named state 1, and keeps 1"),
        ("output-uneven", "0 rows, but 1 are due"),
        ("output-half", "`output-of` of 3 bytes; they are of 4 bytes each"),
        ("timer-domain", "`set-timers`: domain 2 of timer 0; 0 is event time, 1 processing time"),
        ("timers-uneven", "`set-timers`: 0 keys, 0 domains, 1 tags and 0 bytes of times, which are of 8 bytes each"),
    ] {
        let error = call(mode, &step()).unwrap_err();
        assert!(error.is_call_failure());
        assert_eq!(error.to_string(), format!("the plugin returned bad data: {expected}"), "{mode}");
    }
    let about = |mode: &str| {
        let error = call(mode, &step()).unwrap_err();
        (error.is_call_failure(), error.row(), error.key(), error.to_string())
    };
    assert_eq!(about("fail-seven"), (true, Some(2), None, "the plugin failed: seven is not allowed".to_owned()));
    assert_eq!(about("fail-key"), (true, None, Some(1), "the plugin failed: not this key".to_owned()));
    let no_call_failure = "the plugin cannot read a stored state: no such count";
    assert_eq!(about("fail-state"), (false, None, None, no_call_failure.to_owned()));
    for (mode, expected) in [
        ("fail-key-beyond", "it failed with key 2 of 2: not this key"),
        ("fail-state-beyond", "it failed with stored state 2 of 2: no such count"),
    ] {
        let expected = format!("the plugin returned bad data: {expected}");
        assert_eq!(about(mode), (true, None, None, expected));
    }
}
