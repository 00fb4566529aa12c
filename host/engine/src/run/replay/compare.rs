//! What two versions of a job give to a sink in one epoch, row by row.

use std::collections::BTreeMap;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use crate::format::encode::json_lines;
use crate::{Error, Result};

/// Rows that are shown of each kind of difference.
const EXAMPLES: usize = 5;

/// How what a sink is given differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkDifference {
    /// The sink's name.
    pub sink: String,
    /// Rows that only the job as it was gives.
    pub only_before: u64,
    /// Rows that only the changed job gives.
    pub only_after: u64,
    /// Rows of both with the same key and other values.
    pub changed: u64,
    /// Some of each: what the row is before and after.
    pub examples: Vec<(Option<Value>, Option<Value>)>,
}

/// Compares rows; those with the same values of `keys` are the same row. None = they are the same, in whatever order.
pub(super) fn compare(
    sink: &str,
    keys: &[String],
    before: &[RecordBatch],
    after: &[RecordBatch],
) -> Result<Option<SinkDifference>> {
    if whole(before)? == whole(after)? {
        return Ok(None);
    }
    let mut difference = SinkDifference { sink: sink.to_owned(), ..SinkDifference::default() };
    // By key, the rows of either side; a sink without keys has each row as its own.
    let mut rows: BTreeMap<String, [Vec<String>; 2]> = BTreeMap::new();
    for (side, batches) in [before, after].into_iter().enumerate() {
        for row in lines(batches)? {
            let key = if keys.is_empty() { row.clone() } else { key(&parsed(&row)?, keys) };
            rows.entry(key).or_default()[side].push(row);
        }
    }
    let mut changed = Vec::new();
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for [mut before, mut after] in rows.into_values() {
        for row in std::mem::take(&mut before) {
            match after.iter().position(|other| *other == row) {
                Some(same) => drop(after.swap_remove(same)),
                None => before.push(row),
            }
        }
        let both = before.len().min(after.len());
        changed.extend(before.drain(..both).zip(after.drain(..both)));
        gone.append(&mut before);
        new.append(&mut after);
    }
    if changed.is_empty() && gone.is_empty() && new.is_empty() {
        return Ok(None);
    }
    (difference.only_before, difference.only_after, difference.changed) =
        (gone.len() as u64, new.len() as u64, changed.len() as u64);
    for (before, after) in changed.iter().take(EXAMPLES) {
        difference.examples.push((Some(parsed(before)?), Some(parsed(after)?)));
    }
    for row in gone.iter().take(EXAMPLES) {
        difference.examples.push((Some(parsed(row)?), None));
    }
    for row in new.iter().take(EXAMPLES) {
        difference.examples.push((None, Some(parsed(row)?)));
    }
    Ok(Some(difference))
}

fn whole(batches: &[RecordBatch]) -> Result<Option<RecordBatch>> {
    let batches: Vec<&RecordBatch> = batches.iter().filter(|batch| batch.num_rows() > 0).collect();
    let Some(first) = batches.first() else { return Ok(None) };
    let whole = concat_batches(&first.schema(), batches);
    whole.map(Some).map_err(|e| Error::internal(format!("rows of one sink cannot be put together: {e}")))
}

fn lines(batches: &[RecordBatch]) -> Result<Vec<String>> {
    let failed = |e: &dyn std::fmt::Display| Error::internal(format!("rows cannot be written as JSON: {e}"));
    let mut out = json_lines(Vec::new());
    batches.iter().try_for_each(|batch| out.write(batch)).map_err(|e| failed(&e))?;
    out.finish().map_err(|e| failed(&e))?;
    let text = String::from_utf8(out.into_inner()).map_err(|e| failed(&e))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn parsed(line: &str) -> Result<Value> {
    serde_json::from_str(line).map_err(|e| Error::internal(format!("a row that was written is no JSON: {e}")))
}

fn key(row: &Value, keys: &[String]) -> String {
    let of = |key: &String| (key.clone(), row.get(key).cloned().unwrap_or_default());
    Value::Object(keys.iter().map(of).collect::<Map<_, _>>()).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use serde_json::json;

    use super::*;

    fn batch(rows: &[(&str, i64)]) -> RecordBatch {
        let (k, v): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
        let columns = [
            ("k", Arc::new(StringArray::from(k)) as arrow::array::ArrayRef),
            ("v", Arc::new(Int64Array::from(v)) as arrow::array::ArrayRef),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn rows_are_the_same_in_any_order_and_pieces_or_are_told() {
        let before = [batch(&[("a", 1), ("b", 2)]), batch(&[("c", 3), ("a", 1)])];
        let same = [batch(&[("a", 1), ("a", 1), ("c", 3)]), batch(&[("b", 2)])];
        assert_eq!(compare("s", &[], &before, &same).unwrap(), None);
        assert_eq!(compare("s", &[], &[], &[batch(&[])]).unwrap(), None);
        let other = [batch(&[("a", 1), ("b", 9), ("d", 4)])];
        let counts = |keys: &[String]| {
            let d = compare("s", keys, &before, &other).unwrap().unwrap();
            (d.only_before, d.only_after, d.changed, d.examples)
        };
        let (gone, new, changed, examples) = counts(&[]);
        assert_eq!((gone, new, changed, examples.len()), (3, 2, 0, 5));
        // One of the two rows of `a` is gone.
        let (gone, new, changed, examples) = counts(&["k".to_owned()]);
        assert_eq!((gone, new, changed), (2, 1, 1));
        assert_eq!(examples[0], (Some(json!({"k": "b", "v": 2})), Some(json!({"k": "b", "v": 9}))));
    }
}
