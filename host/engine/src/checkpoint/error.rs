//! What can be wrong with a checkpoint. Every error names the checkpoint and, where there is one, the file and the
//! byte; its help says what can be done.

use std::io;

use crate::error::{Error, ErrorKind, remedy};
use crate::state::StateError;

/// What is wrong with a checkpoint, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Somebody else has it open.
    #[error("the checkpoint {place} is in use{}", owner.as_ref().map_or(String::new(), |o| format!(" by {o}")))]
    Held {
        /// The checkpoint.
        place: String,
        /// Who says so in the lock file.
        owner: Option<String>,
    },
    /// The lock's file was removed while the checkpoint was open.
    #[error("this process does not own the checkpoint {place} any more: its LOCK file was removed or replaced")]
    TakenAway {
        /// The checkpoint.
        place: String,
    },
    /// A folder with other things in it.
    #[error("{place} is not a checkpoint: it holds {found}")]
    NotACheckpoint {
        /// The folder.
        place: String,
        /// One of the other things.
        found: String,
    },
    /// There is nothing of a checkpoint.
    #[error("{place} is not a checkpoint: there is no checkpoint.json in it")]
    NotThere {
        /// The folder.
        place: String,
    },
    /// No epoch is committed yet.
    #[error("the checkpoint {place} has no committed epoch yet")]
    NoEpoch {
        /// The checkpoint.
        place: String,
    },
    /// A job was to write to a savepoint.
    #[error("{place} is a savepoint, which no job writes to")]
    Savepoint {
        /// The savepoint.
        place: String,
    },
    /// What a new checkpoint is to begin with cannot be copied.
    #[error("{0}")]
    Beginning(Error),
    /// The storage failed.
    #[error("{doing} {place}/{path} failed: {source}")]
    Storage {
        /// The checkpoint.
        place: String,
        /// The file or folder in it.
        path: String,
        /// What was being done, as a gerund.
        doing: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Bytes are not what was written.
    #[error("the checkpoint {place} is damaged: {file}{}: {what}", at.map_or(String::new(), |at| format!(" at byte {at}")))]
    Damaged {
        /// The checkpoint.
        place: String,
        /// The file in it.
        file: String,
        /// Where in the file.
        at: Option<u64>,
        /// What is wrong there, and why it cannot be passed over.
        what: String,
        /// The newest epoch that could be opened instead.
        instead: Option<u64>,
    },
    /// A newer Millstream wrote it.
    #[error("the checkpoint {place} has a newer format than this version knows ({file}: {what})")]
    Newer {
        /// The checkpoint.
        place: String,
        /// The file in it.
        file: String,
        /// What is not known.
        what: String,
    },
    /// What a checkpoint that is to be dropped has published could not be taken away.
    #[error("{0}")]
    Forget(Error),
    /// The epoch asked for is not there.
    #[error("epoch {epoch} of the checkpoint {place} cannot be opened: {why}")]
    NoSuchEpoch {
        /// The checkpoint.
        place: String,
        /// The epoch asked for.
        epoch: u64,
        /// Why not.
        why: String,
    },
    /// A write failed before; nothing is known about what is on the disk.
    #[error("the checkpoint {place} takes no more writes since {reason}")]
    Poisoned {
        /// The checkpoint.
        place: String,
        /// What failed.
        reason: String,
    },
    /// A call that breaks the order of things.
    #[error("{0}")]
    Misuse(String),
}

/// What is said of a disk that fails in a way of its own.
const LOOK_AFTER: &str = "look after the disk and start again: what was committed is kept";

impl From<CheckpointError> for Error {
    fn from(e: CheckpointError) -> Self {
        use CheckpointError as C;
        let e = match e {
            C::Forget(error) | C::Beginning(error) => return error,
            other => other,
        };
        let message = e.to_string();
        let anew = "start anew with --fresh: the state is lost, and the input is read from its beginning";
        let (kind, help) = match &e {
            C::Held { .. } => {
                let help =
                    "one job owns a checkpoint at a time: stop the other one, or give this one its own `checkpoint`";
                (ErrorKind::Conflict, help.to_string())
            }
            C::TakenAway { .. } => {
                let help = "never remove LOCK: it is free as soon as its owner has ended. See that no other job has gone on \
                            with this checkpoint, and start again";
                (ErrorKind::Conflict, help.to_string())
            }
            C::NotThere { .. } => {
                let help = "name the folder of a checkpoint or of a savepoint; one that was cut short in writing has none either";
                (ErrorKind::Invalid, help.to_string())
            }
            C::NoEpoch { .. } => (ErrorKind::Invalid, "wait until its job has committed one".to_string()),
            C::Savepoint { .. } => {
                let help = "give the job a `checkpoint` of its own, and begin with `run --from` that folder";
                (ErrorKind::Invalid, help.to_string())
            }
            C::NotACheckpoint { .. } => (ErrorKind::Invalid, "name an empty folder as `checkpoint`".to_string()),
            C::Storage { source, .. } => (ErrorKind::Unavailable, remedy(source, LOOK_AFTER).to_string()),
            C::Poisoned { .. } => (ErrorKind::Unavailable, LOOK_AFTER.to_string()),
            C::Damaged { instead: Some(epoch), .. } => {
                let help = format!(
                    "restore the folder from a copy; or open it at epoch {epoch}, the last that is intact, if no sink \
                     has output of later epochs; or {anew}"
                );
                (ErrorKind::Corrupt, help)
            }
            C::Damaged { .. } => (ErrorKind::Corrupt, format!("restore the folder from a copy, or {anew}")),
            C::Newer { .. } => (ErrorKind::Invalid, "use the version of Millstream that wrote it".to_string()),
            C::NoSuchEpoch { .. } => {
                (ErrorKind::Invalid, "name an epoch that the log has: `millstream epochs` shows them".to_string())
            }
            C::Misuse(_) | C::Forget(_) | C::Beginning(_) => return Self::internal(message),
        };
        let error = Self::new(kind, message).with_help(help);
        match e {
            C::Storage { source, .. } => error.caused_by(source),
            _ => error,
        }
    }
}

/// Adds the place to what is wrong with the bytes of a change.
pub(super) fn damaged_change(place: &str, file: &str, at: u64, e: &StateError) -> CheckpointError {
    CheckpointError::Damaged {
        place: place.to_string(),
        file: file.to_string(),
        at: Some(at),
        what: e.to_string(),
        instead: None,
    }
}
