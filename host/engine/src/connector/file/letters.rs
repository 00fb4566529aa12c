//! Dead letters in a file: JSON lines, added at its end.

use std::path::Path;

use arrow::datatypes::Schema;

use super::options::{self, FileSinkSpec};
use super::sink;
use crate::connector::sink::{Sink, SinkContext};
use crate::connector::{Published, Recovery, SinkConnector, SinkInput, Writes};
use crate::error::{Error, ErrorKind, Result};
use crate::job::{KeyTable, Options, OutputMode, SinkSpec};

/// The dead letters of `connector = "file"`.
pub(super) struct Letters;

impl SinkConnector for Letters {
    fn keys(&self) -> &'static KeyTable {
        &options::DEAD_LETTERS
    }

    fn check(&self, spec: &SinkSpec, _: OutputMode, _: &Schema) -> Result<()> {
        let FileSinkSpec { path, format, .. } = FileSinkSpec::of(&spec.options);
        Ok(sink::check_dead_letters(&spec.name.value, format, &path)?)
    }

    fn open(&self, spec: &SinkSpec, input: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>> {
        let FileSinkSpec { path, format, .. } = FileSinkSpec::of(&spec.options);
        if path.is_dir() {
            let message = format!("dead letters go to a file, and {} is a folder", path.display());
            return Err(Error::invalid(message).with_help("name a file in it: path = \".../dead-letters.jsonl\""));
        }
        Ok(Box::new(sink::FileSink::open_file(&spec.name.value, &path, format, input.schema, context)?))
    }

    fn describe(&self, options: &Options, shown: &dyn Fn(&Path) -> String) -> String {
        format!("JSON file {}", shown(&FileSinkSpec::of(options).path))
    }

    fn writes(&self, spec: &SinkSpec) -> Option<Writes> {
        let path = FileSinkSpec::of(&spec.options).path;
        let (folder, file) = (path.parent()?.to_owned(), path.file_name()?.to_string_lossy().into_owned());
        Some(Writes { path, key: "path", folder, files: vec![file] })
    }

    /// The file has no epoch in its name. It is looked at only where bytes at the log's end are no record, and there at
    /// its last line.
    fn last_published(&self, spec: &SinkSpec, recovery: &Recovery<'_>) -> Result<Option<Published>> {
        let Some(damaged) = recovery.damaged else { return Ok(None) };
        let path = FileSinkSpec::of(&spec.options).path;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
            return Ok(None);
        };
        let file = match (recovery.folders)(folder).read(name) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => {
                read.map_err(|e| Error::new(ErrorKind::Unavailable, format!("{}: {e}", path.display())).caused_by(e))?
            }
        };
        let last = file.trim_ascii_end().rsplit(|b| *b == b'\n').next().unwrap_or_default();
        let of_epoch = serde_json::from_slice::<serde_json::Value>(last).ok().and_then(|line| line["epoch"].as_u64());
        // Blocks that the disk never wrote read as zeros, also where what follows them was written.
        let unfinished = !last.is_empty() && (file.last() != Some(&b'\n') || last.contains(&0));
        if !unfinished && of_epoch != Some(damaged) {
            return Ok(None);
        }
        Ok(Some(Published {
            epoch: damaged,
            seen: format!("{} ends with its rows", path.display()),
            help: "restore the checkpoint from a copy; or, where these are rows of an older checkpoint, move the file away",
        }))
    }
}
