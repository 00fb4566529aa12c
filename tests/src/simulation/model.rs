//! What a query means, as a slow program that holds everything in lists and shares nothing with the engine: groups here,
//! what else keeps state in [`super::keyed`] and [`super::pairs`].
//!
//! Epoch N judges lateness by W(N−1) and closes state by W(N), which come from [`super::watermark`]. Times are
//! microseconds since 1970; rows that come out are JSON objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::keyed::{Chain, Firsts, Sessions, Throttle};
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
    /// Windows that are over.
    pub ended: Vec<Ended>,
    /// Rows that cannot be used, by file and line.
    pub rejected: Vec<(String, u64)>,
}

/// A group's window that is over.
#[derive(Debug)]
pub struct Ended {
    pub end: i64,
    pub url: String,
    /// Rows it had.
    pub rows: i64,
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
        let ended = |(start, url): (i64, String)| {
            let rows = self.state.remove(&(start, url.clone())).map_or(0, |group| group.rows);
            Ended { end: start + size, url, rows }
        };
        out.ended = done.into_iter().map(ended).collect();
        out
    }
}

/// What a query keeps state for.
#[derive(Debug)]
pub enum Stateful {
    Groups(Groups),
    Sessions(Sessions),
    Firsts(Firsts),
    Throttle(Throttle),
    Chain(Groups, Chain),
}

impl Stateful {
    pub fn epoch(&mut self, rows: &[Row], late: i64, close: i64) -> Emitted {
        match self {
            Self::Groups(groups) => groups.epoch(rows, late, close),
            Self::Sessions(sessions) => sessions.epoch(rows, late, close),
            Self::Firsts(firsts) => firsts.epoch(rows, late, close),
            Self::Throttle(throttle) => throttle.epoch(rows, late, close),
            Self::Chain(groups, chain) => {
                let first = groups.epoch(rows, late, close);
                Emitted { rejected: first.rejected, late: first.late, ..chain.epoch(&first.ended, late, close) }
            }
        }
    }
}
