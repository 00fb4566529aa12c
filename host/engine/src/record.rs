//! What one epoch leaves behind in the log: the types of its durable record. Each is written as JSON, so that a
//! person can read a checkpoint, with unknown fields refused, so that a newer format is not half understood.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::share::Share;

/// The commit of one epoch. Appending it, with one fsync, is what makes the epoch happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// The epoch's number, from 0.
    pub epoch: u64,
    /// Processing time at its start: microseconds since 1970-01-01T00:00:00Z.
    pub started: i64,
    /// What was read, per source; a source without input is absent.
    pub ranges: BTreeMap<String, SourceRange>,
    /// Event time so far, per watermark node, after this epoch.
    pub event_times: BTreeMap<String, EventTime>,
    /// The same per partition, of the watermark nodes whose rows come from a source that has partitions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub partition_times: BTreeMap<String, BTreeMap<String, EventTime>>,
    /// W(N-1) and W(N), per connected query: what lateness was judged by and what state was closed by.
    pub watermarks: BTreeMap<String, WatermarkPair>,
    /// What the epoch counted.
    pub counters: Counters,
    /// What each sink publishes.
    pub outputs: Vec<OutputRecord>,
    /// The column that each watermark node's event time is in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub event_time_columns: BTreeMap<String, String>,
    /// Digest of the job, as [`crate::job::Job::digest`] gives it.
    pub job: String,
    /// Digest of each plugin's component.
    pub plugins: BTreeMap<String, String>,
    /// Fingerprint of each stateful node: what its state means. A text in records of versions before
    /// `docs/decisions/0007`.
    pub stateful: BTreeMap<String, serde_json::Value>,
    /// The watermark was sent to the end of time: later input would be late, and is refused.
    pub finished: bool,
    /// Tables of the state that were dropped, because they belong to no operator of the job any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// What the epoch joined with, per static source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statics: BTreeMap<String, StaticVersion>,
    /// Plugins that the job was swapped to while it ran, by their names in it: not what its file says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub swapped: BTreeMap<String, SwappedPlugin>,
    /// Another version of a plugin that answered for a share of its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryVersion>,
    /// Swaps that were refused or failed since the epoch before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_swapped: Vec<FailedSwap>,
}

/// A plugin that took another's place while the job ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwappedPlugin {
    /// The first epoch that was made with it.
    pub since: u64,
    /// BLAKE3, hexadecimal, of the component, which the checkpoint keeps.
    pub digest: String,
    /// Its configurations, as [`crate::job::Job::configurations`] gives them, where they are not those of the job's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<serde_json::Value>,
    /// Digest of what the job's file says of the plugin, its component included: with another one, the file counts again.
    pub instead_of: String,
}

/// A version of a plugin that answered for a share of its keys, beside the one that has all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryVersion {
    /// The plugin's name in the job.
    pub plugin: String,
    /// BLAKE3, hexadecimal, of its component.
    pub digest: String,
    /// Its configurations, as [`crate::job::Job::configurations`] gives them, where they are not those of the version that has
    /// all keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configurations: Option<serde_json::Value>,
    /// The keys.
    pub share: Share,
    /// The first epoch that was made with it.
    pub since: u64,
}

/// A swap that did not come about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedSwap {
    /// The plugin's name in the job.
    pub plugin: String,
    /// Why.
    pub reason: String,
}

/// What was read of a static source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticVersion {
    /// When, processing time, microseconds since 1970.
    pub read: i64,
    /// BLAKE3, hexadecimal, of the files' names, lengths and modification times.
    pub digest: String,
    /// Rows.
    pub rows: u64,
    /// Bytes of memory that they take, with what finds them.
    #[serde(default)]
    pub memory: u64,
}

/// The range of one source's offsets that an epoch reads (`docs/decisions/0018`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SourceRange {
    /// Whole files, in the order in which they are read.
    Files(Vec<FileRange>),
    /// Rows `from..to` of a source that counts its rows.
    Rows {
        /// First row.
        from: u64,
        /// One past the last row.
        to: u64,
    },
    /// Offsets of each partition that has some, by the partition's name.
    Offsets(BTreeMap<String, OffsetRange>),
    /// Records `from..to` of those that the source has put into its spool.
    Spooled {
        /// First record.
        from: u64,
        /// One past the last record.
        to: u64,
    },
    /// What only its connector understands.
    Own(BTreeMap<String, serde_json::Value>),
}

impl SourceRange {
    /// The parts that a chunk can be of ([`crate::format::RawChunk::part`]): files, partitions.
    pub fn parts(&self) -> usize {
        match self {
            Self::Files(files) => files.len(),
            Self::Offsets(partitions) => partitions.len(),
            Self::Rows { .. } | Self::Spooled { .. } | Self::Own(_) => 0,
        }
    }
}

/// Offsets of one partition. There need not be a record at each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffsetRange {
    /// The first one.
    pub from: u64,
    /// One past the last one.
    pub to: u64,
}

/// One immutable input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRange {
    /// Path as the source names it: relative to the job file's folder where it lies below it.
    pub path: String,
    /// Length in bytes when it was planned.
    pub len: u64,
    /// Modification time when it was planned, microseconds since 1970.
    pub modified: i64,
}

/// How far one watermark node has seen event time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventTime {
    /// Greatest event time seen, microseconds since 1970; none = no row yet.
    pub greatest: Option<i64>,
    /// Processing time at which a row was last seen.
    pub last_seen: Option<i64>,
    /// Whether the node counted as idle at the epoch's start, and so held nobody back, and had no row in it.
    pub idle: bool,
}

/// The two watermarks of one epoch of one connected query; none = minus infinity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatermarkPair {
    /// W(N-1): rows and windows at or before it are late.
    pub late: Option<i64>,
    /// W(N): state at or before it is closed at the epoch's end.
    pub close: Option<i64>,
}

/// Rows counted by one epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Rows decoded from all sources, the rejected ones included.
    pub rows_in: u64,
    /// Bytes read from all sources.
    pub bytes_in: u64,
    /// Rows given to each sink.
    pub rows_out: BTreeMap<String, u64>,
    /// Late rows per stateful node: late for every window they belong to.
    pub late: BTreeMap<String, u64>,
    /// Rows late for some of their windows, per stateful node.
    pub partly_late: BTreeMap<String, u64>,
    /// Rows that went to the dead letters, per node.
    pub rejected: BTreeMap<String, u64>,
    /// Entries of state after the epoch, per stateful node.
    pub state_rows: BTreeMap<String, u64>,
    /// Rows set aside by a stateful node because their event time was too far ahead of the epoch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ahead: BTreeMap<String, u64>,
    /// Static sources that could not be read again, and stayed as they were.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_refreshed: BTreeMap<String, u64>,
    /// Files noticed to have changed after they were read, per source; what came later was not read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed_files: BTreeMap<String, u64>,
    /// Files without a byte, of a format that has none such, per source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub empty_files: BTreeMap<String, u64>,
}

/// One output file of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRecord {
    /// The sink's name in the job.
    pub sink: String,
    /// The connector that publishes it.
    #[serde(default = "file", skip_serializing_if = "is_file")]
    pub connector: String,
    /// The sink's folder, absolute: publishing after a restart does not look at the job file.
    pub folder: String,
    /// The file's final name inside the folder.
    pub target: String,
    /// What publishing does with it.
    pub action: OutputAction,
    /// Where the bytes are until then.
    pub held: Held,
    /// Length in bytes.
    pub len: u64,
    /// BLAKE3 of the bytes, hexadecimal.
    pub digest: String,
    /// Rows in it.
    pub rows: u64,
}

/// The connector of records that name none: before there were others, all were this one's.
fn file() -> String {
    "file".into()
}

fn is_file(connector: &String) -> bool {
    connector == "file"
}

/// What publishing an output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputAction {
    /// A new file beside the others.
    Add,
    /// The new content of a file that only lower epochs have written.
    Replace,
    /// Bytes added at the end of a file, from the given length on (the dead letters).
    Extend {
        /// The file's length before.
        from: u64,
    },
}

/// Where an output's bytes are until it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// In the epoch's record: bytes of the record's inline part.
    Inline {
        /// First byte.
        offset: u64,
    },
    /// In a file written aside and synced, named relative to the sink's folder.
    Aside {
        /// The file.
        path: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_json_that_a_person_can_read_and_stays_what_it_was() {
        let file = FileRange { path: "in/a.json".into(), len: 7, modified: 9 };
        let own = [("cursor".to_owned(), serde_json::json!({ "lsn": "0/16B3748" }))];
        for (range, text) in [
            (SourceRange::Files(vec![file]), r#"{"files":[{"path":"in/a.json","len":7,"modified":9}]}"#),
            (SourceRange::Rows { from: 3, to: 5 }, r#"{"rows":{"from":3,"to":5}}"#),
            (
                SourceRange::Offsets([("orders/0".to_owned(), OffsetRange { from: 1, to: 4 })].into()),
                r#"{"offsets":{"orders/0":{"from":1,"to":4}}}"#,
            ),
            (SourceRange::Spooled { from: 0, to: 2 }, r#"{"spooled":{"from":0,"to":2}}"#),
            (SourceRange::Own(own.into()), r#"{"own":{"cursor":{"lsn":"0/16B3748"}}}"#),
        ] {
            assert_eq!(serde_json::to_string(&range).unwrap(), text);
            assert_eq!(serde_json::from_str::<SourceRange>(text).unwrap(), range);
        }
        assert!(serde_json::from_str::<SourceRange>(r#"{"of_tomorrow":{}}"#).is_err());
    }
}
