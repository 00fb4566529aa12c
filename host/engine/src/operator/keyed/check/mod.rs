//! What a call returned, held against what it was given: nothing of it is used before, since a plugin may return anything.
//! What is wrong is said in words, as why the call failed; with it the keys are looked for with which it does that.

mod entries;

use arrow::array::Array;

pub(super) use self::entries::check_needs;

use self::entries::check_changes;
use super::function::{KeyedBinding, Outcome, Phase, Step, Timer};

/// Bytes of one stored value at most: what crosses into a plugin with a key, and is written whenever it changes.
const MOST_VALUE_BYTES: usize = 16 << 20;

/// Refuses what cannot be the outcome of `step`.
pub(super) fn check(binding: &KeyedBinding, step: &Step, outcome: &Outcome) -> Result<(), String> {
    let keys = step.key_count();
    output(binding, step, outcome)?;
    ascending("removed state", "key", &outcome.removed, keys)?;
    let mut seen = vec![false; binding.values.len()];
    for changes in &outcome.values {
        let Some(seen) = seen.get_mut(changes.value) else {
            return Err(format!("it changed value {}, and keeps {}", changes.value, binding.values.len()));
        };
        let name = &binding.values[changes.value];
        if std::mem::replace(seen, true) {
            return Err(format!("it changed `{name}` in two lists"));
        }
        if changes.keys.len() != changes.values.len() {
            let (keys, values) = (changes.keys.len(), changes.values.len());
            return Err(format!("it changed `{name}` of {keys} keys to {values} values"));
        }
        ascending(&format!("changes of `{name}`"), "key", &changes.keys, keys)?;
        let long = |i: &usize| changes.values.is_valid(*i) && changes.values.value(*i).len() > MOST_VALUE_BYTES;
        if let Some(i) = (0..changes.values.len()).find(long) {
            let (bytes, most) = (changes.values.value(i).len(), MOST_VALUE_BYTES >> 20);
            return Err(format!(
                "it set `{name}` to {bytes} bytes; at most {most} MiB are kept as one value of a key: what grows with the \
                 rows belongs in a map, whose entries are values of their own"
            ));
        }
    }
    check_changes(&binding.maps, &outcome.entries, keys)?;
    timers("cleared", &outcome.clear_timers, keys)?;
    timers("set", &outcome.set_timers, keys)?;
    let rows = step.rows.num_rows();
    let rejected: Vec<u32> = outcome.rejects.iter().map(|reject| reject.row).collect();
    ascending("refused rows", "row", &rejected, rows)?;
    ascending("late rows", "row", &outcome.late, rows)?;
    match outcome.late.iter().find(|row| rejected.binary_search(row).is_ok()) {
        Some(row) => Err(format!("it called row {row} both late and refused")),
        None => Ok(()),
    }
}

fn output(binding: &KeyedBinding, step: &Step, outcome: &Outcome) -> Result<(), String> {
    let (given, declared, rows) = (outcome.output.len(), binding.output.len(), outcome.output_of.len());
    if given != declared && !(given == 0 && rows == 0) {
        return Err(format!("it returned {given} columns, and declared {declared}"));
    }
    for (column, field) in outcome.output.iter().zip(&binding.output) {
        if column.data_type() != field.data_type() {
            let (is, name, said) = (column.data_type(), field.name(), field.data_type());
            return Err(format!("it returned `{name}` as {is}, and declared {said}"));
        }
        if column.len() != rows {
            let (name, len) = (field.name(), column.len());
            return Err(format!("it returned {len} rows of `{name}`, and said of {rows} what they belong to"));
        }
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(format!("it returned nulls in `{}`, and declared that there are none", field.name()));
        }
    }
    let (what, count) = match step.phase {
        Phase::Rows => ("key", step.key_count()),
        Phase::Timers => ("timer", step.due.len()),
    };
    match outcome.output_of.iter().find(|of| **of as usize >= count) {
        Some(of) => Err(format!("it returned a row of {what} {of}, and was asked for {count}")),
        None => Ok(()),
    }
}

/// Refuses indices that are not each of `0..count`, going up.
fn ascending(list: &str, what: &str, indices: &[u32], count: usize) -> Result<(), String> {
    if let Some(pair) = indices.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(match pair[0] == pair[1] {
            true => format!("its {list} name {what} {} twice", pair[0]),
            false => format!("its {list} name {what} {} after {what} {}: they must go up", pair[1], pair[0]),
        });
    }
    match indices.last() {
        Some(last) if *last as usize >= count => {
            Err(format!("its {list} name {what} {last}, and it was asked for {count}"))
        }
        _ => Ok(()),
    }
}

fn timers(what: &str, timers: &[Timer], keys: usize) -> Result<(), String> {
    if let Some(pair) = timers.windows(2).find(|pair| pair[0].key > pair[1].key) {
        let (first, then) = (pair[0].key, pair[1].key);
        return Err(format!("the timers that it {what} name key {then} after key {first}: they must not go down"));
    }
    match timers.last() {
        Some(last) if last.key as usize >= keys => {
            Err(format!("it {what} a timer of key {}, and was asked for {keys}", last.key))
        }
        _ => Ok(()),
    }
}
