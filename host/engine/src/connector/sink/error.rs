//! What may go wrong in a sink, and what the user does about it.

use std::error::Error as StdError;
use std::io;

use thiserror::Error;

use crate::error::{Error, ErrorKind, remedy};
use crate::format::encode::{EncodeError, LOOK_AT};

/// Why a sink cannot go on. Paths are whole: folder and file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The job asks for what the sink cannot do.
    #[error("{message}")]
    Refused {
        /// What cannot be done.
        message: String,
        /// What can.
        help: &'static str,
    },
    /// The rows cannot be encoded, or the encoded bytes not be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Reading or writing failed.
    #[error("cannot {what} {path}")]
    Io {
        /// The attempt.
        what: &'static str,
        /// The file or folder.
        path: String,
        /// The system's word.
        #[source]
        source: io::Error,
    },
    /// A sync failed: what is on the disk is unknown now.
    #[error("cannot make {path} durable")]
    Sync {
        /// The file or folder.
        path: String,
        /// The system's word.
        #[source]
        source: SyncFailed,
    },
    /// The folder is another checkpoint's.
    #[error("folder {folder} holds files of another checkpoint: {owner}")]
    Foreign {
        /// The sink's folder.
        folder: String,
        /// Whose they are, as far as is known.
        owner: String,
    },
    /// Another process is taking the folder at this moment.
    #[error("folder {folder} is being taken by another job")]
    Busy {
        /// The sink's folder.
        folder: String,
    },
    /// A published file is not what was published.
    #[error("{path} is not what epoch {epoch} has published there: {detail}")]
    Changed {
        /// The file.
        path: String,
        /// The epoch.
        epoch: u64,
        /// What is different.
        detail: String,
    },
    /// A committed output is nowhere to be found.
    #[error("{path}, committed by epoch {epoch}, is not there, and neither is its copy in {aside}")]
    Lost {
        /// The file.
        path: String,
        /// The epoch.
        epoch: u64,
        /// Where its bytes should have been.
        aside: String,
    },
    /// Stored bytes are not what the record says.
    #[error("{path}, which epoch {epoch} is to publish, is damaged: {detail}")]
    Damaged {
        /// Where the bytes are.
        path: String,
        /// The epoch.
        epoch: u64,
        /// What is wrong with them.
        detail: String,
    },
    /// The console cannot be written.
    #[error("cannot write to the console")]
    Console(#[source] io::Error),
    /// Rows cannot be shown or kept.
    #[error("the rows cannot be shown")]
    Show(#[source] arrow::error::ArrowError),
}

/// A failed sync, as the cause of an [`Error`]: see [`is_fatal`].
#[derive(Debug, Error)]
#[error("the disk did not confirm the write: {0}")]
pub struct SyncFailed(#[source] pub io::Error);

impl SinkError {
    pub(crate) fn io(what: &'static str, path: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, path: path.into(), source }
    }

    pub(crate) fn sync(path: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Sync { path: path.into(), source: SyncFailed(source) }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } => ErrorKind::Invalid,
            Self::Io { .. } | Self::Sync { .. } | Self::Console(_) => ErrorKind::Unavailable,
            Self::Foreign { .. } | Self::Busy { .. } | Self::Changed { .. } => ErrorKind::Conflict,
            Self::Lost { .. } | Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Encode(_) | Self::Show(_) => ErrorKind::Internal,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Refused { help, .. } => (*help).into(),
            Self::Io { source, .. } => remedy(source, LOOK_AT).into(),
            Self::Console(source) => remedy(source, "see that standard output can be written").into(),
            Self::Sync { .. } => {
                "look at the disk; then start the job again: it goes on from the last epoch that is known to be durable"
                    .into()
            }
            Self::Foreign { folder, .. } => format!(
                "their rows would stand beside this run's (a run with --fresh, or without a checkpoint, is another checkpoint): give \
                 this job another folder, or, if nobody wants those files any more, remove {folder} with its _millstream"
            ),
            Self::Busy { .. } => "start the job again; two jobs cannot share a folder".into(),
            Self::Changed { path, .. } => format!(
                "nobody else may write there: move {path} away (look what is in it first) and start the job again"
            ),
            Self::Lost { path, .. } => format!("put {path} back and start the job again"),
            Self::Damaged { .. } => "restore the file from a copy; look at the disk".into(),
            Self::Encode(_) | Self::Show(_) => return None,
        })
    }
}

impl From<SinkError> for Error {
    fn from(error: SinkError) -> Self {
        if let SinkError::Encode(e) = error {
            return e.into();
        }
        let mut made = Error::new(error.kind(), error.to_string());
        if let Some(help) = error.help() {
            made = made.with_help(help);
        }
        match error {
            SinkError::Io { source, .. } | SinkError::Console(source) => made.caused_by(source),
            SinkError::Sync { source, .. } => made.caused_by(source),
            SinkError::Show(source) => made.caused_by(source),
            _ => made,
        }
    }
}

/// Whether `error` comes from a failed sync: the process must end, nothing may be tried again.
pub fn is_fatal(error: &Error) -> bool {
    causes(error).any(|e| e.is::<SyncFailed>())
}

/// Whether `error` says that nobody reads the console any more (`millstream run … | head`): the job ends quietly.
pub fn is_closed_pipe(error: &Error) -> bool {
    causes(error).any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |e: &&'_ (dyn StdError + 'static)| (*e).source())
}
