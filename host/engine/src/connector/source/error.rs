//! What can go wrong with a source.

use std::io;

use crate::error::{Error, ErrorKind, remedy};

/// A source that cannot be opened, looked at or read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The path of a source leads nowhere.
    #[error("`{path}` does not exist")]
    NotFound {
        /// As the job file has it.
        path: String,
        /// What of it does not exist, where that is a folder above it.
        folder: Option<String>,
    },
    /// There is something at the path, and it is neither a file nor a folder.
    #[error("`{path}` is no file: pipes and devices are not read")]
    NoFile {
        /// As the job file has it.
        path: String,
    },
    /// A path is no valid glob.
    #[error("`{path}` is not a valid pattern: {reason}")]
    BadPattern {
        /// As the job file has it.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A folder or file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Its path.
        path: String,
        /// The operating system's error.
        error: io::Error,
    },
    /// A link below a folder leads back to it.
    #[error("{link} is a link back to {folder}, which it is in: what is below would be found without end")]
    Loop {
        /// The link.
        link: String,
        /// Where it leads.
        folder: String,
    },
    /// A file's name is no UTF-8.
    #[error("{path}: the name is not UTF-8")]
    NameNotUtf8 {
        /// The path, what is no UTF-8 in it replaced.
        path: String,
    },
    /// A planned file is not there any more.
    #[error("{path}: the file was planned for this epoch and is gone")]
    Gone {
        /// Its path.
        path: String,
    },
    /// A planned file is another one now.
    #[error("{path}: the file was changed after it was planned ({what})")]
    Changed {
        /// Its path.
        path: String,
        /// What is different.
        what: String,
    },
    /// A file is packed with something that is not read.
    #[error("{path}: {packing} files are not read")]
    Packed {
        /// Its path.
        path: String,
        /// What it is packed with.
        packing: &'static str,
    },
    /// A file is packed, and its name does not say so.
    #[error("{path}: it is packed with {packing}, though its name does not say so")]
    PackedInside {
        /// Its path.
        path: String,
        /// What it is packed with.
        packing: &'static str,
    },
    /// A file's text has two or four bytes a letter.
    #[error("{path}: its text is {encoding}, and UTF-8 is read")]
    Wide {
        /// Its path.
        path: String,
        /// What it is.
        encoding: &'static str,
    },
    /// Bytes that are none of its stand behind the end of a compressed file.
    #[error("{path}: behind the end of the gzip file stand bytes that are neither zeros nor gzip")]
    BehindItsEnd {
        /// Its path.
        path: String,
    },
    /// A compressed file is damaged.
    #[error("{path}: not a complete gzip file: {error}")]
    Gzip {
        /// Its path.
        path: String,
        /// The decompressor's error.
        error: io::Error,
    },
    /// An option of a generator cannot be.
    #[error("{0}")]
    BadOption(String),
    /// An entry of the state is not this source's.
    #[error("the checkpoint's entry `{0}` is not one of a {1} source")]
    BadEntry(String, &'static str),
    /// A range of another source: a defect of ours.
    #[error("a {0} source was given another source's range")]
    WrongRange(&'static str),
}

impl From<SourceError> for Error {
    fn from(e: SourceError) -> Self {
        let message = e.to_string();
        match e {
            SourceError::NotFound { folder, .. } => Error::invalid(message).with_help(match folder {
                Some(folder) => format!("there is no folder `{folder}`; paths are relative to the job file"),
                None => "paths are relative to the job file; a folder or a pattern may be empty, a single file must exist".into(),
            }),
            SourceError::NoFile { .. } => Error::invalid(message)
                .with_help("write what comes through it to files, and name these: they may have to be read twice"),
            SourceError::BadPattern { .. } => Error::invalid(message).with_help(
                "`[` begins a set of characters, such as `[0-9]`, and `**` stands alone between slashes; `[[]` is a bracket as it is",
            ),
            SourceError::BadOption(_) => Error::invalid(message),
            SourceError::Unreadable { error, .. } => {
                let help = remedy(&error, "see that it can be read, or let the source's path leave it out");
                Error::new(ErrorKind::Unavailable, message).with_help(help).caused_by(error)
            }
            SourceError::Loop { .. } => Error::invalid(message).with_help(
                "remove the link, begin its name with `_` or `.`, or let the source's path name folders in place of `**`",
            ),
            SourceError::NameNotUtf8 { .. } => {
                Error::new(ErrorKind::Data, message).with_help("rename it, or begin its name with `_` to have it ignored")
            }
            SourceError::Gone { .. } => Error::new(ErrorKind::Unavailable, message)
                .with_help("put it back, or start again without it: files must stay until their epoch is committed"),
            SourceError::Changed { .. } => Error::new(ErrorKind::Data, message).with_help(
                "files must not change once they are seen: write them under a name that begins with `_` or `.` and rename them when they are complete",
            ),
            SourceError::Packed { .. } => Error::new(ErrorKind::Data, message).with_help(
                "unpack it, or pack it with gzip (.gz); a pattern such as \"data/*.csv\" leaves out what is no input",
            ),
            SourceError::PackedInside { packing, .. } => Error::new(ErrorKind::Data, message).with_help(match packing {
                "gzip" => "let its name end with .gz (with .gz.gz it would be packed twice: unpack it once)",
                _ => "unpack it, or pack it with gzip (.gz)",
            }),
            SourceError::Wide { path, encoding } => Error::new(ErrorKind::Data, message)
                .with_help(format!("convert it: iconv -f {encoding} -t UTF-8 {path} > new")),
            SourceError::BehindItsEnd { path } => Error::new(ErrorKind::Data, message)
                .with_help(format!("it was damaged, or not written in one go: fetch it again, or keep what is whole: gzip -dc {path} > new")),
            SourceError::Gzip { error, .. } => Error::new(ErrorKind::Data, message)
                .caused_by(error)
                .with_help("write compressed files under another name and rename them when they are complete"),
            SourceError::BadEntry(..) => Error::new(ErrorKind::Corrupt, message),
            SourceError::WrongRange(_) => Error::internal(message),
        }
    }
}
