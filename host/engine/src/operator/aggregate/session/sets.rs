//! The combinations of DISTINCT of sessions: each session's set is a bucket of its own, whose number the session bears as
//! long as it is open. So a set goes as a whole when its session is over, and rows that are added to a session cost what is
//! new of them.
//!
//! Sessions that grow together go on with the largest of their sets: only what is in the others is moved into it, so that a
//! combination is moved no more often than its set doubles.
//!
//! What always holds between two epochs: a session has a number if, and only if, it has a combination. So the next number is one
//! more than that of the last bucket, and two sessions never have the same.

use crate::state::{Bucket, Partition};

/// In place of a number: a session without combinations.
pub(in crate::operator::aggregate) const NO_SET: i64 = 0;

/// How the sets of an epoch's sessions come from those that are stored.
#[derive(Default)]
pub(in crate::operator::aggregate) struct Sets {
    /// Of each session: its set.
    pub of: Vec<i64>,
    /// The stored sessions that had these sets: what was computed of their combinations holds on.
    pub kept: Vec<u32>,
    /// And the sessions that they are part of now; goes up.
    pub kept_in: Vec<u32>,
    /// What was in the other sets, which go: the session that it belongs to, going up, and the entry.
    pub moved: Vec<(u32, Vec<u8>)>,
    /// These, to be dropped when all that is moved has a place.
    pub dropped: Vec<i64>,
}

impl Sets {
    /// Of sessions `0..has_new.len()`, of which `has_new` says whether they have combinations in this epoch. Stored
    /// session `i` has the set `stored[i]` and is part of session `part_of[i]`, which goes up.
    pub fn merge(partition: &Partition, stored: &[i64], part_of: &[u32], has_new: &[bool]) -> Self {
        let mut sets = Self { of: vec![NO_SET; has_new.len()], ..Self::default() };
        let mut from = 0;
        while from < stored.len() {
            let session = part_of[from];
            let to = from + part_of[from..].iter().take_while(|part| **part == session).count();
            let size = |i: usize| partition.bucket(stored[i]).map_or(0, Bucket::len);
            let with_set = || (from..to).filter(|i| stored[*i] != NO_SET);
            // Of equal ones the first.
            if let Some(largest) = with_set().rev().max_by_key(|i| size(*i)) {
                sets.of[session as usize] = stored[largest];
                sets.kept.push(largest as u32);
                sets.kept_in.push(session);
                for smaller in with_set().filter(|i| *i != largest) {
                    // In an order that does not depend on the bucket's history.
                    let entries = partition.bucket(stored[smaller]).map(Bucket::sorted).unwrap_or_default();
                    sets.moved.extend(entries.into_iter().map(|(entry, _)| (session, entry.to_vec())));
                    sets.dropped.push(stored[smaller]);
                }
            }
            from = to;
        }
        sets.give_numbers(partition, has_new);
        sets
    }

    /// Of sessions `0..has_new.len()` that had no sets.
    pub fn new(partition: &Partition, has_new: &[bool]) -> Self {
        let mut sets = Self { of: vec![NO_SET; has_new.len()], ..Self::default() };
        sets.give_numbers(partition, has_new);
        sets
    }

    /// Gives a number to each session that has none and needs one.
    fn give_numbers(&mut self, partition: &Partition, has_new: &[bool]) {
        let mut next = partition.buckets().next_back().map_or(NO_SET, |(last, _)| last) + 1;
        for (set, has_new) in self.of.iter_mut().zip(has_new) {
            if *set == NO_SET && *has_new {
                *set = next;
                next += 1;
            }
        }
    }
}
