//! Aggregate: the sum of `v`, in three versions that are well, or nearly so, and one that is not. Which one it is stands as a
//! text in the component, where a test changes it: so one build is four plugins.
//!
//! * version 1 keeps the sum;
//! * version 2 keeps it in thousandths, in a column of another name, and brings states of version 1 over;
//! * version 3 keeps the same as 2, and brings nothing over;
//! * version 4 keeps the same as 2, and is never done with bringing states over.

use std::hint::black_box;

use millstream_guest::prelude::*;

/// A digit that a test writes over.
static VERSION: [u8; 30] = *b"version of the stored states 1";

/// The column that is summed.
pub struct ThreeVersions {
    v: Input<Int64>,
    version: u32,
    /// What comes out is the sum so many times.
    times: i64,
}

fn scaled(column: &I64Column, scale: impl Fn(i64) -> i64) -> Column {
    let mut scaled = Int64Builder::default();
    for row in 0..column.len() {
        match column.get(row) {
            Some(value) => scaled.push(scale(value)),
            None => scaled.push_null(),
        }
    }
    scaled.finish()
}

impl Aggregate for ThreeVersions {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
        let version = u32::from(black_box(&VERSION)[29] - b'0');
        let state = Fields::new().int64(if version == 1 { "sum" } else { "thousandths" });
        let v = input.column_or(config.optional_text("column")?.as_deref(), "v")?.int64()?;
        let aggregation = Aggregation::of(state, Fields::new().int64("sum")).state_version(version);
        Ok((Self { v, version, times: config.get_or("times", 1)? }, aggregation.adjustable(["times"])))
    }

    fn partial(&self, groups: &Groups, rows: &Batch) -> Result<Vec<Column>, Failure> {
        let values = rows.get(self.v);
        if self.version == 1 {
            return Ok(vec![groups.sum_i64(&values)?]);
        }
        let thousandths = Batch { rows: rows.rows, columns: vec![scaled(&values, |v| v * 1000)] };
        Ok(vec![groups.sum_i64(&thousandths.at::<Int64>(0))?])
    }

    fn merge(&self, groups: &Groups, states: &Batch) -> Result<Vec<Column>, Failure> {
        Ok(vec![groups.sum_i64(&states.at::<Int64>(0))?])
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        let by = if self.version == 1 { 1 } else { 1000 };
        Ok(vec![scaled(&states.at::<Int64>(0), |v| v * self.times / by)])
    }

    fn migrate(&self, from_version: u32, old: &[Field], states: Batch) -> Result<Vec<Column>, Failure> {
        match (from_version, self.version, old) {
            (_, 4, _) => {
                let mut turns = 0u64;
                loop {
                    turns = black_box(turns.wrapping_add(1));
                }
            }
            (1, 2, [field]) if field.name == "sum" => Ok(vec![scaled(&states.at::<Int64>(0), |v| v * 1000)]),
            _ => Err(format!("no way from version {from_version} to version {}", self.version).into()),
        }
    }
}

millstream_guest::aggregate!(ThreeVersions);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, laws};

    use super::*;

    #[test]
    fn rows_may_be_cut_and_states_merged_in_any_way() {
        laws::<ThreeVersions>("{}", &Table::new().int64("v", [Some(1), None, Some(-3), Some(4), Some(5)])).unwrap();
    }
}
