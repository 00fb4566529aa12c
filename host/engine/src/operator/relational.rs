//! The stateless operators of SQL: filter, projection, and, over a complete result, order and limit.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::{SortColumn, SortOptions, filter, lexsort_to_indices};
use arrow::datatypes::SchemaRef;

use super::expression::{Expressions, RejectedRow};
use super::rows::{arrow_failed, batch_of};
use super::{Carries, Effects, Rows, Transform};
use crate::format::{cast, shown_type, shown_value};
use crate::{Error, Result};

/// Sends rejected rows to the dead letters and returns which rows they are.
fn note_rejected(node: &Arc<str>, rows: &Rows, rejected: Vec<RejectedRow>, effects: &mut Effects) -> Vec<u32> {
    rejected
        .into_iter()
        .map(|r| {
            effects.reject(node, rows, r.row as usize, r.reason);
            r.row
        })
        .collect()
}

/// Keeps the rows for which a predicate is true.
#[derive(Debug)]
pub struct Filter {
    node: Arc<str>,
    predicate: Expressions,
}

impl Filter {
    /// `predicate` is one boolean expression.
    pub fn new(node: Arc<str>, predicate: Expressions) -> Self {
        Self { node, predicate }
    }
}

impl Transform for Filter {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let (values, rejected) = self.predicate.evaluate(&rows.batch).map_err(|e| e.context(&self.node))?;
        let keep = values[0]
            .as_boolean_opt()
            .ok_or_else(|| Error::internal(format!("a filter's predicate is {}", values[0].data_type())))?;
        if rejected.is_empty() {
            return rows.filter(keep);
        }
        let mut keep: Vec<bool> = (0..keep.len()).map(|i| keep.is_valid(i) && keep.value(i)).collect();
        for row in note_rejected(&self.node, &rows, rejected, effects) {
            keep[row as usize] = false;
        }
        rows.filter(&BooleanArray::from(keep))
    }

    fn carries(&self) -> Carries {
        Carries::All
    }
}

/// Computes new columns.
#[derive(Debug)]
pub struct Project {
    node: Arc<str>,
    columns: Expressions,
    schema: SchemaRef,
}

impl Project {
    /// One expression per field of `schema`.
    pub fn new(node: Arc<str>, columns: Expressions, schema: SchemaRef) -> Self {
        Self { node, columns, schema }
    }
}

impl Transform for Project {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let (arrays, rejected) = self.columns.evaluate(&rows.batch).map_err(|e| e.context(&self.node))?;
        let gone = note_rejected(&self.node, &rows, rejected, effects);
        // Before the columns are put together: a row that failed has nulls where there may be none.
        let arrays = if gone.is_empty() {
            arrays
        } else {
            let keep: BooleanArray =
                (0..rows.len() as u32).map(|row| Some(gone.binary_search(&row).is_err())).collect();
            arrays.iter().map(|a| filter(a, &keep).map_err(arrow_failed)).collect::<Result<_>>()?
        };
        let rows = rows.without(&gone)?;
        // An expression may give a dictionary or another unit where the plan says the plain type.
        conform(&self.node, rows, arrays, &self.schema, effects)
    }

    fn carries(&self) -> Carries {
        let columns = self.columns.places().into_iter().zip(self.schema.fields());
        Carries::Some(columns.filter_map(|(at, field)| Some((at?, field.name().clone()))).collect())
    }
}

/// `rows` with `columns` as `schema` has them. A row with a value that its column cannot hold goes to the dead letters.
fn conform(
    node: &Arc<str>,
    rows: Rows,
    columns: Vec<ArrayRef>,
    schema: &SchemaRef,
    effects: &mut Effects,
) -> Result<Rows> {
    let all = columns.iter().zip(schema.fields()).map(|(a, f)| cast(a, f.data_type()));
    if let Ok(all) = all.collect::<std::result::Result<Vec<_>, _>>() {
        let batch = batch_of(schema, all, rows.len())?;
        return Ok(rows.with_batch(batch));
    }
    let misfit = |row: usize| {
        let mut each = columns.iter().zip(schema.fields());
        each.find_map(|(column, field)| {
            let value = column.slice(row, 1);
            cast(&value, field.data_type()).err()?;
            let (name, to) = (field.name(), shown_type(field.data_type()));
            Some(format!("column `{name}`: {} does not fit {to}", shown_value(&value, 0)))
        })
    };
    let misfits = (0..rows.len()).filter_map(|row| Some(RejectedRow { row: row as u32, reason: misfit(row)? }));
    let gone = note_rejected(node, &rows, misfits.collect(), effects);
    let keep: BooleanArray = (0..rows.len() as u32).map(|row| Some(gone.binary_search(&row).is_err())).collect();
    let kept = columns.iter().zip(schema.fields()).map(|(a, f)| cast(&filter(a, &keep)?, f.data_type()));
    let kept = kept.collect::<std::result::Result<Vec<_>, _>>().map_err(arrow_failed)?;
    let rows = rows.without(&gone)?;
    let batch = batch_of(schema, kept, rows.len())?;
    Ok(rows.with_batch(batch))
}

/// Picks columns by position.
#[derive(Debug)]
pub struct Select {
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl Select {
    /// Column `columns[i]` becomes field `i` of `schema`.
    pub fn new(columns: Vec<usize>, schema: SchemaRef) -> Self {
        Self { columns, schema }
    }
}

impl Transform for Select {
    fn apply(&self, rows: Rows, _: &mut Effects) -> Result<Rows> {
        let columns = self.columns.iter().map(|c| rows.batch.column(*c).clone()).collect();
        let batch = batch_of(&self.schema, columns, rows.len())?;
        Ok(rows.with_batch(batch))
    }

    fn carries(&self) -> Carries {
        let names = self.schema.fields().iter().map(|field| field.name().clone());
        Carries::Some(self.columns.iter().copied().zip(names).collect())
    }
}

/// Casts columns to a node's declared schema, position by position.
#[derive(Debug)]
pub struct Normalise {
    node: Arc<str>,
    schema: SchemaRef,
}

impl Normalise {
    /// To `schema`.
    pub fn new(node: Arc<str>, schema: SchemaRef) -> Self {
        Self { node, schema }
    }
}

impl Transform for Normalise {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let columns = rows.batch.columns().to_vec();
        conform(&self.node, rows, columns, &self.schema, effects)
    }
}

/// Orders a complete result.
#[derive(Debug)]
pub struct Sort {
    node: Arc<str>,
    by: Expressions,
    options: Vec<SortOptions>,
    fetch: Option<usize>,
}

impl Sort {
    /// Orders by `by`, each with its options; keeps the first `fetch` rows.
    pub fn new(node: Arc<str>, by: Expressions, options: Vec<SortOptions>, fetch: Option<usize>) -> Self {
        Self { node, by, options, fetch }
    }
}

impl Transform for Sort {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let (keys, rejected) = self.by.evaluate(&rows.batch).map_err(|e| e.context(&self.node))?;
        if !rejected.is_empty() {
            let gone = note_rejected(&self.node, &rows, rejected, effects);
            return self.apply(rows.without(&gone)?, effects);
        }
        let mut columns: Vec<SortColumn> = keys
            .into_iter()
            .zip(&self.options)
            .map(|(values, options)| SortColumn { values, options: Some(*options) })
            .collect();
        // Ties fall in the order in which the rows came: the result depends on nothing but the rows.
        let position: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows.len() as u32));
        columns.push(SortColumn { values: position, options: None });
        let order = lexsort_to_indices(&columns, self.fetch).map_err(arrow_failed)?;
        rows.take(&order)
    }

    fn carries(&self) -> Carries {
        Carries::All
    }

    fn needs_whole_result(&self) -> bool {
        true
    }
}

/// Skips and cuts a complete result.
#[derive(Debug)]
pub struct Limit {
    /// Rows left out at the start.
    pub skip: usize,
    /// Rows kept after them; none = all.
    pub fetch: Option<usize>,
}

impl Transform for Limit {
    fn apply(&self, rows: Rows, _: &mut Effects) -> Result<Rows> {
        let skip = self.skip.min(rows.len());
        let len = self.fetch.unwrap_or(usize::MAX).min(rows.len() - skip);
        Ok(rows.slice(skip, len))
    }

    fn carries(&self) -> Carries {
        Carries::All
    }

    fn needs_whole_result(&self) -> bool {
        true
    }
}
