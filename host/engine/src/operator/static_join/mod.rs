//! Stream–static joins: each row of a stream with the rows of a table that stands still between two refreshes. Stateless:
//! a chunk is joined by itself, on any core, with the version of the table that its epoch began with.

mod table;

use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

pub use table::StaticTable;

use self::table::{Index, Lookup};
use super::expression::Expressions;
use super::room::Sizes;
use super::rows::{arrow_failed, batch_of};
use super::{Effects, RowOrigins, Rows, Transform};
use crate::panics::locked;
use crate::state::row::{Form, RowBuffer, encode};
use crate::time::reach::Side;
use crate::{Error, Result};

/// The parts of a [`StaticJoin`].
#[derive(Debug)]
pub struct StaticJoinParts {
    /// The node's name.
    pub name: Arc<str>,
    /// The table.
    pub table: Arc<StaticTable>,
    /// What happens to its rows before the join.
    pub steps: Vec<Arc<dyn Transform>>,
    /// Its keys.
    pub table_keys: Expressions,
    /// The stream's keys.
    pub stream_keys: Expressions,
    /// Which side the stream is.
    pub stream: Side,
    /// Whether rows of the stream without a match come out, with nulls.
    pub is_outer: bool,
    /// A further condition, over the columns of the left and the right side.
    pub condition: Option<Expressions>,
    /// What the condition is over.
    pub pair: SchemaRef,
    /// What comes out: the columns of the left side, then those of the right one.
    pub schema: SchemaRef,
}

/// A join of a stream with a static table.
#[derive(Debug)]
pub struct StaticJoin {
    parts: StaticJoinParts,
    lookup: Arc<Lookup>,
}

impl StaticJoin {
    /// Puts the parts together.
    pub fn new(mut parts: StaticJoinParts) -> Self {
        let lookup = Arc::new(Lookup {
            name: parts.name.clone(),
            steps: std::mem::take(&mut parts.steps),
            keys: parts.table_keys.clone(),
            index: Mutex::new(None),
        });
        parts.table.add(&lookup);
        Self { parts, lookup }
    }

    /// The index of the table as it is now.
    fn index(&self) -> Result<Arc<Index>> {
        let index = locked(&self.lookup.index)?.clone();
        index.ok_or_else(|| Error::internal(format!("`{}` was not read", self.parts.table.name())))
    }

    /// The columns of the left and the right side, for rows of the stream and of the table; none = null.
    fn columns(
        &self,
        rows: &RecordBatch,
        index: &Index,
        stream: &UInt32Array,
        table: &UInt32Array,
    ) -> Result<Vec<ArrayRef>> {
        let ours = rows.columns().iter().map(|c| take(c, stream, None).map_err(arrow_failed));
        let theirs = (0..index.columns.len()).map(|c| index.take(c, table));
        match self.parts.stream {
            Side::Left => ours.chain(theirs).collect(),
            Side::Right => theirs.chain(ours).collect(),
        }
    }

    /// Which pairs fulfil the further condition; rows of the stream for which it fails go to the dead letters.
    fn condition_holds(
        &self,
        rows: &Rows,
        index: &Index,
        (stream, table): (&[u32], &[u32]),
        failed: &mut Vec<bool>,
        effects: &mut Effects,
    ) -> Result<Option<Vec<bool>>> {
        let Some(condition) = &self.parts.condition else { return Ok(None) };
        let columns = self.columns(&rows.batch, index, &stream.to_vec().into(), &table.to_vec().into())?;
        let pairs = batch_of(&self.parts.pair, columns, stream.len())?;
        let (values, rejected) = condition.evaluate(&pairs)?;
        for reject in rejected {
            let row = stream[reject.row as usize] as usize;
            failed.resize(rows.len(), false);
            if !std::mem::replace(&mut failed[row], true) {
                effects.reject(&self.parts.name, rows, row, reject.reason);
            }
        }
        let values = values[0]
            .as_boolean_opt()
            .ok_or_else(|| Error::internal(format!("a join's condition is {}", values[0].data_type())))?;
        Ok(Some((0..values.len()).map(|i| values.is_valid(i) && values.value(i)).collect()))
    }
}

impl Transform for StaticJoin {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let index = self.index()?;
        let named = |e: Error| e.context(format!("operator `{}`", self.parts.name));
        let (keys, rejected) = self.parts.stream_keys.evaluate(&rows.batch).map_err(named)?;
        let mut failed: Vec<bool> = Vec::new();
        for reject in rejected {
            failed.resize(rows.len(), false);
            failed[reject.row as usize] = true;
            effects.reject(&self.parts.name, &rows, reject.row as usize, reject.reason);
        }
        let nulls: Vec<Option<NullBuffer>> = keys.iter().map(|k| k.logical_nulls()).collect();
        let null = NullBuffer::union_many(nulls.iter().map(Option::as_ref));
        let mut encoded = RowBuffer::new();
        encode(&keys, rows.len(), Form::Key, &mut encoded)?;
        let (mut stream, mut table): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for (row, key) in (0u32..).zip(encoded.iter()) {
            if null.as_ref().is_some_and(|n| n.is_null(row as usize)) {
                continue;
            }
            let found = index.find(key);
            effects.room.take(8 * found.len() as u64)?;
            for found in found {
                stream.push(row);
                table.push(*found);
            }
        }
        // What the pairs take is counted before they are made.
        let (left, right) = (Sizes::of_all(rows.batch.columns()), Sizes::of_all(&index.columns));
        effects.room.take(left.of_rows(&stream).saturating_add(right.of_rows(&table)))?;
        let keep = self.condition_holds(&rows, &index, (&stream, &table), &mut failed, effects).map_err(named)?;

        // In the order of the stream's rows, those without a match in between.
        let (mut ours, mut theirs): (Vec<u32>, Vec<Option<u32>>) = (Vec::new(), Vec::new());
        let mut pair = 0;
        for row in 0..rows.len() as u32 {
            let before = ours.len();
            while stream.get(pair) == Some(&row) {
                if keep.as_ref().is_none_or(|k| k[pair]) {
                    ours.push(row);
                    theirs.push(Some(table[pair]));
                }
                pair += 1;
            }
            if failed.get(row as usize) == Some(&true) {
                ours.truncate(before);
                theirs.truncate(before);
            } else if self.parts.is_outer && ours.len() == before {
                ours.push(row);
                theirs.push(None);
            }
        }
        let origins = ours.iter().map(|row| rows.origin(*row as usize)).collect();
        let ours = UInt32Array::from(ours);
        let columns = self.columns(&rows.batch, &index, &ours, &UInt32Array::from(theirs))?;
        let batch = batch_of(&self.parts.schema, columns, ours.len())?;
        Ok(Rows { batch, origin: RowOrigins::At(origins) })
    }
}
