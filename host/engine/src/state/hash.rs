//! Where a key belongs: its hash, and the partition that has it.

use xxhash_rust::xxh3::xxh3_64;

/// The hash of an encoded key: XXH3, 64 bits, seed 0. Part of the checkpoint's format.
#[inline]
pub fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The partition of a key: the upper half of its hash scaled to `0..partitions`. Part of the checkpoint's format.
#[inline]
pub fn partition_of(hash: u64, partitions: usize) -> usize {
    (((hash >> 32) * partitions as u64) >> 32) as usize
}
