//! Maps of keys beside a naive model.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryArray, StringArray};
use arrow::datatypes::{DataType, Field};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::{KeyedBinding, KeyedError, KeyedFunction, MapEntries, Needs, Outcome, Step};
use super::{PARTITIONS, Row, Running, batch, operator, pair, row};
use crate::operator::conformance::{EpochInput, conforms};
use crate::operator::isolate::Attempt;

/// Counts words in one of two maps per key; a row names the map, and says what to do with which word.
#[derive(Debug)]
pub(super) struct Words(KeyedBinding);

impl Words {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(KeyedBinding {
            output: vec![Arc::new(Field::new("out", DataType::Utf8, false))],
            maps: vec!["first".to_owned(), "second".to_owned()],
            reads: vec![3],
            ..KeyedBinding::default()
        }))
    }
}

/// What a row says: what to do, in which map, with which word.
fn said(step: &Step, row: usize) -> (String, usize, String) {
    serde_json::from_str(step.rows.column(3).as_string::<i32>().value(row)).unwrap()
}

fn entries(map: usize, list: &[(u32, String, Option<i64>)]) -> MapEntries {
    MapEntries {
        map,
        keys: list.iter().map(|(key, _, _)| *key).collect(),
        entry_keys: BinaryArray::from_iter_values(list.iter().map(|(_, word, _)| word)),
        values: list
            .iter()
            .map(|(_, _, n)| n.map(i64::to_le_bytes))
            .collect::<Vec<_>>()
            .iter()
            .map(|n| n.as_ref().map(|n| &n[..]))
            .collect(),
    }
}

impl KeyedFunction for Words {
    fn binding(&self) -> &KeyedBinding {
        &self.0
    }

    fn identity(&self) -> Map<String, Value> {
        [("fn".to_owned(), json!("words"))].into_iter().collect()
    }

    fn needs(&self, step: &Step, _: Attempt) -> Result<Needs, KeyedError> {
        let mut needs = Needs::default();
        for map in 0..2 {
            let (mut all, mut single) = (Vec::new(), Vec::new());
            for key in 0..step.key_count() {
                let mut said: Vec<_> =
                    step.rows_of(key).map(|row| said(step, row)).filter(|said| said.1 == map).collect();
                if said.iter().any(|(what, _, _)| what == "list") {
                    all.push(key as u32);
                }
                said.sort_by(|a, b| a.2.cmp(&b.2));
                single.extend(said.into_iter().map(|(_, _, word)| (key as u32, word, None)));
            }
            needs.all.push((map, all));
            needs.entries.push(entries(map, &single));
        }
        Ok(needs)
    }

    fn call(&self, step: &Step, _: Attempt) -> Result<Outcome, KeyedError> {
        let mut had: BTreeMap<(usize, u32, String), Option<i64>> = BTreeMap::new();
        for MapEntries { map, keys, entry_keys, values } in &step.maps {
            for (i, key) in keys.iter().enumerate() {
                let word = String::from_utf8(entry_keys.value(i).to_vec()).unwrap();
                let n = values.is_valid(i).then(|| i64::from_le_bytes(values.value(i).try_into().unwrap()));
                assert!(had.insert((*map, *key, word), n).is_none(), "an entry comes once");
            }
        }
        let (mut outcome, mut out) = (Outcome::default(), Vec::new());
        let mut changes: BTreeMap<(usize, u32, String), Option<i64>> = BTreeMap::new();
        for key in 0..step.key_count() as u32 {
            for row in step.rows_of(key as usize) {
                let (what, map, word) = said(step, row);
                let of = (map, key, word);
                match what.as_str() {
                    "add" => {
                        let n = had[&of].unwrap_or(0) + 1;
                        had.insert(of.clone(), Some(n));
                        changes.insert(of, Some(n));
                    }
                    "unset" => {
                        had.insert(of.clone(), None);
                        changes.insert(of, None);
                    }
                    "drop" => {
                        had.iter_mut().filter(|((_, of, _), _)| *of == key).for_each(|(_, n)| *n = None);
                        changes.retain(|(_, of, _), _| *of != key);
                        if outcome.removed.last() != Some(&key) {
                            outcome.removed.push(key);
                        }
                    }
                    _ => {
                        let all = had.iter().filter(|((of, k, _), _)| (*of, *k) == (map, key));
                        let all: Vec<(&str, i64)> =
                            all.filter_map(|((_, _, word), n)| Some((word.as_str(), (*n)?))).collect();
                        out.push(
                            json!([step.keys.column(0).as_string::<i32>().value(key as usize), map, all]).to_string(),
                        );
                        outcome.output_of.push(key);
                    }
                }
            }
        }
        for map in 0..2 {
            let of = changes.iter().filter(|((of, _, _), _)| *of == map);
            let list: Vec<_> = of.map(|((_, key, word), n)| (*key, word.clone(), *n)).collect();
            if !list.is_empty() {
                outcome.entries.push(entries(map, &list));
            }
        }
        outcome.output = vec![Arc::new(StringArray::from(out))];
        Ok(outcome)
    }
}

/// What the rows of an epoch give, with what each key has in each map.
fn model(has: &mut BTreeMap<(String, usize), BTreeMap<String, i64>>, rows: &[Row]) -> Vec<Value> {
    let mut out = Vec::new();
    for row in rows {
        let (what, map, word): (String, usize, String) = serde_json::from_value(row.data.clone()).unwrap();
        let key = row.key[0].clone().unwrap();
        let words = has.entry((key.clone(), map)).or_default();
        match what.as_str() {
            "add" => *words.entry(word).or_default() += 1,
            "unset" => drop(words.remove(&word)),
            "drop" => has.retain(|(of, _), _| *of != key),
            _ => out.push(json!([key, map, words.iter().collect::<Vec<_>>()])),
        }
    }
    out
}

fn epochs() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let what = prop_oneof![8 => Just("add"), 2 => Just("unset"), 1 => Just("drop"), 2 => Just("list")];
    let one = (0u8..4, what, 0usize..2, 0u8..5)
        .prop_map(|(key, what, map, word)| row(&format!("k{key}"), 5, json!([what, map, format!("w{word}")])));
    prop::collection::vec(prop::collection::vec(one, 0..25), 1..8)
}

proptest! {
    #[test]
    fn entries_are_those_of_a_naive_model(epochs in epochs()) {
        let mut running = Running::new(operator(Words::new()).unwrap());
        let mut has = BTreeMap::new();
        for rows in &epochs {
            let mut came = running.rows(rows, 10, pair(0, 1));
            prop_assert!(came.rejects.is_empty(), "{:?}", came.rejects);
            let mut want = model(&mut has, rows);
            // Stable: those of a key stay in their order.
            want.sort_by_key(|row| row[0].to_string());
            came.rows.sort_by_key(|row| row[0].to_string());
            prop_assert_eq!(came.rows, want);
            prop_assert_eq!(running.len("maps"), has.values().map(BTreeMap::len).sum::<usize>());
        }
    }

    #[test]
    fn an_operator_with_maps_conforms(epochs in epochs()) {
        let inputs: Vec<EpochInput> = epochs
            .iter()
            .map(|rows| EpochInput { rows: vec![(0, batch(rows))], now: 10, watermarks: pair(0, 1) })
            .collect();
        conforms(&operator(Words::new()).unwrap(), PARTITIONS, &inputs);
    }
}

#[test]
fn a_call_after_another_of_the_same_key_has_what_that_has_left() {
    let mut running = Running::new(operator(Words::new()).unwrap());
    let before =
        running.rows(&[row("k", 5, json!(["add", 0, "old"])), row("k", 5, json!(["add", 1, "w0"]))], 10, pair(0, 1));
    assert!(before.rejects.is_empty());
    let mut rows: Vec<Row> = (0..20_000).map(|i| row("k", 5, json!(["add", 0, format!("w{}", i % 3)]))).collect();
    rows[9_000] = row("k", 5, json!(["drop", 0, ""]));
    rows.push(row("k", 5, json!(["list", 0, ""])));
    rows.push(row("k", 5, json!(["list", 1, ""])));
    let came = running.rows(&rows, 20, pair(1, 1));
    let mut has = BTreeMap::new();
    assert_eq!(came.rows, model(&mut has, &rows));
    assert_eq!(came.rows[1], json!(["k", 1, []]));
    assert_eq!(running.len("maps"), 3);
}
