//! A throttle in words.

use super::Throttle;
use crate::operator::explain::{Explanation, StateEntry, Until};
use crate::time::shown_length;

impl Throttle {
    pub(super) fn explain(&self) -> Explanation {
        let mut keys: Vec<String> = self.keys.iter().map(|at| self.schema.field(*at).name().clone()).collect();
        let (rows, time, per) = (self.allowance.rows, self.time.shown(), shown_length(self.allowance.per));
        let first = if rows == 1 { "row".to_owned() } else { format!("{rows} rows") };
        let emits = format!(
            "the first {first} of each ({}) in each window of {per} of {time}, in the epoch in which they come",
            keys.join(", ")
        );
        keys.push(format!("window of {per}"));
        Explanation {
            emits,
            keeps: vec![StateEntry {
                what: "one count",
                by: "per",
                keys,
                until: Until::Watermark("has reached the last instant of the window".to_owned()),
            }],
            late: Some(format!("a row whose {time} the watermark has reached")),
        }
    }
}
