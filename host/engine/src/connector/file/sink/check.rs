//! What a file sink can be asked to do; told when the job is checked.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::name::is_plain;
use crate::connector::file::options::FileSinkSpec;
use crate::connector::sink::SinkError;
use crate::error::{Error, Result};
use crate::format::FileFormat;
use crate::format::encode::FileColumns;
use crate::job::OutputMode;

/// The column that tells which epoch changed a row, in a change log.
pub(super) const EPOCH_COLUMN: &str = "_epoch";

/// Whether the file sink `name` of `spec` can take rows of `schema` in output mode `mode`.
///
/// # Errors
/// [`crate::ErrorKind::Invalid`]: update mode without `changelog`, a change log of another mode, columns that the format
/// cannot hold.
pub(in crate::connector::file) fn check_file_sink(
    mode: OutputMode,
    name: &str,
    spec: &FileSinkSpec,
    schema: &Schema,
) -> Result<()> {
    let FileSinkSpec { format, changelog, .. } = spec;
    let refuse = |message: String, help| Err(Error::from(SinkError::Refused { message, help }));
    if !is_plain(name) {
        return refuse(
            format!("sink name {name:?} cannot be part of a file's name"),
            "use letters, digits, - and _ in names of sinks",
        );
    }
    match (mode, changelog) {
        (OutputMode::Update, false) => {
            return refuse(
                format!("sink {name} writes files, which cannot be updated row by row"),
                "set changelog = true to add every changed row with its _epoch, or use output_mode = \"append\" or \"complete\"",
            );
        }
        (OutputMode::Append | OutputMode::Complete, true) => {
            return refuse(
                format!("sink {name} has changelog = true, but its rows are not updates"),
                "leave changelog out, or use output_mode = \"update\"",
            );
        }
        _ => {}
    }
    let schema: SchemaRef = Arc::new(schema.clone());
    let schema = if mode == OutputMode::Update { with_epoch(&schema) } else { schema };
    FileColumns::new(*format, &schema).map_err(|e| Error::from(e).context(format!("sink {name}")))?;
    Ok(())
}

/// Whether the dead letters, called `name`, can go to the file `path`.
pub(in crate::connector::file) fn check_dead_letters(
    name: &str,
    format: FileFormat,
    path: &Path,
) -> Result<(), SinkError> {
    if format != FileFormat::Json {
        return Err(SinkError::Refused {
            message: "dead letters are written to a file as JSON lines only".into(),
            help: "set format = \"json\", or another connector",
        });
    }
    if path.file_name().is_none() || !is_plain(name) {
        return Err(SinkError::Refused {
            message: format!("dead letters cannot be written to {}", path.display()),
            help: "give path the name of a file",
        });
    }
    Ok(())
}

/// `schema` with the epoch before its columns.
pub(super) fn with_epoch(schema: &SchemaRef) -> SchemaRef {
    let mut fields = vec![Arc::new(Field::new(EPOCH_COLUMN, DataType::Int64, false))];
    fields.extend(schema.fields().iter().cloned());
    Arc::new(Schema::new(fields))
}
