//! What a join means: part of the [`super::model`].
//!
//! A pair comes out in the epoch of its later row. A row waits until W(N) is past the greatest time that could match
//! it, or at it where only equal times match; then, without a match, it comes out alone if its side is kept. What is asked of one side's rows alone is asked
//! first, unless that side is kept. Windows over the join go by W less the join's longest wait.

use serde_json::{Value, json};

use super::join::{Join, JoinKind};
use super::model::{Emitted, Groups, Mode, Row, object};
use super::time::shown;

/// A row that waits.
#[derive(Debug, Clone)]
struct Waiting {
    row: Row,
    time: i64,
    fresh: bool,
    matched: bool,
}

/// What the join's sinks get in one epoch.
#[derive(Debug, Default)]
pub struct Joined {
    pub out: Emitted,
    pub counted: Vec<Value>,
}

/// The join as a slow program.
pub struct Joining<'a> {
    join: &'a Join,
    /// On the left, if there are windows there.
    windows: Option<Groups>,
    sides: [Vec<Waiting>; 2],
    counts: Option<Groups>,
}

impl<'a> Joining<'a> {
    pub fn new(join: &'a Join) -> Self {
        Self {
            join,
            windows: join.windows.map(|size| Groups::new(Some((size, size)), Mode::Append)),
            sides: [Vec::new(), Vec::new()],
            counts: join.counted.map(|counted| Groups::new(Some(counted.window), Mode::Append)),
        }
    }

    /// Rows go when the watermark is past the last time that matches, but for equal times.
    fn slack(&self) -> i64 {
        i64::from(self.join.reach() != (0, 0))
    }

    /// The greatest time of the other side that matches a row of `side`.
    fn last(&self, side: usize, time: i64) -> i64 {
        let (least, most) = self.join.reach();
        let last = if side == 0 { time + most } else { time - least };
        self.join.bin.map_or(last, |size| last.min(time.div_euclid(size) * size + size - 1)) + self.slack()
    }

    fn matches(&self, left: &Waiting, right: &Waiting) -> bool {
        let join = self.join;
        let (least, most) = join.reach();
        join.key(&left.row).is_some()
            && join.key(&left.row) == join.key(&right.row)
            && (least..=most).contains(&(right.time - left.time))
            && join.bin.is_none_or(|size| left.time.div_euclid(size) == right.time.div_euclid(size))
            && join.is_ordered(&left.row, &right.row)
            && join.is_enough(0, &left.row)
            && join.is_enough(1, &right.row)
    }

    /// A side's row as the join is given it.
    fn shown(&self, side: usize, row: &Row) -> Value {
        match (side, self.join.windows, row.time) {
            (0, Some(size), Some(end)) => {
                let window = json!({"start": shown(end - size), "end": shown(end)});
                object([("window", window), ("url", json!(row.url)), ("n", json!(row.bytes))])
            }
            _ => row.shown(),
        }
    }

    /// One epoch, which has these rows on either side: W(N−1) and W(N) of both, and of the left side alone.
    pub fn epoch(&mut self, rows: [Vec<Row>; 2], (late, close): (i64, i64), of_left: (i64, i64)) -> Joined {
        let mut out = Emitted::default();
        let [mut left, right] = rows;
        if let Some(windows) = &mut self.windows {
            let grouped = windows.epoch(&left, of_left.0, of_left.1);
            out.rejected = grouped.rejected;
            let row = |w: super::model::Ended| Row {
                url: w.url,
                time: Some(w.end),
                bytes: Some(w.rows),
                file: String::new(),
                line: 0,
            };
            left = grouped.ended.into_iter().map(row).collect();
        }
        for (side, rows) in [left, right].into_iter().enumerate() {
            // What comes out of groups is judged by a microsecond less (decision 0012): another watermark than that of the
            // join, which may be that of both, has let it go.
            let late = if side == 0 && self.windows.is_some() { late.saturating_sub(1) } else { late };
            for row in rows {
                if !self.join.kind.keeps(side) && !self.join.is_enough(side, &row) {
                    continue;
                }
                match row.time {
                    None => out.rejected.push((row.file.clone(), row.line)),
                    Some(time) if time <= late => out.late.push((row.clone(), self.shown(side, &row))),
                    Some(time) => self.sides[side].push(Waiting { row, time, fresh: true, matched: false }),
                }
            }
        }
        let mut pairs = self.pairs();
        for side in 0..2 {
            let mut waiting = std::mem::take(&mut self.sides[side]);
            waiting.retain_mut(|w| {
                w.fresh = false;
                if self.last(side, w.time) > close {
                    return true;
                }
                if !w.matched && self.join.kind.keeps(side) {
                    let row = Some(w.row.clone());
                    pairs.push(if side == 0 { [row, None] } else { [None, row] });
                }
                false
            });
            self.sides[side] = waiting;
        }
        let counted = self.count(&pairs, late, close);
        out.rows = pairs.into_iter().map(shown_pair).collect();
        Joined { out, counted }
    }

    /// The pairs with a new row.
    fn pairs(&mut self) -> Vec<[Option<Row>; 2]> {
        let mut pairs = Vec::new();
        for l in 0..self.sides[0].len() {
            for r in 0..self.sides[1].len() {
                let (left, right) = (&self.sides[0][l], &self.sides[1][r]);
                if !(left.fresh || right.fresh) || !self.matches(left, right) {
                    continue;
                }
                match self.join.kind {
                    JoinKind::Semi if left.matched => {}
                    JoinKind::Semi => pairs.push([Some(left.row.clone()), None]),
                    _ => pairs.push([Some(left.row.clone()), Some(right.row.clone())]),
                }
                self.sides[0][l].matched = true;
                self.sides[1][r].matched = true;
            }
        }
        pairs
    }

    fn count(&mut self, pairs: &[[Option<Row>; 2]], late: i64, close: i64) -> Vec<Value> {
        let (least, most) = self.join.reach();
        let wait = most.max(-least).max(0) + self.slack();
        let (Some(counts), Some(counted)) = (&mut self.counts, &self.join.counted) else { return Vec::new() };
        let rows: Vec<Row> = pairs.iter().filter_map(|pair| pair[counted.side].clone()).collect();
        let out = counts.epoch(&rows, late.saturating_sub(wait), close.saturating_sub(wait));
        assert!(out.late.is_empty() && out.rejected.is_empty(), "what a join gives is never late behind it");
        out.rows
    }
}

fn shown_pair(pair: [Option<Row>; 2]) -> Value {
    let sides = ["l", "r"].into_iter().zip(pair).filter_map(|(side, row)| Some((side, row?)));
    let columns = sides.flat_map(|(side, row)| {
        [("u", json!(row.url)), ("t", json!(row.time.map(shown))), ("b", json!(row.bytes))]
            .map(|(column, value)| (format!("{side}{column}"), value))
    });
    Value::Object(columns.filter(|(_, value)| !value.is_null()).collect())
}
