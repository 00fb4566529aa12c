//! Many keys of a partition at once: whoever has the keys of a whole epoch asks for them together, so that waiting for one
//! overlaps with waiting for the next, for memory now and for a disk behind it.

use std::ops::Range;

use super::bucket::{Bucket, WARM};
use super::partition::Partition;

/// A key with all that it is found by.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The bucket that it is in.
    pub bucket: i64,
    /// Its hash, as [`super::hash_key`] gives it.
    pub hash: u64,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The bucket that was looked for last: keys of one bucket come one after the other.
#[derive(Default)]
struct Last<'a>(Option<(i64, Option<&'a Bucket>)>);

impl<'a> Last<'a> {
    #[inline]
    fn bucket(&mut self, partition: &'a Partition, number: i64) -> Option<&'a Bucket> {
        match self.0 {
            Some((last, bucket)) if last == number => bucket,
            _ => {
                let bucket = partition.bucket(number);
                self.0 = Some((number, bucket));
                bucket
            }
        }
    }
}

impl Partition {
    /// The values of these keys, in their order; none of a key that is not there.
    pub fn get_many<'a, 'k>(&'a self, keys: impl ExactSizeIterator<Item = Key<'k>> + Clone) -> Vec<Option<&'a [u8]>> {
        let mut found = Vec::with_capacity(keys.len());
        let (mut ahead, mut keys) = (keys.clone(), keys);
        let (mut warmed, mut read) = (Last::default(), Last::default());
        while keys.len() > 0 {
            for key in ahead.by_ref().take(WARM) {
                if let Some(bucket) = warmed.bucket(self, key.bucket) {
                    bucket.warm(&[key.hash]);
                }
            }
            for key in keys.by_ref().take(WARM) {
                let bucket = read.bucket(self, key.bucket);
                found.push(bucket.and_then(|bucket| bucket.get_hashed(key.hash, key.bytes)));
            }
        }
        found
    }

    /// Sets the values of these keys, one after the other; `done` is told of each by its number whether the key is new.
    pub fn put_many<'k>(
        &mut self,
        entries: impl ExactSizeIterator<Item = (Key<'k>, &'k [u8])> + Clone,
        mut done: impl FnMut(usize, bool),
    ) {
        let (mut number, mut entries) = (0, entries);
        while entries.len() > 0 {
            let mut last = Last::default();
            for (key, _) in entries.clone().take(WARM) {
                if let Some(bucket) = last.bucket(self, key.bucket) {
                    bucket.warm(&[key.hash]);
                }
            }
            let mut batch = entries.by_ref().take(WARM).peekable();
            while let Some(bucket) = batch.peek().map(|(key, _)| key.bucket) {
                let mut into = self.bucket_mut(bucket);
                while let Some((key, value)) = batch.next_if(|(key, _)| key.bucket == bucket) {
                    done(number, into.put_hashed(key.hash, key.bytes, value));
                    number += 1;
                }
            }
        }
    }

    /// Removes these keys, one after the other; those that are not there are nothing.
    pub fn delete_many<'k>(&mut self, keys: impl ExactSizeIterator<Item = Key<'k>> + Clone) {
        let mut keys = keys;
        while keys.len() > 0 {
            let mut last = Last::default();
            for key in keys.clone().take(WARM) {
                if let Some(bucket) = last.bucket(self, key.bucket) {
                    bucket.warm(&[key.hash]);
                }
            }
            for key in keys.by_ref().take(WARM) {
                self.delete_hashed(key.bucket, key.hash, key.bytes);
            }
        }
    }

    /// The buckets in `range` that have keys, in order; none if it is empty.
    pub fn scan(&self, range: Range<i64>) -> impl DoubleEndedIterator<Item = (i64, &Bucket)> {
        let range = range.start..range.end.max(range.start);
        self.all().range(range).filter(|(_, b)| !b.is_empty()).map(|(n, b)| (*n, b))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::hash_key;

    proptest! {
        #[test]
        fn many_at_once_are_as_one_by_one(
            put in prop::collection::vec((-2i64..3, 0u8..40, any::<u8>()), 0..200),
            asked in prop::collection::vec((-2i64..3, 0u8..40), 0..200),
        ) {
            let (mut one, mut many) = (Partition::default(), Partition::default());
            let keys: Vec<([u8; 1], [u8; 1])> = put.iter().map(|(_, key, value)| ([*key], [*value])).collect();
            let key = |bucket: i64, bytes| Key { bucket, hash: hash_key(bytes), bytes };
            let new: Vec<(usize, bool)> =
                put.iter().zip(&keys).map(|(p, (bytes, value))| one.put(p.0, bytes, value)).enumerate().collect();
            let entries = put.iter().zip(&keys).map(|(p, (bytes, value))| (key(p.0, bytes.as_slice()), value.as_slice()));
            let mut put_new = Vec::new();
            many.put_many(entries, |number, is_new| put_new.push((number, is_new)));
            prop_assert_eq!(put_new, new);
            prop_assert_eq!((one.len(), one.bytes(), one.memory()), (many.len(), many.bytes(), many.memory()));
            let bytes: Vec<[u8; 1]> = asked.iter().map(|(_, key)| [*key]).collect();
            let found = many.get_many(asked.iter().zip(&bytes).map(|(a, bytes)| key(a.0, bytes.as_slice())));
            let want: Vec<Option<&[u8]>> = asked.iter().zip(&bytes).map(|(a, bytes)| one.get(a.0, bytes)).collect();
            prop_assert_eq!(found, want);
            for (asked, bytes) in asked.iter().zip(&bytes).step_by(2) {
                one.delete(asked.0, bytes);
            }
            let gone: Vec<_> = asked.iter().zip(&bytes).step_by(2).map(|(a, bytes)| key(a.0, bytes.as_slice())).collect();
            many.delete_many(gone.iter().copied());
            prop_assert_eq!((one.len(), one.bytes(), one.memory()), (many.len(), many.bytes(), many.memory()));
            let (mut change, mut same) = (Vec::new(), Vec::new());
            one.take_changes(&mut change);
            many.take_changes(&mut same);
            prop_assert_eq!(change, same);
        }
    }
}
