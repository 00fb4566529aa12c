//! What a chunk's way through the operators leaves behind beside its rows: rejected and late rows, and how far event
//! time has come. Collected per chunk and put together in the order of the chunks, so that an epoch run again leaves the same.

use std::sync::Arc;

use arrow::json::LineDelimitedWriter;
use arrow::record_batch::RecordBatch;

use super::Rows;

/// A row that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The node that refused it.
    pub node: Arc<str>,
    /// The row of the chunk that it came from.
    pub origin: u32,
    /// Why.
    pub reason: String,
    /// The row as the node saw it, as a JSON object.
    pub row: String,
}

/// Rows that came too late for a stateful node.
#[derive(Debug, Clone)]
pub struct LateRows {
    /// The node.
    pub node: Arc<str>,
    /// The rows, with all columns that the node was given.
    pub rows: Rows,
}

/// What a watermark node saw in one chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Greatest event time.
    pub greatest: Option<i64>,
    /// Rows, those without an event time among them.
    pub rows: u64,
}

/// Everything a chunk leaves behind.
#[derive(Debug, Default)]
pub struct Effects {
    /// Rows that failed.
    pub rejects: Vec<Reject>,
    /// Rows that came too late.
    pub late: Vec<LateRows>,
    /// Rows that were late for some of their windows: node and number.
    pub partly_late: Vec<(Arc<str>, u64)>,
    /// Per watermark node, by its number.
    pub seen: Vec<Seen>,
}

impl Effects {
    /// Nothing yet, for `watermark_nodes` of them.
    pub fn new(watermark_nodes: usize) -> Self {
        Self { seen: vec![Seen::default(); watermark_nodes], ..Self::default() }
    }

    /// Records that `node` refused row `row` of `rows`.
    pub fn reject(&mut self, node: &Arc<str>, rows: &Rows, row: usize, reason: impl Into<String>) {
        self.rejects.push(Reject {
            node: node.clone(),
            origin: rows.origin(row),
            reason: reason.into(),
            row: row_as_json(&rows.batch, row),
        });
    }
}

/// One row as a JSON object, as well as it can be shown: a dead letter must not fail for its own sake.
pub fn row_as_json(batch: &RecordBatch, row: usize) -> String {
    let mut out = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut out);
    let written = writer.write(&batch.slice(row, 1)).and_then(|()| writer.finish());
    drop(writer);
    match written {
        Ok(()) => String::from_utf8_lossy(&out).trim_end().to_owned(),
        Err(e) => format!("(a row that cannot be shown as JSON: {e})"),
    }
}
