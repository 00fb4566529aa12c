//! Operators whose state is of another shape in their second build, though its version is the same: what the author has
//! forgotten. Which build it is stands as a text in the component, where a test changes it: so one build is two.
//!
//! All count rows: `total` is an aggregate, `in-map` keeps an entry per `j` of each key, `in-value` a value, which it may
//! tell by a timer, ten seconds after the key's last row. `tag` is a map that tells which build it is.

use std::hint::black_box;

use millstream_guest::prelude::*;
use serde::{Deserialize, Serialize};

/// A digit that a test writes over.
static BUILD: [u8; 30] = *b"version of the stored states 1";

/// A count; the second build's has a field more.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Count(i64);

#[derive(Serialize, Deserialize)]
struct Stored {
    count: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
}

fn is_second_build() -> bool {
    black_box(&BUILD)[29] == b'2'
}

impl TryFrom<Stored> for Count {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        match stored.since {
            None if is_second_build() => Err("missing field `since`"),
            _ => Ok(Self(stored.count)),
        }
    }
}

impl From<Count> for Stored {
    fn from(Count(count): Count) -> Self {
        Self { count, since: is_second_build().then_some(0) }
    }
}

/// The aggregate.
pub struct Total;

impl Fold for Total {
    type Input = Int64;
    type State = Encoded<Count>;
    type Output = i64;

    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Int64>, Fields), Problem> {
        Ok((Self, input.argument(0)?.int64()?, Fields::new().int64("total")))
    }

    fn add(&self, state: &mut Encoded<Count>, _: Option<i64>) {
        state.0.0 += 1;
    }

    fn merge(&self, into: &mut Encoded<Count>, from: Encoded<Count>) {
        into.0.0 += from.0.0;
    }

    fn finish(&self, state: Encoded<Count>) -> i64 {
        state.0.0
    }
}

/// What is kept of a key.
#[derive(Default, KeyedState)]
pub struct Counts {
    rows: State<u64>,
    by_j: MapState<String, Count>,
}

/// The keyed operator with a map.
pub struct InMap(Input<Utf8>);

impl Keyed for InMap {
    type State = Counts;
    type Output = i64;

    fn bind(_config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        Ok((Self(input.column("j")?.utf8()?), KeyedOutput::of(Fields::new().int64("total"))))
    }

    fn needs(&self, _: &Key, rows: &Rows, state: &Counts, wanted: &mut Wanted) -> Result<(), Failure> {
        rows.get(self.0).iter().flatten().for_each(|j| wanted.entry(&state.by_j, j));
        Ok(())
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut Counts,
        out: &mut Out<i64>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        state.rows.update(|rows| *rows += 1);
        for j in rows.get(self.0).iter().flatten() {
            let count = state.by_j.get_or_default(j)?;
            count.0 += 1;
            out.push(count.0);
        }
        Ok(())
    }
}

/// The keyed operator with a value, told by a timer where `by_timer` says so.
pub struct InValue {
    at: Input<Timestamp>,
    by_timer: bool,
}

impl Keyed for InValue {
    type State = Count;
    type Output = i64;

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let bound = Self { at: input.column("ts")?.timestamp()?, by_timer: config.get_or("by_timer", false)? };
        Ok((bound, KeyedOutput::of(Fields::new().int64("total"))))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<Count>,
        out: &mut Out<i64>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        let total = state.update(|count| {
            count.0 += rows.len() as i64;
            count.0
        });
        match rows.get(self.at).iter().flatten().max() {
            Some(last) if self.by_timer => timers.set(0, last + 10_000_000),
            _ => out.push(total),
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        _timer: &Timer,
        state: &mut State<Count>,
        out: &mut Out<i64>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        out.push(state.get().map_or(0, |count| count.0));
        Ok(())
    }
}

/// The map that tells which build it is.
pub struct Tag;

impl Map for Tag {
    fn bind(_config: &Config, _input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self, Fields::new().int64("build")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        Ok(Mapped::each(&batch, |_| Some(if is_second_build() { 2i64 } else { 1 })))
    }
}

millstream_guest::operators! {
    fold Total as "total": "Counts rows";
    keyed InMap as "in-map": "Counts rows by `j`";
    keyed InValue as "in-value": "Counts rows";
    map Tag as "tag": "Which build it is";
}
