//! What the host keeps of a key at most: a call that goes beyond fails, with its key, as it does there.

use crate::testing::run::TestError;

/// Bytes of one stored value.
const MOST_VALUE_BYTES: usize = 16 << 20;

/// Bytes of an entry's own key.
const MOST_ENTRY_KEY_BYTES: usize = 64 << 10;

/// Timers of one key.
const MOST_TIMERS: usize = 100_000;

fn refuse(message: String) -> Result<(), TestError> {
    Err(TestError::Call { message, row: None })
}

/// # Errors
/// [`TestError::Call`]: the value is too large.
pub fn value(name: &str, value: &[u8]) -> Result<(), TestError> {
    match value.len() {
        0..=MOST_VALUE_BYTES => Ok(()),
        bytes => refuse(format!(
            "it set `{name}` to {bytes} bytes; at most {} MiB are kept as one value",
            MOST_VALUE_BYTES >> 20
        )),
    }
}

/// # Errors
/// [`TestError::Call`]: the key of an entry is too large.
pub fn entry_key(name: &str, own: &[u8]) -> Result<(), TestError> {
    match own.len() {
        0..=MOST_ENTRY_KEY_BYTES => Ok(()),
        bytes => refuse(format!(
            "an entry of `{name}` has {bytes} bytes for its own key; at most {} KiB are kept",
            MOST_ENTRY_KEY_BYTES >> 10
        )),
    }
}

/// # Errors
/// [`TestError::Call`]: there are too many.
pub fn timers(count: usize) -> Result<(), TestError> {
    match count {
        0..=MOST_TIMERS => Ok(()),
        _ => refuse(format!("it set timers until their key had {count}; at most {MOST_TIMERS} are kept")),
    }
}
