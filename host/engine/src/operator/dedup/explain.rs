//! A deduplication in words.

use super::{Dedup, Expiry};
use crate::operator::explain::{Explanation, StateEntry, UNBOUNDED, Until};
use crate::time::shown_length;

impl Dedup {
    pub(super) fn explain(&self) -> Explanation {
        let (until, time) = match &self.expiry {
            Expiry::Never => (Until::Never(UNBOUNDED), None),
            Expiry::AtEventTime { time } => (Until::Watermark(format!("has reached {}", time.shown())), Some(time)),
            Expiry::After { time, wait: 0 } => {
                (Until::Watermark(format!("has reached the {} of the first row", time.shown())), Some(time))
            }
            Expiry::After { time, wait } => {
                let until = format!("is {} past the {} of the first row", shown_length(*wait), time.shown());
                (Until::Watermark(until), Some(time))
            }
        };
        let keys: Vec<String> = self.keys.iter().map(|at| self.schema.field(*at).name().clone()).collect();
        Explanation {
            emits: format!("the first row of each ({}), in the epoch in which it comes", keys.join(", ")),
            keeps: vec![StateEntry { what: "one entry", by: "per", keys, until }],
            late: time.map(|time| format!("a row whose {} the watermark has reached", time.shown())),
        }
    }
}
