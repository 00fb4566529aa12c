//! The one public error. Each module has its own enum with the context a user needs and folds it in here;
//! what a caller branches on is the [`ErrorKind`], which says what must be done about it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What an error asks of the person who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The job, an option or a call is wrong: mend it. Exit code 2 of the program.
    Invalid,
    /// The input data is not what the job says it is.
    Data,
    /// A plugin could not be built or loaded, or it failed.
    Plugin,
    /// A limit that was set was reached.
    Quota,
    /// Something outside is not there or does not answer: try again later.
    Unavailable,
    /// Somebody else owns what this job wants, or it was changed meanwhile.
    Conflict,
    /// Stored data is damaged.
    Corrupt,
    /// A defect of Millstream.
    Internal,
}

/// A place in a text file that the user wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file's path as the user gave it.
    pub file: PathBuf,
    /// The whole text of the file.
    pub text: Arc<str>,
    /// Bytes of `text` that the error is about.
    pub span: Range<usize>,
}

/// An error of the engine: what went wrong, where, and how to mend it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    help: Option<String>,
    location: Option<Location>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    again_after: Option<Duration>,
}

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What somebody can do whom the system has refused a file or folder; `otherwise` where its word says nothing better.
pub(crate) fn remedy(error: &std::io::Error, otherwise: &'static str) -> &'static str {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::PermissionDenied => {
            "the user that runs this lacks the right to it: give it that right, or name a file or folder to which it has one"
        }
        Io::ReadOnlyFilesystem => "what is mounted there can only be read: name a folder elsewhere",
        Io::StorageFull | Io::QuotaExceeded => {
            "there is no room left: make some, then start again; what was committed is kept"
        }
        Io::NotADirectory => "one of the folders in this path is a file: name another path",
        _ => otherwise,
    }
}

impl Error {
    /// An error of `kind`; `message` says what is wrong, in one line, with the names a user knows.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            help: None,
            location: None,
            source: None,
            again_after: None,
        }))
    }

    /// [`ErrorKind::Invalid`]: the job or a call must be mended.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// [`ErrorKind::Unavailable`] for a while: what failed is tried again after `again_after`, and nobody has to do
    /// anything about it.
    pub fn passing(message: impl Into<String>, again_after: Duration) -> Self {
        let mut error = Self::new(ErrorKind::Unavailable, message);
        error.0.again_after = Some(again_after);
        error
    }

    /// [`ErrorKind::Internal`]: a defect of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds the place in the user's file, unless a more precise one is known already.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.0.location.get_or_insert(location);
        self
    }

    /// Adds the underlying error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Puts `context` (a job's, an operator's name) before the message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Takes `context` off again: a name that its user never gave.
    pub(crate) fn without_context(mut self, context: &str) -> Self {
        if let Some(message) = self.message().strip_prefix(context).and_then(|rest| rest.strip_prefix(": ")) {
            self.0.message = message.to_owned();
        }
        self
    }

    /// What must be done about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// After how long to try again; none = it does not pass by itself.
    pub fn again_after(&self) -> Option<Duration> {
        self.0.again_after
    }

    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// How to mend it.
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// The place in the user's file.
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}
