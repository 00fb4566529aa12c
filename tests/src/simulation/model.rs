//! What a query means, as a slow program that holds everything in lists and shares nothing with the engine: groups here,
//! what else keeps state in [`super::keyed`].
//!
//! Epoch N judges lateness by W(N−1) and closes state by W(N), where W(N) is the greatest event time of the epochs before
//! N minus the delay. Times are microseconds since 1970; rows that come out are JSON objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::keyed::{Chain, Firsts, Sessions};
use super::time::shown;

/// Before every time.
pub const NEVER: i64 = i64::MIN;

/// A row of the input.
#[derive(Debug, Clone)]
pub struct Row {
    pub url: String,
    pub time: Option<i64>,
    pub bytes: Option<i64>,
    /// Where it stood.
    pub file: String,
    pub line: u64,
}

impl Row {
    pub fn shown(&self) -> Value {
        object([("url", json!(self.url)), ("t", json!(self.time.map(shown))), ("bytes", json!(self.bytes))])
    }
}

/// An object without its nulls.
pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let fields = fields.into_iter().filter(|(_, v)| !v.is_null());
    Value::Object(fields.map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>())
}

/// What an epoch gives.
#[derive(Debug, Default)]
pub struct Emitted {
    pub rows: Vec<Value>,
    /// Each with what the operator was given of it.
    pub late: Vec<(Row, Value)>,
    /// Of windows that are over: when they ended, and how many rows they had.
    pub ended: Vec<(i64, i64)>,
    /// Rows that cannot be used, by file and line.
    pub rejected: Vec<(String, u64)>,
}

/// How far a source's event time has come.
#[derive(Debug)]
pub struct Watermark {
    delay: i64,
    greatest: Option<i64>,
    late: i64,
    close: i64,
}

impl Watermark {
    pub fn new(delay: i64) -> Self {
        Self { delay, greatest: None, late: NEVER, close: NEVER }
    }

    /// W(N−1) and W(N) of the next epoch, which has these rows.
    pub fn epoch(&mut self, rows: &[Row]) -> (i64, i64) {
        (self.late, self.close) = (self.close, self.close.max(self.greatest.map_or(NEVER, |g| g - self.delay)));
        self.greatest = self.greatest.max(rows.iter().filter_map(|r| r.time).max());
        (self.late, self.close)
    }

    /// Whether another epoch would close more than the last one.
    pub fn would_move(&self) -> bool {
        self.greatest.is_some_and(|g| g - self.delay > self.close)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Append,
    Update,
    Complete,
}

/// Rows grouped by window and url, or by url alone.
#[derive(Debug)]
pub struct Groups {
    /// Length and slide; none = no windows.
    pub window: Option<(i64, i64)>,
    pub mode: Mode,
    state: BTreeMap<(i64, String), Group>,
}

/// Count; sum, least and greatest of the bytes there are.
#[derive(Debug, Clone, Default)]
struct Group {
    rows: i64,
    bytes: Vec<i64>,
}

impl Groups {
    pub fn new(window: Option<(i64, i64)>, mode: Mode) -> Self {
        Self { window, mode, state: BTreeMap::new() }
    }

    /// Starts of the windows that a row belongs to; 0 where there are none.
    fn starts(&self, time: i64) -> Vec<i64> {
        let Some((size, slide)) = self.window else { return vec![0] };
        let first = time.div_euclid(slide) * slide;
        (0..).map(|k| first - k * slide).take_while(|start| start + size > time).collect()
    }

    fn row(&self, (start, url): &(i64, String)) -> Value {
        let group = &self.state[&(*start, url.clone())];
        let sum = (!group.bytes.is_empty()).then(|| group.bytes.iter().sum::<i64>());
        let mut fields = vec![("url", json!(url)), ("n", json!(group.rows)), ("total", json!(sum))];
        if self.window.is_some() {
            fields.push(("start", json!(shown(*start))));
            fields.push(("least", json!(group.bytes.iter().min())));
            fields.push(("most", json!(group.bytes.iter().max())));
        }
        object(fields)
    }

    pub fn epoch(&mut self, rows: &[Row], late: i64, close: i64) -> Emitted {
        let mut out = Emitted::default();
        let mut touched = BTreeSet::new();
        let size = self.window.map_or(0, |(size, _)| size);
        let closes = self.window.is_some() && self.mode != Mode::Complete;
        for row in rows {
            let time = match (row.time, self.window) {
                (Some(time), _) => time,
                (None, None) => 0,
                (None, Some(_)) => {
                    out.rejected.push((row.file.clone(), row.line));
                    continue;
                }
            };
            let mut starts = self.starts(time);
            if closes {
                starts.retain(|start| start + size > late);
            }
            if starts.is_empty() {
                out.late.push((row.clone(), row.shown()));
            }
            for start in starts {
                let group = self.state.entry((start, row.url.clone())).or_default();
                group.rows += 1;
                group.bytes.extend(row.bytes);
                touched.insert((start, row.url.clone()));
            }
        }
        let done: Vec<_> = self.state.keys().filter(|(start, _)| closes && start + size <= close).cloned().collect();
        let emitted: Vec<_> = match self.mode {
            Mode::Append => done.clone(),
            Mode::Update => touched.into_iter().collect(),
            Mode::Complete => self.state.keys().cloned().collect(),
        };
        out.rows = emitted.iter().map(|key| self.row(key)).collect();
        out.ended = done.iter().map(|key| (key.0 + size, self.state[key].rows)).collect();
        done.iter().for_each(|key| drop(self.state.remove(key)));
        out
    }
}

/// What a query keeps state for.
#[derive(Debug)]
pub enum Stateful {
    Groups(Groups),
    Sessions(Sessions),
    Firsts(Firsts),
    Chain(Groups, Chain),
}

impl Stateful {
    pub fn epoch(&mut self, rows: &[Row], late: i64, close: i64) -> Emitted {
        match self {
            Self::Groups(groups) => groups.epoch(rows, late, close),
            Self::Sessions(sessions) => sessions.epoch(rows, late, close),
            Self::Firsts(firsts) => firsts.epoch(rows, late, close),
            Self::Chain(groups, chain) => {
                let first = groups.epoch(rows, late, close);
                Emitted { rejected: first.rejected, ..chain.epoch(&first.ended, late, close) }
            }
        }
    }
}
