//! The files of a checkpoint as they were read, and what they hold: records, and the state after an epoch.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::{self, Decision, Findings, Refusal, Segment, Snapshot};
use super::error::damaged_change;
use super::folder::{File, Folder};
use super::frame;
use super::meta::Meta;
use super::snapshot::{self, SnapshotError};
use super::{CheckpointError, Unpublished};
use crate::executor::Workers;
use crate::record::{CanaryVersion, EpochRecord};
use crate::state::{Piece, State, StateChange, StateError};

/// The files of a checkpoint, as they were read, and what is made of them.
pub(super) struct Files {
    pub segments: Vec<(u64, File)>,
    pub snapshots: Vec<((u64, u64), File)>,
    pub found: Findings,
    pub decision: Decision,
}

impl Folder<'_> {
    /// What to make of files that were read.
    pub fn decide(
        &self,
        meta: &Meta,
        segments: Vec<(u64, File)>,
        snapshots: Vec<((u64, u64), File)>,
        epoch: Option<u64>,
    ) -> Result<Files, CheckpointError> {
        let found = examine(meta, &segments, &snapshots, self.workers).map_err(|refusal| self.refused(refusal))?;
        let decision = decide::decide(&found, epoch).map_err(|refusal| self.refused(refusal))?;
        Ok(Files { segments, snapshots, found, decision })
    }

    /// The record of a frame, with what its epoch has published.
    pub fn record(&self, files: &Files, (s, f): (usize, usize)) -> Result<Unpublished, CheckpointError> {
        let (file, bytes) = &files.segments[s].1;
        let frame = &files.found.segments[s].frames[f];
        let (json, _, inline) = frame.parts(bytes);
        let record: EpochRecord =
            serde_json::from_slice(json).map_err(|e| self.newer_or_damaged(file, frame, &e.to_string()))?;
        if record.epoch != frame.header.epoch {
            return Err(self.newer_or_damaged(file, frame, "the record is of another epoch than its frame"));
        }
        Ok(Unpublished { record, inline: inline.to_vec() })
    }

    /// Digests of the jobs and the components that the epochs up to the one that was decided for were made with.
    pub fn made_with(&self, files: &Files) -> BTreeSet<String> {
        #[derive(serde::Deserialize)]
        struct MadeWith {
            job: String,
            plugins: BTreeMap<String, String>,
            canary: Option<CanaryVersion>,
        }
        let digests = self.workers.each(&files.decision.frames, |(s, f)| {
            let json = files.found.segments[*s].frames[*f].parts(&files.segments[*s].1.1).0;
            // What cannot be read is told of the last one.
            let made_with = serde_json::from_slice::<MadeWith>(json).ok();
            let canary = |canary: Option<CanaryVersion>| canary.map(|canary| canary.digest);
            let all = made_with.map(|with| with.plugins.into_values().chain([with.job]).chain(canary(with.canary)));
            all.into_iter().flatten().collect::<Vec<_>>()
        });
        digests.into_iter().flatten().collect()
    }

    /// The state after the epoch that was decided for.
    pub fn restore(&self, files: &Files) -> Result<State, CheckpointError> {
        let Files { segments, snapshots, found, decision } = files;
        let partitions = found.partitions;
        let mut pieces: Vec<Vec<Piece<'_>>> = vec![Vec::new(); partitions as usize];
        let read = |file: &str, at: usize, bytes| {
            let pieces = StateChange::pieces(bytes).and_then(|pieces| {
                let foreign = pieces.iter().find(|p| p.partition >= partitions);
                let error = foreign.map(|p| StateError::NoPartition { partition: p.partition, partitions });
                error.map_or(Ok(pieces), Err)
            });
            pieces.map_err(|e| damaged_change(&self.name, file, at as u64, &e))
        };
        for (partition, base) in decision.bases.iter().enumerate() {
            let Some((s, section)) = *base else { continue };
            let (file, bytes) = &snapshots[s].1;
            let section = &found.snapshots[s].sections.as_ref().expect("it was chosen for its sections")[section];
            pieces[partition].extend(read(file, section.range.start, &bytes[section.range.clone()])?);
        }
        let from: Vec<u64> =
            decision.bases.iter().map(|base| base.map_or(0, |(s, _)| found.snapshots[s].epoch + 1)).collect();
        let oldest = from.iter().min().copied().unwrap_or(0);
        let replayed = self.workers.each(&decision.frames, |(s, f)| {
            let (file, bytes) = &segments[*s].1;
            let frame = &found.segments[*s].frames[*f];
            let epoch = frame.header.epoch;
            let pieces = if epoch < oldest { Vec::new() } else { read(file, frame.at, frame.parts(bytes).1)? };
            Ok((epoch, pieces))
        });
        for (epoch, change) in replayed.into_iter().collect::<Result<Vec<_>, _>>()? {
            for piece in change {
                if epoch >= from[piece.partition as usize] {
                    pieces[piece.partition as usize].push(piece);
                }
            }
        }
        State::restore(partitions, &pieces, self.workers).map_err(|e| self.damaged("state", e.to_string()))
    }
}

/// Scans what was read, in parallel.
fn examine(
    meta: &Meta,
    segments: &[(u64, File)],
    snapshots: &[((u64, u64), File)],
    workers: &Workers,
) -> Result<Findings, Refusal> {
    let id = meta.number();
    let segments = workers.each(segments, |(first, (file, bytes))| {
        let (frames, end) = frame::scan(bytes, id);
        Segment { file: file.clone(), first: *first, len: bytes.len() as u64, frames, end }
    });
    let snapshots = workers.each(snapshots, |((epoch, sequence), (file, bytes))| {
        let sections = match snapshot::read(bytes, id, *epoch) {
            Ok(read) => Ok(read.sections),
            Err(SnapshotError::Damaged(what)) => Err(what),
            Err(SnapshotError::Newer(what)) => return Err(Refusal::Newer { file: file.clone(), what }),
        };
        Ok(Snapshot { file: file.clone(), epoch: *epoch, sequence: *sequence, sections })
    });
    Ok(Findings { partitions: meta.partitions, segments, snapshots: snapshots.into_iter().collect::<Result<_, _>>()? })
}
