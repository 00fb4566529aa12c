//! Aggregate: the sum and the count of a column of int64, by the SDK's helpers.

use millstream_guest::prelude::*;

struct SumAndCount {
    n: Input<Int64>,
}

impl Aggregate for SumAndCount {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
        let fields = Fields::new().int64("sum").int64("count");
        Ok((Self { n: input.column("n")?.int64()? }, Aggregation::of(fields.clone(), fields)))
    }

    fn partial(&self, groups: &Groups, rows: &Batch) -> Result<Vec<Column>, Failure> {
        let (sum, count) = groups.sum_count_i64(&rows.get(self.n))?;
        Ok(vec![sum, count])
    }

    fn merge(&self, groups: &Groups, states: &Batch) -> Result<Vec<Column>, Failure> {
        Ok(vec![groups.sum_i64(&states.at::<Int64>(0))?, groups.sum_i64(&states.at::<Int64>(1))?])
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        Ok(states.columns)
    }
}

millstream_guest::aggregate!(SumAndCount);
