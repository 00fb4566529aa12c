//! The rows of the job's dead letters: one per row that failed, with why and where it came from.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// One failed row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The node that refused it: the source, if it could not be decoded.
    pub node: Arc<str>,
    /// The source that it came from; none for a row that a stateful node made.
    pub source: Option<Arc<str>>,
    /// The file it came from, or the partition, if its source has such.
    pub file: Option<Arc<str>>,
    /// Line in the file, from 1; for sources without lines the row's number, from 1; a record's offset.
    pub line: Option<u64>,
    /// Why it failed.
    pub reason: String,
    /// The row: its line as it stood, or its columns as JSON; of a group its keys.
    pub row: String,
    /// It is no row, but a group.
    pub is_group: bool,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("epoch", DataType::Int64, false),
        Field::new("node", DataType::Utf8, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("source", DataType::Utf8, true),
        Field::new("file", DataType::Utf8, true),
        Field::new("line", DataType::Int64, true),
        Field::new("row", DataType::Utf8, false),
    ]))
});

/// The columns of dead letters.
pub fn schema() -> SchemaRef {
    SCHEMA.clone()
}

/// The dead letters of one epoch as rows.
pub fn batch(epoch: u64, letters: &[DeadLetter]) -> RecordBatch {
    let text =
        |of: fn(&DeadLetter) -> Option<&str>| -> ArrayRef { Arc::new(letters.iter().map(of).collect::<StringArray>()) };
    let numbers = |of: &dyn Fn(&DeadLetter) -> Option<i64>| -> ArrayRef {
        Arc::new(letters.iter().map(of).collect::<Int64Array>())
    };
    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
    let columns = vec![
        numbers(&|_| Some(epoch)),
        text(|l| Some(&l.node)),
        text(|l| Some(&l.reason)),
        text(|l| l.source.as_deref()),
        text(|l| l.file.as_deref()),
        numbers(&|l| l.line.and_then(|n| i64::try_from(n).ok())),
        text(|l| Some(&l.row)),
    ];
    RecordBatch::try_new(schema(), columns).expect("the columns are made for this schema")
}
