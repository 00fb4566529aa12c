//! An epoch's new rows of one partition by key.

use super::partial::JoinPartial;
use crate::operator::grouping::{Grouper, in_bins};
use crate::time::reach::Side;

/// New rows of one side.
#[derive(Debug, Default)]
pub(super) struct NewRows<'a> {
    pub times: Vec<i64>,
    pub columns: Vec<&'a [u8]>,
    group_of: Vec<u32>,
    /// Rows of group `g` are `rows[starts[g]..starts[g + 1]]`, by time.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl NewRows<'_> {
    /// The rows of group `g`, by time; rows of one time in the order in which they came.
    pub fn of_group(&self, g: usize) -> &[u32] {
        &self.rows[self.starts[g] as usize..self.starts[g + 1] as usize]
    }

    /// Puts rows in order of `groups` groups.
    fn arrange(&mut self, groups: usize) {
        (self.starts, self.rows) = in_bins(groups, self.group_of.iter().map(|g| *g as usize));
        for g in 0..groups {
            let rows = &mut self.rows[self.starts[g] as usize..self.starts[g + 1] as usize];
            if rows.len() > 1 {
                rows.sort_unstable_by_key(|row| (self.times[*row as usize], *row));
            }
        }
    }

    /// Those of `rows`, which are in order of time, whose time is in `from..=to`.
    pub fn between<'r>(&self, rows: &'r [u32], from: i64, to: i64) -> &'r [u32] {
        if let [one] = rows {
            let time = self.times[*one as usize];
            return if from <= time && time <= to { rows } else { &[] };
        }
        let start = rows.partition_point(|r| self.times[*r as usize] < from);
        let end = rows.partition_point(|r| self.times[*r as usize] <= to);
        &rows[start..end.max(start)]
    }
}

/// An epoch's new rows of one partition.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    pub keys: Vec<&'a [u8]>,
    pub hashes: Vec<u64>,
    /// Keys with a null: they match nothing.
    pub has_null: Vec<bool>,
    pub left: NewRows<'a>,
    pub right: NewRows<'a>,
}

impl<'a> Fresh<'a> {
    /// The rows of partition `p`.
    pub fn gather(partials: &'a [JoinPartial], p: usize) -> Self {
        let rows = partials.iter().map(|partial| partial.of_partition(p).len()).sum();
        let mut groups = Grouper::new(rows);
        let (mut left, mut right) = (NewRows::default(), NewRows::default());
        let (mut keys, mut has_null): (Vec<&[u8]>, Vec<bool>) = (Vec::new(), Vec::new());
        for partial in partials {
            let side = if partial.side == Side::Left { &mut left } else { &mut right };
            for row in partial.of_partition(p) {
                let row = *row as usize;
                let key = partial.keys.row(row);
                let group = groups.group(0, partial.hashes[row], |g| keys[g as usize] == key);
                if group as usize == keys.len() {
                    keys.push(key);
                    has_null.push(partial.has_null.as_ref().is_some_and(|n| n[row]));
                }
                side.group_of.push(group);
                side.times.push(partial.times[row]);
                side.columns.push(partial.columns.row(row));
            }
        }
        left.arrange(keys.len());
        right.arrange(keys.len());
        Self { keys, hashes: groups.hashes, has_null, left, right }
    }

    pub fn of_side(&self, side: Side) -> &NewRows<'a> {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}
