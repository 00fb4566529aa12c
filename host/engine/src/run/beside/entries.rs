//! Keys and values in one piece of memory, on their way from one table to another.

/// Bytes after which no more is put to a batch.
pub(super) const FULL: usize = 8 << 20;

/// Keys of buckets, each with a value or without.
#[derive(Debug, Default)]
pub(super) struct Entries {
    bytes: Vec<u8>,
    each: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    bucket: i64,
    hash: u64,
    key: usize,
    value: Option<usize>,
}

impl Entries {
    pub fn push(&mut self, bucket: i64, hash: u64, key: &[u8], value: Option<&[u8]>) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.each.push(Entry { bucket, hash, key: key.len(), value: value.map(<[u8]>::len) });
    }

    pub fn len(&self) -> usize {
        self.each.len()
    }

    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Bucket, hash of the key, key, value.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u64, &[u8], Option<&[u8]>)> {
        let mut at = 0;
        self.each.iter().map(move |entry| {
            let (key, rest) = self.bytes[at..].split_at(entry.key);
            at += entry.key + entry.value.unwrap_or_default();
            (entry.bucket, entry.hash, key, entry.value.map(|len| &rest[..len]))
        })
    }
}
