//! What can be wrong with types, schemas and whole files; a bad row is no error.

use crate::error::{Error, ErrorKind};

/// The types, as a job file has them.
const TYPES: &str = "utf8, boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, \
     float64, date, timestamp, decimal(precision, scale), binary, list<type>, struct<name: type, …>";

/// A type that is not known, or a file that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// A type's name is not known.
    #[error("`{name}` is not a type")]
    UnknownType {
        /// What was written.
        name: String,
        /// The known name closest to it.
        nearest: Option<&'static str>,
    },
    /// A type's text is not well formed.
    #[error("the type `{text}` is not well formed: {reason}")]
    MalformedType {
        /// What was written.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// Two columns have one name.
    #[error("the column `{0}` is declared twice")]
    DuplicateColumn(String),
    /// A column's type cannot be read from this format.
    #[error("column `{column}`: {format} cannot hold a {type_name}")]
    UnsupportedType {
        /// The column.
        column: String,
        /// The format's name.
        format: &'static str,
        /// The type.
        type_name: String,
    },
    /// A format needs its columns declared.
    #[error("{0} files need a `schema`")]
    SchemaNeeded(&'static str),
    /// A declared column is not in a file.
    #[error("{file}: there is no column `{column}`; the file has {}", list(.found))]
    MissingColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// The file's columns.
        found: Vec<String>,
    },
    /// A file cannot be read as what it should be.
    #[error("{file}: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be opened or read.
    #[error("{file}: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// The operating system's error.
        error: std::io::Error,
    },
    /// A format cannot be that of single records.
    #[error("{0} is a format of whole files, not of records")]
    NoRecords(&'static str),
    /// A decoder was given another source's chunk: a defect of ours.
    #[error("a {0} decoder was given a chunk of another format")]
    WrongChunk(&'static str),
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".into();
    }
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

impl From<FormatError> for Error {
    fn from(e: FormatError) -> Self {
        let message = e.to_string();
        match e {
            FormatError::UnknownType { nearest, .. } => Error::invalid(message).with_help(match nearest {
                Some(name) => format!("did you mean `{name}`? Types are {TYPES}"),
                None => format!("types are {TYPES}"),
            }),
            FormatError::MalformedType { .. } => Error::invalid(message).with_help(format!("types are {TYPES}")),
            FormatError::DuplicateColumn(_) | FormatError::UnsupportedType { .. } | FormatError::NoRecords(_) => {
                Error::invalid(message)
            }
            FormatError::SchemaNeeded(_) => Error::invalid(message)
                .with_help("for example: schema = { url = \"utf8\", timestamp = \"timestamp\", bytes = \"int64\" }"),
            FormatError::MissingColumn { .. } => Error::new(ErrorKind::Data, message)
                .with_help("rename the column in the schema, or keep such files out of the source's path"),
            FormatError::Malformed { .. } => Error::new(ErrorKind::Data, message),
            FormatError::Unreadable { error, .. } => Error::new(ErrorKind::Unavailable, message).caused_by(error),
            FormatError::WrongChunk(_) => Error::internal(message),
        }
    }
}
