//! Of rows with the same keys the first one: in the order of chunks and of rows in them, whoever computes what.
//!
//! A chunk leaves its rows that are the first of their key in it ([`partial`]); at the epoch's end those pass whose key
//! is not remembered ([`close`]).
//!
//! What is stored, by [`Expiry`]:
//! * with the event time among the keys: the key, in the bucket of the slot that its event time lies in. Rows at or
//!   before the watermark are late, so a slot that the watermark has passed is dropped as a whole.
//! * without: under the key, in bucket 0, until when it is remembered; and in the table `timers` the key in the bucket of
//!   the slot in which that time lies. What is not remembered any more counts as absent, so a slot is looked at once.
//! * for ever: the key.

mod close;
mod explain;
mod partial;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use serde_json::{Value, json};

use partial::DedupPartial;

use super::fingerprint::{Fingerprint, Former, column_told, type_told};
use super::rows::those_of;
use super::stored::check_stored;
use super::{Closed, Due, Effects, EpochEnd, Explanation, Expressions, Reading, Rows, Stateful, StoredColumns};
use crate::Result;
use crate::record::WatermarkPair;
use crate::state::Table;

/// How long a key is remembered.
#[derive(Debug, Clone)]
pub enum Expiry {
    /// Until its event time, which is among the keys.
    AtEventTime {
        /// The event time, microseconds UTC.
        time: Expressions,
    },
    /// For some time after the event time of the row that was first.
    After {
        /// The event time, microseconds UTC.
        time: Expressions,
        /// How long, microseconds.
        wait: i64,
    },
    /// For ever.
    Never,
}

/// A deduplication.
#[derive(Debug)]
pub struct Dedup {
    name: Arc<str>,
    /// The columns that make two rows the same.
    keys: Vec<usize>,
    /// What each of them is, for the fingerprint.
    told: Vec<Value>,
    expiry: Expiry,
    schema: SchemaRef,
    partitions: u32,
}

impl Dedup {
    /// Of rows of `schema` with the same values in the columns `keys` the first one.
    pub fn new(name: Arc<str>, keys: Vec<usize>, expiry: Expiry, schema: SchemaRef, partitions: u32) -> Result<Self> {
        check_stored(&name, keys.iter().map(|key| schema.field(*key).data_type()))?;
        let told = keys.iter().map(|key| column_told(schema.field(*key).name())).collect();
        Ok(Self { name, keys, told, expiry, schema, partitions })
    }

    /// With what each key is, where it is more than a column of the node's input.
    #[must_use]
    pub fn told_as(mut self, told: Vec<Value>) -> Self {
        self.told = told;
        self
    }
}

impl Stateful for Dedup {
    type Partial = DedupPartial;

    fn partial(&self, _: usize, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<DedupPartial>> {
        self.firsts(rows, at, effects)
    }

    fn tables(&self) -> &'static [&'static str] {
        if matches!(self.expiry, Expiry::After { .. }) { &["", "timers"] } else { &[""] }
    }

    fn close(&self, end: &EpochEnd, partials: Vec<DedupPartial>, tables: &mut [&mut Table]) -> Result<Closed> {
        let new = self.remember(&partials, tables, end)?;
        those_of(partials.iter().map(|partial| &partial.rows), new).map(Closed::rows)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        let keys = self.told.iter().zip(&self.keys);
        let keys = keys.map(|(of, key)| json!([of, type_told(self.schema.field(*key).data_type())]));
        // How long a key is remembered is stored with it: a job may change that.
        let remembers = match &self.expiry {
            Expiry::AtEventTime { time } => json!({ "until": time.told() }),
            Expiry::After { time, .. } => json!({ "after": time.told() }),
            Expiry::Never => json!("for ever"),
        };
        Fingerprint::of("dedup").with("keys", keys.collect::<Vec<_>>()).with("remembers", remembers)
    }

    fn former_fingerprint(&self) -> Former {
        let expiry = match &self.expiry {
            Expiry::AtEventTime { time } => format!("until their event time {}", time.describe()),
            Expiry::After { time, .. } => format!("for some time after {}", time.describe()),
            Expiry::Never => "for ever".to_owned(),
        };
        let fields = self.keys.iter().map(|key| self.schema.field(*key));
        let keys: Vec<String> = fields.map(|f| format!("{}: {}", f.name(), f.data_type())).collect();
        let text = format!("dedup by ({}), remembered {expiry}", keys.join(", "));
        Former { text, is_enough: true }
    }

    fn explain(&self) -> Explanation {
        Dedup::explain(self)
    }

    fn stored_columns(&self, _: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        Some(Dedup::stored_columns(self))
    }

    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        Dedup::read(self, tables, reading)
    }

    fn next_due(&self, _: &[&Table]) -> Option<Due> {
        (!matches!(self.expiry, Expiry::Never)).then_some(Due::Watermark)
    }
}
