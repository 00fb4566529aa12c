//! Opening: the lock, what kind of folder it is, reading everything, and making of it what `decide` says.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::decide::{Decision, Findings};
use super::files::Files;
use super::folder::{File, Folder, parse_segment, parse_snapshot};
use super::keep::{Planner, UsableSnapshot};
use super::log::{Log, LogCut};
use super::{Checkpoint, CheckpointError, OpenOptions, Recovered, Suspicious};
use crate::storage::Storage;

pub(super) fn open(
    storage: Arc<dyn Storage>,
    options: &OpenOptions,
) -> Result<(Checkpoint, Recovered), CheckpointError> {
    let name = storage.describe();
    let at = Folder { storage: storage.as_ref(), name, faults: &options.faults, workers: &options.workers };
    // Looked at before the lock too, so that no lock file is left in somebody else's folder.
    at.check_is_ours()?;
    at.refuse_savepoint()?;
    let lock = at.lock()?;
    at.check_is_ours()?;
    at.clear_up(options.forget.as_ref())?;
    if options.fresh {
        at.drop_everything(options.forget.as_ref())?;
    }
    let meta = at.read_or_make_meta(options)?;
    for folder in ["log", "state"] {
        at.remove_remains(folder)?;
    }
    let (segments, snapshots) = (at.read_all("log", parse_segment)?, at.read_all("state", parse_snapshot)?);
    let files = at.decide(&meta, segments, snapshots, options.at)?;
    at.make_durable(&files.found, &files.decision)?;

    let state = at.restore(&files)?;
    let record = |frame| at.record(&files, frame);
    let Files { snapshots, found, decision, .. } = &files;
    let epoch_of = |(s, f): (usize, usize)| found.segments[s].frames[f].header.epoch;
    let last = decision.frames.last().copied().map(record).transpose()?.map(|found| found.record);
    let unpublished = decision.frames.iter().copied().filter(|i| epoch_of(*i) >= decision.published);
    let unpublished = unpublished.map(record).collect::<Result<_, _>>()?;
    let suspicious = decision.tail.as_ref().map(|tail| Suspicious {
        epoch: tail.epoch,
        file: found.segments[tail.segment].file.clone(),
        at: tail.at,
        what: tail.what.clone(),
        short: tail.short,
    });
    let recovered = Recovered {
        id: meta.id.clone(),
        job: meta.job.clone(),
        last,
        state,
        unpublished,
        suspicious,
        made_with: at.made_with(&files),
        damaged: decision.damaged.clone(),
    };
    let place = at.name;
    let (log, planner) = (go_on(found, decision), plan(found, decision, snapshots, options));
    let opened = decision.last.unwrap_or(0);
    let usable = found.snapshots.iter().filter(|s| s.epoch <= opened).map(|s| UsableSnapshot {
        file: s.file.clone(),
        epoch: s.epoch,
        sequence: s.sequence,
        partitions: s.sections.iter().flatten().filter(|s| s.intact).map(|s| s.partition).collect(),
        bytes: s.sections.iter().flatten().map(|s| s.range.len() as u64).sum(),
    });
    let segments = found.segments[..decision.goes_on.map_or(0, |(s, _)| s + 1)].iter();
    let checkpoint = Checkpoint {
        place,
        faults: options.faults.clone(),
        id: meta.number(),
        partitions: meta.partitions,
        segments: segments.map(|s| (s.first, s.len)).collect(),
        keep: options.keep,
        log,
        snapshots: usable.collect(),
        planner,
        published: decision.published,
        poisoned: None,
        lock,
        storage,
    };
    Ok((checkpoint, recovered))
}

impl Folder<'_> {
    /// What was read may stand in the machine's memory only, written by a process that died before it could sync. The
    /// job goes on from it, and publishes what it says: it must not be lost later.
    fn make_durable(&self, found: &Findings, decision: &Decision) -> Result<(), CheckpointError> {
        if let Some((segment, _)) = decision.goes_on {
            // Earlier segments are whole: a new one begins after the last record of the old one is synced.
            let path = &found.segments[segment].file;
            let synced = self.storage.append(path).and_then(|mut file| file.sync());
            self.io("syncing", path, synced)?;
        }
        for folder in ["log", "state", ""] {
            self.io("syncing", folder, self.storage.sync_folder(folder))?;
        }
        Ok(())
    }
}

/// Where the log goes on.
fn go_on(found: &Findings, decision: &Decision) -> Log {
    let frame = |(s, f): &(usize, usize)| &found.segments[*s].frames[*f];
    let published = |back: usize| decision.frames.iter().rev().nth(back).map_or(0, |i| frame(i).header.published);
    let mut log = Log {
        last: decision.last,
        previous: 0,
        segment: None,
        cut: None,
        published: [published(1), published(0)],
        file: None,
    };
    let Some((segment, len)) = decision.goes_on else { return log };
    log.segment = Some((found.segments[segment].first, len));
    // Marks count too: the next frame names the frame before it, whatever that is.
    let in_segment = found.segments[segment].frames.iter().rev().find(|f| f.end() as u64 <= len);
    let before = || found.segments[..segment].iter().rev().find_map(|s| s.frames.last());
    log.previous = in_segment.or_else(before).map_or(0, |f| f.checksum);
    let cut = LogCut {
        snapshots: found
            .snapshots
            .iter()
            .filter(|s| decision.last.is_none_or(|last| s.epoch > last))
            .map(|s| s.file.clone())
            .collect(),
        segments: found.segments[segment + 1..].iter().rev().map(|s| s.first).collect(),
        truncate: found.segments[segment].len != len,
    };
    log.cut = (cut != LogCut::default()).then_some(cut);
    log
}

/// The accounts of log and snapshots as they were before the restart.
fn plan(found: &Findings, decision: &Decision, snapshots: &[((u64, u64), File)], options: &OpenOptions) -> Planner {
    let mut planner = Planner::new(found.partitions, options.snapshots);
    let mut due: BTreeSet<usize> = decision.bases.iter().flatten().map(|(s, _)| *s).collect();
    let before = decision.frames.first().map_or(0, |(s, f)| found.segments[*s].frames[*f].header.epoch);
    let mut write_until = |planner: &mut Planner, epoch: u64| {
        while let Some(s) = due.first().copied().filter(|s| found.snapshots[*s].epoch <= epoch) {
            let bases = (0u32..).zip(&decision.bases);
            let of_file = bases.filter(|(_, base)| base.is_some_and(|(file, _)| file == s));
            planner.snapshot(of_file.map(|(partition, _)| partition), snapshots[s].1.1.len() as u64);
            due.pop_first();
        }
    };
    write_until(&mut planner, before.saturating_sub(1));
    for (s, f) in &decision.frames {
        let frame = &found.segments[*s].frames[*f];
        planner.logged((frame.end() - frame.at) as u64);
        write_until(&mut planner, frame.header.epoch);
    }
    planner
}
