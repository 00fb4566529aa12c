//! Snapshot files: the state of some partitions after one epoch, `state/<epoch, 20 digits>-<seq>.snap`. A header
//! with a directory, then one section per partition, the bytes of [`crate::state::State::snapshot`]. Each section
//! has its own checksum, so that damage costs one partition's section and not the file.

use std::ops::Range;

const MAGIC: &[u8; 4] = b"MSS1";
const HEADER: usize = 32;
const ENTRY: usize = 16;

/// A snapshot file read: its sections, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sections {
    pub epoch: u64,
    pub sections: Vec<Section>,
}

/// One partition in a snapshot file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub partition: u32,
    pub range: Range<usize>,
    /// Whether the bytes are those that were written.
    pub intact: bool,
}

/// Why a snapshot file cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SnapshotError {
    Damaged(String),
    Newer(String),
}

/// The header and the directory of a file with these sections.
pub(super) fn head(id: u64, epoch: u64, sections: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + sections.len() * ENTRY);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    out.extend_from_slice(&id.to_le_bytes());
    out.extend_from_slice(&epoch.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    for (partition, bytes) in sections {
        out.extend_from_slice(&partition.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    }
    let checksum = crc32fast::hash(&out);
    out[24..28].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// Reads a file of the checkpoint `id`, whose name says that it is of `epoch`.
pub(super) fn read(bytes: &[u8], id: u64, epoch: u64) -> Result<Sections, SnapshotError> {
    let damaged = |what: &str| SnapshotError::Damaged(what.to_string());
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    if bytes.len() < HEADER {
        return Err(damaged("its header is incomplete"));
    }
    let count = word(4) as usize;
    let directory = count.checked_mul(ENTRY).and_then(|len| len.checked_add(HEADER)).filter(|end| *end <= bytes.len());
    let directory = directory.ok_or_else(|| damaged("its directory is incomplete"))?;
    let mut checked = crc32fast::Hasher::new();
    checked.update(&bytes[..24]);
    checked.update(&[0; 4]);
    checked.update(&bytes[28..directory]);
    if bytes[..3] != MAGIC[..3] || checked.finalize() != word(24) {
        return Err(damaged("its directory has a wrong checksum"));
    }
    if bytes[3] != MAGIC[3] {
        return Err(SnapshotError::Newer(format!("snapshot version {}", bytes[3])));
    }
    if (long(8), long(16)) != (id, epoch) {
        return Err(damaged("it belongs to another checkpoint or another epoch"));
    }
    let mut at = directory;
    let sections = (HEADER..directory).step_by(ENTRY).map(|entry| {
        let len = usize::try_from(long(entry + 8)).ok();
        let end = len.and_then(|len| at.checked_add(len)).unwrap_or(usize::MAX);
        let range = at..end;
        at = end;
        let intact = bytes.get(range.clone()).is_some_and(|section| crc32fast::hash(section) == word(entry + 4));
        Section { partition: word(entry), range, intact }
    });
    let sections: Vec<_> = sections.collect();
    if at < bytes.len() {
        return Err(damaged("something follows its last section"));
    }
    Ok(Sections { epoch, sections })
}
