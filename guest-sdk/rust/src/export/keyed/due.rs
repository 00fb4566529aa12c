//! Timers between the contract's buffers and the author's.

use crate::{
    buffer::{Buffer, BufferBuilder},
    contract::keyed::Timers,
    operator::{Change, Clock, Timer},
};

/// The timers that are due.
pub(super) struct Due {
    keys: Buffer,
    domains: Vec<u8>,
    tags: Buffer,
    at: Buffer,
}

impl Due {
    pub fn of(timers: Timers) -> Self {
        Self { keys: timers.keys.into(), domains: timers.domains, tags: timers.tags.into(), at: timers.at.into() }
    }

    /// Of each timer its key's index.
    pub fn keys(&self) -> &[u32] {
        self.keys.numbers()
    }

    /// Each with its number and its key's index.
    pub fn iter(&self) -> impl Iterator<Item = (usize, u32, Timer)> {
        let times = self.tags.numbers::<u32>().iter().zip(self.at.numbers::<i64>());
        let all = self.keys().iter().zip(&self.domains).zip(times).enumerate();
        all.map(|(number, ((key, domain), (tag, at)))| {
            let clock = if *domain == 0 { Clock::EventTime } else { Clock::ProcessingTime };
            (number, *key, Timer { clock, tag: *tag, at: *at })
        })
    }
}

/// Timers as the contract has them.
pub(super) fn flat(changes: &[Change]) -> Timers {
    Timers {
        keys: BufferBuilder::map(changes, |change| change.key).into_bytes(),
        domains: changes.iter().map(|change| u8::from(change.clock == Clock::ProcessingTime)).collect(),
        tags: BufferBuilder::map(changes, |change| change.tag).into_bytes(),
        at: BufferBuilder::map(changes, |change| change.at.unwrap_or_default()).into_bytes(),
    }
}
