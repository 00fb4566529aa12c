//! Named places where a test may stop the world. Every step that writes or publishes passes one before and one
//! after; a handle is passed down, so that two jobs in one process do not see each other's faults.

use std::fmt;
use std::sync::Arc;

/// The names of all fault points, in the order in which an epoch passes them.
pub mod point {
    /// The epoch's offsets are chosen; nothing is written.
    pub const PLANNED: &str = "plan.after";
    /// One chunk is decoded and computed.
    pub const CHUNK: &str = "chunk.after";
    /// Before an output file is written aside.
    pub const ASIDE_BEFORE: &str = "aside.write.before";
    /// An output file is written aside, not yet synced.
    pub const ASIDE_WRITTEN: &str = "aside.write.after";
    /// An output file is synced.
    pub const ASIDE_SYNCED: &str = "aside.sync.after";
    /// The folder of the output files written aside is synced.
    pub const ASIDE_FOLDER_SYNCED: &str = "aside.folder.after";
    /// Before the epoch's record is appended.
    pub const RECORD_BEFORE: &str = "record.before";
    /// Half of the epoch's record is written.
    pub const RECORD_TORN: &str = "record.torn";
    /// The record is appended, not yet synced.
    pub const RECORD_WRITTEN: &str = "record.write.after";
    /// The record is durable: the epoch is committed.
    pub const RECORD_SYNCED: &str = "record.sync.after";
    /// Before an output file gets its final name.
    pub const RENAME_BEFORE: &str = "publish.rename.before";
    /// An output file has its final name; its folder is not yet synced.
    pub const RENAME_AFTER: &str = "publish.rename.after";
    /// The folder of published files is synced.
    pub const PUBLISH_FOLDER_SYNCED: &str = "publish.folder.after";
    /// Before the mark that says up to where publishing is done.
    pub const MARK_BEFORE: &str = "mark.before";
    /// The mark is written.
    pub const MARK_AFTER: &str = "mark.after";
    /// Before a state snapshot is written.
    pub const SNAPSHOT_BEFORE: &str = "snapshot.before";
    /// A state snapshot is written under its temporary name.
    pub const SNAPSHOT_WRITTEN: &str = "snapshot.write.after";
    /// A state snapshot has its final name.
    pub const SNAPSHOT_RENAMED: &str = "snapshot.rename.after";
    /// A new log segment exists.
    pub const SEGMENT_CREATED: &str = "segment.after";
    /// Before files that are no longer needed are removed.
    pub const GC_BEFORE: &str = "gc.before";
    /// One file that is no longer needed is removed.
    pub const GC_REMOVED: &str = "gc.remove.after";

    /// All of them, in that order.
    pub const ALL: [&str; 21] = [
        PLANNED,
        CHUNK,
        ASIDE_BEFORE,
        ASIDE_WRITTEN,
        ASIDE_SYNCED,
        ASIDE_FOLDER_SYNCED,
        RECORD_BEFORE,
        RECORD_TORN,
        RECORD_WRITTEN,
        RECORD_SYNCED,
        RENAME_BEFORE,
        RENAME_AFTER,
        PUBLISH_FOLDER_SYNCED,
        MARK_BEFORE,
        MARK_AFTER,
        SNAPSHOT_BEFORE,
        SNAPSHOT_WRITTEN,
        SNAPSHOT_RENAMED,
        SEGMENT_CREATED,
        GC_BEFORE,
        GC_REMOVED,
    ];
}

/// A handle on the fault points; the default one does nothing.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<dyn Fn(&'static str) + Send + Sync>>);

impl Faults {
    /// Calls `hook` with the point's name each time one is passed. The hook may end the process or panic.
    pub fn new(hook: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// Passes the fault point `name`, one of [`point`].
    #[inline]
    pub fn hit(&self, name: &'static str) {
        if let Some(hook) = &self.0 {
            hook(name);
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(on)" } else { "Faults(off)" })
    }
}
