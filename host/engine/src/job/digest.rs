//! What tells one job from another.

use super::tree::{self, TableEntry};

/// Keys that cannot change what an epoch gives.
const NOT_DIGESTED: [&str; 4] = ["trigger", "checkpoint", "keep_epochs", "keep_bytes"];

/// See [`super::Job::digest`].
pub(super) fn digest(entries: &[TableEntry]) -> String {
    let counts = |entry: &&TableEntry| !NOT_DIGESTED.contains(&&*entry.key);
    let entries: Vec<TableEntry> = entries.iter().filter(counts).cloned().collect();
    blake3::hash(tree::canonical(&entries).to_string().as_bytes()).to_hex().to_string()
}
