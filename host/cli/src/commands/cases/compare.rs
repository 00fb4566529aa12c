//! What came of a case, beside what its files say.

use std::path::Path;

use millstream_engine::{Error, Result};
use serde_json::Value;

use super::case::{Case, read};
use super::job::{Came, without_nulls};

pub(super) const OUTPUT: &str = "output.jsonl";
pub(super) const REJECTED: &str = "rejected.jsonl";
pub(super) const LATE: &str = "late.jsonl";
pub(super) const STATE: &str = "state.jsonl";

/// A file that says something else than what came.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    pub file: &'static str,
    pub what: What,
}

#[derive(Debug, PartialEq)]
pub(super) enum What {
    /// Nothing is said yet.
    NotThere,
    /// These rows did not come, and those did.
    Rows { missing: Vec<Value>, unexpected: Vec<Value> },
    /// The same rows came otherwise: where first, counted from 1.
    Order(usize),
}

/// What differs.
///
/// # Errors
/// A file cannot be read, or is no JSON lines.
pub(super) fn all(case: &Case, came: &Came) -> Result<Vec<Difference>> {
    let mut found = Vec::new();
    let mut compare = |file: &'static str, came: &[Value], is_ordered: bool, absent: Option<What>| -> Result<()> {
        let path = case.folder.join(file);
        let what = match (path.is_file(), absent) {
            (false, Some(what)) => Some(what),
            (is_there, _) => {
                let expected = if is_there { rows(&path)? } else { Vec::new() };
                differ(&expected, came, is_ordered)
            }
        };
        found.extend(what.map(|what| Difference { file, what }));
        Ok(())
    };
    compare(OUTPUT, &came.output, came.is_ordered, Some(What::NotThere))?;
    compare(REJECTED, &came.rejected, came.is_ordered, None)?;
    compare(LATE, &came.late, false, None)?;
    if case.folder.join(STATE).is_file() {
        compare(STATE, came.state.as_deref().unwrap_or_default(), false, None)?;
    }
    Ok(found)
}

/// The objects of a file of JSON lines.
fn rows(path: &Path) -> Result<Vec<Value>> {
    let text = read(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(number, line): (usize, &str)| match serde_json::from_str::<Value>(line) {
        Ok(row @ Value::Object(_)) => Ok(without_nulls(row)),
        Ok(_) => Err(Error::invalid(format!("{}, line {}: a row is a JSON object", path.display(), number + 1))),
        Err(e) => Err(Error::invalid(format!("{}, line {}: {e}", path.display(), number + 1))),
    };
    lines.map(row).collect()
}

fn differ(expected: &[Value], came: &[Value], is_ordered: bool) -> Option<What> {
    let (mut missing, mut unexpected) = (Vec::new(), came.to_vec());
    for row in expected {
        match unexpected.iter().position(|other| is_same(row, other)) {
            Some(at) => drop(unexpected.remove(at)),
            None => missing.push(row.clone()),
        }
    }
    if !missing.is_empty() || !unexpected.is_empty() {
        return Some(What::Rows { missing, unexpected });
    }
    let moved = expected.iter().zip(came).position(|(expected, came)| !is_same(expected, came));
    moved.filter(|_| is_ordered).map(|at| What::Order(at + 1))
}

/// Whether two values are the same, however a number is written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) if one.is_f64() != other.is_f64() => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| is_same(one, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_the_same_however_they_are_written() {
        let (one, two, three) = (json!({"n": 1}), json!({"n": 2.5, "at": [1, null]}), json!({"n": i64::MAX}));
        let other = json!({"at": [1.0, null], "n": 2.5});
        assert_eq!(differ(&[one.clone(), two.clone()], &[json!({"n": 1.0}), other.clone()], true), None);
        assert_eq!(differ(&[one.clone(), two.clone()], &[other.clone(), one.clone()], false), None);
        assert_eq!(differ(&[one.clone(), two.clone()], &[other, one.clone()], true), Some(What::Order(1)));
        // As floats these are one number.
        let near = json!({"n": i64::MAX - 1});
        let rows = What::Rows { missing: vec![three.clone()], unexpected: vec![near.clone()] };
        assert_eq!(differ(&[one.clone(), three], &[one.clone(), near], true), Some(rows));
        let rows = What::Rows { missing: Vec::new(), unexpected: vec![one.clone()] };
        assert_eq!(differ(std::slice::from_ref(&one), &[one.clone(), one.clone()], true), Some(rows));
    }
}
