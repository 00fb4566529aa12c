//! What can go wrong with a plugin. A caller branches on the case; the text says what happened, in the plugin's own
//! words where it left any, and how to mend it.
//!
//! Which job, operator, epoch or row it was is the caller's to add: this crate knows none of them.

use std::fmt;
use std::path::{Path, PathBuf};

/// This crate's result.
pub type Result<T, E = PluginError> = std::result::Result<T, E>;

/// Why a plugin could not be built, loaded or bound, or why a call of it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The file or the bytes are no Wasm component.
    #[error("{origin} is not a WebAssembly component: {found}; {hint}")]
    NotAComponent {
        /// The file, or "the given bytes".
        origin: String,
        /// What it is instead.
        found: String,
        /// How to get a component.
        hint: String,
    },

    /// A component, but none of the contract's operators, more than one of them, or one with wrong types.
    #[error("{origin} is a component, but no operator: {message}; {hint}")]
    MissingExport {
        /// The file, or "the given bytes".
        origin: String,
        /// Which export is missing or wrong, and what there is.
        message: String,
        /// How to mend it.
        hint: String,
    },

    /// The component was built for a contract that this host does not know.
    #[error(
        "{origin} exports `{export}`, but this host knows the contract only up to `millstream:operator@{known}`; \
         use a newer Millstream, or build the plugin with an older SDK",
        known = crate::CONTRACT_VERSION
    )]
    NewerContract {
        /// The file, or "the given bytes".
        origin: String,
        /// The export as the component names it.
        export: String,
    },

    /// The component was built for a contract that this host no longer speaks.
    #[error(
        "{origin} exports `{export}`, a contract that was a draft; this host speaks `millstream:operator@{known}`: build \
         the plugin again with the SDK, or with the WIT, of this version",
        known = crate::CONTRACT_VERSION
    )]
    OlderContract {
        /// The file, or "the given bytes".
        origin: String,
        /// The export as the component names it.
        export: String,
    },

    /// The component holds no operator of the name that was asked for, or several and none was named.
    #[error("{message}; it holds {}", list(.operators))]
    NoSuchOperator {
        /// What was asked for.
        message: String,
        /// The names of those that it holds.
        operators: Vec<String>,
    },

    /// A project folder could not be built.
    #[error("building the plugin in {} failed: {message}{}", project.display(), on_new_line(hint))]
    Build {
        /// The project folder.
        project: PathBuf,
        /// The build tool's own message.
        message: String,
        /// What to install or change; empty where the message says it all.
        hint: String,
    },

    /// The plugin refused its configuration or its input schema.
    #[error("the plugin refused {}: {message}", key.as_ref().map_or("its input".to_owned(), |k| format!("`{k}` of its configuration")))]
    Refused {
        /// The entry of the configuration that it is about, if it is about one.
        key: Option<String>,
        /// The plugin's message.
        message: String,
    },

    /// The caller asked for something that cannot be: a column type that plugins cannot read, a kind that is not
    /// called yet, a batch of another schema than the one given to `bind`.
    #[error("{0}")]
    Unsupported(String),

    /// The plugin was stopped in the middle of a call. Its instance is gone; the next call gets a new one.
    #[error("{0}")]
    Trap(Box<Trap>),

    /// The plugin's call returned an error of its own.
    #[error("the plugin failed: {message}{}", shown_output(output))]
    Returned {
        /// The plugin's message.
        message: String,
        /// What it is about, if the plugin said so.
        about: Option<About>,
        /// What it wrote to its standard output and error during the call.
        output: String,
    },

    /// The plugin cannot read a state that was stored. No input is to blame: with any, the state would be lost.
    #[error("the plugin cannot read a stored state: {message}{}", shown_output(output))]
    State {
        /// The plugin's message.
        message: String,
        /// Which: in a keyed call its key's index, else the row of the states that were handed over.
        state: u32,
        /// What it wrote to its standard output and error during the call.
        output: String,
    },

    /// What the plugin returned breaks the contract.
    #[error("the plugin returned bad data: {message}{}", shown_output(output))]
    BadOutput {
        /// What is wrong, and where.
        message: String,
        /// What it wrote to its standard output and error during the call.
        output: String,
    },

    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },

    /// A value that cannot be handed over: it has no place in the type that plugins are given (a time too far away for
    /// microseconds), or in the one that it asked for.
    #[error("the plugin cannot be given {message}")]
    Value {
        /// Which value, and why.
        message: String,
        /// Its row in the batch, where it is known.
        row: Option<u32>,
    },

    /// The host has no room for the plugin at the moment: too many instances, or no memory. What it was called with is
    /// not to blame, and the same call may go through later.
    #[error("there is no room for the plugin: {0}")]
    NoRoom(String),

    /// A further instance, for a call, could not be started or bound, though the first one could. What it was to be
    /// called with is not to blame.
    #[error("a new instance of the plugin could not be started: {0}")]
    NotStarted(Box<PluginError>),

    /// The Wasm engine failed for a reason of its own.
    #[error("the Wasm engine failed: {0}")]
    Engine(String),
}

/// What a failure that a plugin returned is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A row of the batch.
    Row(u32),
    /// A key of a keyed call, by its index.
    Key(u32),
}

/// A call that was stopped from outside or by the plugin's own crash.
#[derive(Debug, Clone)]
pub struct Trap {
    /// What stopped it.
    pub kind: TrapKind,
    /// The plugin's message (a panic's, for example), or the engine's where it left none.
    pub message: String,
    /// What it wrote to its standard output and error during the call, at most 64 KiB.
    pub output: String,
    /// The names of the functions that were running, innermost first, as far as the component names them.
    pub backtrace: Vec<String>,
}

/// What stopped a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrapKind {
    /// The plugin panicked, and said why.
    Panic,
    /// The plugin crashed without a word: an `unreachable` instruction, an access out of bounds, a division by zero.
    Crash,
    /// It ran longer than its time limit.
    TimeLimit,
    /// It wanted more memory, or larger tables, than its limit.
    OutOfMemory,
    /// Its calls nested too deeply.
    StackOverflow,
    /// It returned more bytes than its limit.
    TooMuchReturned,
    /// It called something that it was not granted; the import's name.
    Denied(String),
    /// It ended its process.
    Exit,
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TrapKind::Panic => return write!(f, "the plugin panicked: {}", self.message),
            TrapKind::Crash => write!(f, "the plugin crashed: {}", self.message)?,
            TrapKind::TimeLimit => write!(f, "the plugin was stopped: {}", self.message)?,
            TrapKind::OutOfMemory => write!(f, "the plugin ran out of memory: {}", self.message)?,
            TrapKind::StackOverflow => write!(f, "the plugin overflowed its stack: {}", self.message)?,
            TrapKind::TooMuchReturned => write!(f, "the plugin returned too much: {}", self.message)?,
            TrapKind::Denied(import) => {
                write!(f, "the plugin called `{import}`, which it was not granted")?;
            }
            TrapKind::Exit => write!(f, "the plugin ended itself: {}", self.message)?,
        }
        if let (TrapKind::Crash, Some(function)) = (&self.kind, self.backtrace.first()) {
            write!(f, " (in `{function}`)")?;
        }
        f.write_str(&shown_output(&self.output))
    }
}

impl PluginError {
    /// The row of the batch that is to blame for a call's failure, where it is known.
    pub fn row(&self) -> Option<u32> {
        match self {
            Self::Returned { about: Some(About::Row(row)), .. } => Some(*row),
            Self::Value { row, .. } => *row,
            _ => None,
        }
    }

    /// The key of a keyed call that is to blame for its failure, where the plugin said so.
    pub fn key(&self) -> Option<u32> {
        match self {
            Self::Returned { about: Some(About::Key(key)), .. } => Some(*key),
            _ => None,
        }
    }

    /// What the plugin wrote to its standard output and error during the call that failed, if anything.
    pub fn output(&self) -> Option<&str> {
        let text = match self {
            Self::Trap(trap) => &trap.output,
            Self::Returned { output, .. } | Self::State { output, .. } | Self::BadOutput { output, .. } => output,
            Self::NotStarted(why) => return why.output(),
            _ => return None,
        };
        (!text.is_empty()).then_some(text)
    }

    /// Whether the call failed because of its input or of what the plugin did with it, so that another try, or a smaller
    /// batch, can go through: a trap, an error that it returned, bad data, a value that it cannot be given. Never where
    /// the host failed, or where a stored state cannot be read.
    pub fn is_call_failure(&self) -> bool {
        matches!(self, Self::Trap(_) | Self::Returned { .. } | Self::BadOutput { .. } | Self::Value { .. })
    }

    /// The same error about the row that `to` makes of its row.
    #[must_use]
    pub fn in_row(mut self, to: impl FnOnce(u32) -> u32) -> Self {
        if let Self::Returned { about: Some(About::Row(row)), .. } | Self::Value { row: Some(row), .. } = &mut self {
            *row = to(*row);
        }
        self
    }

    /// A failure at the start of an instance that a call needed. No room is no room.
    pub(crate) fn at_start(self) -> Self {
        match self {
            e @ (Self::NoRoom(_) | Self::Engine(_)) => e,
            e => Self::NotStarted(Box::new(e)),
        }
    }

    /// A file error.
    pub(crate) fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_owned(), source }
    }

    /// Bad data; the captured output is added by whoever has the instance.
    pub(crate) fn bad_output(message: impl Into<String>) -> Self {
        Self::BadOutput { message: message.into(), output: String::new() }
    }

    /// Adds the captured output to an error that has room for it and none yet.
    pub(crate) fn with_output(mut self, text: impl FnOnce() -> String) -> Self {
        if let Self::Returned { output, .. } | Self::BadOutput { output, .. } = &mut self
            && output.is_empty()
        {
            *output = text();
        }
        self
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn on_new_line(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("\n{hint}") }
}

/// The end of what the plugin wrote, as an error's text shows it: the last lines say most.
fn shown_output(output: &str) -> String {
    const LINES: usize = 20;
    let lines: Vec<&str> = output.trim_end().lines().collect();
    if lines.is_empty() {
        return String::new();
    }
    let from = lines.len().saturating_sub(LINES);
    let cut = if from > 0 { format!("\n  … {from} lines more") } else { String::new() };
    let shown: String = lines[from..].iter().map(|line| format!("\n  {line}")).collect();
    format!("; it wrote:{cut}{shown}")
}
