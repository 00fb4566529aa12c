//! Rows that a plugin refuses: checked to ascend and to be rows, their reasons cut to size.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;

use crate::contract;

/// The reason where a plugin gave none.
const REASON_NONE: &str = "the plugin rejected the row without a reason";

/// The most bytes of one reason that are kept.
pub const REASON_BYTES: usize = 4 << 10;
/// The most bytes of reasons that are kept per call.
pub const REASONS_BYTES: usize = 1 << 20;
/// What stands for a reason once [`REASONS_BYTES`] are used up.
pub const REASON_DROPPED: &str = "(reason dropped: more than 1 MiB of reasons in one call)";

/// An input row that the plugin refused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The row's index in the batch that was given.
    pub row: u32,
    /// The plugin's reason, cut at [`REASON_BYTES`].
    pub reason: String,
}

/// Cuts `text` to at most `bytes` bytes, at a character's end.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        const MARK: &str = "…";
        let end = (0..=bytes.saturating_sub(MARK.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}

/// Checks the rejects of one call over `rows` rows; rows are moved up by `offset` in the result.
pub(crate) fn check(given: Vec<contract::Reject>, rows: usize, offset: u32) -> Result<Vec<Reject>, String> {
    let mut next = 0u64;
    let mut room = REASONS_BYTES;
    let mut rejects = Vec::with_capacity(given.len());
    for (index, reject) in given.into_iter().enumerate() {
        let row = u64::from(reject.row);
        if row >= rows as u64 {
            return Err(format!("reject {index}: row {row} of a batch of {rows} rows"));
        }
        if row < next {
            return Err(format!("reject {index}: row {row} comes after row {}; rejected rows ascend", next - 1));
        }
        next = row + 1;
        let mut reason = match reject.reason.is_empty() {
            true => REASON_NONE.to_owned(),
            false => cut(reject.reason, REASON_BYTES),
        };
        if reason.len() > room {
            room = 0;
            reason = REASON_DROPPED.to_owned();
        } else {
            room -= reason.len();
        }
        rejects.push(Reject { row: reject.row + offset, reason });
    }
    Ok(rejects)
}

/// A bitmap over `rows` rows with the rejected ones unset, or `None` where none is rejected.
pub(crate) fn not_rejected(rejects: &[Reject], rows: usize) -> Option<BooleanBuffer> {
    if rejects.is_empty() {
        return None;
    }
    let mut bits = BooleanBufferBuilder::new(rows);
    bits.append_n(rows, true);
    for reject in rejects {
        bits.set_bit(reject.row as usize, false);
    }
    Some(bits.finish())
}
