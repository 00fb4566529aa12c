//! What an epoch touched of one partition, and what the partition keeps.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use arrow::array::ArrayRef;

use crate::operator::Reject;
use crate::state::Partition;

/// The groups of one partition that an epoch touched, with their new states.
#[derive(Default)]
pub(super) struct Touched<'a> {
    pub buckets: Vec<i64>,
    pub keys: Vec<&'a [u8]>,
    /// One row per group.
    pub states: Vec<ArrayRef>,
    /// Whether rows did; the group of all rows is touched by every epoch.
    pub by_rows: bool,
    /// Whether all that comes out counts as touched, because it comes out for the first time.
    pub all: bool,
    /// Groups that rows touched, and whose state is what it was before: a plugin could not merge it with theirs.
    pub rejects: Vec<Reject>,
}

impl Touched<'_> {
    /// Tells whether a group that comes out has rows of this epoch. `buckets`: where those of one that bears this time
    /// were put. What it takes is looked for when it is asked for the first time: that is seldom.
    pub fn news(&self, buckets: impl Fn(i64) -> Range<i64>) -> impl Fn(i64, &[u8]) -> bool {
        let places: OnceCell<HashMap<&[u8], BTreeSet<i64>>> = OnceCell::new();
        move |time, key| {
            let places = places.get_or_init(|| {
                let mut places: HashMap<&[u8], BTreeSet<i64>> = HashMap::new();
                for (bucket, key) in self.buckets.iter().zip(&self.keys).filter(|_| self.by_rows) {
                    places.entry(key).or_default().insert(*bucket);
                }
                places
            });
            self.all || places.get(key).is_some_and(|at| at.range(buckets(time)).next().is_some())
        }
    }
}

/// What one partition keeps.
pub(super) struct PartitionState<'a> {
    /// The groups.
    pub groups: &'a mut Partition,
    /// Combinations of DISTINCT.
    pub combinations: Option<&'a mut Partition>,
    /// Slices that have been merged.
    pub pieces: Option<&'a mut Partition>,
}
