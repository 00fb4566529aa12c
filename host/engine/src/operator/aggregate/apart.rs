//! The combinations of `DISTINCT` arguments, each an entry of a table of its own: an epoch looks up those that it has, and
//! stores those that are new. What a group's state would take as one list, written anew with each new combination, costs
//! what is new, in time and in the log.
//!
//! An entry stands in the bucket and in the partition of its group, so that it goes with it; a session's in a bucket of the
//! session's own, with an empty key in place of the group's ([`super::session`]). Its key is the length of the
//! group's key (LEB128), that key, the number of the call among the node's aggregates (LEB128) and the combination, encoded as
//! a key; it has no value. What is computed of the combinations is the group's state, as of any aggregate; but slices, several of which
//! make a window, have no state of it: of equal combinations in two slices only one counts.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;

use super::distinct::combinations;
use super::function::{FunctionError, OverDistinct};
use super::session::Sets;
use crate::operator::rows::arrow_failed;
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::varint::{self, Cursor};
use crate::state::{Partition, hash_key};
use crate::{Error, ErrorKind, Result};

/// The name of the table.
pub(super) const TABLE: &str = "distinct";

/// The groups of an epoch, by their numbers, and where their combinations are.
pub(super) struct Apart<'a> {
    pub partition: &'a mut Partition,
    pub buckets: &'a [i64],
    /// None of sessions: a bucket is of one alone.
    pub keys: Option<&'a [&'a [u8]]>,
    /// Of sessions: what becomes of their stored sets.
    pub sets: Option<&'a Sets>,
    /// If what is remembered may have to be forgotten again, because a plugin cannot merge the states of some group: the
    /// entries, by bucket.
    pub remembered: Option<Vec<(i64, Vec<u8>)>>,
}

/// New combinations of a call: the group of each, going up, and the arguments.
pub(super) struct New {
    pub groups: Vec<u32>,
    pub args: Vec<ArrayRef>,
}

impl Apart<'_> {
    /// Remembers the combinations in `lists`, one list per group, for call number `call`; gives those that are new.
    pub fn remember(&mut self, call: usize, lists: &ArrayRef) -> Result<New, FunctionError> {
        let (groups, args) = combinations(std::slice::from_ref(lists), |i| i as u32);
        let mut encoded = RowBuffer::new();
        encode(&args, groups.len(), Form::Key, &mut encoded).map_err(Error::from)?;
        let mut key = Vec::new();
        let mut of_group: Option<(u32, usize)> = None;
        let mut new: Vec<u32> = Vec::new();
        for (row, group) in groups.iter().enumerate() {
            let head = match of_group {
                Some((same, head)) if same == *group => head,
                _ => {
                    let of = self.keys.map_or(&[][..], |keys| keys[*group as usize]);
                    key.clear();
                    varint::push(&mut key, of.len() as u64);
                    key.extend_from_slice(of);
                    varint::push(&mut key, call as u64);
                    of_group = Some((*group, key.len()));
                    key.len()
                }
            };
            key.truncate(head);
            key.extend_from_slice(encoded.row(row));
            let bucket = self.buckets[*group as usize];
            if self.partition.put_hashed(bucket, hash_key(&key), &key, &[]) {
                new.push(row as u32);
                self.remembered.iter_mut().for_each(|all| all.push((bucket, key.clone())));
            }
        }
        if new.len() == groups.len() {
            return Ok(New { groups, args });
        }
        let groups = new.iter().map(|row| groups[*row as usize]).collect();
        let new = UInt32Array::from(new);
        let args = args.iter().map(|column| take(column, &new, None).map_err(arrow_failed)).collect::<Result<_>>()?;
        Ok(New { groups, args })
    }

    /// Forgets what was remembered: it is new again.
    pub fn forget(&mut self) {
        for (bucket, key) in self.remembered.iter_mut().flat_map(std::mem::take) {
            self.partition.delete(bucket, &key);
        }
    }

    /// What is moved from one set to another for call number `call`, one list per group; none if nothing is.
    pub fn moved(&self, call: usize, distinct: &dyn OverDistinct, n: usize) -> Result<Option<ArrayRef>, FunctionError> {
        let (mut groups, mut args): (Vec<u32>, Vec<&[u8]>) = (Vec::new(), Vec::new());
        for (group, entry) in self.sets.into_iter().flat_map(|sets| &sets.moved) {
            let combination = Combination::read(entry)?;
            if combination.call == call {
                groups.push(*group);
                args.push(combination.args);
            }
        }
        if groups.is_empty() {
            return Ok(None);
        }
        let args = decode(&args, &distinct.arguments()).map_err(Error::from)?;
        Ok(Some(Arc::new(distinct.states(&groups, n, &args)?)))
    }

    /// The groups of the stored states that go on, if there are others beside them.
    pub fn kept_in(&self) -> Option<&[u32]> {
        self.sets.map(|sets| sets.kept_in.as_slice())
    }

    /// Of a column of stored states those that go on.
    pub fn kept(&self, column: &ArrayRef) -> Result<ArrayRef> {
        match self.sets {
            Some(sets) => take(column, &UInt32Array::from(sets.kept.clone()), None).map_err(arrow_failed),
            None => Ok(column.clone()),
        }
    }
}

/// One combination as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Combination<'a> {
    /// The number of the call among the node's aggregates.
    pub call: usize,
    /// The group's key.
    pub key: &'a [u8],
    /// The arguments, encoded.
    pub args: &'a [u8],
}

impl<'a> Combination<'a> {
    /// What an entry's key says.
    pub fn read(entry: &'a [u8]) -> Result<Self> {
        let damaged = |_| {
            Error::new(ErrorKind::Corrupt, "a stored combination of DISTINCT ends too early")
                .with_help("restore the checkpoint from a copy, or start anew with --fresh")
        };
        let mut from = Cursor::new(entry);
        let len = from.number("the length of a group's key").map_err(damaged)?;
        let key = from.take(len, "a group's key").map_err(damaged)?;
        let call = from.number("an aggregate's number").map_err(damaged)?;
        let args = from.take(from.remaining(), "a combination").map_err(damaged)?;
        Ok(Self { call, key, args })
    }
}
