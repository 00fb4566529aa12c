//! Sum and greatest of a column of numbers, or what the `do` of its configuration says instead.

wit_bindgen::generate!({ path: "../../../../../wit", world: "aggregate-operator" });

use exports::millstream::operator::aggregate::{AggregateBinding, Batch, Binding, Failure, Guest, Problem, Request};
use exports::millstream::operator::catalog::{self, Operator};
use exports::millstream::operator::migration;
use millstream::operator::columns::{Array, Field};
use millstream::operator::types::{Hints, Read};
use std::cell::RefCell;
use std::collections::HashMap;

struct Plugin;
export!(Plugin);

thread_local! {
    static MODES: RefCell<HashMap<u32, String>> = RefCell::new(HashMap::new());
}

fn mode(slot: u32) -> String {
    MODES.with_borrow(|modes| modes.get(&slot).cloned().unwrap_or_default())
}

fn field(name: &str) -> Field {
    let (name, format) = (name.to_owned(), "l".to_owned());
    Field { name, format, nullable: false, children: 0, dictionary: false, metadata: vec![] }
}

fn ints(array: &Array) -> Vec<i64> {
    array.buffers[0].chunks_exact(8).map(|n| i64::from_le_bytes(n.try_into().unwrap())).collect()
}

fn column(values: Vec<i64>) -> Array {
    let buffers = vec![values.iter().flat_map(|value| value.to_le_bytes()).collect()];
    Array { rows: values.len() as u32, validity: None, buffers }
}

fn fold(groups: &[u8], count: u32, sums: &[i64], greatest: &[i64]) -> Batch {
    let (mut sum, mut max) = (vec![0; count as usize], vec![i64::MIN; count as usize]);
    for ((group, value), greatest) in groups.chunks_exact(4).zip(sums).zip(greatest) {
        let group = u32::from_le_bytes(group.try_into().unwrap()) as usize;
        sum[group] += value;
        max[group] = max[group].max(*greatest);
    }
    Batch { rows: count, arrays: vec![column(sum), column(max)] }
}

impl catalog::Guest for Plugin {
    fn operators() -> Vec<Operator> {
        let (name, kind) = ("guest-aggregate".to_owned(), "aggregate".to_owned());
        vec![Operator { name, kind, summary: "Sum and greatest".to_owned(), config_schema: None, columns: vec![] }]
    }
}

impl Guest for Plugin {
    fn bind(slot: u32, request: Request) -> Result<AggregateBinding, Problem> {
        let mode = request.config.split('"').nth(3).unwrap_or_default().to_owned();
        let state = if mode == "no-state" { vec![] } else { vec![field("sum"), field("greatest")] };
        MODES.with_borrow_mut(|modes| modes.insert(slot, mode));
        let hints = Hints { skip_nulls: false, rows_per_call: None, deterministic: true };
        let reads = vec![Read { column: 0, shape: vec![] }];
        let binding = Binding { reads, output: vec![field("sum"), field("greatest")], hints };
        Ok(AggregateBinding { binding, state, state_version: 2, adjustable: vec!["unit".into()] })
    }

    fn partial(slot: u32, groups: Vec<u8>, group_count: u32, input: Batch) -> Result<Batch, Failure> {
        let values = ints(&input.arrays[0]);
        let mut states = fold(&groups, group_count, &values, &values);
        if mode(slot) == "rows" {
            states.rows += 1;
        }
        Ok(states)
    }

    fn merge(slot: u32, groups: Vec<u8>, group_count: u32, states: Batch) -> Result<Batch, Failure> {
        if mode(slot) == "merge-panic" {
            panic!("states do not mix");
        }
        Ok(fold(&groups, group_count, &ints(&states.arrays[0]), &ints(&states.arrays[1])))
    }

    fn finish(_: u32, states: Batch) -> Result<Batch, Failure> {
        Ok(states)
    }
}

impl migration::Guest for Plugin {
    /// Version 1 kept the sum alone.
    fn migrate(_: u32, from_version: u32, fields: Vec<Field>, mut states: Batch) -> Result<Batch, Failure> {
        if from_version != 1 || fields.len() != 1 {
            let message = format!("no way from version {from_version} with {} columns", fields.len());
            return Err(Failure { message, about: None });
        }
        states.arrays.push(column(vec![i64::MIN; states.rows as usize]));
        Ok(states)
    }
}
