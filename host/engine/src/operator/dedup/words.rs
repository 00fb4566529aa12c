//! A deduplication in words.

use super::{Dedup, Expiry};
use crate::operator::words::{InWords, Kept, UNBOUNDED, Until};
use crate::time::in_words;

impl Dedup {
    pub(super) fn in_words(&self) -> InWords {
        let (until, time) = match &self.expiry {
            Expiry::Never => (Until::Never(UNBOUNDED), None),
            Expiry::AtEventTime { time } => {
                (Until::Watermark(format!("has reached its {}", time.in_words())), Some(time))
            }
            Expiry::After { time, wait: 0 } => {
                (Until::Watermark(format!("has reached the {} of the first row", time.in_words())), Some(time))
            }
            Expiry::After { time, wait } => {
                let until = format!("is {} past the {} of the first row", in_words(*wait), time.in_words());
                (Until::Watermark(until), Some(time))
            }
        };
        let per = self.keys.iter().map(|at| self.schema.field(*at).name().clone()).collect();
        InWords {
            emits: "the first row of its keys, in the epoch in which it comes".to_owned(),
            keeps: vec![Kept { what: "one entry".to_owned(), per, until }],
            late: time.map(|time| format!("a row whose {} the watermark had reached", time.in_words())),
        }
    }
}
