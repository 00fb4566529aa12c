//! A keyed operator in words.

use super::{Domain, JudgedBy, Keyed, LateInput, TimeToLive};
use crate::operator::explain::{Explanation, StateEntry, Until};
use crate::time::shown_length;

const ITS_OWN: &str = "its function takes it away";
const FIRED: &str = "they fire or its function takes them away";
const AFTER_A_WHILE: &str = "nobody has changed it for as long as its function says, by processing time";

impl Keyed {
    pub(super) fn explain(&self) -> Explanation {
        let keys: Vec<String> = self.key_schema.fields().iter().map(|field| field.name().clone()).collect();
        let order = if self.function.binding().by_event_time { ", by event time" } else { "" };
        let emits = format!(
            "what its function gives for the rows of each ({}){order}, in the epoch in which they come; then for the timers that the watermark or the epoch's time has reached",
            keys.join(", ")
        );
        let until = match self.function.binding().time_to_live {
            Some(TimeToLive { domain: Domain::EventTime, microseconds }) => {
                let length = shown_length(i64::try_from(microseconds).unwrap_or(i64::MAX));
                Until::Watermark(format!("is {length} past that by which it was changed last"))
            }
            Some(_) => Until::Other(AFTER_A_WHILE),
            None => Until::Other(ITS_OWN),
        };
        let timers = match self.function.binding().time_to_live {
            Some(_) => until.clone(),
            None => Until::Other(FIRED),
        };
        let entry = |what, until: &Until| StateEntry { what, by: "per", keys: keys.clone(), until: until.clone() };
        let late = match (self.function.binding().late, &self.time) {
            (LateInput::SetAside, Some(time)) => Some(match self.judged_by {
                JudgedBy::ThisEpoch => format!("a row whose {} the watermark has reached", time.shown()),
                JudgedBy::EpochBefore => {
                    format!("a row whose {} the watermark of the epoch before has reached", time.shown())
                }
            }),
            _ => None,
        };
        let mut keeps = vec![entry("one state", &until), entry("timers", &timers)];
        if !self.function.binding().maps.is_empty() {
            keeps.push(entry("entries of maps", &until));
        }
        Explanation { emits, keeps, late }
    }
}
