//! What sessions, deduplication and windows of windows mean: the rest of the [`super::model`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::model::{Emitted, Ended, Mode, Row, object};
use super::time::shown;

/// A session: start, end, rows, and the bytes there are.
#[derive(Debug, Clone)]
struct Session {
    start: i64,
    end: i64,
    rows: i64,
    bytes: Vec<i64>,
}

/// Rows grouped by session and url.
#[derive(Debug)]
pub struct Sessions {
    pub gap: i64,
    pub mode: Mode,
    open: BTreeMap<String, Vec<Session>>,
}

impl Sessions {
    pub fn new(gap: i64, mode: Mode) -> Self {
        Self { gap, mode, open: BTreeMap::new() }
    }

    pub fn epoch(&mut self, rows: &[Row], late: i64, close: i64) -> Emitted {
        let mut out = Emitted::default();
        let whole = self.mode == Mode::Complete;
        for row in rows {
            let Some(time) = row.time else {
                out.rejected.push((row.file.clone(), row.line));
                continue;
            };
            // By its own interval, before anything is merged.
            if !whole && time + self.gap <= late {
                out.late.push((row.clone(), row.shown()));
                continue;
            }
            let mut new =
                Session { start: time, end: time + self.gap, rows: 1, bytes: row.bytes.into_iter().collect() };
            let open = self.open.entry(row.url.clone()).or_default();
            for other in std::mem::take(open) {
                if other.start <= new.end && new.start <= other.end {
                    new.start = new.start.min(other.start);
                    new.end = new.end.max(other.end);
                    new.rows += other.rows;
                    new.bytes.extend(other.bytes);
                } else {
                    open.push(other);
                }
            }
            open.push(new);
        }
        for (url, open) in &mut self.open {
            let over = open.iter().filter(|s| whole || s.end <= close);
            out.rows.extend(over.map(|s| {
                let some: BTreeSet<i64> = s.bytes.iter().filter(|b| **b > 20).map(|b| b % 7).collect();
                object([
                    ("start", json!(shown(s.start))),
                    ("end", json!(shown(s.end))),
                    ("url", json!(url)),
                    ("n", json!(s.rows)),
                    ("total", json!((!s.bytes.is_empty()).then(|| s.bytes.iter().sum::<i64>()))),
                    ("most", json!(s.bytes.iter().max())),
                    ("kinds", json!(s.bytes.iter().collect::<BTreeSet<_>>().len())),
                    ("some", json!((!some.is_empty()).then(|| some.iter().sum::<i64>()))),
                ])
            }));
            open.retain(|s| whole || s.end > close);
        }
        out
    }
}

/// The rows that a node takes which goes by their own time; the others are rejected, or late as `shown` has them.
fn on_time<'a>(rows: &'a [Row], late: i64, shown: impl Fn(&Row) -> Value, out: &mut Emitted) -> Vec<(&'a Row, i64)> {
    let mut taken = Vec::new();
    for row in rows {
        match row.time {
            None => out.rejected.push((row.file.clone(), row.line)),
            Some(time) if time <= late => out.late.push((row.clone(), shown(row))),
            Some(time) => taken.push((row, time)),
        }
    }
    taken
}

/// Of rows with the same key the first one.
#[derive(Debug)]
pub struct Firsts {
    /// The event time is among the keys, beside the url.
    pub with_time: bool,
    /// Only the keys come out.
    pub keys_only: bool,
    /// How long after its event time a row is remembered, where that is not among the keys.
    pub wait: i64,
    /// By key: when it is forgotten.
    known: BTreeMap<(String, i64), i64>,
}

impl Firsts {
    pub fn new(with_time: bool, keys_only: bool, wait: i64) -> Self {
        Self { with_time, keys_only, wait, known: BTreeMap::new() }
    }

    fn shown(&self, row: &Row) -> Value {
        let mut shown = row.shown();
        if self.keys_only {
            shown.as_object_mut().unwrap().remove("bytes");
        }
        shown
    }

    pub fn epoch(&mut self, rows: &[Row], late: i64, close: i64) -> Emitted {
        let mut out = Emitted::default();
        for (row, time) in on_time(rows, late, |row| self.shown(row), &mut out) {
            let key = (row.url.clone(), if self.with_time { time } else { 0 });
            if !self.known.contains_key(&key) {
                self.known.insert(key, if self.with_time { time } else { time + self.wait });
                out.rows.push(self.shown(row));
            }
        }
        self.known.retain(|_, until| *until > close);
        out
    }
}

/// Of each url's rows in each window no more than so many.
#[derive(Debug)]
pub struct Throttle {
    rows: usize,
    per: i64,
    /// By url and start of the window: how many have passed.
    passed: BTreeMap<(String, i64), usize>,
}

impl Throttle {
    pub fn new(rows: usize, per: i64) -> Self {
        Self { rows, per, passed: BTreeMap::new() }
    }

    pub fn epoch(&mut self, rows: &[Row], late: i64, close: i64) -> Emitted {
        let mut out = Emitted::default();
        for (row, time) in on_time(rows, late, Row::shown, &mut out) {
            let passed = self.passed.entry((row.url.clone(), time - time.rem_euclid(self.per))).or_default();
            if *passed < self.rows {
                *passed += 1;
                out.rows.push(row.shown());
            }
        }
        self.passed.retain(|(_, start), _| start + self.per - 1 > close);
        out
    }
}

/// Windows over the rows of other windows; they count these and add up what these counted.
#[derive(Debug)]
pub struct Chain {
    pub size: i64,
    state: BTreeMap<i64, (i64, i64)>,
}

impl Chain {
    pub fn new(size: i64) -> Self {
        Self { size, state: BTreeMap::new() }
    }

    pub fn epoch(&mut self, windows: &[Ended], late: i64, close: i64) -> Emitted {
        for Ended { end, rows, .. } in windows {
            // The last instant in it.
            let start = (end - 1).div_euclid(self.size) * self.size;
            if start + self.size > late {
                let entry = self.state.entry(start).or_default();
                (entry.0, entry.1) = (entry.0 + 1, entry.1 + rows);
            }
        }
        let open = self.state.split_off(&(close.saturating_sub(self.size).saturating_add(1)));
        let closed = std::mem::replace(&mut self.state, open);
        let row = |(start, (groups, n)): (i64, (i64, i64))| {
            object([("start", json!(shown(start))), ("groups", json!(groups)), ("n", json!(n))])
        };
        Emitted { rows: closed.into_iter().map(row).collect(), ..Emitted::default() }
    }
}
