//! The commit half of a file sink, and publishing after a restart.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::place::Placing;
use super::{Outlet, claim, extend};
use crate::connector::Committed;
use crate::connector::sink::{Payload, Prepared, Publish, SinkError};
use crate::error::{Error, Result};
use crate::fault::point;
use crate::record::{Held, OutputAction, OutputRecord};

pub(super) struct FilePublisher {
    outlet: Arc<Outlet>,
    /// Something was published since the last sync.
    dirty: AtomicBool,
}

impl FilePublisher {
    pub(super) fn new(outlet: Arc<Outlet>) -> Self {
        Self { outlet, dirty: AtomicBool::new(false) }
    }
}

impl Publish for FilePublisher {
    fn make_durable(&self, prepared: &mut Prepared) -> Result<()> {
        let Payload::Aside(files) = &mut prepared.payload else { return Ok(()) };
        let Outlet { storage, faults, work, .. } = &*self.outlet;
        for aside in files {
            let Some(mut file) = aside.file.take() else { continue };
            faults.hit(point::ASIDE_SYNC_BEFORE);
            file.sync().map_err(SinkError::sync(self.outlet.at(&aside.path)))?;
            faults.hit(point::ASIDE_SYNCED);
        }
        faults.hit(point::ASIDE_FOLDER_BEFORE);
        storage.sync_folder(work).map_err(SinkError::sync(self.outlet.at(work)))?;
        faults.hit(point::ASIDE_FOLDER_SYNCED);
        Ok(())
    }

    fn publish(&self, epoch: u64, outputs: &[OutputRecord], payload: Payload) -> Result<()> {
        let inline = match &payload {
            Payload::Inline(bytes) => bytes.as_slice(),
            _ => &[],
        };
        let Outlet { storage, faults, .. } = &*self.outlet;
        for output in outputs {
            self.dirty.store(true, Ordering::Relaxed);
            place(&Placing { storage: &**storage, faults, epoch, output, inline, again: false })?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        if self.dirty.swap(false, Ordering::Relaxed) {
            let Outlet { storage, faults, .. } = &*self.outlet;
            faults.hit(point::PUBLISH_FOLDER_BEFORE);
            storage.sync_folder("").map_err(SinkError::sync(storage.describe()))?;
            faults.hit(point::PUBLISH_FOLDER_SYNCED);
        }
        Ok(())
    }
}

/// Publishes an output. The folder still has to be synced.
fn place(placing: &Placing<'_>) -> Result<(), SinkError> {
    if let Held::Inline { .. } = placing.output.held
        && placing.inline.len() as u64 != placing.output.len
    {
        return Err(placing.damaged("the epoch's record", "its length is another"));
    }
    match placing.output.action {
        OutputAction::Add => placing.add(),
        OutputAction::Replace => placing.replace(),
        OutputAction::Extend { from } => extend::run(placing, from),
    }
}

/// Publishes a committed output after a restart; see [`crate::connector::Connector::republish`].
pub(in crate::connector::file) fn republish(output: &OutputRecord, committed: &Committed<'_>) -> Result<()> {
    let Committed { epoch, inline, folders, faults } = *committed;
    let own = |e: SinkError| Error::from(e).context(format!("sink {}", output.sink));
    let folder = Path::new(&output.folder);
    claim::make_folder(folders, folder).map_err(own)?;
    let storage = folders(folder);
    let bytes = match output.held {
        Held::Aside { .. } => &[],
        Held::Inline { offset } => part_of(inline, offset, output.len).ok_or_else(|| {
            let detail = "its inline part is too short".into();
            own(SinkError::Damaged { path: format!("the record of epoch {epoch}"), epoch, detail })
        })?,
    };
    let placing = Placing { storage: &*storage, faults, epoch, output, inline: bytes, again: true };
    if matches!(output.held, Held::Inline { .. }) && !placing.is_output(bytes) {
        return Err(own(placing.damaged(&format!("the record of epoch {epoch}"), "its digest is another")));
    }
    place(&placing).map_err(own)?;
    faults.hit(point::PUBLISH_FOLDER_BEFORE);
    storage.sync_folder("").map_err(|e| own(SinkError::sync(storage.describe())(e)))?;
    faults.hit(point::PUBLISH_FOLDER_SYNCED);
    Ok(())
}

fn part_of(inline: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    inline.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}
