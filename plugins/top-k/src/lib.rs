//! Keyed operator: the most frequent items of each key, period by period, in bounded memory: space saving (Metwally, Agrawal
//! and El Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005).
//!
//! So many counters are kept of a key and a period. An item without one takes over the least: its count is then too high by at most what the
//! counter had before, which is told. An item that makes more than one in `counters` of the rows always has a counter.

use std::collections::BTreeMap;

use millstream_guest::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What is counted, and how often it is told.
pub struct TopK {
    item: Input<Utf8>,
    time: Input<Timestamp>,
    k: usize,
    counters: usize,
    /// Microseconds.
    period: i64,
}

#[derive(Deserialize)]
struct With {
    item: String,
    time: Option<String>,
    k: Option<usize>,
    counters: Option<usize>,
    every_seconds: Option<u32>,
}

/// A key's counters of each period that is not over, by its end.
#[derive(Default, Serialize, Deserialize)]
pub struct Open {
    periods: BTreeMap<i64, Counters>,
}

/// By item the count, and by how much it may be too high.
#[derive(Default, Serialize, Deserialize)]
struct Counters {
    items: BTreeMap<String, (u64, u64)>,
}

impl Counters {
    fn add(&mut self, item: &str, most: usize) {
        if let Some((count, _)) = self.items.get_mut(item) {
            *count += 1;
            return;
        }
        let mut error = 0;
        if self.items.len() >= most {
            let least = self.items.iter().min_by_key(|(item, (count, _))| (*count, *item));
            let (item, count) = least.map(|(item, (count, _))| (item.clone(), *count)).expect("there is a counter");
            self.items.remove(&item);
            error = count;
        }
        self.items.insert(item.into(), (error + 1, error));
    }

    /// The most frequent, most often first.
    fn top(&self, k: usize) -> Vec<(&str, u64, u64)> {
        let mut items: Vec<_> = self.items.iter().map(|(item, (count, error))| (&**item, *count, *error)).collect();
        items.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        items.truncate(k);
        items
    }
}

impl Keyed for TopK {
    type State = Open;
    type Output = (Micros, u32, String, u64, u64);

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let with: With = config.parse()?;
        let k = with.k.unwrap_or(10);
        let counters = with.counters.unwrap_or(10 * k);
        if k == 0 || counters < k || counters > 10_000 {
            return Err(Problem::with_key("counters", "there are 10,000 counters at most, k at least, and k is not 0"));
        }
        let period = i64::from(with.every_seconds.unwrap_or(60)) * 1_000_000;
        if period == 0 {
            return Err(Problem::with_key("every_seconds", "a period has one second or more"));
        }
        let (item, time) = (input.column(&with.item)?.utf8()?, input.column(with.time.as_deref().unwrap_or("at"))?);
        let fields = Fields::new().timestamp("end").uint32("rank").utf8("item").uint64("count").uint64("error");
        let bound = Self { item, time: time.timestamp()?, k, counters, period };
        Ok((bound, KeyedOutput::of(fields).event_time("end").late_rows_aside()))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<Open>,
        out: &mut Out<Self::Output>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        let (items, times) = (rows.get(self.item), rows.get(self.time));
        for row in 0..rows.len() {
            let (Some(item), Some(at)) = (items.get(row), times.get(row)) else {
                out.reject(row, "an item or its time is null");
                continue;
            };
            let number = at.div_euclid(self.period) + 1;
            let end = number.saturating_mul(self.period);
            state.get_or_default().periods.entry(end).or_default().add(item, self.counters);
            // A timer for each period: its number tells them apart.
            timers.set(number as u32, end);
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        state: &mut State<Open>,
        out: &mut Out<Self::Output>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        let Some(open) = state.get_mut() else { return Ok(()) };
        let counters = open.periods.remove(&timer.at).unwrap_or_default();
        for (rank, (item, count, error)) in (1..).zip(counters.top(self.k)) {
            out.push((Micros(timer.at), rank, item.into(), count, error));
        }
        if open.periods.is_empty() {
            state.remove();
        }
        Ok(())
    }

    fn about() -> About {
        About::new().config_schema(include_str!("config.json"))
    }
}

millstream_guest::keyed!(TopK);
