//! What stateful operators have stored, as rows that a person reads.
//!
//! An operator says which columns such rows have ([`StoredColumns`]), and makes them of the entries of its tables, some
//! thousands at a time ([`Reading`]). Which of them are asked for ([`Wanted`]) is looked at here.
//!
//! What always holds: nothing is changed, rows come in an order that depends on what is stored alone (by bucket, and so by
//! time where there is one; by partition; by the bytes of the key), and a key that is given whole is looked up instead of
//! searched for.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Scalar, TimestampMicrosecondArray};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{and, filter_record_batch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::temporal_conversions::timestamp_us_to_datetime;

use super::floats::normal;
use super::rows::{arrow_failed, batch_of};
use crate::Result;
use crate::format::{UTC, timestamp};
use crate::state::row::{Form, RowBuffer, encode};
use crate::state::{Bucket, Table, hash_key, partition_of};

/// Entries that are made rows of at once, and about how many bytes they may have.
pub(super) const AT_ONCE: usize = 4096;
pub(super) const BYTES_AT_ONCE: usize = 4 << 20;

/// The columns of what an operator has stored.
#[derive(Debug, Clone)]
pub struct StoredColumns {
    /// All of them.
    pub schema: SchemaRef,
    /// The places of those that make a key, in the key's order.
    pub keys: Vec<usize>,
    /// The places of others that say of which rows something is: the ends of a window, the side of a join.
    pub beside: Vec<usize>,
    /// The places of those that a plugin has encoded as it likes; as CBOR, if it is written with our SDK.
    pub encoded: Vec<usize>,
}

/// Puts together [`StoredColumns`]: each column has a name of its own.
#[derive(Debug, Default)]
pub(super) struct StoredSchema {
    fields: Vec<FieldRef>,
    keys: Vec<usize>,
    beside: Vec<usize>,
    encoded: Vec<usize>,
}

impl StoredSchema {
    /// A column that makes the key, or a part of it.
    pub fn key(&mut self, name: &str, data_type: &DataType) {
        self.keys.push(self.fields.len());
        self.column(name, data_type);
    }

    /// A time by which rows can be asked for.
    pub fn time(&mut self, name: &str) {
        self.beside.push(self.fields.len());
        self.column(name, &timestamp());
    }

    /// A text by which rows can be asked for.
    pub fn text(&mut self, name: &str) {
        self.beside.push(self.fields.len());
        self.column(name, &DataType::Utf8);
    }

    /// Bytes that a plugin has encoded.
    pub fn encoded(&mut self, name: &str) {
        self.encoded.push(self.fields.len());
        self.column(name, &DataType::Binary);
    }

    /// Any other column. One whose name is taken is numbered.
    pub fn column(&mut self, name: &str, data_type: &DataType) {
        let is_taken = |name: &str| self.fields.iter().any(|field| field.name() == name);
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let name = std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name));
        let name = name.unwrap_or_default();
        self.fields.push(Arc::new(Field::new(name, data_type.clone(), true)));
    }

    pub fn done(self) -> StoredColumns {
        let Self { fields, keys, beside, encoded } = self;
        StoredColumns { schema: Arc::new(Schema::new(fields)), keys, beside, encoded }
    }
}

/// Which rows are asked for: those with these values in these columns, each an array of one.
#[derive(Debug, Clone, Default)]
pub struct Wanted(BTreeMap<usize, ArrayRef>);

impl Wanted {
    /// Only rows with this value, an array of one, in the column number `at`; whether there was no other wish for it.
    pub fn with(&mut self, at: usize, value: ArrayRef) -> bool {
        // As keys are stored.
        self.0.insert(at, normal(value)).is_none()
    }
}

/// Takes rows; says whether it wants more.
pub type TakeStored<'a> = dyn FnMut(RecordBatch) -> Result<ControlFlow<()>> + 'a;

/// One reading of an operator's tables.
pub struct Reading<'a> {
    columns: StoredColumns,
    wanted: &'a Wanted,
    take: &'a mut TakeStored<'a>,
}

/// What a table has under a key in a bucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredEntry<'t> {
    pub bucket: i64,
    /// What else is stored beside it.
    pub within: &'t Bucket,
    pub key: &'t [u8],
    pub value: &'t [u8],
}

impl<'a> Reading<'a> {
    /// Of rows with these columns, those that are wanted.
    pub fn new(columns: StoredColumns, wanted: &'a Wanted, take: &'a mut TakeStored<'a>) -> Self {
        Self { columns, wanted, take }
    }

    /// Gives rows on, as far as they are wanted.
    pub(super) fn give(&mut self, columns: Vec<ArrayRef>, rows: usize) -> Result<ControlFlow<()>> {
        let batch = batch_of(&self.columns.schema, columns, rows)?;
        let mut keep: Option<BooleanArray> = None;
        for (at, value) in &self.wanted.0 {
            let has = not_distinct(batch.column(*at), &Scalar::new(value)).map_err(arrow_failed)?;
            keep = Some(match keep {
                Some(keep) => and(&keep, &has).map_err(arrow_failed)?,
                None => has,
            });
        }
        let batch = match keep {
            Some(keep) => filter_record_batch(&batch, &keep).map_err(arrow_failed)?,
            None => batch,
        };
        if batch.num_rows() == 0 { Ok(ControlFlow::Continue(())) } else { (self.take)(batch) }
    }

    /// The key that is asked for, as it is stored; none if it is not given whole.
    pub(super) fn key(&self) -> Result<Option<Vec<u8>>> {
        let values: Option<Vec<ArrayRef>> = self.columns.keys.iter().map(|at| self.wanted.0.get(at).cloned()).collect();
        let Some(values) = values.filter(|values| !values.is_empty()) else { return Ok(None) };
        let mut encoded = RowBuffer::new();
        encode(&values, 1, Form::Key, &mut encoded)?;
        Ok(Some(encoded.row(0).to_vec()))
    }

    /// Shows `make` the entries of `table` that may be wanted, some at a time, until it has enough.
    pub(super) fn entries<'t>(
        &mut self,
        table: &'t Table,
        mut make: impl FnMut(&mut Self, &[StoredEntry<'t>]) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let key = self.key()?;
        let mut some: Vec<StoredEntry<'t>> = Vec::new();
        let mut bytes = 0;
        for (bucket, within) in buckets(table, key.as_deref()) {
            let found = match &key {
                Some(key) => within.entry_of(key).into_iter().collect(),
                None => within.sorted(),
            };
            for (key, value) in found {
                some.push(StoredEntry { bucket, within, key, value });
                bytes += key.len() + value.len();
                if some.len() >= AT_ONCE || bytes >= BYTES_AT_ONCE {
                    if make(self, &some)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    some.clear();
                    bytes = 0;
                }
            }
        }
        if some.is_empty() { Ok(ControlFlow::Continue(())) } else { make(self, &some) }
    }
}

/// The buckets of `table` in which `key` may be, or all, in order of their numbers and then of partitions.
fn buckets<'t>(table: &'t Table, key: Option<&[u8]>) -> Vec<(i64, &'t Bucket)> {
    let partitions = table.partitions();
    let only = key.map(|key| partition_of(hash_key(key), partitions.len()));
    let those = partitions.iter().enumerate().filter(|(at, _)| only.is_none_or(|only| only == *at));
    let mut found: Vec<(i64, &Bucket)> = those.flat_map(|(_, partition)| partition.buckets()).collect();
    found.sort_by_key(|(number, _)| *number);
    found
}

/// Times as a column; the end of time, and what else no calendar has, is null.
pub(super) fn times(of: impl IntoIterator<Item = i64>) -> ArrayRef {
    let times = of.into_iter().map(|time| timestamp_us_to_datetime(time).map(|_| time));
    Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone(UTC))
}
