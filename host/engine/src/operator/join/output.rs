//! Candidate pairs to rows that come out: the further condition is looked at for many of them at once, and who had a match
//! is noted.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_null_array};
use arrow::compute::filter;
use arrow::record_batch::RecordBatch;

use super::fresh::Fresh;
use super::{JoinKind, StreamJoin};
use crate::operator::rows::{arrow_failed, batch_of};
use crate::state::row::decode;
use crate::time::reach::Side;
use crate::{Error, ErrorKind, Result};

/// Pairs that are looked at together, and rows of a batch that comes out.
const PAIRS: usize = 16_384;

/// Bytes of their rows, likewise: a long row may have many partners.
const PAIR_BYTES: usize = 16 << 20;

/// Bytes of rows that a partition may give in one epoch. All of them are held until they go on: a key with a hundred
/// thousand rows on either side would take all memory there is, and then the process.
const GIVEN_BYTES: usize = 1 << 30;

/// The place of a stored row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark {
    pub group: u32,
    pub slot: i64,
    pub chunk: u32,
    /// Where in the chunk its flag is.
    pub at: u32,
}

/// Which row it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum RowRef {
    /// A new one, by its number among those of its side.
    New(u32),
    /// A stored one, and whether it had a match before this epoch.
    Stored(Mark, bool),
}

/// Who had a match in this epoch, of one side.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// Whether anybody asks.
    noted: bool,
    /// Per new row.
    pub new: Vec<bool>,
    /// Stored rows that had none before.
    pub stored: HashSet<Mark>,
}

impl Matched {
    /// Whether this is the row's first match.
    fn note(&mut self, row: RowRef) -> bool {
        match row {
            RowRef::New(row) => !std::mem::replace(&mut self.new[row as usize], true),
            RowRef::Stored(_, true) => false,
            RowRef::Stored(mark, false) => self.stored.insert(mark),
        }
    }
}

/// What comes out of one partition.
pub(super) struct Output<'a, 'j> {
    join: &'j StreamJoin,
    left: Vec<&'a [u8]>,
    right: Vec<&'a [u8]>,
    rows: Vec<(RowRef, RowRef)>,
    /// Bytes of the pairs taken.
    bytes: usize,
    /// Bytes of the batches.
    given: usize,
    pub left_matched: Matched,
    pub right_matched: Matched,
    pub batches: Vec<RecordBatch>,
}

impl<'a, 'j> Output<'a, 'j> {
    pub fn new(join: &'j StreamJoin, fresh: &Fresh<'a>) -> Self {
        let matched = |side| Matched {
            noted: join.parts.kind.notes_matches(side),
            new: vec![false; fresh.of_side(side).times.len()],
            stored: HashSet::new(),
        };
        Self {
            join,
            left: Vec::new(),
            right: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
            given: 0,
            left_matched: matched(Side::Left),
            right_matched: matched(Side::Right),
            batches: Vec::new(),
        }
    }

    /// Takes a pair whose keys and times match.
    #[inline]
    pub fn pair(&mut self, left: (RowRef, &'a [u8]), right: (RowRef, &'a [u8])) -> Result<()> {
        self.left.push(left.1);
        self.right.push(right.1);
        self.rows.push((left.0, right.0));
        self.bytes += left.1.len() + right.1.len();
        if self.rows.len() == PAIRS || self.bytes >= PAIR_BYTES { self.flush() } else { Ok(()) }
    }

    /// Looks at the pairs taken so far.
    pub fn flush(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let parts = &self.join.parts;
        let is_semi = parts.kind == JoinKind::LeftSemi;
        let columns = if is_semi && parts.condition.is_none() { Vec::new() } else { self.pair_columns()? };
        let keep = self.condition_holds(&columns)?;
        let mut first = Vec::new();
        for (i, (left, right)) in self.rows.iter().enumerate() {
            if keep.as_ref().is_some_and(|k| !k.value(i)) {
                continue;
            }
            if self.left_matched.noted && self.left_matched.note(*left) && is_semi {
                first.push(self.left[i]);
            }
            if self.right_matched.noted {
                self.right_matched.note(*right);
            }
        }
        if is_semi {
            let columns = self.join.decode(Side::Left, &first)?;
            self.push(columns, first.len())?;
        } else {
            let (columns, rows) = match &keep {
                None => (columns, self.rows.len()),
                Some(keep) => {
                    let kept = columns.iter().map(|c| filter(c, keep).map_err(arrow_failed));
                    (kept.collect::<Result<_>>()?, keep.true_count())
                }
            };
            self.push(columns, rows)?;
        }
        self.left.clear();
        self.right.clear();
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }

    /// The columns of both sides of the pairs.
    fn pair_columns(&self) -> Result<Vec<ArrayRef>> {
        let mut columns = self.join.decode(Side::Left, &self.left)?;
        columns.extend(self.join.decode(Side::Right, &self.right)?);
        Ok(columns)
    }

    /// For which pairs the further condition is true; none = for all.
    fn condition_holds(&self, columns: &[ArrayRef]) -> Result<Option<BooleanArray>> {
        let parts = &self.join.parts;
        let Some(condition) = &parts.condition else { return Ok(None) };
        let pairs = batch_of(&parts.pair, columns.to_vec(), self.rows.len())?;
        let (values, rejected) = condition.evaluate(&pairs).map_err(|e| self.join.named(e))?;
        if let Some(failed) = rejected.into_iter().next() {
            let message = format!("the join's condition fails for a pair of rows: {}", failed.reason);
            return Err(self.join.named(Error::new(ErrorKind::Data, message).with_help(
                "a pair has no place in a file to be set aside by: write the condition so that it cannot fail, with TRY_CAST or CASE",
            )));
        }
        let values = values[0]
            .as_boolean_opt()
            .ok_or_else(|| Error::internal(format!("a join's condition is {}", values[0].data_type())))?;
        Ok(Some(match values.nulls() {
            None => values.clone(),
            Some(nulls) => BooleanArray::new(values.values() & nulls.inner(), None),
        }))
    }

    /// Gives rows of an outer side out with nulls for the other one.
    pub fn without_match(&mut self, side: Side, rows: &[&[u8]]) -> Result<()> {
        for rows in rows.chunks(PAIRS) {
            let mine = self.join.decode(side, rows)?;
            let theirs = self.join.types(side.other()).iter().map(|t| new_null_array(t, rows.len()));
            let columns = match side {
                Side::Left => mine.into_iter().chain(theirs).collect(),
                Side::Right => theirs.chain(mine).collect(),
            };
            self.push(columns, rows.len())?;
        }
        Ok(())
    }

    fn push(&mut self, columns: Vec<ArrayRef>, rows: usize) -> Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let batch = batch_of(&self.join.parts.schema, columns, rows)?;
        self.given += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.given <= GIVEN_BYTES {
            return Ok(());
        }
        let message = format!(
            "the pairs that come at once are more than fit into memory: over 1 GiB for one of {} parts of the keys",
            self.join.parts.partitions
        );
        Err(self.join.named(Error::new(ErrorKind::Quota, message).with_help(
            "join by more keys or a narrower range of time, or read less at once: pairs of the same key and time are \
             made all",
        )))
    }
}

impl StreamJoin {
    fn decode(&self, side: Side, rows: &[&[u8]]) -> Result<Vec<ArrayRef>> {
        decode(rows, self.types(side)).map_err(|e| self.named(e))
    }
}
