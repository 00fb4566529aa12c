//! Over which rows of its partition a row's value is computed.

use arrow::array::ArrayRef;
use arrow::compute::SortOptions;

use super::distance::{Distance, Line};
use super::sorted::Sorted;
use crate::Result;

/// What a frame's bounds are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Rows.
    Rows,
    /// Groups of rows that no order tells apart.
    Groups,
    /// The value that rows are ordered by.
    Range,
}

/// Where a frame begins or ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// With the partition.
    Unbounded,
    /// So much before the row.
    Before(Distance),
    /// With the row; but for rows, with its peers.
    Current,
    /// So much behind the row.
    After(Distance),
}

/// The rows around a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    /// What is counted.
    pub unit: Unit,
    /// Where it begins.
    pub start: Bound,
    /// Where it ends; what is there is in it.
    pub end: Bound,
}

impl Frame {
    /// Whether it goes by distances in the value that rows are ordered by.
    pub fn has_distance(&self) -> bool {
        let has = |bound| matches!(bound, Bound::Before(_) | Bound::After(_));
        self.unit == Unit::Range && (has(self.start) || has(self.end))
    }
}

/// The frames of rows in order.
pub(super) struct Frames<'a> {
    pub frame: &'a Frame,
    pub sorted: &'a Sorted,
}

/// A row's position.
struct RowPosition<'a> {
    at: usize,
    /// Where groups of peers of its partition begin, and where the partition ends.
    peers: &'a [u32],
    /// The number of its group.
    group: usize,
}

impl RowPosition<'_> {
    fn partition(&self) -> (usize, usize) {
        (self.peers[0] as usize, self.group_start(self.groups()))
    }

    fn groups(&self) -> usize {
        self.peers.len() - 1
    }

    fn group_start(&self, group: usize) -> usize {
        self.peers[group.min(self.groups())] as usize
    }
}

/// A count of rows or groups.
fn count(distance: Distance) -> usize {
    match distance {
        Distance::Whole(n) => usize::try_from(n).unwrap_or(usize::MAX),
        _ => usize::MAX,
    }
}

impl Frames<'_> {
    /// Of the row at each place the places of the first row in its frame, and behind the last. `by`: what rows are ordered
    /// by, in order, where the frame has a distance in it.
    pub fn of_rows(&self, by: Option<&ArrayRef>, options: SortOptions) -> Result<Vec<(u32, u32)>> {
        let line = by.map(|by| Line::new(by, options.descending)).transpose()?;
        let mut frames = Vec::with_capacity(self.sorted.order.len());
        for (_, _, peers) in self.sorted.parts() {
            for group in 0..peers.len() - 1 {
                let (from, to) = (peers[group] as usize, peers[group + 1] as usize);
                let mut position = RowPosition { at: from, peers, group };
                if self.frame.unit == Unit::Rows {
                    for at in from..to {
                        position.at = at;
                        frames.push(self.of(&position, line.as_ref()));
                    }
                } else {
                    let frame = self.of(&position, line.as_ref());
                    frames.extend(std::iter::repeat_n(frame, to - from));
                }
            }
        }
        Ok(frames)
    }

    fn of(&self, position: &RowPosition<'_>, line: Option<&Line>) -> (u32, u32) {
        let (start, end) = match self.frame.unit {
            Unit::Rows => (self.start_in_rows(position), self.end_in_rows(position)),
            Unit::Groups => (self.start_in_groups(position), self.end_in_groups(position)),
            Unit::Range => (self.in_range(position, line, false), self.in_range(position, line, true)),
        };
        // Those of no rows are all alike.
        let empty = position.peers[0];
        if start < end { (start as u32, end as u32) } else { (empty, empty) }
    }

    fn start_in_rows(&self, position: &RowPosition<'_>) -> usize {
        let (first, last) = position.partition();
        match self.frame.start {
            Bound::Unbounded => first,
            Bound::Before(n) => position.at.saturating_sub(count(n)).max(first),
            Bound::Current => position.at,
            Bound::After(n) => position.at.saturating_add(count(n)).min(last),
        }
    }

    fn end_in_rows(&self, position: &RowPosition<'_>) -> usize {
        let (first, last) = position.partition();
        match self.frame.end {
            Bound::Unbounded => last,
            Bound::Before(n) => (position.at + 1).saturating_sub(count(n)).max(first),
            Bound::Current => position.at + 1,
            Bound::After(n) => (position.at + 1).saturating_add(count(n)).min(last),
        }
    }

    fn start_in_groups(&self, position: &RowPosition<'_>) -> usize {
        match self.frame.start {
            Bound::Unbounded => position.group_start(0),
            Bound::Before(n) => position.group_start(position.group.saturating_sub(count(n))),
            Bound::Current => position.group_start(position.group),
            Bound::After(n) => position.group_start(position.group.saturating_add(count(n))),
        }
    }

    fn end_in_groups(&self, position: &RowPosition<'_>) -> usize {
        match self.frame.end {
            Bound::Unbounded => position.group_start(position.groups()),
            Bound::Before(n) => position.group_start((position.group + 1).saturating_sub(count(n))),
            Bound::Current => position.group_start(position.group + 1),
            Bound::After(n) => position.group_start((position.group + 1).saturating_add(count(n))),
        }
    }

    /// Where the frame begins, or ends.
    fn in_range(&self, position: &RowPosition<'_>, line: Option<&Line>, is_end: bool) -> usize {
        let own = position.group_start(position.group + usize::from(is_end));
        let (bound, edge) = if is_end { (self.frame.end, position.groups()) } else { (self.frame.start, 0) };
        let (before, distance) = match bound {
            Bound::Unbounded => return position.group_start(edge),
            Bound::Current => return own,
            Bound::Before(distance) => (true, distance),
            Bound::After(distance) => (false, distance),
        };
        // Rows without a value are near each other only, as are those that no distance can be told of.
        let Some(line) = line.filter(|line| line.has_value(position.at)) else { return own };
        let (mut first, mut last) = position.partition();
        if !line.has_value(first) {
            first = position.group_start(1);
        }
        if !line.has_value(last - 1) {
            last = position.group_start(position.groups() - 1);
        }
        line.find(position.at, distance, before, is_end, first..last)
    }
}
