//! Slices merged two by two, these again two by two, and so on: a binary tree over time, level by level, each over all keys
//! at once.
//!
//! What always holds: which slices are merged with which depends on their numbers alone, and older ones come first.

use std::ops::Range;

/// A piece of time at one level: level 0 has the slices, each further one twice as much as the one below.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Where it is, counted in its own length from 1970 on.
    pub at: i64,
    /// Its entries in [`Level::keys`].
    pub from: u32,
    pub to: u32,
}

/// The nodes of one level that have keys, in order.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub nodes: Vec<Node>,
    /// Per entry, by node: the number of its key, going up within a node.
    pub keys: Vec<u32>,
}

impl Level {
    /// The entries of the node that is there.
    pub fn entries(&self, at: i64) -> Range<usize> {
        match self.nodes.binary_search_by_key(&at, |node| node.at) {
            Ok(found) => self.nodes[found].from as usize..self.nodes[found].to as usize,
            Err(_) => 0..0,
        }
    }

    /// The level above, and of each entry here the one there that it is part of.
    pub fn above(&self) -> (Self, Vec<u32>) {
        let (mut nodes, mut keys): (Vec<Node>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut part_of = vec![0; self.keys.len()];
        for pair in self.nodes.chunk_by(|a, b| a.at >> 1 == b.at >> 1) {
            let from = keys.len() as u32;
            let (mut left, until) = (pair[0].from as usize, pair[0].to as usize);
            let (mut right, end) = pair.get(1).map_or((until, until), |node| (node.from as usize, node.to as usize));
            while left < until || right < end {
                let key = match (self.keys[..until].get(left), self.keys[..end].get(right)) {
                    (Some(l), Some(r)) => *l.min(r),
                    (Some(key), None) | (None, Some(key)) => *key,
                    (None, None) => break,
                };
                let entry = keys.len() as u32;
                keys.push(key);
                if left < until && self.keys[left] == key {
                    part_of[left] = entry;
                    left += 1;
                }
                if right < end && self.keys[right] == key {
                    part_of[right] = entry;
                    right += 1;
                }
            }
            nodes.push(Node { at: pair[0].at >> 1, from, to: keys.len() as u32 });
        }
        (Self { nodes, keys }, part_of)
    }

    /// This level and another one's nodes, which are others, in order; and for each of its entries where it was: those of
    /// `more` are counted behind this level's own.
    pub fn and(&self, more: &Self) -> (Self, Vec<u32>) {
        let own = self.nodes.iter().map(|node| (*node, &self.keys, 0));
        let others = more.nodes.iter().map(|node| (*node, &more.keys, self.keys.len() as u32));
        let mut all: Vec<_> = own.chain(others).collect();
        all.sort_by_key(|(node, ..)| node.at);
        let (mut level, mut places) = (Self::default(), Vec::new());
        for (Node { at, from, to }, keys, before) in all {
            let start = level.keys.len() as u32;
            level.keys.extend_from_slice(&keys[from as usize..to as usize]);
            level.nodes.push(Node { at, from: start, to: level.keys.len() as u32 });
            places.extend(before + from..before + to);
        }
        (level, places)
    }
}

/// The fewest nodes that are together the slices of `range`, in order: level and place of each.
pub(super) fn parts(range: Range<i64>, levels: usize) -> impl Iterator<Item = (usize, i64)> {
    let (mut from, to) = (range.start, range.end);
    std::iter::from_fn(move || {
        let left = u64::try_from(to - from).ok().filter(|left| *left > 0)?;
        let level = from.trailing_zeros().min(left.ilog2()).min(levels as u32 - 1);
        let at = from >> level;
        from += 1 << level;
        Some((level as usize, at))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_are_the_slices_of_a_window_and_few(from in -5000i64..5000, slices in 1i64..3000, levels in 1usize..13) {
            let parts: Vec<(usize, i64)> = parts(from..from + slices, levels).collect();
            let covered: Vec<i64> = parts.iter().flat_map(|(level, at)| at << level..(at + 1) << level).collect();
            prop_assert_eq!(covered, (from..from + slices).collect::<Vec<_>>());
            let largest = slices >> (levels - 1);
            prop_assert!(parts.len() as i64 <= 2 * (levels as i64 - 1) + largest);
        }
    }
}
