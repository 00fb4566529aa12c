//! `checkpoint.json`: what holds for the whole of a checkpoint, written once. One line of JSON, then its CRC-32 in
//! hexadecimal as a line of its own. Later formats keep this envelope, so that they can be refused by name.

use std::hash::{BuildHasher, Hasher};

use serde::{Deserialize, Serialize};

/// The format that this version writes; it reads no other.
pub(super) const FORMAT: u32 = 1;

/// What holds for the whole of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meta {
    /// [`FORMAT`].
    pub format: u32,
    /// [`crate::state::row::FORMAT`].
    pub rows: u32,
    /// The checkpoint's random number, 16 hexadecimal digits: names its files in sinks.
    pub id: String,
    /// Partitions of its state.
    pub partitions: u32,
    /// The job that made it.
    pub job: String,
    /// When: microseconds since 1970.
    pub created: i64,
    /// It is a savepoint: no job writes to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub savepoint: bool,
}

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MetaError {
    Damaged(String),
    Newer(String),
}

impl Meta {
    /// Of a new checkpoint of the job `job`, made at `created`; with a random id if none is given.
    pub fn new(job: &str, partitions: u32, id: Option<u64>, created: i64) -> Self {
        Self {
            format: FORMAT,
            rows: crate::state::row::FORMAT,
            id: format!("{:016x}", id.unwrap_or_else(random)),
            partitions: partitions.max(1),
            job: job.to_owned(),
            created,
            savepoint: false,
        }
    }

    /// As that of a savepoint.
    pub fn savepoint(self) -> Self {
        Self { savepoint: true, ..self }
    }

    /// The number behind [`Meta::id`].
    pub fn number(&self) -> u64 {
        u64::from_str_radix(&self.id, 16).expect("the id was checked when it was read or made from a number")
    }

    /// The file's content.
    pub fn write(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("strings and numbers are JSON");
        format!("{json}\n{:08x}\n", crc32fast::hash(json.as_bytes())).into_bytes()
    }

    /// Reads the file's content.
    pub fn read(bytes: &[u8]) -> Result<Self, MetaError> {
        let damaged = |what: &str| MetaError::Damaged(what.to_string());
        let line = bytes.iter().position(|b| *b == b'\n').ok_or_else(|| damaged("it has no checksum"))?;
        let (json, checksum) = bytes.split_at(line);
        if checksum != format!("\n{:08x}\n", crc32fast::hash(json)).as_bytes() {
            return Err(damaged("its checksum is not that of its content"));
        }
        #[derive(Deserialize)]
        struct Versions {
            format: u32,
            rows: u32,
        }
        let broken = |e: serde_json::Error| MetaError::Damaged(e.to_string());
        let Versions { format, rows } = serde_json::from_slice(json).map_err(broken)?;
        if format != FORMAT || rows != crate::state::row::FORMAT {
            return Err(MetaError::Newer(format!("format {format}, rows {rows}")));
        }
        let meta: Self = serde_json::from_slice(json).map_err(broken)?;
        if meta.id.len() != 16 || u64::from_str_radix(&meta.id, 16).is_err() || meta.partitions == 0 {
            return Err(damaged("its id or its number of partitions is out of range"));
        }
        Ok(meta)
    }
}

/// A random number from the keys that the standard library draws from the system for its hash maps.
fn random() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}
