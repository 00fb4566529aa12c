//! Files in a folder: a new one per epoch ([`Publication::Parts`], [`Publication::ChangeLog`]), one that is replaced
//! ([`Publication::Snapshot`]), or lines added to a file ([`Publication::Lines`]: the dead letters).
//!
//! Rows are encoded as they come; an epoch's memory is bounded by a Parquet row group, whatever its size. Rows are cut
//! into chunks of a fixed number before they are encoded, and files are split between chunks only, so that an epoch
//! computed twice gives the same files.

mod buffer;
mod check;
mod claim;
mod extend;
mod forget;
mod name;
mod place;
mod publish;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;

pub(super) use check::check_dead_letters;
pub(super) use check::check_file_sink;
pub(super) use forget::forget;
pub(super) use name::epoch_of;
pub(super) use publish::republish;

use self::buffer::{BufferedOutput, OutputBuffer, OutputBytes};
use self::name::Names;
use crate::connector::sink::{Payload, Prepared, Publish, Sink, SinkContext, SinkError};
use crate::error::Result;
use crate::fault::{Faults, point};
use crate::format::FileFormat;
use crate::format::encode::{CHUNK_ROWS, EncodeError, Encoder, FileColumns, encoder, extension};
use crate::record::{Held, OutputAction, OutputRecord};
use crate::storage::Storage;

/// Bytes after which a new file of the same epoch begins: readers open it in parallel, and publishing again after a
/// restart reads whole files.
const SPLIT_FILE: u64 = 256 << 20;

/// The same for lines that are copied to the end of a file.
const SPLIT_LINES: u64 = 32 << 20;

/// The names that files of the sink `sink` can get; `*` stands for anything.
pub(super) fn published_names(sink: &str, format: FileFormat) -> [String; 2] {
    Names::published(sink, extension(format))
}

/// What a file sink does with an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::connector) enum Publication {
    /// New files, none where there are no rows.
    Parts,
    /// The same, and each row carries its epoch.
    ChangeLog,
    /// One file, replaced; also without rows.
    Snapshot,
    /// Lines added to the end of a file.
    Lines {
        /// The file's length when the epoch's lines are added, as far as this sink goes.
        from: u64,
    },
}

/// What both halves of a file sink know; it never changes.
struct Outlet {
    names: Names,
    /// The sink's folder, absolute, and its storage.
    folder: String,
    storage: Arc<dyn Storage>,
    inline_limit: usize,
    first_epoch: u64,
    faults: Faults,
    /// The folder of files aside, relative.
    work: String,
    /// The file that is extended, if one is.
    file: Option<String>,
    extension: &'static str,
}

impl Outlet {
    fn new(sink: &str, folder: &Path, format: FileFormat, context: &SinkContext) -> Result<Self, SinkError> {
        let absolute = std::path::absolute(folder).map_err(SinkError::io("find", folder.display().to_string()))?;
        if !name::is_plain(&context.checkpoint) {
            return Err(SinkError::Refused {
                message: format!("checkpoint id {:?} cannot be part of a file's name", context.checkpoint),
                help: "use letters, digits, - and _",
            });
        }
        let Some(folder) = absolute.to_str() else {
            return Err(SinkError::Refused {
                message: format!("the path {} is not UTF-8", absolute.display()),
                help: "the checkpoint notes the path as text: use a folder with a UTF-8 name",
            });
        };
        claim::make_folder(&context.folders, &absolute)?;
        let names = Names { sink: sink.into(), checkpoint: context.checkpoint.clone() };
        Ok(Self {
            work: names.work(),
            names,
            folder: folder.into(),
            storage: (context.folders)(&absolute),
            inline_limit: context.inline_limit,
            first_epoch: context.first_epoch,
            faults: context.faults.clone(),
            file: None,
            extension: extension(format),
        })
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.storage.describe())
    }

    fn aside(&self, sequence: u64) -> String {
        match &self.file {
            Some(file) => self.names.aside_of_file(file, self.first_epoch, sequence),
            None => self.names.aside(self.first_epoch, sequence),
        }
    }
}

/// The compute half of a file sink.
pub(in crate::connector) struct FileSink {
    publication: Publication,
    format: FileFormat,
    columns: FileColumns,
    chunks: BatchCoalescer,
    outlet: Arc<Outlet>,
    publisher: Arc<publish::FilePublisher>,
    /// The epoch's file that is being written.
    open: Option<(Box<dyn Encoder<OutputBuffer>>, u64)>,
    /// The epoch's files that are full, with their rows.
    full: Vec<(BufferedOutput, u64)>,
    /// A change log's rows: they wait for the epoch's number.
    waiting: Vec<RecordBatch>,
    /// Number of the next file aside.
    sequence: u64,
    /// Bytes after which a file is full; more than [`INLINE_LIMIT`].
    pub(in crate::connector) split: u64,
}

impl FileSink {
    /// A sink of files in `folder`, which becomes the checkpoint's.
    pub(in crate::connector) fn open_folder(
        sink: &str,
        folder: &Path,
        format: FileFormat,
        publication: Publication,
        schema: SchemaRef,
        context: &SinkContext,
    ) -> Result<Self, SinkError> {
        let outlet = Outlet::new(sink, folder, format, context)?;
        claim::claim(&*outlet.storage, &outlet.names, &context.job, &context.faults)?;
        let schema = if publication == Publication::ChangeLog { check::with_epoch(&schema) } else { schema };
        Self::new(outlet, format, publication, schema)
    }

    /// A sink that extends the file `path`, which may be there.
    pub(super) fn open_file(
        sink: &str,
        path: &Path,
        format: FileFormat,
        schema: SchemaRef,
        context: &SinkContext,
    ) -> Result<Self, SinkError> {
        let name = path.file_name().and_then(|n| n.to_str()).ok_or_else(|| SinkError::Refused {
            message: format!("the path {} has no UTF-8 file name", path.display()),
            help: "give path the name of a file",
        })?;
        let mut outlet = Outlet::new(sink, path.parent().unwrap_or(Path::new("")), format, context)?;
        outlet.file = Some(name.to_owned());
        outlet.work = String::new();
        let mut from = 0;
        for entry in outlet.storage.list("").map_err(SinkError::io("list", outlet.storage.describe()))? {
            if entry.name == name {
                from = entry.len;
            } else if outlet.names.is_left_over_of_file(name, &entry.name) {
                outlet.storage.remove(&entry.name).map_err(SinkError::io("remove", outlet.at(&entry.name)))?;
                outlet.faults.hit(point::REMAINS_REMOVED);
            }
        }
        Self::new(outlet, format, Publication::Lines { from }, schema)
    }

    fn new(outlet: Outlet, format: FileFormat, publication: Publication, schema: SchemaRef) -> Result<Self, SinkError> {
        let columns = FileColumns::new(format, &schema)?;
        let outlet = Arc::new(outlet);
        Ok(Self {
            publication,
            format,
            chunks: BatchCoalescer::new(columns.schema().clone(), CHUNK_ROWS),
            columns,
            publisher: Arc::new(publish::FilePublisher::new(outlet.clone())),
            outlet,
            open: None,
            full: Vec::new(),
            waiting: Vec::new(),
            sequence: 0,
            split: match publication {
                Publication::Parts | Publication::ChangeLog => SPLIT_FILE,
                Publication::Lines { .. } => SPLIT_LINES,
                Publication::Snapshot => u64::MAX,
            },
        })
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), EncodeError> {
        self.chunks.push_batch(self.columns.convert(batch)?)?;
        while let Some(chunk) = self.chunks.next_completed_batch() {
            self.encode(&chunk)?;
        }
        Ok(())
    }

    fn encode(&mut self, chunk: &RecordBatch) -> Result<(), EncodeError> {
        let (encoder, rows) = self.open()?;
        encoder.write(chunk)?;
        *rows += chunk.num_rows() as u64;
        let full = encoder.get_ref().len() >= self.split;
        if full { self.close() } else { Ok(()) }
    }

    /// The open file; a new one if none is.
    fn open(&mut self) -> Result<&mut (Box<dyn Encoder<OutputBuffer>>, u64), EncodeError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let mut buffer = OutputBuffer::new(self.outlet.clone(), self.outlet.aside(self.sequence));
                self.sequence += 1;
                if !self.full.is_empty() {
                    // The record holds an epoch's one file or none.
                    buffer.spill()?;
                }
                (encoder(self.format, self.columns.schema(), buffer)?, 0)
            }
        };
        Ok(self.open.insert(open))
    }

    fn close(&mut self) -> Result<(), EncodeError> {
        if let Some((encoder, rows)) = self.open.take() {
            self.full.push((encoder.finish()?.finish()?, rows));
        }
        Ok(())
    }

    /// The rows that wait, now that the epoch is known.
    fn take_waiting(&mut self, epoch: u64) -> Result<(), EncodeError> {
        for batch in std::mem::take(&mut self.waiting) {
            let epochs = Int64Array::from_value(i64::try_from(epoch).unwrap_or(i64::MAX), batch.num_rows());
            let mut columns: Vec<ArrayRef> = vec![Arc::new(epochs)];
            columns.extend(batch.columns().iter().cloned());
            let schema = check::with_epoch(&batch.schema());
            self.take(&RecordBatch::try_new(schema, columns)?)?;
        }
        Ok(())
    }

    fn end_epoch(&mut self, epoch: u64) -> Result<(), EncodeError> {
        self.take_waiting(epoch)?;
        self.chunks.finish_buffered_batch()?;
        while let Some(chunk) = self.chunks.next_completed_batch() {
            self.encode(&chunk)?;
        }
        if self.publication == Publication::Snapshot {
            self.open()?;
        }
        self.close()
    }

    /// A write that failed, with the folder in which it was tried.
    fn placed(&self, error: EncodeError) -> SinkError {
        match error {
            EncodeError::Io(source) => SinkError::io("write to", &*self.outlet.folder)(source),
            other => other.into(),
        }
    }

    /// The record of the epoch's file number `part`.
    fn record(&mut self, epoch: u64, part: usize, output: &BufferedOutput, rows: u64) -> OutputRecord {
        let Outlet { names, folder, extension, file, .. } = &*self.outlet;
        let (action, target) = match &mut self.publication {
            Publication::Parts | Publication::ChangeLog => (OutputAction::Add, names.part(epoch, part, extension)),
            Publication::Snapshot => (OutputAction::Replace, names.snapshot(extension)),
            Publication::Lines { from } => {
                let action = OutputAction::Extend { from: *from };
                *from += output.len;
                (action, file.clone().expect("a sink of lines has a file"))
            }
        };
        OutputRecord {
            sink: names.sink.clone(),
            connector: "file".into(),
            folder: folder.clone(),
            target,
            action,
            held: match &output.bytes {
                OutputBytes::Memory(_) => Held::Inline { offset: 0 },
                OutputBytes::Aside(aside) => Held::Aside { path: aside.path.clone() },
            },
            len: output.len,
            digest: output.digest.clone(),
            rows,
        }
    }
}

impl Sink for FileSink {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if self.publication == Publication::ChangeLog {
            self.waiting.push(batch.clone());
            return Ok(());
        }
        Ok(self.take(batch).map_err(|e| self.placed(e))?)
    }

    fn abandon(&mut self) -> Result<()> {
        let open = self.open.take().and_then(|(encoder, _)| encoder.get_ref().aside().map(str::to_owned));
        let full = std::mem::take(&mut self.full).into_iter().filter_map(|(output, _)| match output.bytes {
            OutputBytes::Aside(aside) => Some(aside.path),
            OutputBytes::Memory(_) => None,
        });
        for path in full.chain(open) {
            self.outlet.storage.remove(&path).map_err(SinkError::io("remove", self.outlet.at(&path)))?;
        }
        self.waiting.clear();
        self.chunks = BatchCoalescer::new(self.columns.schema().clone(), CHUNK_ROWS);
        Ok(())
    }

    fn finish(&mut self, epoch: u64) -> Result<Prepared> {
        self.end_epoch(epoch).map_err(|e| self.placed(e))?;
        let mut prepared = Prepared::default();
        let mut aside = Vec::new();
        for (part, (output, rows)) in std::mem::take(&mut self.full).into_iter().enumerate() {
            prepared.outputs.push(self.record(epoch, part, &output, rows));
            prepared.rows += rows;
            match output.bytes {
                OutputBytes::Memory(bytes) => prepared.payload = Payload::Inline(bytes),
                OutputBytes::Aside(file) => aside.push(file),
            }
        }
        if !aside.is_empty() {
            prepared.payload = Payload::Aside(aside);
        }
        Ok(prepared)
    }

    fn publisher(&self) -> Arc<dyn Publish> {
        self.publisher.clone()
    }
}
