//! Spark's rules, kept with the means of a keyed operator: its single time-out is one timer, set and cleared as Spark
//! would; its late rows are those at or before the watermark of the epoch before, which each call carries. Spark's
//! watermarks are whole milliseconds: what is below is cut off here.

use serde_json::{Value, json};

use crate::one::{Clock, One, Row};

/// What a function sees of its state and its single time-out in Spark.
pub struct Spark<'a> {
    pub one: &'a mut One,
    /// The watermark, milliseconds; before there is one, 0.
    pub w: i64,
    changed: bool,
    due: Option<i64>,
}

/// Whole milliseconds, as microseconds.
fn whole(micros: i64) -> i64 {
    micros.div_euclid(1000) * 1000
}

/// Moves rows that Spark drops to those that are late.
pub fn drop_late(one: &mut One) {
    let Some(late) = one.previous_watermark.map(whole) else { return };
    let is_late = |row: &Row| row.time.is_some_and(|time| time <= late);
    one.late = (0..one.rows.len()).filter(|i| is_late(&one.rows[*i])).collect();
    one.rows.retain(|row| !is_late(row));
}

impl<'a> Spark<'a> {
    /// Makes a call of Spark's of one of ours. `drops_late`: late rows are dropped, and a key without others is not called.
    pub fn call(one: &'a mut One, drops_late: bool, with: impl FnOnce(&mut Spark<'_>)) -> Result<(), String> {
        if drops_late {
            drop_late(one);
        }
        if one.timer.is_none() && one.rows.is_empty() {
            return Ok(());
        }
        let w = milliseconds(one);
        let mut spark = Spark { one, w, changed: false, due: None };
        with(&mut spark);
        let Spark { one, changed, due, .. } = spark;
        match (due, one.timer) {
            // Due is what is less than the watermark: at the next millisecond.
            (Some(due), _) => one.set(Clock::EventTime, 0, (due + 1) * 1000),
            (None, _) if changed => one.clear(Clock::EventTime, 0),
            // What its function leaves alone stays.
            (None, Some((clock, tag, at))) => one.set(clock, tag, at),
            (None, None) => {}
        }
        Ok(())
    }

    pub fn is_timed(&self) -> bool {
        self.one.timer.is_some()
    }

    pub fn update(&mut self, value: Value) {
        self.changed = true;
        self.one.removed = false;
        self.one.value = Some(value);
    }

    pub fn remove(&mut self) {
        self.changed = true;
        self.one.remove();
    }

    /// Whether the time-out may be set to then, milliseconds.
    pub fn time_out(&mut self, due: i64) -> bool {
        if due >= self.w {
            self.due = Some(due);
        }
        due >= self.w
    }

    pub fn emit(&mut self, row: Value) {
        self.one.out.push(row);
    }

    pub fn user(&self) -> Value {
        user(self.one)
    }

    /// The numbers of the rows, with commas.
    pub fn ids(&self) -> String {
        ids(self.one)
    }
}

/// The watermark in milliseconds; before there is one, 0.
pub fn milliseconds(one: &One) -> i64 {
    one.watermark.map_or(0, |w| w.div_euclid(1000))
}

pub fn user(one: &One) -> Value {
    json!(one.key[0])
}

/// The numbers of the rows, with commas.
pub fn ids(one: &One) -> String {
    one.rows.iter().map(|row| row.data["id"].to_string()).collect::<Vec<_>>().join(",")
}
