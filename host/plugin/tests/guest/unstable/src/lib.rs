//! Operators of which each breaks a promise of its own, by the SDK, all over a first column `n` of numbers; and some that
//! look as if they did, and do not.

mod keyed;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use millstream_guest::prelude::*;

use keyed::{InAll, RowPerCall, Tallies};

/// Wrong: how many calls there were before, in a static.
struct CountsCalls(Input<Int64>);

impl Map for CountsCalls {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self(input.argument(0)?.int64()?), Fields::new().int64("call")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        static CALLS: AtomicI64 = AtomicI64::new(0);
        let (call, n) = (CALLS.fetch_add(1, Ordering::Relaxed), batch.get(self.0));
        Ok(Mapped::each(&batch, |row| n.get(row).map(|_| call)))
    }
}

/// Wrong: where a row stands in its call.
struct NumbersRows;

impl Map for NumbersRows {
    fn bind(_config: &Config, _input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self, Fields::new().int64("number")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        Ok(Mapped::each(&batch, |row| row as i64))
    }
}

/// Wrong: drops what it has kept before, as far as this instance remembers.
struct FirstOnly {
    n: Input<Int64>,
    seen: Mutex<Vec<i64>>,
}

impl Filter for FirstOnly {
    fn bind(_config: &Config, input: &Schema) -> Result<Self, Problem> {
        Ok(Self { n: input.argument(0)?.int64()?, seen: Mutex::default() })
    }

    fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
        let is_new = |n: i64| {
            let Ok(mut seen) = self.seen.lock() else { return false };
            let is_new = !seen.contains(&n);
            seen.extend(is_new.then_some(n));
            is_new
        };
        Ok(kernel::select(&batch.get(self.n), is_new).into())
    }
}

/// Wrong: the rows of the call, beside each.
struct RowsBeside(Input<Int64>);

impl FlatMap for RowsBeside {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self(input.argument(0)?.int64()?), Fields::new().int64("rows")))
    }

    fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure> {
        let (n, rows) = (batch.get(self.0), batch.rows() as i64);
        Ok(out.each_row(|row, sink| (0..n.get(row).unwrap_or(0).clamp(0, 3)).for_each(|_| sink.push(rows))))
    }
}

/// Right, and it panics: at the numbers below nought.
struct NoNegatives(Input<Int64>);

impl Map for NoNegatives {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self(input.argument(0)?.int64()?), Fields::new().float64("root")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let n = batch.get(self.0);
        Ok(Mapped::each(&batch, |row| {
            let n = n.get(row)?;
            assert!(n >= 0, "{n} has no root");
            Some((n as f64).sqrt())
        }))
    }
}

/// Wrong: its state is a place in a table that the instance has.
struct Interned;

static TABLE: Mutex<Vec<i64>> = Mutex::new(Vec::new());

impl Fold for Interned {
    type Input = Int64;
    type State = Option<i64>;
    type Output = Option<i64>;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Int64>, Fields), Problem> {
        Ok((Self, input.argument(0)?.int64()?, Fields::new().int64("first")))
    }

    fn add(&self, state: &mut Option<i64>, value: Option<i64>) {
        let (None, Some(value), Ok(mut table)) = (&state, value, TABLE.lock()) else { return };
        table.push(value);
        *state = Some(table.len() as i64 - 1);
    }

    fn merge(&self, into: &mut Option<i64>, later: Option<i64>) {
        *into = into.or(later);
    }

    fn finish(&self, state: Option<i64>) -> Option<i64> {
        TABLE.lock().ok()?.get(state? as usize).copied()
    }
}

/// Wrong: the mean of two means is not the mean of all.
struct MeanOfMeans;

impl Fold for MeanOfMeans {
    type Input = Number;
    type State = Option<f64>;
    type Output = Option<f64>;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Number>, Fields), Problem> {
        Ok((Self, input.argument(0)?.number()?, Fields::new().float64("mean")))
    }

    fn add(&self, mean: &mut Option<f64>, value: Option<f64>) {
        self.merge(mean, value);
    }

    fn merge(&self, into: &mut Option<f64>, later: Option<f64>) {
        *into = match (*into, later) {
            (Some(a), Some(b)) => Some((a + b) / 2.0),
            (one, other) => one.or(other),
        };
    }

    fn finish(&self, mean: Option<f64>) -> Option<f64> {
        mean
    }
}

/// Right, but for rounding: tenths, added up.
struct Tenths;

impl Fold for Tenths {
    type Input = Number;
    type State = f64;
    type Output = f64;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Number>, Fields), Problem> {
        Ok((Self, input.argument(0)?.number()?, Fields::new().float64("tenths")))
    }

    fn add(&self, sum: &mut f64, value: Option<f64>) {
        *sum += value.map_or(0.0, |value| value.clamp(-1e6, 1e6) / 10.0);
    }

    fn merge(&self, into: &mut f64, later: f64) {
        *into += later;
    }

    fn finish(&self, sum: f64) -> f64 {
        sum
    }
}

/// Right, and the order of rows matters: the last one.
struct Last;

impl Fold for Last {
    type Input = Int64;
    type State = Option<i64>;
    type Output = Option<i64>;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Int64>, Fields), Problem> {
        Ok((Self, input.argument(0)?.int64()?, Fields::new().int64("last")))
    }

    fn add(&self, last: &mut Option<i64>, value: Option<i64>) {
        *last = value.or(*last);
    }

    fn merge(&self, into: &mut Option<i64>, later: Option<i64>) {
        *into = later.or(*into);
    }

    fn finish(&self, last: Option<i64>) -> Option<i64> {
        last
    }
}

millstream_guest::operators! {
    map CountsCalls as "counts-calls": "How many calls there were";
    map NumbersRows as "numbers-rows": "Where a row stands in its call";
    filter FirstOnly as "first-only": "Keeps what an instance has not seen";
    flat_map RowsBeside as "rows-beside": "How many rows a call has";
    map NoNegatives as "no-negatives": "Panics at some rows";
    fold Interned as "interned": "States that mean something to one instance";
    fold MeanOfMeans as "mean-of-means": "A merge that is not associative";
    fold Tenths as "tenths": "A sum of floats";
    fold Last as "last": "The last number";
    keyed InAll as "in-all": "Rows of all keys, in a static";
    keyed RowPerCall as "row-per-call": "A row for each call";
    keyed Tallies as "tallies": "A hash map as a state";
    keyed keyed::Running as "running": "A sum, told when it has been quiet";
}
