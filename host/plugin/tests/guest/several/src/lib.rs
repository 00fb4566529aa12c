//! Operators of all kinds in one component, by the SDK, all over a first column `n` of numbers.

use millstream_guest::prelude::*;

/// Keeps the numbers that are above `above`.
struct Above {
    n: Input<Int64>,
    above: i64,
}

impl Filter for Above {
    fn bind(config: &Config, input: &Schema) -> Result<Self, Problem> {
        input.skip_nulls();
        Ok(Self { n: input.argument(0)?.int64()?, above: config.get_or("above", 0)? })
    }

    fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
        Ok(kernel::select(&batch.get(self.n), |n| n > self.above).into())
    }

    fn about() -> About {
        About::new().takes("<first>", "any number", "what is compared")
    }
}

/// The numbers times `by`; says so, and fails at a row that is 13.
struct Times {
    n: Input<Float64>,
    by: f64,
}

impl Map for Times {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let site = input.site();
        log::debug(format!(
            "bound at {}{}",
            site.node,
            site.sql.iter().map(|sql| format!(", {sql}")).collect::<String>()
        ));
        let n = input.argument(0)?.float64()?;
        Ok((Self { n, by: config.get("by")? }, Fields::new().float64("times")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let n = batch.get(self.n);
        log::info(format!("{} rows times {}", batch.rows(), self.by));
        if let Some(row) = n.values().iter().position(|n| *n == 13.0) {
            Err("thirteen is unlucky").at_row(row)?;
        }
        Ok(kernel::map_f64(&n, |n| n * self.by).into())
    }
}

/// The numbers below each number.
struct Below(Input<Integer>);

impl FlatMap for Below {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        log::debug(format!("below is bound at {:?}", input.site().sql));
        Ok((Self(input.argument(0)?.integer()?), Fields::new().int64("below").not_null()))
    }

    fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure> {
        let n = batch.get(self.0);
        Ok(out.each_row(|row, sink| (0..n.get(row).unwrap_or(0)).for_each(|below| sink.push(below))))
    }
}

/// The sum.
struct Sum(Input<Int64>);

impl Aggregate for Sum {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
        log::debug(format!("sum is bound at {:?}", input.site().sql));
        let aggregation = Aggregation::of(Fields::new().int128("sum"), Fields::new().int64("sum"));
        Ok((Self(input.argument(0)?.int64()?), aggregation))
    }

    fn partial(&self, groups: &Groups, rows: &Batch) -> Result<Vec<Column>, Failure> {
        Ok(vec![groups.total_i64(&rows.get(self.0))])
    }

    fn merge(&self, groups: &Groups, states: &Batch) -> Result<Vec<Column>, Failure> {
        Ok(vec![groups.sum_totals(&states.at::<Decimal>(0))])
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        Ok(vec![kernel::narrow_i64(&states.at::<Decimal>(0), "sum")?])
    }
}

/// How many numbers there are.
struct Count;

impl Fold for Count {
    type Input = Int64;
    type State = i64;
    type Output = i64;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Int64>, Fields), Problem> {
        Ok((Self, input.argument(0)?.int64()?, Fields::new().int64("count")))
    }

    fn add(&self, state: &mut i64, value: Option<i64>) {
        *state += i64::from(value.is_some());
    }

    fn merge(&self, into: &mut i64, later: i64) {
        *into += later;
    }

    fn finish(&self, state: i64) -> i64 {
        state
    }
}

millstream_guest::operators! {
    filter Above as "above": "Keeps the numbers above a number";
    map Times as "times": "The numbers times a number";
    flat_map Below as "below": "The numbers below each number";
    aggregate Sum as "sum": "The sum";
    fold Count as "count": "How many numbers there are";
}
