//! A keyed operator that says nothing of some keys, for which another one answers: it calls its function with them and keeps
//! their states, so that it can go on with them at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;

use super::Keyed;
use super::function::{Phase, Step};
use super::work::Done;
use crate::Result;
use crate::operator::rows::arrow_failed;
use crate::share::Share;
use crate::state::Key;

/// Of which keys nothing is said.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    share: Share,
    /// Rows and timers that would have been dead letters.
    refused: Arc<AtomicU64>,
}

impl Silence {
    pub fn of(share: Share) -> Self {
        Self { share, refused: Arc::default() }
    }

    /// How many rows and timers would have been dead letters since it was asked the last time.
    pub fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }
}

impl Keyed {
    /// Whether nothing is said of `key`, of which so many rows or timers are refused.
    pub(super) fn says_nothing_of(&self, key: &Key<'_>, refused: usize) -> bool {
        let Some(silence) = self.silence.as_ref().filter(|silence| silence.share.has(key.hash)) else { return false };
        silence.refused.fetch_add(refused as u64, Ordering::Relaxed);
        true
    }

    /// Takes out of `done`, which came of a call with `step` and its `keys`, what is not said.
    pub(super) fn silence(&self, step: &Step, keys: &[Key<'_>], done: &mut Done) -> Result<()> {
        let Some(Silence { share, refused }) = &self.silence else { return Ok(()) };
        let answers: Vec<bool> = keys.iter().map(|key| !share.has(key.hash)).collect();
        let of_row = |row: u32| step.row_offsets.partition_point(|offset| *offset as u32 <= row) - 1;
        let rejects = done.rejects.len();
        done.rejects.retain(|reject| answers[of_row(reject.row)]);
        refused.fetch_add((rejects - done.rejects.len()) as u64, Ordering::Relaxed);
        done.late.retain(|row| answers[of_row(*row)]);
        for (rows, of) in &mut done.output {
            let key = |of: &u32| match step.phase {
                Phase::Rows => *of as usize,
                Phase::Timers => step.due[*of as usize].key as usize,
            };
            let kept: BooleanArray = of.iter().map(|of| Some(answers[key(of)])).collect();
            if kept.true_count() < of.len() {
                *rows = filter_record_batch(rows, &kept).map_err(arrow_failed)?;
                of.retain(|of| answers[key(of)]);
            }
        }
        Ok(())
    }
}
