//! What is written when, and what may go: pure arithmetic over numbers of epochs and bytes.
//!
//! Snapshots are paid for by the log. Each byte of log earns a byte of snapshot, so that together they write at most
//! twice what changed; the partition whose snapshot is oldest comes first. In the long run every partition is
//! written once while the log grows by the whole state, a restart reads about the state's size in snapshots and as
//! much in log, and no epoch writes more than a few megabytes extra.

use std::collections::BTreeSet;

use super::SnapshotSizes;

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
}

/// What may be removed: first epochs of segments, oldest first, and indices of snapshots. `segments` are the first
/// epochs of all segments, `last` the last committed epoch, `published` the number of epochs published.
pub(super) fn unneeded(
    segments: &BTreeSet<u64>,
    snapshots: &[UsableSnapshot],
    partitions: u32,
    last: u64,
    published: u64,
) -> (Vec<u64>, Vec<usize>) {
    let mut needed_from = published.min(last);
    let mut needed = BTreeSet::new();
    for epoch in [last, last.saturating_sub(1)] {
        needed_from = needed_from.min(epoch);
        for partition in 0..partitions {
            let usable = snapshots.iter().enumerate();
            let usable = usable.filter(|(_, s)| s.epoch <= epoch && s.partitions.contains(&partition));
            match usable.max_by_key(|(_, s)| (s.epoch, s.sequence)) {
                Some((i, snapshot)) => {
                    needed.insert(i);
                    needed_from = needed_from.min(snapshot.epoch + 1);
                }
                None => needed_from = 0,
            }
        }
    }
    let ends = segments.iter().zip(segments.iter().skip(1));
    let segments = ends.filter(|(_, next)| **next <= needed_from).map(|(first, _)| *first).collect();
    (segments, (0..snapshots.len()).filter(|i| !needed.contains(i)).collect())
}
