//! What is written when, and what may go: pure arithmetic over numbers of epochs and bytes.
//!
//! Snapshots are paid for by the log. Each byte of log earns a byte of snapshot, so that together they write at most
//! twice what changed; the partition whose snapshot is oldest comes first. In the long run every partition is
//! written once while the log grows by the whole state, a restart reads about the state's size in snapshots and as
//! much in log, and no epoch writes more than a few megabytes extra.

use std::collections::{BTreeMap, BTreeSet};

use super::SnapshotSizes;
use crate::job::KeepEpochs;

/// When snapshots are due.
#[derive(Debug)]
pub(super) struct Planner {
    sizes: SnapshotSizes,
    /// Log bytes so far.
    position: u64,
    /// The position at each partition's last snapshot.
    written: Vec<u64>,
    /// Log bytes not yet spent on snapshots.
    credit: u64,
    /// Whether snapshots were asked for and did not come yet.
    asked: bool,
}

impl Planner {
    /// For so many partitions, none of which has a snapshot.
    pub fn new(partitions: u32, sizes: SnapshotSizes) -> Self {
        Self { sizes, position: 0, written: vec![0; partitions as usize], credit: 0, asked: false }
    }

    /// The log grew.
    pub fn logged(&mut self, bytes: u64) {
        self.position += bytes;
        self.credit += bytes;
    }

    /// Snapshots of these partitions were written, `bytes` in all.
    pub fn snapshot(&mut self, partitions: impl IntoIterator<Item = u32>, bytes: u64) {
        for partition in partitions {
            if let Some(written) = self.written.get_mut(partition as usize) {
                *written = self.position;
            }
        }
        // What small state does not need is not saved up for later.
        let oldest = self.written.iter().min().copied().unwrap_or(0);
        self.credit = self.credit.saturating_sub(bytes).min(self.position - oldest);
        self.asked = false;
    }

    /// The partitions of which to write snapshots now, given the bytes of each; asked once until they come.
    pub fn ask(&mut self, sizes: &[u64]) -> Vec<u32> {
        let newest = self.written.iter().max().copied().unwrap_or(0);
        if self.asked || self.position - newest < self.sizes.least {
            return Vec::new();
        }
        let mut oldest: Vec<usize> = (0..self.written.len()).collect();
        oldest.sort_by_key(|p| (self.written[*p], *p));
        let (mut asked, mut bytes) = (Vec::new(), 0);
        for partition in oldest {
            let size = sizes.get(partition).copied().unwrap_or(0);
            bytes += size;
            if bytes > self.credit
                || (bytes > self.sizes.most && !asked.is_empty())
                || self.written[partition] == self.position
            {
                break;
            }
            asked.push(partition as u32);
        }
        self.asked = !asked.is_empty();
        asked
    }
}

/// A snapshot file and the partitions that it can be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UsableSnapshot {
    pub file: String,
    pub epoch: u64,
    pub sequence: u64,
    pub partitions: Vec<u32>,
    pub bytes: u64,
}

/// The files that there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    /// By the first epoch of each segment, its bytes.
    pub segments: &'a BTreeMap<u64, u64>,
    pub snapshots: &'a [UsableSnapshot],
    pub partitions: u32,
}

/// What it takes to restore the state after some epoch and all after it.
#[derive(Debug, Default)]
struct Needed {
    /// The log from this epoch on.
    from: u64,
    /// Indices of snapshots.
    snapshots: BTreeSet<usize>,
}

impl Files<'_> {
    /// What may be removed: first epochs of segments, oldest first, and indices of snapshots. `last` is the last committed
    /// epoch, `published` the number of epochs published, `keep` how many epochs are to be readable besides.
    pub fn unneeded(self, last: u64, published: u64, keep: KeepEpochs) -> (Vec<u64>, Vec<usize>) {
        let mut needed = self.needed(last);
        let before = self.needed(last.saturating_sub(1));
        needed.from = needed.from.min(before.from).min(published.min(last));
        needed.snapshots.extend(before.snapshots);
        if let Some(kept) = self.kept(last, keep) {
            needed.from = needed.from.min(kept.from);
            needed.snapshots.extend(kept.snapshots);
        }
        let ends = self.segments.keys().zip(self.segments.keys().skip(1));
        let segments = ends.filter(|(_, next)| **next <= needed.from).map(|(first, _)| *first).collect();
        (segments, (0..self.snapshots.len()).filter(|i| !needed.snapshots.contains(i)).collect())
    }

    /// What it takes to restore the state after `epoch`.
    fn needed(self, epoch: u64) -> Needed {
        let mut needed = Needed { from: epoch, snapshots: BTreeSet::new() };
        for partition in 0..self.partitions {
            let usable = self.snapshots.iter().enumerate();
            let usable = usable.filter(|(_, s)| s.epoch <= epoch && s.partitions.contains(&partition));
            match usable.max_by_key(|(_, s)| (s.epoch, s.sequence)) {
                Some((i, snapshot)) => {
                    needed.snapshots.insert(i);
                    needed.from = needed.from.min(snapshot.epoch + 1);
                }
                None => needed.from = 0,
            }
        }
        needed
    }

    /// What is kept so that earlier epochs can be restored: as many as are wanted, as far as the bytes allow. Later snapshots
    /// are kept with it: of those the older epochs are restored when these ones are not kept any more.
    fn kept(self, last: u64, keep: KeepEpochs) -> Option<Needed> {
        if keep.epochs == 0 {
            return None;
        }
        let wanted = last.saturating_sub(keep.epochs);
        // Between two snapshots the same files are needed.
        let later = self.snapshots.iter().map(|s| s.epoch).filter(|epoch| *epoch > wanted);
        let oldest: BTreeSet<u64> = std::iter::once(wanted).chain(later).collect();
        let oldest: Vec<u64> = oldest.into_iter().collect();
        let kept = |epoch: u64| {
            let mut needed = self.needed(epoch);
            needed.snapshots.extend((0..self.snapshots.len()).filter(|i| self.snapshots[*i].epoch > epoch));
            needed
        };
        let first = oldest.partition_point(|epoch| self.bytes(&kept(*epoch)) > keep.bytes);
        oldest.get(first).map(|epoch| kept(*epoch))
    }

    fn bytes(self, needed: &Needed) -> u64 {
        let nexts = self.segments.keys().skip(1).copied().chain([u64::MAX]);
        let segments = self.segments.values().zip(nexts).filter(|(_, next)| *next > needed.from);
        segments.map(|(bytes, _)| bytes).chain(needed.snapshots.iter().map(|i| &self.snapshots[*i].bytes)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long life of a checkpoint with an epoch of ten bytes and a segment of three epochs each, and a snapshot of some
    /// partition every few epochs: what stays is enough, and does not grow.
    #[test]
    fn kept_epochs_can_be_restored_and_what_is_older_goes() {
        let keep = KeepEpochs { epochs: 20, bytes: u64::MAX };
        let (mut segments, mut snapshots): (BTreeMap<u64, u64>, Vec<UsableSnapshot>) = Default::default();
        for epoch in 0..600 {
            *segments.entry(epoch - epoch % 3).or_default() += 10;
            if epoch % 5 == 4 {
                let partitions = vec![(epoch / 5 % 2) as u32];
                snapshots.push(UsableSnapshot { file: String::new(), epoch, sequence: epoch, partitions, bytes: 40 });
            }
            let files = Files { segments: &segments, snapshots: &snapshots, partitions: 2 };
            let (gone, unneeded) = files.unneeded(epoch, epoch + 1, keep);
            segments.retain(|first, _| !gone.contains(first));
            let mut i = 0;
            snapshots.retain(|_| {
                i += 1;
                !unneeded.contains(&(i - 1))
            });
            let files = Files { segments: &segments, snapshots: &snapshots, partitions: 2 };
            let oldest = *segments.keys().next().unwrap();
            for kept in epoch.saturating_sub(20)..=epoch {
                let from = files.needed(kept).from;
                assert!(from >= oldest, "after epoch {epoch}, {kept} is restored from {from}, and {oldest} is there");
            }
            // The kept epochs, as far back again as the older of two snapshots, and the segment that this is in.
            assert!(oldest + 20 + 10 + 3 >= epoch, "after epoch {epoch}, {oldest} is there");
        }
    }
}
