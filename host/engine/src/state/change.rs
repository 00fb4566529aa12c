//! The bytes of what one epoch changed in all tables, or of everything in some partitions: a directory, then one
//! block per table and partition that [`super::Partition`] wrote. The directory lets a restart give each partition
//! to another thread without reading the others' blocks.
//!
//! Layout, all numbers LEB128: count of tables; for each: length of its name, the name, count of parts; for each
//! part: partition, length of its block. Then the blocks, in that order. A block of a partition that was another table's
//! until now begins with [`MOVED`], the length of that table's name, and the name.

use super::StateError;
use super::varint::{self, Cursor};

/// What a block begins with whose partition was another table's: none of the operations of a partition.
const MOVED: u8 = 3;

/// What one epoch changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChange {
    /// As the module's documentation lays out; never empty.
    pub bytes: Vec<u8>,
    /// Bytes of all entries per partition afterwards: by these the checkpoint decides when to write snapshots.
    pub sizes: Vec<u64>,
    /// The tables that were dropped, by name: for the record. The bytes have what it takes to drop them.
    pub dropped: Vec<String>,
}

/// One block of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The partition.
    pub partition: u32,
    /// The table whose partition takes the place of this one, before all else.
    pub from: Option<&'a str>,
    /// What [`super::Partition::apply_changes`] takes.
    pub bytes: &'a [u8],
}

/// Begins the block of a partition that was one of table `from`.
pub(super) fn moved(block: &mut Vec<u8>, from: &str) {
    block.push(MOVED);
    varint::push(block, from.len() as u64);
    block.extend_from_slice(from.as_bytes());
}

/// The table that `block` says its partition was one of, and the rest of it.
fn moved_from(block: &[u8]) -> Result<(Option<&str>, &[u8]), StateError> {
    if block.first() != Some(&MOVED) {
        return Ok((None, block));
    }
    let mut from = Cursor::new(block);
    from.byte("an operation")?;
    let len = from.number("a table name's length")?;
    let name = std::str::from_utf8(from.take(len, "a table's name")?);
    let name = name.map_err(|_| from.damaged("a table's name in UTF-8"))?;
    Ok((Some(name), &block[block.len() - from.remaining()..]))
}

/// Puts together what `parts` has, sorted by table: table, partition, block.
pub(super) fn write(parts: &[(&str, u32, Vec<u8>)]) -> Vec<u8> {
    let tables: Vec<_> = parts.chunk_by(|a, b| a.0 == b.0).collect();
    let mut out = Vec::with_capacity(64 + parts.iter().map(|p| p.2.len() + 8).sum::<usize>());
    varint::push(&mut out, tables.len() as u64);
    for table in tables {
        let name = table[0].0;
        varint::push(&mut out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
        varint::push(&mut out, table.len() as u64);
        for (_, partition, block) in table {
            varint::push(&mut out, u64::from(*partition));
            varint::push(&mut out, block.len() as u64);
        }
    }
    parts.iter().for_each(|p| out.extend_from_slice(&p.2));
    out
}

impl StateChange {
    /// The blocks of the change whose bytes are given.
    ///
    /// # Errors
    /// [`StateError::Damaged`].
    pub fn pieces(bytes: &[u8]) -> Result<Vec<Piece<'_>>, StateError> {
        let mut from = Cursor::new(bytes);
        let mut heads = Vec::new();
        for _ in 0..from.number("the number of tables")? {
            let len = from.number("a table name's length")?;
            let name = std::str::from_utf8(from.take(len, "a table's name")?);
            let name = name.map_err(|_| from.damaged("a table's name in UTF-8"))?;
            for _ in 0..from.number("the number of parts")? {
                let partition = from.number("a partition")?;
                let partition = u32::try_from(partition).map_err(|_| from.damaged("a partition"))?;
                heads.push((name, partition, from.number("a block's length")?));
            }
        }
        let pieces = heads.into_iter().map(|(table, partition, len)| {
            let (from, bytes) = moved_from(from.take(len, "a block")?)?;
            Ok(Piece { table, partition, from, bytes })
        });
        let pieces = pieces.collect::<Result<_, StateError>>()?;
        if from.is_done() { Ok(pieces) } else { Err(from.damaged("the end of the change")) }
    }
}
