//! A deduplication in words.

use super::{Dedup, Expiry};
use crate::operator::words::{InWords, Kept, UNBOUNDED, Until};
use crate::time::in_words;

impl Dedup {
    pub(super) fn in_words(&self) -> InWords {
        let (until, time) = match &self.expiry {
            Expiry::Never => (Until::Never(UNBOUNDED), None),
            Expiry::AtEventTime { time } => (Until::Watermark(format!("has reached {}", time.in_words())), Some(time)),
            Expiry::After { time, wait: 0 } => {
                (Until::Watermark(format!("has reached the {} of the first row", time.in_words())), Some(time))
            }
            Expiry::After { time, wait } => {
                let until = format!("is {} past the {} of the first row", in_words(*wait), time.in_words());
                (Until::Watermark(until), Some(time))
            }
        };
        let keys: Vec<String> = self.keys.iter().map(|at| self.schema.field(*at).name().clone()).collect();
        InWords {
            emits: format!("the first row of each ({}), in the epoch in which it comes", keys.join(", ")),
            keeps: vec![Kept { what: "one entry", by: "per", keys, until }],
            late: time.map(|time| format!("a row whose {} the watermark has reached", time.in_words())),
        }
    }
}
