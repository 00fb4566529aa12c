//! Two versions of a keyed operator side by side: the one before has all keys, and says nothing of a share of them; for that
//! share the new one answers, with states of its own. So the new one can go at any time, and nothing of it is left but what it
//! has said.
//!
//! Its tables are those of the version before, then those of the new one, which have the keys of the share alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::not;
use arrow::datatypes::SchemaRef;

use super::Keyed;
use super::maps::parts_of_entry;
use super::partial::KeyedPartial;
use super::silence::Silence;
use crate::executor::Workers;
use crate::operator::fingerprint::{Fingerprint, Old};
use crate::operator::rows::arrow_failed;
use crate::operator::{Closed, Due, Effects, EpochEnd, Explanation, Reading, Room, Rows, Stateful, StoredColumns};
use crate::record::WatermarkPair;
use crate::share::Share;
use crate::state::row::{Form, RowBuffer, encode};
use crate::state::{Table, hash_key};
use crate::{Error, Result};

/// Both versions.
#[derive(Debug)]
pub struct KeyedCanary {
    before: Keyed,
    silence: Silence,
    after: Keyed,
    share: Share,
    counted: Counted,
}

/// What an epoch has come to.
#[derive(Debug, Default)]
struct Counted {
    rows: AtomicU64,
    refused: AtomicU64,
}

/// How the share's keys went in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanaryEpoch {
    /// Their rows.
    pub rows: u64,
    /// Rows and timers of theirs that are dead letters: of the new version.
    pub refused: u64,
    /// And that would have been, of the version before.
    pub refused_before: u64,
}

/// What a chunk leaves.
#[derive(Debug)]
pub struct CanaryPartial {
    before: Vec<KeyedPartial>,
    after: Option<KeyedPartial>,
}

impl KeyedCanary {
    /// `after` answers for a share of the keys of `before`.
    ///
    /// # Errors
    /// They do not take the same rows, or their rows are not the same.
    pub fn new(before: &Keyed, after: &Keyed, share: Share) -> Result<Self> {
        let refused = |what: &str| {
            let help = "swap to it, or try it in the shadow";
            Err(Error::new(crate::ErrorKind::Conflict, format!("operator `{}`: the new version {what}", before.name))
                .with_help(help))
        };
        if before.input != after.input || before.keys != after.keys {
            return refused("takes other columns");
        }
        if before.schema != after.schema {
            return refused("gives other columns");
        }
        if before.holds_back() < after.holds_back() {
            return refused("gives rows that are further behind the watermark, which those behind it do not wait for");
        }
        let silence = Silence::of(share);
        let (mut before, after) = (before.clone(), after.clone());
        before.silence = Some(silence.clone());
        Ok(Self { before, silence, after, share, counted: Counted::default() })
    }

    /// What the tables of the new version are for.
    pub fn own_tables(&self) -> &'static [&'static str] {
        self.after.tables()
    }

    /// Gives the new version, in its tables, what the one before has of the share's keys; `old`: what is to be brought over.
    ///
    /// # Errors
    /// The plugin cannot.
    pub fn fork(&self, old: &Old, tables: &mut [&mut Table], workers: &Workers) -> Result<()> {
        let (before, after) = tables.split_at_mut(self.before.tables().len());
        for (name, to) in self.after.tables().iter().zip(after.iter_mut()) {
            let Some(at) = self.before.tables().iter().position(|there| there == name) else { continue };
            for (from, to) in before[at].partitions().iter().zip(to.partitions_mut()) {
                for (number, bucket) in from.buckets() {
                    for (place, value) in bucket.sorted() {
                        let key = if *name == "maps" { parts_of_entry(place)?.1 } else { place };
                        if self.share.has(hash_key(key)) {
                            to.put(number, place, value);
                        }
                    }
                }
            }
        }
        match old.is_nothing() {
            true => Ok(()),
            false => Stateful::bring_over(&self.after, old, after, workers),
        }
    }

    /// Begins to count anew, whatever was counted.
    pub fn forget_epoch(&self) {
        self.take_epoch();
    }

    /// How the epoch went that was closed last; begins to count anew.
    pub fn take_epoch(&self) -> CanaryEpoch {
        CanaryEpoch {
            rows: self.counted.rows.swap(0, Ordering::Relaxed),
            refused: self.counted.refused.swap(0, Ordering::Relaxed),
            refused_before: self.silence.take_refused(),
        }
    }

    fn is_in_share(&self, rows: &Rows) -> Result<BooleanArray> {
        let columns: Vec<ArrayRef> = self.before.keys.iter().map(|column| rows.batch.column(*column).clone()).collect();
        let mut keys = RowBuffer::new();
        encode(&columns, rows.len(), Form::Key, &mut keys)?;
        Ok((0..rows.len()).map(|row| Some(self.share.has(hash_key(keys.row(row))))).collect())
    }
}

impl Stateful for KeyedCanary {
    type Partial = CanaryPartial;

    fn partial(&self, _: usize, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<CanaryPartial>> {
        let of_share = self.is_in_share(&rows)?;
        let others = rows.clone().filter(&not(&of_share).map_err(arrow_failed)?)?;
        let share = rows.filter(&of_share)?;
        // What the version before says of the share's rows is nobody's.
        let mut unsaid = Effects::default();
        unsaid.room = Room::of(&share.batch);
        let before = [self.before.by_key(others, at, effects)?, self.before.by_key(share.clone(), at, &mut unsaid)?];
        let before: Vec<KeyedPartial> = before.into_iter().flatten().collect();
        let after = self.after.by_key(share, at, effects)?;
        Ok((!before.is_empty() || after.is_some()).then_some(CanaryPartial { before, after }))
    }

    fn tables(&self) -> &'static [&'static str] {
        self.before.tables()
    }

    fn close(&self, end: &EpochEnd, partials: Vec<CanaryPartial>, tables: &mut [&mut Table]) -> Result<Closed> {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for partial in partials {
            before.extend(partial.before);
            after.extend(partial.after);
        }
        let (of_before, of_after) = tables.split_at_mut(self.before.tables().len());
        let mut closed = self.before.end_epoch(end, &before, of_before)?;
        let answered = self.after.end_epoch(end, &after, of_after)?;
        let rows = after.iter().map(|partial| partial.rows.num_rows() as u64).sum::<u64>();
        self.counted.rows.fetch_add(rows, Ordering::Relaxed);
        self.counted.refused.fetch_add(answered.rejects.len() as u64, Ordering::Relaxed);
        closed.append(answered);
        Ok(closed)
    }

    fn schema(&self) -> SchemaRef {
        self.before.schema.clone()
    }

    /// That of the version before, which has all keys.
    fn fingerprint(&self) -> Fingerprint {
        self.before.fingerprint()
    }

    fn explain(&self) -> Explanation {
        self.before.explain()
    }

    fn late_by(&self, at: WatermarkPair) -> Option<i64> {
        Stateful::late_by(&self.before, at)
    }

    fn next_due(&self, tables: &[&Table]) -> Option<Due> {
        let (before, after) = tables.split_at(self.before.tables().len());
        match (self.before.next_due(before), self.after.next_due(after)) {
            (Some(Due::At(one)), Some(Due::At(other))) => Some(Due::At(one.min(other))),
            (Some(Due::At(at)), _) | (_, Some(Due::At(at))) => Some(Due::At(at)),
            (one, other) => one.or(other),
        }
    }

    fn stored_columns(&self, _: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        Some(self.before.stored_columns())
    }

    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        self.before.read(&tables[..self.before.tables().len().min(tables.len())], reading)
    }
}

/// The keyed operator behind `operator`, if it is one.
pub fn keyed_of(operator: &Arc<dyn crate::operator::AnyStateful>) -> Option<&Keyed> {
    operator.as_any().downcast_ref()
}
