//! A job that found nothing rests until something can have come: no look is made before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Engine, Step};
use crate::clock::Wake;
use crate::connector::source::NextLook;

/// From when on a job rests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    /// The look that found nothing.
    since: i64,
    /// None = until it is woken.
    until: Option<i64>,
}

/// What the sources of a job notify: the job is woken, and knows that it was they who did.
#[derive(Debug, Clone, Default)]
pub(super) struct Bell(Arc<AtomicBool>);

impl Bell {
    /// A wake for the sources of a job that is woken by `job`.
    pub fn waking(&self, job: &Wake) -> Wake {
        let (rang, job) = (self.0.clone(), job.clone());
        Wake::calling(move || {
            rang.store(true, Ordering::SeqCst);
            job.notify();
        })
    }

    /// Whether it rang since the last time.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

impl Engine {
    /// After a look at `now` that found nothing: rests until a source wants to be looked at, an input becomes idle or a timer is due.
    pub(super) fn rest(&mut self, now: i64) -> Step {
        let sources = self.sources.values().filter(|live| !live.source.exhausted() || live.presence.has_more());
        let looks = sources.filter_map(|live| match (live.presence.until(), live.source.next_look(now)) {
            (Some(until), _) => Some(until),
            // It waits for one that is away.
            (None, _) if live.presence.has_more() => None,
            (None, NextLook::At(time)) => Some(time),
            (None, NextLook::WhenWoken) => None,
        });
        let timer = self.progress.next_timer(&self.plan, &mut self.state, now);
        let others = self.progress.next_idle(&self.plan, now).into_iter().chain(self.acknowledge.again()).chain(timer);
        let rest = Rest { since: now, until: looks.chain(others).min() };
        self.rest = Some(rest);
        self.rests_on(rest)
    }

    /// Whether the job still rests at `now`.
    pub(super) fn rests_still(&mut self, now: i64) -> Option<Step> {
        let rest = self.rest.take()?;
        // A clock that was set back must not stop the job for as long.
        let over = now < rest.since || rest.until.is_some_and(|until| now >= until);
        if self.bell.take() || over {
            return None;
        }
        self.rest = Some(rest);
        Some(self.rests_on(rest))
    }

    fn rests_on(&self, rest: Rest) -> Step {
        rest.until.map_or_else(|| Step::WaitFor(self.wake().clone()), Step::WaitUntil)
    }
}
