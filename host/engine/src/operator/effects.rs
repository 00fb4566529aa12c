//! What a chunk's way through the operators leaves behind beside its rows: rejected and late rows, and how far event
//! time has come. Collected per chunk and put together in the order of the chunks, so that an epoch run again leaves the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::{Room, Rows, readable};
use crate::format::encode::json_lines;
use crate::name::Name;

/// The most bytes of a reason that are kept, whoever gave it.
pub const REASON_BYTES: usize = 4 << 10;

/// Bytes of reasons after which those that a chunk still gives are cut to [`SHORT_REASON`].
const REASONS_BYTES: usize = 8 << 20;

/// What is kept of a reason once there are very many.
const SHORT_REASON: usize = 256;

/// Cuts a reason to [`REASON_BYTES`].
pub fn cut_reason(reason: String) -> String {
    cut(reason, REASON_BYTES)
}

/// Cuts `text` to at most `bytes` bytes, at a character's end, and says that it did.
fn cut(mut text: String, bytes: usize) -> String {
    const MARK: &str = "…";
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes - MARK.len()));
        text.push_str(MARK);
        text.shrink_to_fit();
    }
    text
}

/// A row that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The node that refused it.
    pub node: Arc<str>,
    /// The row of the chunk that it came from.
    pub origin: u32,
    /// Why.
    pub reason: String,
    /// The row as the node saw it, as a JSON object; of a group its keys.
    pub row: String,
    /// It is no row, but a group.
    pub is_group: bool,
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

impl Seen {
    /// And `more`.
    pub fn add(&mut self, more: Self) {
        self.greatest = self.greatest.max(more.greatest);
        self.rows += more.rows;
    }
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
    /// Per watermark node that its rows came by.
    pub seen: BTreeMap<Name, Seen>,
    /// How much may yet be made of the rows.
    pub room: Room,
    /// Bytes of the reasons.
    reasons: usize,
}

impl Effects {
    /// Records that `node` refused row `row` of `rows`.
    pub fn reject(&mut self, node: &Arc<str>, rows: &Rows, row: usize, reason: impl Into<String>) {
        let most = if self.reasons > REASONS_BYTES { SHORT_REASON } else { REASON_BYTES };
        let reason = cut(reason.into(), most);
        self.reasons += reason.len();
        self.rejects.push(Reject {
            node: node.clone(),
            origin: rows.origin(row),
            reason,
            row: row_as_json(&rows.batch, row),
            is_group: false,
        });
    }
}

/// One row as a JSON object, as well as it can be shown: a dead letter must not fail for its own sake.
pub fn row_as_json(batch: &RecordBatch, row: usize) -> String {
    let mut out = Vec::new();
    let mut writer = json_lines(&mut out);
    // Columns that the planner named are called as the query has them.
    let fields = batch.schema_ref().fields().iter().map(|f| f.as_ref().clone().with_name(readable(f.name())));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let columns = batch.slice(row, 1).columns().to_vec();
    let named = RecordBatch::try_new_with_options(schema, columns, &options);
    let written = named.and_then(|row| writer.write(&row)).and_then(|()| writer.finish());
    drop(writer);
    match written {
        Ok(()) => String::from_utf8_lossy(&out).trim_end().to_owned(),
        Err(e) => format!("(a row that cannot be shown as JSON: {e})"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn reasons_are_cut_each_and_in_all() {
        assert_eq!(cut_reason("short".to_owned()), "short");
        let long = cut_reason("ä".repeat(5000));
        assert!(long.len() <= REASON_BYTES && long.len() > REASON_BYTES - 4 && long.ends_with("ä…"), "{}", long.len());

        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10_000));
        let rows = Rows::new(RecordBatch::try_from_iter([("n", column)]).unwrap());
        let mut effects = Effects::default();
        let node: Arc<str> = "x".into();
        (0..rows.len()).for_each(|row| effects.reject(&node, &rows, row, "why ".repeat(10_000)));
        let bytes: usize = effects.rejects.iter().map(|r| r.reason.len()).sum();
        assert_eq!(effects.rejects.len(), 10_000);
        assert!(bytes < REASONS_BYTES + REASON_BYTES + 10_000 * SHORT_REASON, "{bytes}");
    }
}
