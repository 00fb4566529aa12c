//! An aggregation in words.

use super::{GroupAggregate, OutputColumn, TimeKey};
use crate::job::OutputMode;
use crate::operator::explain::{Explanation, StateEntry, Until};
use crate::time::shown_length;

impl GroupAggregate {
    pub(super) fn explain(&self) -> Explanation {
        let (time, passed, late) = match &self.time {
            TimeKey::None => (None, String::new(), None),
            TimeKey::Window { spec, .. } => {
                let (key, passed) = if self.stores_windows() {
                    ("window".to_owned(), "has reached the end of the window")
                } else if spec.size() % spec.slide() == 0 {
                    (
                        format!("slice of {}", shown_length(spec.slide())),
                        "has reached the end of the slice's last window",
                    )
                } else {
                    ("slice".to_owned(), "has reached the end of the slice's last window")
                };
                let late = if spec.is_tumbling() {
                    "a row whose window is closed"
                } else {
                    "a row all of whose windows are closed"
                };
                (Some(key), passed.to_owned(), Some(late.to_owned()))
            }
            TimeKey::Session { spec, time } => {
                let gap = shown_length(spec.gap());
                let passed = format!("has reached the end of the session, {gap} after its last row");
                let late = format!("a row whose {} + {gap} the watermark has reached", time.shown());
                (Some("session".to_owned()), passed, Some(late))
            }
            TimeKey::EventTime { time } => {
                let time = time.shown();
                // Where it does not come out by itself, it is in one of the keys.
                let key = self.groups.contains(&OutputColumn::Time).then(|| time.clone());
                (key, format!("has reached {time}"), Some(format!("a row whose {time} the watermark has reached")))
            }
        };
        let keys = time.into_iter().chain(self.key_fields.iter().map(|f| f.name().clone())).collect();
        let until = match (self.mode, &self.time) {
            (OutputMode::Complete, _) => Until::Never("complete mode"),
            (_, TimeKey::None) => Until::Never("no event time in GROUP BY"),
            _ => Until::Watermark(passed),
        };
        let emits = match (self.mode, &self.time) {
            (OutputMode::Complete, _) => "the whole result, in every epoch".to_owned(),
            (OutputMode::Update, _) => "the groups that an epoch touched, at its end".to_owned(),
            (OutputMode::Append, TimeKey::Window { .. }) => {
                "each group once, when the watermark has reached the end of its window".to_owned()
            }
            (OutputMode::Append, TimeKey::Session { .. }) => {
                "each session once, when the watermark has reached its end".to_owned()
            }
            (OutputMode::Append, TimeKey::EventTime { time }) => {
                format!("each group once, when the watermark has reached its {}", time.shown())
            }
            (OutputMode::Append, TimeKey::None) => "nothing".to_owned(),
        };
        let late = late.filter(|_| self.mode != OutputMode::Complete);
        let mut keeps = vec![StateEntry { what: "one row", by: "per", keys, until }];
        if self.keeps_combinations() {
            keeps.push(StateEntry { what: "each value of DISTINCT once", ..keeps[0].clone() });
        }
        Explanation { emits, keeps, late }
    }
}
