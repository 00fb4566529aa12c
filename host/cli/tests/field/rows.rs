//! Rows that the program wrote as JSON lines, beside those that are right.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// The rows of a file, or of a folder's `.json` files.
fn read(place: &Path) -> Vec<Value> {
    let files = if place.is_dir() {
        let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
        files.sort();
        files
    } else if place.exists() {
        vec![place.to_owned()]
    } else {
        Vec::new()
    };
    let text = files.iter().map(|file| fs::read_to_string(file).unwrap());
    text.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect()
}

fn shown(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("    {row}\n")).collect()
}

/// What tells the rows at `place` from `want`.
pub fn differ_exactly(place: &Path, want: &[Value]) -> Option<String> {
    let have = read(place);
    let mut left: Vec<&Value> = have.iter().collect();
    let mut missing = false;
    for row in want {
        match left.iter().position(|there| *there == row) {
            Some(at) => drop(left.remove(at)),
            None => missing = true,
        }
    }
    if !missing && left.is_empty() {
        return None;
    }
    Some(format!("the rows are\n{}  and not\n{}", shown(&have), shown(want)))
}

/// What is missing at `place` of the rows that `want` says in part, or too many there.
pub fn differ_in_part(place: &Path, want: &[Map<String, Value>]) -> Option<String> {
    let have = read(place);
    let mut left: Vec<&Value> = have.iter().collect();
    for row in want {
        match left.iter().position(|there| row.iter().all(|(key, value)| holds(&there[key], value))) {
            Some(at) => drop(left.remove(at)),
            None => return Some(format!("no row is like {}; there are\n{}", Value::Object(row.clone()), shown(&have))),
        }
    }
    (!left.is_empty()).then(|| format!("{} rows too many; there are\n{}", left.len(), shown(&have)))
}

fn holds(have: &Value, want: &Value) -> bool {
    match (have, want) {
        (Value::String(have), Value::String(want)) => have.contains(want.as_str()),
        _ => have == want,
    }
}
