//! How far event time has come in what a query reads: part of the [`super::model`].
//!
//! W(N) is made of the epochs before N: per source the greatest event time minus its delay, of several sources the least
//! of these or the greatest. A source without a row for a while, without a file now and not away, holds nobody back; where this is
//! true of all of them the greatest counts.

use super::model::{NEVER, Row};
use super::scenario::Stream;

/// The watermark of one source, or of several together.
#[derive(Debug)]
pub struct Watermark {
    inputs: Vec<Input>,
    /// The greatest of several counts, not the least.
    greatest: bool,
    late: i64,
    close: i64,
}

#[derive(Debug)]
struct Input {
    delay: i64,
    idle_after: Option<i64>,
    greatest: Option<i64>,
    /// Processing time of the last epoch with a row, or of the first one.
    last_row: Option<i64>,
}

impl Input {
    fn watermark(&self) -> i64 {
        self.greatest.map_or(NEVER, |greatest| greatest - self.delay)
    }

    fn is_idle(&self, now: i64) -> bool {
        self.idle_after.zip(self.last_row).is_some_and(|(after, last)| now - last >= after)
    }
}

impl Watermark {
    pub fn of(streams: &[&Stream], greatest: bool) -> Self {
        let input = |s: &&Stream| Input { delay: s.delay, idle_after: s.idle_after, greatest: None, last_row: None };
        Self { inputs: streams.iter().map(input).collect(), greatest, late: NEVER, close: NEVER }
    }

    fn at(&self, idle: &dyn Fn(usize, &Input) -> bool) -> i64 {
        let numbered = self.inputs.iter().enumerate();
        let active: Vec<i64> = numbered.filter(|(n, i)| !idle(*n, i)).map(|(_, i)| i.watermark()).collect();
        let all = self.inputs.iter().map(Input::watermark);
        let together = match self.greatest {
            _ if active.is_empty() => all.max(),
            true => active.into_iter().max(),
            false => active.into_iter().min(),
        };
        together.unwrap_or(NEVER)
    }

    /// W(N−1) and W(N) of the next epoch, which begins at `now` of processing time; of each source, whether it has or may
    /// have more, and the rows that the epoch has of it.
    pub fn epoch(&mut self, now: i64, has_more: &[bool], rows: &[Vec<Row>]) -> (i64, i64) {
        let at = self.at(&|number, input| !has_more[number] && input.is_idle(now));
        (self.late, self.close) = (self.close, self.close.max(at));
        for (input, rows) in self.inputs.iter_mut().zip(rows) {
            input.greatest = input.greatest.max(rows.iter().filter_map(|r| r.time).max());
            if !rows.is_empty() || input.last_row.is_none() {
                input.last_row = Some(now);
            }
        }
        (self.late, self.close)
    }

    /// Whether another epoch would close more than the last one did, whenever it begins.
    pub fn would_move(&self) -> bool {
        self.inputs.iter().all(|i| i.idle_after.is_none()) && self.at(&|_, _| false) > self.close
    }
}
