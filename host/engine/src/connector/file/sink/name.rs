//! The names of a file sink's files. Everything about an output can be told from its record and its name, so that
//! publishing after a restart needs nothing else.
//!
//! | file | where |
//! |---|---|
//! | `part-<sink>-<checkpoint>-<epoch, 20 digits>[-<n>].<ending>` | an epoch's rows; `n` from 1 where it was split |
//! | `snapshot-<sink>-<checkpoint>.<ending>` | the whole result |
//! | `_millstream/<checkpoint>/<sink>.<run>-<n>.aside` | written, not yet published; the run's first epoch |
//! | `_millstream/<checkpoint>/<sink>.<epoch>.new` | being published out of the record |
//! | `_millstream/<checkpoint>/<sink>.snapshot` | which epoch's snapshot is published |
//! | `_millstream/<checkpoint>/owner.json` | whose folder it is |
//! | `_<file>.<checkpoint>.<run>-<n>.aside` | beside a file that is extended (the dead letters) |
//!
//! Sinks' and checkpoints' names have no dot, so the parts of a name can be told from each other. Sources pass over
//! names that begin with `_`.

use crate::record::{OutputAction, OutputRecord};

/// The folder inside a sink's folder for everything that is not published.
pub(super) const PRIVATE: &str = "_millstream";

/// How the names of one sink are made.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) sink: String,
    pub(super) checkpoint: String,
}

/// The epoch of a part file that checkpoint `id` has written.
pub(in crate::connector::file) fn epoch_of(file: &str, id: &str) -> Option<u64> {
    let (_, rest) = file.split_once(&format!("-{id}-"))?;
    rest.get(..20)?.parse().ok()
}

impl Names {
    pub(super) fn part(&self, epoch: u64, part: usize, extension: &str) -> String {
        let Self { sink, checkpoint } = self;
        match part {
            0 => format!("part-{sink}-{checkpoint}-{epoch:020}.{extension}"),
            n => format!("part-{sink}-{checkpoint}-{epoch:020}-{n}.{extension}"),
        }
    }

    pub(super) fn snapshot(&self, extension: &str) -> String {
        format!("snapshot-{}-{}.{extension}", self.sink, self.checkpoint)
    }

    /// The names of everything that a sink can publish; `*` stands for anything.
    pub(super) fn published(sink: &str, extension: &str) -> [String; 2] {
        [format!("part-{sink}-*.{extension}"), format!("snapshot-{sink}-*.{extension}")]
    }

    /// The folder of what is not published.
    pub(super) fn work(&self) -> String {
        format!("{PRIVATE}/{}", self.checkpoint)
    }

    /// A file aside: the first epoch of the run that writes it, and which it is in that run.
    pub(super) fn aside(&self, run: u64, sequence: u64) -> String {
        format!("{PRIVATE}/{}/{}.{run}-{sequence}.aside", self.checkpoint, self.sink)
    }

    pub(super) fn aside_of_file(&self, file: &str, run: u64, sequence: u64) -> String {
        format!("_{file}.{}.{run}-{sequence}.aside", self.checkpoint)
    }

    /// Whether `name`, in the folder of what is not published, is this sink's and of no use after a restart.
    pub(super) fn is_left_over(&self, name: &str) -> bool {
        let own = name.strip_prefix(&self.sink).is_some_and(|rest| rest.starts_with('.'));
        own && (name.ends_with(".aside") || name.ends_with(".new"))
    }

    /// Whether `name`, beside the extended file `file`, is this sink's and of no use after a restart.
    pub(super) fn is_left_over_of_file(&self, file: &str, name: &str) -> bool {
        name.starts_with(&format!("_{file}.{}.", self.checkpoint)) && name.ends_with(".aside")
    }

    /// Whether `name` is an epoch's file of another checkpoint.
    pub(super) fn is_foreign_part(&self, name: &str) -> bool {
        let owner = name.strip_prefix("part-").and_then(stem_of_part);
        owner.is_some_and(|owner| !owner.ends_with(&format!("-{}", self.checkpoint)))
    }
}

/// `<sink>-<checkpoint>` of `<sink>-<checkpoint>-<epoch>[-<n>].<ending>`.
fn stem_of_part(name: &str) -> Option<&str> {
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let (stem, _) = name.rsplit_once('.')?;
    let (mut stem, mut last) = stem.rsplit_once('-')?;
    if number(last) && last.len() != 20 {
        (stem, last) = stem.rsplit_once('-')?;
    }
    (number(last) && last.len() == 20).then_some(stem)
}

/// The folder of what is not published, for a published output; none where the name is not of our making or the
/// output extends a file.
pub(super) fn work_of(output: &OutputRecord) -> Option<String> {
    let checkpoint = match output.action {
        OutputAction::Add => {
            stem_of_part(output.target.strip_prefix("part-")?)?.strip_prefix(&output.sink)?.strip_prefix('-')?
        }
        OutputAction::Replace => {
            let stem = output.target.strip_prefix("snapshot-")?.rsplit_once('.')?.0;
            stem.strip_prefix(&output.sink)?.strip_prefix('-')?
        }
        OutputAction::Extend { .. } => return None,
    };
    Some(format!("{PRIVATE}/{checkpoint}"))
}

/// Whether a name can be part of a file's name.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
