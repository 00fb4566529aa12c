//! Time cut into slots of one width, each a bucket of a partition: what falls due in a slot is found, and dropped, with
//! it. So an epoch looks at the slots that its watermark has reached, and at nothing else.
//!
//! What always holds: the bucket of a time is part of the checkpoint's format. There are two ways in which slots are
//! numbered, by the last instant of each and by how many there were since 1970; they came to be so and stay so.

use super::{Bucket, Partition};

/// Slots of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    width: i64,
    numbers: Numbers,
}

/// What a slot's number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// Its last instant, a multiple of the width. A slot's bucket bears its number.
    LastInstant,
    /// How many slots there were since 1970. Several lanes of slots lie side by side: slot `n` of lane `l` is bucket
    /// `n * lanes + l`.
    Count {
        /// How many lanes.
        lanes: i64,
    },
}

/// In place of a count: what lies here is never due.
const NEVER: i64 = i64::MAX / 4;

impl Timers {
    /// Slots that bear their last instant.
    pub fn by_last_instant(width: i64) -> Self {
        Self { width, numbers: Numbers::LastInstant }
    }

    /// Slots that are counted, in so many lanes.
    pub fn counted(width: i64, lanes: i64) -> Self {
        Self { width, numbers: Numbers::Count { lanes } }
    }

    /// The slot that `time` lies in. Where slots are counted, the end of time lies in none that is ever due.
    pub fn slot(&self, time: i64) -> i64 {
        match self.numbers {
            Numbers::LastInstant => time + (-time).rem_euclid(self.width),
            Numbers::Count { .. } if time == i64::MAX => NEVER,
            Numbers::Count { .. } => time.div_euclid(self.width),
        }
    }

    /// The bucket of a slot in a lane.
    pub fn bucket(&self, slot: i64, lane: i64) -> i64 {
        match self.numbers {
            Numbers::LastInstant => slot,
            Numbers::Count { lanes } => slot * lanes + lane,
        }
    }

    /// The slot of a bucket, and the lane.
    pub fn of_bucket(&self, bucket: i64) -> (i64, i64) {
        match self.numbers {
            Numbers::LastInstant => (bucket, 0),
            Numbers::Count { lanes } => (bucket.div_euclid(lanes), bucket.rem_euclid(lanes)),
        }
    }

    /// The first instant of a slot.
    pub fn first_instant(&self, slot: i64) -> i64 {
        match self.numbers {
            Numbers::LastInstant => slot.saturating_sub(self.width - 1),
            Numbers::Count { .. } => slot.saturating_mul(self.width),
        }
    }

    /// The last instant of a slot.
    pub fn last_instant(&self, slot: i64) -> i64 {
        match self.numbers {
            Numbers::LastInstant => slot,
            Numbers::Count { .. } => (slot + 1).saturating_mul(self.width) - 1,
        }
    }

    /// The buckets in whose slots something may be due by `watermark`: it has reached their first instants.
    pub fn reached<'a>(
        &self,
        partition: &'a Partition,
        watermark: Option<i64>,
    ) -> impl Iterator<Item = (i64, &'a Bucket)> + use<'a> {
        let timers = *self;
        let is_reached = move |bucket: i64| timers.first_instant(timers.of_bucket(bucket).0);
        partition.buckets().take_while(move |(bucket, _)| watermark.is_some_and(|w| is_reached(*bucket) <= w))
    }

    /// The buckets whose slots `watermark` has passed: all in them is due.
    pub fn passed(&self, partition: &Partition, watermark: Option<i64>) -> Vec<i64> {
        let last = |bucket: i64| self.last_instant(self.of_bucket(bucket).0);
        let buckets = partition.buckets().map(|(bucket, _)| bucket);
        buckets.take_while(|bucket| watermark.is_some_and(|w| last(*bucket) <= w)).collect()
    }

    /// Drops the slots that `watermark` has passed.
    pub fn drop_passed(&self, partition: &mut Partition, watermark: Option<i64>) {
        for bucket in self.passed(partition, watermark) {
            partition.drop_bucket(bucket);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_lies_in_its_slot_and_in_no_other(time in -10_000i64..10_000, width in 1i64..300, lane in 0i64..2) {
            for timers in [Timers::by_last_instant(width), Timers::counted(width, 2)] {
                let slot = timers.slot(time);
                let (first, last) = (timers.first_instant(slot), timers.last_instant(slot));
                prop_assert!(first <= time && time <= last && last - first == width - 1);
                prop_assert_ne!(timers.slot(first - 1), slot);
                prop_assert_ne!(timers.slot(last + 1), slot);
                prop_assert_eq!(timers.of_bucket(timers.bucket(slot, lane)).0, slot);
            }
            let two = Timers::counted(width, 2);
            prop_assert_eq!(two.of_bucket(two.bucket(two.slot(time), lane)), (two.slot(time), lane));
        }

        #[test]
        fn slots_are_reached_before_they_are_passed(
            times in prop::collection::vec(-1000i64..1000, 0..20), width in 1i64..300, watermark in -1200i64..1200,
        ) {
            for timers in [Timers::by_last_instant(width), Timers::counted(width, 2)] {
                let mut partition = Partition::default();
                for (i, time) in times.iter().enumerate() {
                    partition.put(timers.bucket(timers.slot(*time), i as i64 % 2), &time.to_le_bytes(), b"");
                }
                let due: usize = timers.reached(&partition, Some(watermark)).map(|(_, bucket)| bucket.len()).sum();
                timers.drop_passed(&mut partition, Some(watermark));
                let left = |keep: &dyn Fn(i64) -> bool| {
                    let keys = partition.buckets().flat_map(|(_, bucket)| bucket.iter());
                    keys.filter(|(key, _)| keep(i64::from_le_bytes((*key).try_into().unwrap()))).count()
                };
                let mut distinct = times.clone();
                distinct.sort_unstable();
                distinct.dedup();
                // Nothing that is not due is dropped, and nothing that is due was not looked at.
                prop_assert!(left(&|time| time > watermark) >= distinct.iter().filter(|t| **t > watermark).count());
                prop_assert!(due >= distinct.iter().filter(|t| **t <= watermark).count());
                prop_assert!(left(&|time| time <= watermark - width) == 0);
            }
        }
    }

    #[test]
    fn the_buckets_of_times_stay_what_they_are() {
        // Stored in checkpoints: a change of these is a new format.
        let (ends, counts) = (Timers::by_last_instant(10), Timers::counted(10, 2));
        assert_eq!([-11, -10, -1, 0, 1, 10].map(|t| ends.bucket(ends.slot(t), 0)), [-10, -10, 0, 0, 10, 10]);
        assert_eq!([-11, -10, -1, 0, 1, 10].map(|t| counts.bucket(counts.slot(t), 1)), [-3, -1, -1, 1, 1, 3]);
        assert_eq!(counts.bucket(counts.slot(i64::MAX), 0), i64::MAX / 4 * 2);
        assert!(counts.passed(&Partition::default(), Some(0)).is_empty());
    }
}
