//! `connector = "file"`: files of a folder, of a pattern, or a single one; and files in a folder, new ones, replaced ones,
//! or one that grows.

mod letters;
mod options;
pub mod sink;
pub mod source;

use std::path::Path;

use arrow::datatypes::Schema;

pub use options::FileSourceSpec;

use self::options::FileSinkSpec;
use self::source::FileSource;
use super::sink::{Folders, Sink, SinkContext};
use super::source::Source;
use super::{Committed, Connector, Published, Reads, Recovery, SinkConnector, SinkInput, SourceConnector, Writes};
use crate::error::{Error, ErrorKind, Result};
use crate::format::FileFormat;
use crate::job::{JobText, KeyTable, Options, OutputMode, SinkSpec, SourceSpec};
use crate::record::OutputRecord;

/// The connector.
pub(super) struct File;

impl Connector for File {
    fn name(&self) -> &'static str {
        "file"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkConnector> {
        Some(self)
    }

    fn dead_letters(&self) -> Option<&dyn SinkConnector> {
        Some(&letters::Letters)
    }

    fn republish(&self, output: &OutputRecord, committed: &Committed<'_>) -> Result<()> {
        sink::republish(output, committed)
    }
}

impl SourceConnector for File {
    fn keys(&self) -> &'static KeyTable {
        &options::SOURCE
    }

    fn open(&self, spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>> {
        Ok(Box::new(FileSource::open(&FileSourceSpec::of(&spec.options), job)?))
    }

    fn describe(&self, options: &Options, shown: &dyn Fn(&Path) -> String) -> String {
        let spec = FileSourceSpec::of(options);
        format!("{} files {}", format_name(spec.format), shown(Path::new(&spec.path.value)))
    }

    fn reads(&self, options: &Options) -> Option<Reads> {
        Some(Reads { path: FileSourceSpec::of(options).path.value, key: "path" })
    }
}

impl SinkConnector for File {
    fn keys(&self) -> &'static KeyTable {
        &options::SINK
    }

    fn check(&self, spec: &SinkSpec, mode: OutputMode, schema: &Schema) -> Result<()> {
        sink::check_file_sink(mode, &spec.name.value, &FileSinkSpec::of(&spec.options), schema)
    }

    fn open(&self, spec: &SinkSpec, input: SinkInput, context: &SinkContext) -> Result<Box<dyn Sink>> {
        let file = FileSinkSpec::of(&spec.options);
        let publication = match input.mode {
            OutputMode::Append => sink::Publication::Parts,
            OutputMode::Update => sink::Publication::ChangeLog,
            OutputMode::Complete => sink::Publication::Snapshot,
        };
        let name = &spec.name.value;
        Ok(Box::new(sink::FileSink::open_folder(name, &file.path, file.format, publication, input.schema, context)?))
    }

    fn describe(&self, options: &Options, shown: &dyn Fn(&Path) -> String) -> String {
        let FileSinkSpec { path, format, changelog } = FileSinkSpec::of(options);
        let log = if changelog { ", as a change log" } else { "" };
        format!("{} files in {}{log}", format_name(format), shown(&path))
    }

    fn writes(&self, spec: &SinkSpec) -> Option<Writes> {
        let FileSinkSpec { path, format, .. } = FileSinkSpec::of(&spec.options);
        let files = sink::published_names(&spec.name.value, format).to_vec();
        Some(Writes { folder: path.clone(), path, key: "path", files })
    }

    /// Part files have the epoch in their names.
    fn last_published(&self, spec: &SinkSpec, recovery: &Recovery<'_>) -> Result<Option<Published>> {
        let path = FileSinkSpec::of(&spec.options).path;
        let listed = (recovery.folders)(&path)
            .list("")
            .map_err(|e| Error::new(ErrorKind::Unavailable, format!("{}: {e}", path.display())).caused_by(e))?;
        let epochs = listed.iter().filter_map(|f| Some((sink::epoch_of(&f.name, recovery.checkpoint)?, &f.name)));
        Ok(epochs.max().map(|(epoch, file)| Published {
            epoch,
            seen: format!("it was committed: {} has its output {file}", path.display()),
            help: "restore the checkpoint from a copy, or start over with --fresh and an empty sink folder",
        }))
    }

    fn forget(&self, spec: &SinkSpec, checkpoint: &str, folders: &Folders) -> Result<()> {
        sink::forget(&*folders(&FileSinkSpec::of(&spec.options).path), checkpoint)
    }
}

fn format_name(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Text => "text",
        FileFormat::Csv { .. } => "CSV",
        FileFormat::Json => "JSON",
        FileFormat::Logfmt => "logfmt",
        FileFormat::Parquet => "Parquet",
    }
}
