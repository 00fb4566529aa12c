//! One partition of a table: its buckets in order of their numbers, what the epoch did to them, and what they come to.
//!
//! What always holds: a change is a list of operations that, applied in order to what the last change left, give
//! what is there now: `1`, bucket (i64) = drop it; `2`, bucket (i64), deletes, puts ([`Bucket`] says how) = change
//! it. A snapshot has the same form, so that it is the change from nothing to everything.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};

use super::StateError;
use super::bucket::Bucket;
use super::hash::hash_key;
use super::undo::Undo;
use super::varint::Cursor;

const DROP: u8 = 1;
const CHANGE: u8 = 2;

/// The keys of one table that hash to one partition, by bucket: a number that the operator chooses, the start of a
/// window for example, so that whole windows are found and dropped together. Tables without time use bucket 0.
#[derive(Debug, Default)]
pub struct Partition {
    buckets: BTreeMap<i64, Bucket>,
    /// Buckets changed in this epoch; may name one twice, or one dropped since.
    touched: Vec<i64>,
    /// Buckets dropped in this epoch, before whatever was put into them afterwards.
    dropped: BTreeSet<i64>,
    /// What all buckets come to: they may be many, and are not gone through to count.
    total: Size,
    /// What there was, where it may be wanted again.
    undo: Option<Undo>,
}

/// What buckets come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Size {
    keys: usize,
    bytes: usize,
    memory: usize,
}

impl Size {
    fn of(bucket: &Bucket) -> Self {
        Self { keys: bucket.len(), bytes: bucket.bytes(), memory: size_of::<Bucket>() + bucket.memory() }
    }

    /// What counted as `before` counts as `now`.
    fn replace(&mut self, before: Self, now: Self) {
        self.keys = self.keys + now.keys - before.keys;
        self.bytes = self.bytes + now.bytes - before.bytes;
        self.memory = self.memory + now.memory - before.memory;
    }
}

/// A bucket to be changed: what it comes to is counted anew when it is let go.
#[derive(Debug)]
pub struct BucketMut<'a> {
    bucket: &'a mut Bucket,
    total: &'a mut Size,
    before: Size,
}

impl Deref for BucketMut<'_> {
    type Target = Bucket;

    fn deref(&self) -> &Bucket {
        self.bucket
    }
}

impl DerefMut for BucketMut<'_> {
    fn deref_mut(&mut self) -> &mut Bucket {
        self.bucket
    }
}

impl Drop for BucketMut<'_> {
    fn drop(&mut self) {
        self.total.replace(self.before, Size::of(self.bucket));
    }
}

impl Partition {
    /// The value of `key` in `bucket`.
    pub fn get(&self, bucket: i64, key: &[u8]) -> Option<&[u8]> {
        self.get_hashed(bucket, hash_key(key), key)
    }

    /// [`Partition::get`] with the key's hash.
    pub fn get_hashed(&self, bucket: i64, hash: u64, key: &[u8]) -> Option<&[u8]> {
        self.buckets.get(&bucket)?.get_hashed(hash, key)
    }

    /// Sets the value of `key` in `bucket`; whether the key is new there.
    pub fn put(&mut self, bucket: i64, key: &[u8], value: &[u8]) -> bool {
        self.put_hashed(bucket, hash_key(key), key, value)
    }

    /// [`Partition::put`] with the key's hash.
    pub fn put_hashed(&mut self, bucket: i64, hash: u64, key: &[u8], value: &[u8]) -> bool {
        self.bucket_mut(bucket).put_hashed(hash, key, value)
    }

    /// Removes `key` from `bucket`; whether it was there.
    pub fn delete(&mut self, bucket: i64, key: &[u8]) -> bool {
        self.delete_hashed(bucket, hash_key(key), key)
    }

    /// [`Partition::delete`] with the key's hash.
    pub fn delete_hashed(&mut self, bucket: i64, hash: u64, key: &[u8]) -> bool {
        self.buckets.contains_key(&bucket) && self.bucket_mut(bucket).delete_hashed(hash, key)
    }

    /// The bucket to change, made if it is not there: for callers with many keys of one bucket.
    pub fn bucket_mut(&mut self, number: i64) -> BucketMut<'_> {
        let mut bucket = Self::counted(&mut self.buckets, &mut self.total, number);
        if let Some(undo) = &mut self.undo {
            undo.changes(number, &mut bucket);
        }
        if !bucket.touched {
            bucket.bucket.touched = true;
            self.touched.push(number);
        }
        bucket
    }

    /// The bucket with this number, made if it is not there.
    fn counted<'a>(buckets: &'a mut BTreeMap<i64, Bucket>, total: &'a mut Size, number: i64) -> BucketMut<'a> {
        let (bucket, before) = match buckets.entry(number) {
            Entry::Occupied(there) => {
                let bucket = there.into_mut();
                let before = Size::of(bucket);
                (bucket, before)
            }
            Entry::Vacant(place) => (place.insert(Bucket::default()), Size::default()),
        };
        BucketMut { bucket, total, before }
    }

    /// What is no bucket of this partition any more is not counted any more.
    fn gone(&mut self, bucket: &Bucket) {
        self.total.replace(Size::of(bucket), Size::default());
    }

    /// The bucket with this number, if it has keys.
    pub fn bucket(&self, number: i64) -> Option<&Bucket> {
        self.buckets.get(&number).filter(|b| !b.is_empty())
    }

    /// All buckets that have keys, in order.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = (i64, &Bucket)> {
        self.buckets.iter().filter(|(_, b)| !b.is_empty()).map(|(n, b)| (*n, b))
    }

    /// All buckets, also those without keys.
    pub(super) fn all(&self) -> &BTreeMap<i64, Bucket> {
        &self.buckets
    }

    /// Drops one bucket with all its keys, in time that does not depend on what was in it.
    pub fn drop_bucket(&mut self, number: i64) {
        if let Some(gone) = self.buckets.remove(&number) {
            self.gone(&gone);
            self.dropped.insert(number);
            self.bury([(number, gone)]);
        }
    }

    fn bury(&mut self, gone: impl IntoIterator<Item = (i64, Bucket)>) {
        if let Some(undo) = &mut self.undo {
            undo.dropped.extend(gone);
        }
    }

    /// Drops all buckets with numbers less than `before`.
    pub fn drop_buckets(&mut self, before: i64) {
        let kept = self.buckets.split_off(&before);
        let gone = std::mem::replace(&mut self.buckets, kept);
        gone.values().for_each(|bucket| self.gone(bucket));
        self.dropped.extend(gone.keys());
        self.bury(gone);
    }

    /// Drops all buckets.
    pub fn clear(&mut self) {
        self.total = Size::default();
        let gone = std::mem::take(&mut self.buckets);
        self.dropped.extend(gone.keys());
        self.bury(gone);
    }

    /// How many keys there are in all buckets.
    pub fn len(&self) -> usize {
        self.total.keys
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total.keys == 0
    }

    /// Bytes of all entries, a function of the content alone.
    pub fn bytes(&self) -> usize {
        self.total.bytes
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.total.memory
    }

    /// Whether nothing was changed since the last change was taken.
    pub fn is_unchanged(&self) -> bool {
        self.touched.is_empty() && self.dropped.is_empty()
    }

    /// How many keys were changed since then, about.
    pub fn changes(&self) -> usize {
        self.touched.iter().filter_map(|number| self.buckets.get(number)).map(Bucket::changes).sum()
    }

    /// Keys that were put or deleted since then, with their buckets; may name one twice.
    pub fn changed_keys(&self) -> impl Iterator<Item = (i64, &[u8])> {
        let mut touched = self.touched.clone();
        touched.sort_unstable();
        touched.dedup();
        let there = touched.into_iter().filter_map(|number| Some((number, self.buckets.get(&number)?)));
        there.flat_map(|(number, bucket)| bucket.changed_keys().map(move |key| (number, key)))
    }

    /// Buckets that were dropped since then, before whatever was put into them afterwards.
    pub fn dropped_buckets(&self) -> impl Iterator<Item = i64> {
        self.dropped.iter().copied()
    }

    /// [`Partition::go_through`] begins anew.
    pub fn go_through_again(&mut self) {
        self.buckets.values_mut().for_each(Bucket::go_through_again);
    }

    /// Hands out the keys and values of all buckets from `from` on, each at least once since
    /// [`Partition::go_through_again`] unless it is gone before, as long as `take` wants more; the bucket to go on with
    /// the next time, if there is more. What is put meanwhile may be handed out or not.
    pub fn go_through(&mut self, from: i64, mut take: impl FnMut(i64, &[u8], &[u8]) -> bool) -> Option<i64> {
        let mut wants_more = true;
        for (number, bucket) in self.buckets.range_mut(from..) {
            let through = wants_more
                && bucket.go_through(|key, value| {
                    wants_more = take(*number, key, value);
                    wants_more
                });
            if !through {
                return Some(*number);
            }
        }
        None
    }

    /// Makes room for `more` keys in `bucket`.
    pub fn reserve(&mut self, bucket: i64, more: usize) {
        self.bucket_mut(bucket).reserve(more);
    }

    /// Appends to `out` what was changed since the last time, and forgets it. Ends the epoch for this partition.
    pub fn take_changes(&mut self, out: &mut Vec<u8>) {
        for number in std::mem::take(&mut self.dropped) {
            push_head(out, DROP, number);
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for number in touched {
            let Some(bucket) = self.buckets.get_mut(&number) else { continue };
            let before = Size::of(bucket);
            if bucket.is_empty() {
                self.buckets.remove(&number);
                self.total.replace(before, Size::default());
                push_head(out, DROP, number);
                continue;
            }
            bucket.touched = false;
            bucket.take_changes(|out| push_head(out, CHANGE, number), out);
            self.total.replace(before, Size::of(bucket));
        }
    }

    /// Makes the changes in `bytes`, which [`Partition::take_changes`] or [`Partition::snapshot`] wrote. They count
    /// as no change of this epoch.
    ///
    /// # Errors
    /// [`StateError::Damaged`]; the partition is then half changed and of no use.
    pub fn apply_changes(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let mut from = Cursor::new(bytes);
        while !from.is_done() {
            let kind = from.byte("an operation")?;
            let number = from.i64("a bucket's number")?;
            match kind {
                DROP => {
                    if let Some(gone) = self.buckets.remove(&number) {
                        self.gone(&gone);
                    }
                }
                CHANGE => Self::counted(&mut self.buckets, &mut self.total, number).apply(&mut from)?,
                _ => return Err(from.damaged("a known operation")),
            }
        }
        Ok(())
    }

    /// Appends to `out` everything there is, as a change from nothing.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        for (number, bucket) in self.buckets() {
            push_head(out, CHANGE, number);
            bucket.snapshot(out);
        }
    }

    /// From now on what is changed can be undone.
    pub(super) fn keep_undo(&mut self) {
        self.undo.get_or_insert_default();
    }

    /// What was changed stays.
    pub(super) fn forget_undo(&mut self) {
        let Some(undo) = self.undo.take() else { return };
        for number in undo.changed {
            self.each_there(number, |bucket| bucket.journal = None);
        }
    }

    /// All keys have again what they had at [`Partition::keep_undo`].
    pub(super) fn undo(&mut self) {
        let Some(undo) = self.undo.take() else { return };
        for number in undo.changed {
            self.each_there(number, Bucket::revert);
        }
        // What took a dropped bucket's place is empty again by now.
        for (number, mut bucket) in undo.dropped.into_iter().rev() {
            bucket.revert();
            let mut there = self.bucket_mut(number);
            for (key, value) in bucket.iter() {
                there.put(key, value);
            }
        }
    }

    fn each_there(&mut self, number: i64, what: impl FnOnce(&mut Bucket)) {
        if self.buckets.contains_key(&number) {
            what(&mut self.bucket_mut(number));
        }
    }
}

fn push_head(out: &mut Vec<u8>, kind: u8, number: i64) {
    out.push(kind);
    out.extend_from_slice(&number.to_le_bytes());
}
