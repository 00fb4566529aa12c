//! An aggregation in words.

use super::{GroupAggregate, TimeKey};
use crate::job::OutputMode;
use crate::operator::words::{InWords, Kept, Until};
use crate::time::in_words;

impl GroupAggregate {
    pub(super) fn in_words(&self) -> InWords {
        let (time, what, passed, late) = match &self.time {
            TimeKey::None => (None, "one row", String::new(), None),
            TimeKey::Window { .. } if self.stores_windows() => {
                let passed = "has reached the end of the window".to_owned();
                (Some("window".to_owned()), "one row", passed, Some(self.late_for_windows()))
            }
            TimeKey::Window { spec, .. } => {
                let even = spec.size() % spec.slide() == 0;
                let slice =
                    if even { format!("{} of time", in_words(spec.slide())) } else { "slice of time".to_owned() };
                let passed = "has reached the end of the last window that it is part of".to_owned();
                (Some(slice), "one row", passed, Some(self.late_for_windows()))
            }
            TimeKey::Session { spec, time } => {
                let gap = in_words(spec.gap());
                let passed = format!("has reached the end of the session, {gap} after its last row");
                let late = format!("a row whose {} + {gap} the watermark had reached", time.in_words());
                (Some("session".to_owned()), "one row", passed, Some(late))
            }
            TimeKey::EventTime { time } => {
                let time = time.in_words();
                let late = format!("a row whose {time} the watermark had reached");
                // Where it is no key by itself, one of the keys has it.
                let key = self.groups.contains(&super::OutputColumn::Time).then(|| time.clone());
                (key, "one row", format!("has reached {time}"), Some(late))
            }
        };
        let per = time.into_iter().chain(self.key_fields.iter().map(|f| f.name().clone())).collect();
        let until = match (self.mode, &self.time) {
            (OutputMode::Complete, _) => Until::Never("complete mode"),
            (_, TimeKey::None) => Until::Never("no event time in GROUP BY"),
            _ => Until::Watermark(passed),
        };
        let emits = match (self.mode, &self.time) {
            (OutputMode::Complete, _) => "the whole result, in every epoch with input".to_owned(),
            (OutputMode::Update, _) => "in every epoch the groups that it touched".to_owned(),
            (OutputMode::Append, TimeKey::Window { .. }) => {
                "each group once, when the watermark has reached the end of its window".to_owned()
            }
            (OutputMode::Append, TimeKey::Session { .. }) => {
                "each session once, when the watermark has reached its end".to_owned()
            }
            (OutputMode::Append, TimeKey::EventTime { time }) => {
                format!("each group once, when the watermark has reached its {}", time.in_words())
            }
            (OutputMode::Append, TimeKey::None) => "nothing".to_owned(),
        };
        let late = late.filter(|_| self.mode != OutputMode::Complete);
        InWords { emits, keeps: vec![Kept { what: what.to_owned(), per, until }], late }
    }

    fn late_for_windows(&self) -> String {
        match &self.time {
            TimeKey::Window { spec, .. } if !spec.is_tumbling() => "a row all of whose windows were closed".to_owned(),
            _ => "a row whose window was closed".to_owned(),
        }
    }
}
