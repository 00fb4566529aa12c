//! A sink's folder belongs to one checkpoint: two would mix their files, and nobody could tell a doubled row.
//!
//! What is taken stays taken: the folder `_millstream/<checkpoint>` is the sign, and only the user removes it. Left-overs
//! of epochs that were never committed are removed here; nothing else ever is.

use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::name::{Names, PRIVATE};
use crate::connector::sink::{Folders, SinkError};
use crate::fault::{Faults, point};
use crate::storage::Storage;

/// How often, and how long apart, a folder that is being taken is looked at again.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// For whoever finds the folder.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    checkpoint: String,
    job: String,
}

/// Makes `folder`, durably, with all folders above it that are not there yet.
pub(super) fn make_folder(folders: &Folders, folder: &Path) -> Result<(), SinkError> {
    let exists = |path: &Path| folders(path).exists("").map_err(SinkError::io("look for", path.display().to_string()));
    let mut missing = Vec::new();
    for path in folder.ancestors() {
        if exists(path)? {
            // A new name is durable once the folder that it stands in is synced.
            if !missing.is_empty() {
                missing.push(path);
            }
            break;
        }
        missing.push(path);
    }
    for path in missing {
        folders(path).sync_folder("").map_err(SinkError::sync(path.display().to_string()))?;
    }
    Ok(())
}

/// Takes the folder for the checkpoint of `names` and cleans up after its uncommitted epochs.
pub(super) fn claim(storage: &dyn Storage, names: &Names, job: &str, faults: &Faults) -> Result<(), SinkError> {
    let at = |path: &str| format!("{}/{path}", storage.describe());
    // Looking and taking must be one step. The lock is held no longer: other sinks of this job may share the folder.
    let lock = format!("{PRIVATE}/claim.lock");
    let mut tries = 0;
    let _lock = loop {
        match storage.lock(&lock).map_err(SinkError::io("lock", at(&lock)))? {
            Some(lock) => break lock,
            None if tries == TRIES => return Err(SinkError::Busy { folder: storage.describe() }),
            None => sleep(PAUSE),
        }
        tries += 1;
    };

    let list = |folder: &str| storage.list(folder).map_err(SinkError::io("list", at(folder)));
    if let Some(other) = list(PRIVATE)?.into_iter().find(|e| e.is_folder && e.name != names.checkpoint) {
        let owner = read_owner(storage, &other.name);
        return Err(SinkError::Foreign { folder: storage.describe(), owner });
    }
    if let Some(part) = list("")?.into_iter().find(|e| names.is_foreign_part(&e.name)) {
        return Err(SinkError::Foreign { folder: storage.describe(), owner: format!("file {}", part.name) });
    }

    let work = names.work();
    let sign = format!("{work}/owner.json");
    if storage.exists(&sign).map_err(SinkError::io("look for", at(&sign)))? {
        for entry in list(&work)?.into_iter().filter(|e| names.is_left_over(&e.name)) {
            let path = format!("{work}/{}", entry.name);
            storage.remove(&path).map_err(SinkError::io("remove", at(&path)))?;
            faults.hit(point::REMAINS_REMOVED);
        }
        return Ok(());
    }
    faults.hit(point::CLAIM_BEFORE);
    let owner = Owner { checkpoint: names.checkpoint.clone(), job: job.to_owned() };
    let text = serde_json::to_vec(&owner).expect("two strings are JSON");
    let new = format!("{work}/owner.json.new");
    let mut file = storage.create(&new).map_err(SinkError::io("create", at(&new)))?;
    file.write_all(&text).map_err(SinkError::io("write", at(&new)))?;
    file.sync().map_err(SinkError::sync(at(&new)))?;
    faults.hit(point::CLAIM_WRITTEN);
    storage.rename(&new, &sign).map_err(SinkError::io("rename", at(&new)))?;
    // From the inside out, so that the folders of later files aside are durable before these are.
    for folder in [work.as_str(), PRIVATE, ""] {
        storage.sync_folder(folder).map_err(SinkError::sync(at(folder)))?;
    }
    faults.hit(point::CLAIM_AFTER);
    Ok(())
}

fn read_owner(storage: &dyn Storage, checkpoint: &str) -> String {
    let owner = storage.read(&format!("{PRIVATE}/{checkpoint}/owner.json")).ok();
    match owner.and_then(|text| serde_json::from_slice::<Owner>(&text).ok()) {
        Some(owner) => format!("job {}, checkpoint {}", owner.job, owner.checkpoint),
        None => format!("checkpoint {checkpoint}"),
    }
}
