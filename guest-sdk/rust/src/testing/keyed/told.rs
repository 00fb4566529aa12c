//! What is kept of keys, in words, for laws that compare it.

use super::{
    KeyedJob,
    bound::Bound,
    kept::{Keys, Work},
    maps::all,
};
use crate::{
    operator::{Clock, Encoded},
    testing::run::{TestError, failed},
};

impl KeyedJob {
    /// A line for each value and each entry that is kept.
    pub(in crate::testing) fn kept_told(&self) -> Vec<String> {
        told(&self.bound, &self.kept)
    }

    /// The same, once all of it was read and written again.
    ///
    /// # Errors
    /// If something cannot be read.
    pub(in crate::testing) fn written_again(&self) -> Result<Vec<String>, TestError> {
        let count = self.kept.iter().count();
        let works: Vec<Work> = (0..count).map(|key| Work { key, rows: Vec::new(), due: Vec::new() }).collect();
        let mut step = self.bound.step(self.at, &works, &self.bound.input, &self.kept)?;
        step.maps = all(&self.bound.answer.state, &works, &self.kept);
        let outcome = self.bound.plugin.written_again(step).map_err(failed)?;
        let mut again = Keys::default();
        for kept in self.kept.iter() {
            again.number(kept.key.clone());
        }
        self.bound.apply(self.at, &works, &mut again, &outcome)?;
        Ok(told(&self.bound, &again))
    }

    /// A line for each timer that is set.
    pub(in crate::testing) fn timers_told(&self) -> Vec<String> {
        let of = self.kept.iter().flat_map(|kept| kept.timers.iter().map(|timer| (&kept.key, timer)));
        of.map(|(key, ((clock, tag), at))| format!("{key:?}: {clock:?} {tag} at {at}")).collect()
    }

    /// The timer that is due next: whether by the watermark, and when.
    pub(in crate::testing) fn next_timer(&self) -> Option<(bool, i64)> {
        let timers = self.kept.iter().flat_map(|kept| &kept.timers);
        let timers = timers.map(|((clock, _), at)| (*clock == Clock::EventTime, *at));
        timers.min_by_key(|(by_watermark, at)| (!by_watermark, *at))
    }
}

fn told(bound: &Bound, kept: &Keys) -> Vec<String> {
    let name = |number: &usize| bound.answer.state[*number].name.as_str();
    let mut told = Vec::new();
    for kept in kept.iter() {
        let key = &kept.key;
        told.extend(kept.values.iter().map(|(at, value)| format!("{key:?}: {} = {}", name(at), shown(value))));
        let entries = kept.maps.iter().flat_map(|(at, entries)| entries.iter().map(move |entry| (at, entry)));
        told.extend(
            entries.map(|(at, (own, value))| format!("{key:?}: {}[{}] = {}", name(at), shown(own), shown(value))),
        );
    }
    told
}

/// As JSON, and as bytes too where that does not say all.
fn shown(bytes: &[u8]) -> String {
    match Encoded::<serde_json::Value>::from_bytes(bytes) {
        Ok(value) if Encoded(&value).to_bytes().is_ok_and(|again| again == bytes) => value.to_string(),
        Ok(value) => format!("{value} {bytes:02x?}"),
        Err(_) => format!("{bytes:02x?}"),
    }
}
