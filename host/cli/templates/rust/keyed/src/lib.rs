//! Tells of each key that has not come for a while how many rows it had.

use millstream_guest::prelude::*;
use serde::{Deserialize, Serialize};

/// Tells of each key that has not come for a while how many rows it had.
struct MyPlugin {
    at: Input<Timestamp>,
    away: i64,
}

/// What is kept of a key.
#[derive(Default, Serialize, Deserialize)]
struct Seen {
    rows: u64,
    /// Microseconds.
    last: i64,
}

impl Keyed for MyPlugin {
    type State = Seen;
    type Output = (Micros, u64);

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let plugin = Self {
            at: input.column("at")?.timestamp()?,
            away: 1_000_000 * i64::from(config.get_or("away_seconds", 60_u32)?),
        };
        let output = KeyedOutput::of(Fields::new().timestamp("at").uint64("rows")).event_time("at");
        // What is kept of a key is the same, whenever it counts as gone.
        Ok((plugin, output.adjustable(["away_seconds"])))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        state: &mut State<Seen>,
        _out: &mut Out<Self::Output>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        let seen = state.get_or_default();
        seen.rows += rows.len() as u64;
        seen.last = rows.get(self.at).iter().flatten().max().unwrap_or(0).max(seen.last);
        timers.set(0, seen.last + self.away);
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        state: &mut State<Seen>,
        out: &mut Out<Self::Output>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        if let Some(seen) = state.get() {
            out.push((Micros(timer.at), seen.rows));
        }
        state.remove();
        Ok(())
    }
}

millstream_guest::keyed!(MyPlugin);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{self, Table};

    use super::*;

    #[test]
    fn who_does_not_come_is_told_of() {
        let input = Table::new().utf8("user", ["ann", "bob", "ann"]).timestamp("at", [0, 5_000_000, 9_000_000]);
        let mut job = testing::keyed::<MyPlugin>("{}", &["user"], &input).unwrap();
        assert_eq!(job.rows(&input).unwrap().table.rows(), 0);
        let came = job.watermark(66_000_000).unwrap();
        let expected = Table::new().utf8("user", ["bob"]).timestamp("at", [65_000_000]).uint64("rows", [1]);
        assert_eq!(came.table, expected);
    }
}
