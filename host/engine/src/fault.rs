//! Named places where a test may stop the world. Every step that writes or publishes passes one before and one
//! after; a handle is passed down, so that two jobs in one process do not see each other's faults.

use std::fmt;
use std::sync::Arc;

/// The names of all fault points, in the order in which a run passes them.
pub mod point {
    // A checkpoint is made.
    /// Before a new checkpoint's `checkpoint.json` is written.
    pub const CREATE_BEFORE: &str = "create.before";
    /// A new checkpoint's `checkpoint.json` is written and synced under its temporary name.
    pub const CREATE_WRITTEN: &str = "create.write.after";
    /// A new checkpoint is there, and durable.
    pub const CREATE_AFTER: &str = "create.after";

    // A sink's folder is taken.
    /// Before a file sink takes its folder.
    pub const CLAIM_BEFORE: &str = "claim.before";
    /// The sign that the folder is taken is written under its temporary name.
    pub const CLAIM_WRITTEN: &str = "claim.write.after";
    /// The folder is taken, durably.
    pub const CLAIM_AFTER: &str = "claim.after";

    // An epoch is computed.
    /// Before an epoch's offsets are chosen.
    pub const PLAN_BEFORE: &str = "plan.before";
    /// The epoch's offsets are chosen; nothing is written.
    pub const PLANNED: &str = "plan.after";
    /// One chunk is decoded and computed; it is not part of the epoch yet.
    pub const CHUNK_BEFORE: &str = "chunk.before";
    /// One chunk's rows are part of the epoch.
    pub const CHUNK: &str = "chunk.after";
    /// Before an output file is written aside.
    pub const ASIDE_BEFORE: &str = "aside.write.before";
    /// An output file is written aside, not yet synced.
    pub const ASIDE_WRITTEN: &str = "aside.write.after";

    // It is committed.
    /// Before an output file is synced.
    pub const ASIDE_SYNC_BEFORE: &str = "aside.sync.before";
    /// An output file is synced.
    pub const ASIDE_SYNCED: &str = "aside.sync.after";
    /// Before the folder of the output files written aside is synced.
    pub const ASIDE_FOLDER_BEFORE: &str = "aside.folder.before";
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

    // It is published.
    /// The note of which epoch's snapshot is published is there; the snapshot has not got its name.
    pub const NOTE_WRITTEN: &str = "publish.note.after";
    /// An output out of the record is written and synced under its temporary name.
    pub const INLINE_WRITTEN: &str = "publish.write.after";
    /// Before an output file gets its final name.
    pub const RENAME_BEFORE: &str = "publish.rename.before";
    /// An output file has its final name; its folder is not yet synced.
    pub const RENAME_AFTER: &str = "publish.rename.after";
    /// Before lines are added to a file (the dead letters).
    pub const EXTEND_BEFORE: &str = "publish.extend.before";
    /// Half of the lines are added.
    pub const EXTEND_TORN: &str = "publish.extend.torn";
    /// All lines are added, not yet synced.
    pub const EXTEND_WRITTEN: &str = "publish.extend.write.after";
    /// The lines are durable.
    pub const EXTEND_SYNCED: &str = "publish.extend.after";
    /// Before the folder of published files is synced.
    pub const PUBLISH_FOLDER_BEFORE: &str = "publish.folder.before";
    /// The folder of published files is synced.
    pub const PUBLISH_FOLDER_SYNCED: &str = "publish.folder.after";
    /// Before the mark that says up to where publishing is done.
    pub const MARK_BEFORE: &str = "mark.before";
    /// The mark is set; it becomes durable with the next record, or at the end.
    pub const MARK_AFTER: &str = "mark.after";

    // The state is compacted, and what is not needed any more removed.
    /// Before a state snapshot is written.
    pub const SNAPSHOT_BEFORE: &str = "snapshot.before";
    /// A state snapshot is written under its temporary name, not yet synced.
    pub const SNAPSHOT_WRITTEN: &str = "snapshot.write.after";
    /// A state snapshot is synced under its temporary name.
    pub const SNAPSHOT_SYNCED: &str = "snapshot.sync.after";
    /// A state snapshot has its final name.
    pub const SNAPSHOT_RENAMED: &str = "snapshot.rename.after";
    /// The folder of snapshots is synced.
    pub const SNAPSHOT_FOLDER_SYNCED: &str = "snapshot.folder.after";
    /// Before a new log segment is made.
    pub const SEGMENT_BEFORE: &str = "segment.before";
    /// A new log segment exists; its folder is not yet synced.
    pub const SEGMENT_CREATED: &str = "segment.create.after";
    /// A new log segment's folder is synced.
    pub const SEGMENT_FOLDER_SYNCED: &str = "segment.folder.after";
    /// Before files that are no longer needed are removed.
    pub const GC_BEFORE: &str = "gc.before";
    /// One file that is no longer needed is removed.
    pub const GC_REMOVED: &str = "gc.remove.after";
    /// All files that are no longer needed are removed.
    pub const GC_AFTER: &str = "gc.after";

    // What epochs are made with is kept beside them: when a run begins, and for a swap.
    /// Before a component or a job is written down.
    pub const KEEP_BEFORE: &str = "keep.before";
    /// It is written under its temporary name, not yet synced.
    pub const KEEP_WRITTEN: &str = "keep.write.after";
    /// It is synced under its temporary name.
    pub const KEEP_SYNCED: &str = "keep.sync.after";
    /// It has its final name.
    pub const KEEP_RENAMED: &str = "keep.rename.after";
    /// It is there, durably.
    pub const KEEP_AFTER: &str = "keep.folder.after";
    /// Before one that no epoch is made with goes.
    pub const FORGET_BEFORE: &str = "forget.before";
    /// It is removed.
    pub const FORGET_AFTER: &str = "forget.remove.after";

    // The run ends.
    /// Before the last mark is appended to the log.
    pub const CLOSE_BEFORE: &str = "close.before";
    /// Half of the last mark is written.
    pub const CLOSE_TORN: &str = "close.torn";
    /// The last mark is appended, not yet synced.
    pub const CLOSE_WRITTEN: &str = "close.write.after";
    /// The last mark is durable.
    pub const CLOSE_SYNCED: &str = "close.sync.after";

    // A run that takes up what another has left behind, or drops it.
    /// One file that an uncommitted epoch has left behind is removed.
    pub const REMAINS_REMOVED: &str = "remains.remove.after";
    /// Before what follows the last committed epoch in the log is cut off.
    pub const CUT_BEFORE: &str = "cut.before";
    /// The log ends with the last committed epoch.
    pub const CUT_AFTER: &str = "cut.after";
    /// Before a checkpoint is dropped (`--fresh`).
    pub const DROP_BEFORE: &str = "drop.before";
    /// That it is to be dropped is durable.
    pub const DROP_NOTED: &str = "drop.note.after";
    /// One of its files is removed.
    pub const DROP_REMOVED: &str = "drop.remove.after";
    /// All of its files are removed.
    pub const DROP_AFTER: &str = "drop.after";

    // A job's first run begins where a savepoint or another checkpoint is (`--from`).
    /// Before anything of its checkpoint is there.
    pub const BEGIN_BEFORE: &str = "begin.before";
    /// That what follows is not whole yet is durable.
    pub const BEGIN_NOTED: &str = "begin.note.after";
    /// All of it is durable, and does not count yet.
    pub const BEGIN_WRITTEN: &str = "begin.write.after";
    /// It counts.
    pub const BEGIN_COUNTS: &str = "begin.rename.after";
    /// It is made.
    pub const BEGIN_AFTER: &str = "begin.after";

    /// Those that an undisturbed run passes, in that order.
    pub const ALL: [&str; 47] = [
        CREATE_BEFORE,
        CREATE_WRITTEN,
        CREATE_AFTER,
        CLAIM_BEFORE,
        CLAIM_WRITTEN,
        CLAIM_AFTER,
        PLAN_BEFORE,
        PLANNED,
        CHUNK_BEFORE,
        CHUNK,
        ASIDE_BEFORE,
        ASIDE_WRITTEN,
        ASIDE_SYNC_BEFORE,
        ASIDE_SYNCED,
        ASIDE_FOLDER_BEFORE,
        ASIDE_FOLDER_SYNCED,
        RECORD_BEFORE,
        RECORD_TORN,
        RECORD_WRITTEN,
        RECORD_SYNCED,
        NOTE_WRITTEN,
        INLINE_WRITTEN,
        RENAME_BEFORE,
        RENAME_AFTER,
        EXTEND_BEFORE,
        EXTEND_TORN,
        EXTEND_WRITTEN,
        EXTEND_SYNCED,
        PUBLISH_FOLDER_BEFORE,
        PUBLISH_FOLDER_SYNCED,
        MARK_BEFORE,
        MARK_AFTER,
        SNAPSHOT_BEFORE,
        SNAPSHOT_WRITTEN,
        SNAPSHOT_SYNCED,
        SNAPSHOT_RENAMED,
        SNAPSHOT_FOLDER_SYNCED,
        SEGMENT_BEFORE,
        SEGMENT_CREATED,
        SEGMENT_FOLDER_SYNCED,
        GC_BEFORE,
        GC_REMOVED,
        GC_AFTER,
        CLOSE_BEFORE,
        CLOSE_TORN,
        CLOSE_WRITTEN,
        CLOSE_SYNCED,
    ];

    /// Those that only a run after a crash passes, or one that drops its checkpoint.
    pub const RECOVERY: [&str; 7] =
        [REMAINS_REMOVED, CUT_BEFORE, CUT_AFTER, DROP_BEFORE, DROP_NOTED, DROP_REMOVED, DROP_AFTER];

    /// Those that a run passes of a job that keeps its epochs, or is swapped.
    pub const KEEP: [&str; 5] = [KEEP_BEFORE, KEEP_WRITTEN, KEEP_SYNCED, KEEP_RENAMED, KEEP_AFTER];

    /// Those that a run passes whose swap came to nothing, or that finds what such a swap has left behind.
    pub const FORGET: [&str; 2] = [FORGET_BEFORE, FORGET_AFTER];

    /// Those that only a run passes that begins where a savepoint is.
    pub const BEGIN: [&str; 5] = [BEGIN_BEFORE, BEGIN_NOTED, BEGIN_WRITTEN, BEGIN_COUNTS, BEGIN_AFTER];
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
