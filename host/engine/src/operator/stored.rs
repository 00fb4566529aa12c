//! Numbers as values of keys in a table.

use crate::{Error, ErrorKind, Result};

/// The number that is stored as `value`: eight bytes, the least significant one first.
///
/// # Errors
/// [`ErrorKind::Corrupt`]: it is not eight bytes.
pub(super) fn stored_number(value: &[u8]) -> Result<i64> {
    let bytes = value.try_into().map_err(|_| {
        Error::new(ErrorKind::Corrupt, "the stored number of a key is damaged")
            .with_help("restore the checkpoint from a copy, or start anew with --fresh")
    })?;
    Ok(i64::from_le_bytes(bytes))
}
