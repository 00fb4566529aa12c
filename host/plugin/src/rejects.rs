//! Rows that a plugin refuses: checked to ascend and to be rows, their reasons cut to size.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;

use crate::contract;
use crate::lift;

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

/// Checks the rejects of one call over `rows` rows.
pub(crate) fn check(given: Option<contract::Rejects>, rows: usize) -> Result<Vec<Reject>, String> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let wrong = |message: String| format!("rejects: {message}");
    let indices = lift::numbers("the rows", given.rows).map_err(wrong)?;
    let offsets =
        lift::offsets(given.offsets, indices.len(), given.reasons.len(), "bytes of reasons").map_err(wrong)?;
    let mut next = 0u64;
    let mut room = REASONS_BYTES;
    let mut rejects = Vec::with_capacity(indices.len());
    for (index, (&row, pair)) in indices.iter().zip(offsets.windows(2)).enumerate() {
        if row as usize >= rows {
            return Err(format!("reject {index}: row {row} of a batch of {rows} rows"));
        }
        if u64::from(row) < next {
            return Err(format!("reject {index}: row {row} comes after row {}; rejected rows ascend", next - 1));
        }
        next = u64::from(row) + 1;
        let reason = &given.reasons[pair[0] as usize..pair[1] as usize];
        let reason =
            std::str::from_utf8(reason).map_err(|e| format!("reject {index}: its reason is not UTF-8: {e}"))?;
        let mut reason = match reason.is_empty() {
            true => REASON_NONE.to_owned(),
            false => cut(reason.to_owned(), REASON_BYTES),
        };
        if reason.len() > room {
            room = 0;
            reason = REASON_DROPPED.to_owned();
        } else {
            room -= reason.len();
        }
        rejects.push(Reject { row, reason });
    }
    Ok(rejects)
}

/// The rejects of a part that starts at row `first`, as those of the whole.
pub(crate) fn moved(mut rejects: Vec<Reject>, first: u32) -> Vec<Reject> {
    rejects.iter_mut().for_each(|reject| reject.row += first);
    rejects
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
