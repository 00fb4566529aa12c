//! One bit of a checkpoint's files that is another than it was written.

use std::collections::BTreeMap;

use millstream_engine::storage::faulty::FaultyStorage;

use super::random::Random;
use super::world::BASE;

/// A bit that is another than it was written.
pub struct Damage {
    pub path: String,
    at: usize,
    bit: u64,
    before: Vec<u8>,
}

impl Damage {
    /// Changes one bit of one file of the checkpoint.
    pub fn flip(disk: &FaultyStorage, seed: u64) -> Option<Self> {
        let mut random = Random::new(seed);
        let files: Vec<(String, Vec<u8>)> = checkpoint(disk).into_iter().filter(|(_, b)| !b.is_empty()).collect();
        if files.is_empty() {
            return None;
        }
        let (path, bytes) = random.pick(&files).clone();
        let (at, bit) = (random.below(bytes.len() as u64) as usize, random.below(8));
        disk.damage(&path, |bytes| bytes[at] ^= 1 << bit);
        Some(Self { path, at, bit, before: bytes })
    }

    /// Puts the bit right, if the file is still the one that was damaged.
    pub fn mend(&self, disk: &FaultyStorage) {
        let Self { path, at, bit, before } = self;
        disk.damage(path, |bytes| {
            let mut flipped = before.clone();
            flipped[*at] ^= 1 << bit;
            if bytes.starts_with(&flipped) {
                bytes[*at] ^= 1 << bit;
            }
        });
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bit {} of byte {} of {} is flipped", self.bit, self.at, self.path)
    }
}

/// The files of the checkpoint that matter.
fn checkpoint(disk: &FaultyStorage) -> BTreeMap<String, Vec<u8>> {
    let folder = format!("{}/state/", &BASE[1..]);
    let mut files = disk.files();
    files.retain(|path, _| path.starts_with(&folder) && !path.ends_with("/LOCK") && !path.ends_with(".tmp"));
    files
}
