//! How far a source with partitions has read each of them: what it plans from, and what the job's state has of it.

use std::collections::BTreeMap;

use super::SourceError;
use crate::record::{OffsetRange, SourceRange};

/// The next offset of each partition. Its entries are one per partition: the name, and the offset in eight bytes, the
/// lowest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions(BTreeMap<String, u64>);

impl Positions {
    /// Where partition `partition` goes on; none = nothing of it was ever planned.
    pub fn get(&self, partition: &str) -> Option<u64> {
        self.0.get(partition).copied()
    }

    /// Partitions and where each goes on.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, next)| (name.as_str(), *next))
    }

    /// Plans the next range: of each of the partitions `there`, in their order, with its first offset and one past its
    /// last, what is there; of all together at most `most` offsets, which are shared so that a long partition does not
    /// keep a short one waiting. None = nothing new. What is planned is not planned again.
    pub fn plan<'a>(
        &mut self,
        there: impl IntoIterator<Item = (&'a str, OffsetRange)>,
        most: u64,
    ) -> Option<SourceRange> {
        let ahead = |(name, has): (&'a str, OffsetRange)| {
            let from = self.get(name).unwrap_or(has.from).max(has.from);
            (from < has.to).then_some((name, OffsetRange { from, to: has.to }))
        };
        let mut ahead: Vec<(&str, OffsetRange)> = there.into_iter().filter_map(ahead).collect();
        // From the shortest on, so that what one leaves of its share is for the longer ones.
        ahead.sort_by_key(|(name, range)| (range.to - range.from, *name));
        let (mut left, mut planned) = (most, BTreeMap::new());
        let count = ahead.len() as u64;
        for ((name, range), others) in ahead.into_iter().zip((1..=count).rev()) {
            let take = (range.to - range.from).min(left.div_ceil(others));
            left -= take;
            if take > 0 {
                planned.insert(name.to_owned(), OffsetRange { to: range.from + take, ..range });
            }
        }
        self.0.extend(planned.iter().map(|(name, range)| (name.clone(), range.to)));
        (!planned.is_empty()).then_some(SourceRange::Offsets(planned))
    }

    /// What [`super::Source::entries`] gives for `range`.
    pub fn entries(range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        let SourceRange::Offsets(partitions) = range else { return Vec::new() };
        partitions.iter().map(|(name, range)| (name.clone().into_bytes(), range.to.to_le_bytes().to_vec())).collect()
    }

    /// What [`super::Source::restore`] is given by a source called `source`.
    ///
    /// # Errors
    /// An entry is none of these.
    pub fn restore(
        entries: &mut dyn Iterator<Item = (&[u8], &[u8])>,
        source: &'static str,
    ) -> Result<Self, SourceError> {
        let entry = |(name, next): (&[u8], &[u8])| {
            let next = <[u8; 8]>::try_from(next).map(u64::from_le_bytes);
            match (String::from_utf8(name.to_vec()), next) {
                (Ok(name), Ok(next)) => Ok((name, next)),
                _ => Err(SourceError::BadEntry(String::from_utf8_lossy(name).into_owned(), source)),
            }
        };
        entries.map(entry).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: u64, to: u64) -> OffsetRange {
        OffsetRange { from, to }
    }

    fn offsets(parts: &[(&str, u64, u64)]) -> Option<SourceRange> {
        Some(SourceRange::Offsets(
            parts.iter().map(|(name, from, to)| ((*name).to_owned(), range(*from, *to))).collect(),
        ))
    }

    #[test]
    fn limits_are_shared_and_nothing_is_planned_twice() {
        let mut positions = Positions::default();
        let there = [("a", range(0, 100)), ("b", range(5, 7)), ("c", range(3, 3)), ("d", range(0, 50))];
        assert_eq!(positions.plan(there, 22), offsets(&[("a", 0, 10), ("b", 5, 7), ("d", 0, 10)]));
        assert_eq!(positions.plan(there, 100), offsets(&[("a", 10, 70), ("d", 10, 50)]));
        // What was thrown away before it was read is passed over.
        assert_eq!(positions.plan([("a", range(90, 100))], 1), offsets(&[("a", 90, 91)]));
        assert_eq!(positions.plan([("a", range(91, 91))], 1), None);
        assert_eq!(positions.get("a"), Some(91));
        assert_eq!(positions.get("c"), None);
    }

    #[test]
    fn entries_bring_it_back() {
        let mut positions = Positions::default();
        let planned = positions.plan([("a", range(0, 4)), ("é", range(1, 2))], 100).unwrap();
        let entries = Positions::entries(&planned);
        let mut stored = entries.iter().map(|(key, value)| (&key[..], &value[..]));
        assert_eq!(Positions::restore(&mut stored, "log").unwrap(), positions);
        let mut bad = [(&b"a"[..], &b"short"[..])].into_iter();
        assert!(Positions::restore(&mut bad, "log").is_err());
    }
}
