//! Functions that return what cannot be: it is said in words, and costs no key but those with which they do it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field};
use serde_json::{Map, Value, json};

use super::super::{
    Domain, KeyedBinding, KeyedError, KeyedFunction, MapEntries, Outcome, Phase, Step, Timer, ValueChanges,
};
use super::{Running, operator, pair, row};
use crate::operator::Stateful;
use crate::operator::isolate::Attempt;

/// What is done to an outcome; beside it the number of the key `bad` in the call.
type Spoil = fn(&mut Outcome, u32);

/// Stores `good` for each key; what else it does where the key `bad` is in the call is given.
#[derive(Debug)]
struct Hostile {
    binding: KeyedBinding,
    spoil: Spoil,
}

fn binding() -> KeyedBinding {
    KeyedBinding {
        output: vec![Arc::new(Field::new("out", DataType::Utf8, false))],
        values: vec!["one".to_owned(), "two".to_owned()],
        maps: vec!["words".to_owned()],
        reads: vec![3],
        ..KeyedBinding::default()
    }
}

/// One that reads these columns.
pub(super) fn reading(reads: Vec<usize>) -> impl KeyedFunction + 'static {
    Hostile { binding: KeyedBinding { reads, ..binding() }, spoil: |_, _| {} }
}

impl KeyedFunction for Hostile {
    fn binding(&self) -> &KeyedBinding {
        &self.binding
    }

    fn identity(&self) -> Map<String, Value> {
        [("fn".to_owned(), json!("hostile"))].into_iter().collect()
    }

    fn call(&self, step: &Step, _: Attempt) -> Result<Outcome, KeyedError> {
        assert_eq!(step.phase, Phase::Rows);
        let keys: Vec<u32> = (0..step.key_count() as u32).collect();
        let values = BinaryArray::from_iter_values(keys.iter().map(|_| b"good"));
        let column: ArrayRef = Arc::new(StringArray::from_iter_values(keys.iter().map(|_| "\"out\"")));
        let mut outcome = Outcome {
            output: vec![column],
            output_of: keys.clone(),
            values: vec![ValueChanges { value: 0, keys, values }],
            ..Outcome::default()
        };
        let names = step.keys.column(0).as_string::<i32>();
        if let Some(bad) = names.iter().position(|name| name == Some("bad")) {
            (self.spoil)(&mut outcome, bad as u32);
        }
        Ok(outcome)
    }
}

fn timer(key: u32, tag: u32) -> Timer {
    Timer { key, domain: Domain::EventTime, tag, at: 1_000_000 }
}

#[test]
fn what_a_function_returns_is_refused_in_words_and_with_its_key_alone() {
    fn change(outcome: &mut Outcome, value: usize, keys: Vec<u32>) {
        let values = BinaryArray::from_iter_values(keys.iter().map(|_| b"x"));
        outcome.values.push(ValueChanges { value, keys, values });
    }
    fn entry(outcome: &mut Outcome, map: usize, keys: Vec<u32>, entry_keys: &[Option<&[u8]>]) {
        let values = BinaryArray::from_iter_values(keys.iter().map(|_| b"x"));
        outcome.entries.push(MapEntries { map, keys, entry_keys: BinaryArray::from(entry_keys.to_vec()), values });
    }
    let cases: [(&str, Spoil); 28] = [
        ("it changed map 1, and keeps 1", |o, bad| entry(o, 1, vec![bad], &[Some(b"w")])),
        ("it changed the map `words` in two lists", |o, bad| {
            entry(o, 0, vec![bad], &[Some(b"w")]);
            entry(o, 0, vec![bad], &[Some(b"x")]);
        }),
        ("it changed an entry of `words` of key", |o, bad| entry(o, 0, vec![bad; 2], &[Some(b"w"), Some(b"w")])),
        ("of 1 keys, with 2 own keys and 1 values", |o, bad| entry(o, 0, vec![bad], &[Some(b"w"), Some(b"w")])),
        ("entries of `words` name key 0 after key 1", |o, _| entry(o, 0, vec![1, 0], &[Some(b"w"), Some(b"w")])),
        ("entries of `words` name key 40", |o, _| entry(o, 0, vec![40], &[Some(b"w")])),
        ("an entry of `words` has null", |o, bad| entry(o, 0, vec![bad], &[None])),
        ("has 65537 bytes for its own key; at most 64 KiB", |o, bad| entry(o, 0, vec![bad], &[Some(&[0; 65_537])])),
        ("changes of `two` name key 1000, and it was asked for", |o, _| change(o, 1, vec![1000])),
        ("changes of `two` name key 0 twice", |o, _| change(o, 1, vec![0, 0])),
        ("name key 0 after key 1: they must go up", |o, _| change(o, 1, vec![1, 0])),
        ("it changed `one` in two lists", |o, bad| change(o, 0, vec![bad])),
        ("it changed value 2, and keeps 2", |o, bad| change(o, 2, vec![bad])),
        ("it changed `one` of 0 keys to", |o, _| o.values[0].keys.clear()),
        ("17 MiB", |o, bad| {
            let values = BinaryArray::from_iter_values([vec![7; 17 << 20]]);
            o.values.push(ValueChanges { value: 1, keys: vec![bad], values });
        }),
        ("removed state name key 99", |o, _| o.removed = vec![99]),
        ("it returned 0 columns, and declared 1", |o, _| o.output.clear()),
        ("it returned `out` as Int64, and declared Utf8", |o, _| {
            o.output = vec![Arc::new(Int64Array::from(vec![0; o.output_of.len()]))];
        }),
        ("rows of `out`, and said of", |o, _| o.output_of.push(0)),
        ("it returned nulls in `out`", |o, _| {
            o.output = vec![Arc::new(StringArray::new_null(o.output_of.len()))];
        }),
        ("it returned a row of key 77", |o, bad| o.output_of[bad as usize] = 77),
        ("it set a timer of key 55", |o, _| o.set_timers = vec![timer(55, 0)]),
        ("timers that it cleared name key 0 after key 1", |o, _| o.clear_timers = vec![timer(1, 0), timer(0, 0)]),
        ("until their key had 100001; at most 100000 are kept", |o, bad| {
            o.set_timers = (0..100_001).map(|tag| timer(bad, tag)).collect();
        }),
        ("refused rows name row 900", |o, _| {
            o.rejects = vec![millstream_plugin::Reject { row: 900, reason: String::new() }]
        }),
        ("late rows name row 0 twice", |o, _| o.late = vec![0, 0]),
        ("it called row 0 both late and refused", |o, _| {
            o.rejects = vec![millstream_plugin::Reject { row: 0, reason: String::new() }];
            o.late = vec![0];
        }),
        ("late rows name row 5 after row 6", |o, _| o.late = vec![6, 5]),
    ];
    let keys = ["a", "b", "bad", "c", "d", "e", "f", "g", "h"];
    for (words, spoil) in cases {
        let words = if words == "17 MiB" { "it set `two` to 17825792 bytes; at most 16 MiB" } else { words };
        let mut running = Running::new(operator(Arc::new(Hostile { binding: binding(), spoil })).unwrap());
        let rows: Vec<_> = keys.iter().map(|key| row(key, 5, json!({ "of": key }))).collect();
        let came = running.rows(&rows, 10, pair(0, 1));
        assert_eq!(came.rejects.len(), 1, "{words}: {:?}", came.rejects);
        let (reason, refused) = &came.rejects[0];
        assert!(reason.contains(words) && refused.contains("bad"), "{words}: {reason}, {refused}");
        assert_eq!(
            (running.len(""), running.len("timers") + running.len("maps"), came.rows.len()),
            (8, 0, 8),
            "{words}"
        );
    }
}

/// A function of version 1 or 2, the second of which keeps its number as text.
#[derive(Debug)]
struct Versioned(KeyedBinding);

impl Versioned {
    fn of(version: u32) -> Arc<Self> {
        Arc::new(Self(KeyedBinding { state_version: version, ..binding() }))
    }
}

impl KeyedFunction for Versioned {
    fn binding(&self) -> &KeyedBinding {
        &self.0
    }

    fn identity(&self) -> Map<String, Value> {
        [("plugin".to_owned(), json!("versioned"))].into_iter().collect()
    }

    fn call(&self, step: &Step, _: Attempt) -> Result<Outcome, KeyedError> {
        let keys: Vec<u32> = (0..step.key_count() as u32).collect();
        let out: Vec<String> =
            (0..keys.len()).map(|i| json!(step.value(0, i).map(<[u8]>::to_vec)).to_string()).collect();
        let values = BinaryArray::from_iter_values(keys.iter().map(|_| b"1"));
        Ok(Outcome {
            output: vec![Arc::new(StringArray::from(out))],
            output_of: keys.clone(),
            values: vec![ValueChanges { value: 0, keys, values }],
            ..Outcome::default()
        })
    }

    fn migrate(&self, version: u32, names: &[String], values: &[ArrayRef]) -> Result<Vec<BinaryArray>, KeyedError> {
        assert_eq!((version, names), (1, &["one".to_owned(), "two".to_owned()][..]));
        let one = values[0].as_binary::<i32>();
        let text = one.iter().map(|value| value.map(|value| [value, b" and more"].concat()));
        let text: Vec<Option<Vec<u8>>> = text.collect();
        let text: BinaryArray = text.iter().map(|value| value.as_deref()).collect();
        Ok(vec![text, values[1].as_binary::<i32>().clone()])
    }
}

#[test]
fn states_of_an_older_version_are_brought_over() {
    use crate::executor::Workers;
    use crate::operator::fingerprint::Fit;
    let mut running = Running::new(operator(Versioned::of(1)).unwrap());
    let rows: Vec<_> = ["a", "b", "c"].iter().map(|key| row(key, 5, json!({}))).collect();
    running.rows(&rows, 10, pair(0, 1));
    let before = running.operator.fingerprint().told();
    assert_eq!(running.operator.fingerprint().fits(&before), Fit::AsItIs);
    running.operator = operator(Versioned::of(2)).unwrap();
    let Fit::After(old) = running.operator.fingerprint().fits(&before) else { panic!("it has another version") };
    let names = running.names();
    running.operator.bring_over(&old, &mut running.state.tables_named(&names), &Workers::alone()).unwrap();
    let came = running.rows(&rows, 20, pair(1, 1));
    assert_eq!(came.rows, vec![json!(b"1 and more"); 3]);
    // An older build than the states are of, and another plugin.
    let now = running.operator.fingerprint().told();
    let older = operator(Versioned::of(1)).unwrap().fingerprint();
    assert!(
        matches!(older.fits(&now), Fit::No(misfit) if misfit.what.contains("states of version 2 of plugin `versioned`"))
    );
    let other = operator(Arc::new(Hostile { binding: binding(), spoil: |_, _| {} })).unwrap().fingerprint();
    assert!(matches!(other.fits(&now), Fit::No(misfit) if misfit.what == "its function was changed"));
}
