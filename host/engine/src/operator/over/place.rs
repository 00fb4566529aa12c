//! Functions of places: a row's number, or the value of another row.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, new_null_array};
use arrow::compute::{cast, interleave, take};
use arrow::datatypes::{DataType, Int64Type};

use super::numbers;
use super::sorted::Sorted;
use crate::operator::rows::arrow_failed;
use crate::{Error, Result};

/// A function of places. `ignores_nulls`: rows whose argument is null are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// The row's number in its partition.
    RowNumber,
    /// The number of its first peer.
    Rank,
    /// The number of its group of peers.
    DenseRank,
    /// Which part of the others comes before its peers.
    PercentRank,
    /// Which part of the rows comes before it or with it.
    CumeDist,
    /// In which of so many equal parts it is.
    Ntile(u64),
    /// The value so many rows before it.
    Lag {
        /// See there.
        ignores_nulls: bool,
    },
    /// The value so many rows behind it.
    Lead {
        /// See there.
        ignores_nulls: bool,
    },
    /// The first value of its frame.
    First {
        /// See there.
        ignores_nulls: bool,
    },
    /// The last one.
    Last {
        /// See there.
        ignores_nulls: bool,
    },
    /// The one with this number, from 1 on.
    Nth {
        /// The number.
        n: u64,
        /// See there.
        ignores_nulls: bool,
    },
}

impl Placed {
    /// The value for the row at each place; arguments are in order.
    pub(super) fn compute(
        self,
        sorted: &Sorted,
        args: &[ArrayRef],
        frames: impl FnOnce() -> Result<Vec<(u32, u32)>>,
    ) -> Result<ArrayRef> {
        let value = || args.first().ok_or_else(|| Error::internal("a window function without its argument"));
        match self {
            Self::RowNumber | Self::Rank | Self::DenseRank | Self::Ntile(_) => {
                Ok(Arc::new(Int64Array::from(self.whole(sorted))))
            }
            Self::PercentRank | Self::CumeDist => Ok(Arc::new(Float64Array::from(self.part(sorted)))),
            Self::Lag { ignores_nulls } => beside(sorted, args, value()?, -1, ignores_nulls),
            Self::Lead { ignores_nulls } => beside(sorted, args, value()?, 1, ignores_nulls),
            Self::First { ignores_nulls } | Self::Last { ignores_nulls } | Self::Nth { ignores_nulls, .. } => {
                let value = value()?;
                let valid = ignores_nulls.then(|| valid_places(value));
                let place = |(start, end)| self.in_frame(start, end, valid.as_deref());
                take(value, &numbers(frames()?.into_iter().map(place)), None).map_err(arrow_failed)
            }
        }
    }

    fn whole(self, sorted: &Sorted) -> Vec<i64> {
        let mut values = Vec::with_capacity(sorted.order.len());
        for (first, end, peers) in sorted.parts() {
            let rows = u64::from(end - first);
            for (group, pair) in peers.windows(2).enumerate() {
                values.extend((pair[0]..pair[1]).map(|place| match self {
                    Self::Rank => i64::from(pair[0] - first) + 1,
                    Self::DenseRank => group as i64 + 1,
                    Self::Ntile(parts) => ntile(u64::from(place - first), rows, parts) as i64,
                    _ => i64::from(place - first) + 1,
                }));
            }
        }
        values
    }

    fn part(self, sorted: &Sorted) -> Vec<f64> {
        let mut values = Vec::with_capacity(sorted.order.len());
        for (first, end, peers) in sorted.parts() {
            let rows = f64::from(end - first);
            for pair in peers.windows(2) {
                let part = match self {
                    Self::CumeDist => f64::from(pair[1] - first) / rows,
                    _ if rows > 1.0 => f64::from(pair[0] - first) / (rows - 1.0),
                    _ => 0.0,
                };
                values.extend(std::iter::repeat_n(part, (pair[1] - pair[0]) as usize));
            }
        }
        values
    }

    /// Which place of a frame counts. `valid`: the places that do, going up; none = all.
    fn in_frame(self, start: u32, end: u32, valid: Option<&[u32]>) -> Option<u32> {
        let inside = match valid {
            None => Places::All(start, end),
            Some(valid) => {
                let from = valid.partition_point(|place| *place < start);
                let len = valid[from..].partition_point(|place| *place < end);
                Places::Some(&valid[from..from + len])
            }
        };
        match self {
            Self::Last { .. } => inside.len().checked_sub(1).and_then(|last| inside.get(last)),
            Self::Nth { n, .. } => inside.get(n.checked_sub(1)?),
            _ => inside.get(0),
        }
    }
}

enum Places<'a> {
    All(u32, u32),
    Some(&'a [u32]),
}

impl Places<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::All(start, end) => u64::from(end - start),
            Self::Some(places) => places.len() as u64,
        }
    }

    fn get(&self, n: u64) -> Option<u32> {
        if n >= self.len() {
            return None;
        }
        match self {
            Self::All(start, _) => Some(start + n as u32),
            Self::Some(places) => places.get(n as usize).copied(),
        }
    }
}

/// The part, from 1 on, of row `row` of `rows`: the first parts have a row more where they do not come out even.
fn ntile(row: u64, rows: u64, parts: u64) -> u64 {
    let (size, longer) = (rows / parts, rows % parts);
    let in_longer = longer * (size + 1);
    if row < in_longer { row / (size + 1) + 1 } else { longer + (row - in_longer) / size.max(1) + 1 }
}

fn valid_places(value: &ArrayRef) -> Vec<u32> {
    let nulls = value.logical_nulls();
    (0..value.len() as u32).filter(|place| nulls.as_ref().is_none_or(|n| n.is_valid(*place as usize))).collect()
}

/// Where the value of a row beside another one is from.
#[derive(Clone, Copy)]
enum From {
    Row(usize),
    /// There is no such row.
    Default,
    /// It is not known which row.
    Null,
}

/// The values of rows before (`direction` -1) or behind (1) each row: of arguments value, how many rows, and what is there
/// where there is no such row.
fn beside(
    sorted: &Sorted,
    args: &[ArrayRef],
    value: &ArrayRef,
    direction: i64,
    ignores_nulls: bool,
) -> Result<ArrayRef> {
    let steps = args.get(1).map(|steps| cast(steps, &DataType::Int64).map_err(arrow_failed)).transpose()?;
    let steps = steps.as_ref().map(|steps| steps.as_primitive::<Int64Type>());
    let valid = ignores_nulls.then(|| valid_places(value));
    let mut from = Vec::with_capacity(value.len());
    for (first, end, _) in sorted.parts() {
        let valid = valid.as_deref().map(|valid| {
            let start = valid.partition_point(|place| *place < first);
            &valid[start..start + valid[start..].partition_point(|place| *place < end)]
        });
        for place in first..end {
            let step = match steps {
                Some(steps) if steps.is_null(place as usize) => {
                    from.push(From::Null);
                    continue;
                }
                Some(steps) => steps.value(place as usize),
                None => 1,
            };
            let step = i128::from(step) * i128::from(direction);
            let (first, end) = (i128::from(first), i128::from(end));
            let to = match valid {
                None => Some(i128::from(place) + step).filter(|to| (first..end).contains(to)),
                Some(valid) => beside_valid(valid, place, step),
            };
            from.push(to.map_or(From::Default, |to| From::Row(to as usize)));
        }
    }
    let Some(default) = args.get(2) else {
        let row = |from: From| match from {
            From::Row(row) => Some(row as u32),
            From::Default | From::Null => None,
        };
        return take(value, &numbers(from.into_iter().map(row)), None).map_err(arrow_failed);
    };
    let nothing = new_null_array(value.data_type(), 1);
    let sources: Vec<(usize, usize)> = from
        .into_iter()
        .enumerate()
        .map(|(place, from)| match from {
            From::Row(row) => (0, row),
            From::Default => (1, place),
            From::Null => (2, 0),
        })
        .collect();
    let arrays: [&dyn Array; 3] = [value, default, &nothing];
    interleave(&arrays, &sources).map_err(arrow_failed)
}

/// The place so many steps from `place` among those that count.
fn beside_valid(valid: &[u32], place: u32, step: i128) -> Option<i128> {
    let before = valid.partition_point(|v| *v < place) as i128;
    let upto = valid.partition_point(|v| *v <= place) as i128;
    let number = match step {
        0 => return Some(i128::from(place)),
        step if step < 0 => before + step,
        step => upto + step - 1,
    };
    usize::try_from(number).ok().and_then(|n| valid.get(n)).map(|v| i128::from(*v))
}
