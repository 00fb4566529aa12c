//! Keyed operators that break a promise, and one that does not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_guest::prelude::*;

/// Wrong: how many rows this instance has seen of all keys, kept with each.
pub struct InAll;

impl Keyed for InAll {
    type State = u64;
    type Output = i64;

    fn bind(_config: &Config, _input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        Ok((Self, KeyedOutput::of(Fields::new().int64("nothing"))))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<u64>,
        _out: &mut Out<i64>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        static ROWS: AtomicU64 = AtomicU64::new(0);
        state.set(ROWS.fetch_add(rows.len() as u64, Ordering::Relaxed));
        Ok(())
    }
}

/// Wrong: a row for each call, where one for each row, or at a timer, would do.
pub struct RowPerCall;

impl Keyed for RowPerCall {
    type State = u64;
    type Output = u64;

    fn bind(_config: &Config, _input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        Ok((Self, KeyedOutput::of(Fields::new().uint64("rows"))))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<u64>,
        out: &mut Out<u64>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        state.update(|count| *count += rows.len() as u64);
        out.push(state.get().copied().unwrap_or(0));
        Ok(())
    }
}

/// Wrong: a hash map as a state, which is written in another order once it was read again.
pub struct Tallies(Input<Int64>);

impl Keyed for Tallies {
    type State = HashMap<i64, u64>;
    type Output = i64;

    fn bind(_config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        Ok((Self(input.argument(0)?.int64()?), KeyedOutput::of(Fields::new().int64("nothing"))))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<HashMap<i64, u64>>,
        _out: &mut Out<i64>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        rows.get(self.0).iter().flatten().for_each(|n| *state.get_or_default().entry(n).or_default() += 1);
        Ok(())
    }
}

/// Right: the sum of a key's numbers, told by a timer; the numbers seen are a map.
pub struct Running {
    n: Input<Int64>,
    at: Input<Timestamp>,
}

#[derive(Default, KeyedState)]
pub struct Kept {
    sum: State<i64>,
    seen: MapState<i64, u64>,
}

impl Keyed for Running {
    type State = Kept;
    type Output = (i64, u64);

    fn bind(_config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let bound = Self { n: input.column("n")?.int64()?, at: input.column("at")?.timestamp()? };
        Ok((bound, KeyedOutput::of(Fields::new().int64("sum").uint64("tens")).late_rows_aside()))
    }

    fn needs(&self, _key: &Key, rows: &Rows, state: &Kept, wanted: &mut Wanted) -> Result<(), Failure> {
        rows.get(self.n).iter().flatten().for_each(|n| wanted.entry(&state.seen, &(n % 10)));
        Ok(())
    }

    fn needs_for_timer(&self, _key: &Key, _timer: &Timer, state: &Kept, wanted: &mut Wanted) -> Result<(), Failure> {
        wanted.all(&state.seen);
        Ok(())
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut Kept,
        out: &mut Out<Self::Output>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        for (row, (n, at)) in rows.get(self.n).iter().zip(rows.get(self.at).iter()).enumerate() {
            let (Some(n), Some(at)) = (n, at) else {
                out.reject(row, "no number, or no time");
                continue;
            };
            state.sum.update(|sum| *sum = sum.wrapping_add(n));
            *state.seen.get_or_default(&(n % 10))? += 1;
            timers.set(1, at + 5_000_000);
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        _timer: &Timer,
        state: &mut Kept,
        out: &mut Out<Self::Output>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        let tens = state.seen.all()?.count() as u64;
        out.push((state.sum.get().copied().unwrap_or(0), tens));
        state.remove_all();
        Ok(())
    }
}
