//! What operators keep under keys in a table: of which types it may be, and numbers as values.

use arrow::datatypes::DataType;

use crate::state::row::check_type;
use crate::{Error, ErrorKind, Result};

/// Refuses types of which operator `node` can keep no values as keys or as state.
pub(super) fn check_stored<'a>(node: &str, types: impl IntoIterator<Item = &'a DataType>) -> Result<()> {
    let check = |data_type| check_type(data_type).map_err(|e| Error::from(e).context(format!("operator `{node}`")));
    types.into_iter().try_for_each(check)
}

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
