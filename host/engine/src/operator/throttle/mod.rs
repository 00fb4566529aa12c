//! Of the rows of each key in each window of event time the first so many: in the order of chunks and of rows in them.
//!
//! A chunk leaves the rows that could pass if it were alone ([`partial`]); at the epoch's end those pass that the epochs
//! and chunks before have left room for ([`close`]).
//!
//! What is stored: under the key, in the bucket of its window, how many rows have passed. Rows at or before the watermark
//! are late, so the windows that it has passed are dropped as a whole.

mod close;
mod explain;
mod partial;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use serde_json::json;

use partial::ThrottlePartial;

use super::fingerprint::{Fingerprint, column_told, type_told};
use super::stored::check_stored;
use super::{Closed, Due, Effects, EpochEnd, Explanation, Expressions, Reading, Rows, Stateful, StoredColumns};
use crate::Result;
use crate::record::WatermarkPair;
use crate::state::{Table, Timers};

/// How many rows pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Rows of each key in a window; at least one.
    pub rows: u64,
    /// Length of a window, microseconds; the windows begin at 1970.
    pub per: i64,
}

/// A throttle.
#[derive(Debug)]
pub struct Throttle {
    name: Arc<str>,
    /// The columns that tell who shares an allowance.
    keys: Vec<usize>,
    /// The event time, microseconds UTC.
    time: Expressions,
    allowance: Allowance,
    schema: SchemaRef,
    partitions: u32,
}

impl Throttle {
    /// Of rows of `schema` with the same values in the columns `keys` the first `allowance`, by their event time `time`.
    ///
    /// # Errors
    /// A key is of a type that cannot be one.
    pub fn new(
        name: Arc<str>,
        keys: Vec<usize>,
        time: Expressions,
        allowance: Allowance,
        schema: SchemaRef,
        partitions: u32,
    ) -> Result<Self> {
        check_stored(&name, keys.iter().map(|key| schema.field(*key).data_type()))?;
        Ok(Self { name, keys, time, allowance, schema, partitions })
    }

    /// The windows, each a bucket.
    fn windows(&self) -> Timers {
        Timers::counted(self.allowance.per, 1)
    }
}

impl Stateful for Throttle {
    type Partial = ThrottlePartial;

    fn partial(
        &self,
        _: usize,
        rows: Rows,
        at: WatermarkPair,
        effects: &mut Effects,
    ) -> Result<Option<ThrottlePartial>> {
        self.could_pass(rows, at, effects)
    }

    fn close(&self, end: &EpochEnd, partials: Vec<ThrottlePartial>, tables: &mut [&mut Table]) -> Result<Closed> {
        self.pass(end, &partials, tables).map(Closed::rows)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        let field = |key: &usize| self.schema.field(*key);
        let keys =
            self.keys.iter().map(|key| json!([column_told(field(key).name()), type_told(field(key).data_type())]));
        // How many rows have passed is stored, not how many may: a job may change that.
        Fingerprint::of("throttle")
            .with("keys", keys.collect::<Vec<_>>())
            .with("time", self.time.told())
            .with("per", self.allowance.per)
    }

    fn explain(&self) -> Explanation {
        Throttle::explain(self)
    }

    fn stored_columns(&self, _: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        Some(Throttle::stored_columns(self))
    }

    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        Throttle::read(self, tables, reading)
    }

    fn next_due(&self, _: &[&Table]) -> Option<Due> {
        Some(Due::Watermark)
    }
}
