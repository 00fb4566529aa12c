//! What sources notice between two epochs: said at once, counted with the next epoch and in the summary.

use std::collections::BTreeMap;

use super::report::Observer;
use crate::connector::source::Notices;
use crate::record::Counters;

/// Counts since the last epoch, per source, and of the whole run.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    changed: BTreeMap<String, u64>,
    empty: BTreeMap<String, u64>,
    /// Files that changed after they were read.
    pub all_changed: u64,
    /// Files without a byte.
    pub all_empty: u64,
}

impl Noticed {
    /// Says and counts what `source` noticed.
    pub fn take(&mut self, source: &str, notices: Notices, observer: &dyn Observer) {
        let Notices { messages, changed, empty } = notices;
        for message in messages {
            observer.message(&format!("source `{source}`: {message}"));
        }
        for (count, per_source) in [(changed, &mut self.changed), (empty, &mut self.empty)] {
            if count > 0 {
                *per_source.entry(source.to_owned()).or_default() += count;
            }
        }
        self.all_changed += changed;
        self.all_empty += empty;
    }

    /// Hands the counts since the last epoch over to an epoch's.
    pub fn give(&mut self, counters: &mut Counters) {
        counters.changed_files = std::mem::take(&mut self.changed);
        counters.empty_files = std::mem::take(&mut self.empty);
    }
}
