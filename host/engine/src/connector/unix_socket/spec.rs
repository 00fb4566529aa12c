//! What the job file says of a socket.

use std::path::PathBuf;

use crate::format::RecordFormat;

/// What a source listens on, and how its lines are read.
pub(super) struct SocketSpec {
    pub path: PathBuf,
    /// As the job file has it.
    pub shown: String,
    pub records: RecordFormat,
    pub max_rows: u64,
    pub max_waiting: u64,
    pub max_record: u64,
}
