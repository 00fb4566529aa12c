//! How an epoch is committed, and how epochs are published.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::{ComputedEpoch, SnapshotParts, WantedSnapshot};
use crate::checkpoint::Checkpoint;
use crate::connector::sink::{Payload, Prepared, Publish};
use crate::name::Named;
use crate::panics::locked;
use crate::record::Held;
use crate::run::report::Observer;
use crate::{Error, Result};

/// A committed epoch that is not published.
pub(in crate::run) struct CommittedEpoch {
    epoch: u64,
    prepared: Named<Prepared>,
    snapshot: SnapshotParts,
}

/// What committing and publishing work with.
pub(in crate::run) struct Steps {
    pub checkpoint: Arc<Mutex<Checkpoint>>,
    pub publishers: Named<Arc<dyn Publish>>,
    pub observer: Arc<dyn Observer>,
    pub wanted: WantedSnapshot,
}

impl Steps {
    /// Makes an epoch durable.
    pub fn commit(&self, computed: ComputedEpoch) -> Result<CommittedEpoch> {
        let ComputedEpoch { mut record, change, mut prepared, snapshot, mut report, began } = computed;
        let started = Instant::now();
        let epoch = record.epoch;
        let at = |e: Error| e.context(format!("epoch {epoch}"));
        for (sink, prepared) in prepared.iter_mut() {
            self.publishers[sink].make_durable(prepared).map_err(at)?;
        }
        let inline = place_inline(&mut prepared);
        record.outputs = prepared.values().flat_map(|p| p.outputs.iter().cloned()).collect();
        let appended = locked(&self.checkpoint)?.append(&record, &change, &inline).map_err(|e| at(e.into()))?;
        if !appended.snapshot.is_empty() {
            *locked(&self.wanted)? = appended.snapshot;
        }
        report.commit = started.elapsed();
        report.total = began.elapsed();
        self.observer.epoch(&report);
        Ok(CommittedEpoch { epoch, prepared, snapshot })
    }

    /// Publishes epochs, in their order, and notes that they are.
    pub fn publish(&self, committed: impl IntoIterator<Item = CommittedEpoch>) -> Result<()> {
        let mut last = None;
        let mut snapshots = Vec::new();
        for CommittedEpoch { epoch, prepared, snapshot } in committed {
            let at = |e: Error| e.context(format!("epoch {epoch}"));
            for (sink, Prepared { outputs, payload, .. }) in prepared {
                self.publishers[&sink].publish(epoch, &outputs, payload).map_err(at)?;
            }
            last = Some(epoch);
            if !snapshot.is_empty() {
                snapshots.push((epoch, snapshot));
            }
        }
        for publisher in self.publishers.values() {
            publisher.sync()?;
        }
        if let Some(last) = last {
            locked(&self.checkpoint)?.mark_published(last)?;
        }
        for (epoch, sections) in snapshots {
            locked(&self.checkpoint)?.write_snapshot(epoch, &sections)?;
        }
        Ok(())
    }
}

/// Puts small outputs one after the other and notes in each where it stands.
fn place_inline(prepared: &mut Named<Prepared>) -> Vec<u8> {
    let mut inline = Vec::new();
    for sink in prepared.values_mut() {
        if let Payload::Inline(bytes) = &sink.payload {
            for output in &mut sink.outputs {
                output.held = Held::Inline { offset: inline.len() as u64 };
            }
            inline.extend_from_slice(bytes);
        }
    }
    inline
}
