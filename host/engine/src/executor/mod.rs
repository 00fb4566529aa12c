//! Who computes: one fixed set of threads for all jobs of a process, shared fairly between them.
//!
//! An [`Executor`] has as many *slots* as it has threads, and whoever computes holds one: a thread of the pool, or the
//! thread that runs a job, which does its share of the work itself. So there is never more computing at once than
//! there are slots, however many jobs there are. What must hold so that nobody waits for ever: one who holds a slot
//! waits for no other slot, so work inside of work is done on the spot; and only threads that run a job stand in line,
//! each for its own job, so a job goes on as soon as it has one slot, also where the pool has no thread to spare.
//!
//! Fairness is [`slots`]' affair, results in order are [`in_order`]'s; what waits for a disk holds no slot and has other
//! threads ([`waiting`]). See `docs/decisions/0017`.

mod in_order;
mod slots;
#[cfg(test)]
mod tests;
mod waiting;

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(crate) use self::waiting::WaitingThreads;

use self::slots::Slots;
use crate::Result;
use crate::panics::{self, Panic};

/// Items in work or waiting for their turn, per worker: bounds memory when one item takes long.
const AHEAD: u64 = 4;

/// Stack of a thread that computes: expressions are evaluated by recursion, as deep as they are nested. It is address
/// space; memory is taken only as far as it is used.
const STACK: usize = 32 << 20;

/// Rows that are worth calling another thread for: at half a microsecond each they take longer than that.
const WORTH: usize = 512;

/// What seemed too little for that, and has taken so long, was more.
const PATIENCE: Duration = Duration::from_micros(100);

/// Items to be sorted that are worth a worker.
const SORTED_TOGETHER: usize = 8192;

/// Threads that compute for many jobs; clones share them. They are made when they are first needed.
#[derive(Clone)]
pub struct Executor(Option<Arc<Pool>>);

struct Pool {
    slots: Arc<Slots>,
    /// None inside where the threads could not be had: then jobs compute on their own threads alone.
    threads: OnceLock<Option<rayon::ThreadPool>>,
}

impl Executor {
    /// None: whoever has something to compute does it himself, one thing after the other.
    pub const fn alone() -> Self {
        Self(None)
    }

    /// A new one with so many threads.
    pub fn with_threads(threads: usize) -> Self {
        Self(Some(Arc::new(Pool { slots: Arc::new(Slots::new(threads.max(1))), threads: OnceLock::new() })))
    }

    /// The one that all jobs of this process share: a thread per core.
    pub fn of_process() -> Self {
        static SHARED: OnceLock<Executor> = OnceLock::new();
        SHARED.get_or_init(|| Self::with_threads(cores())).clone()
    }

    /// What a job computes with that does so many things at once, at the most; none = as many as there are threads.
    pub fn workers(&self, most: Option<usize>) -> Workers {
        let all = self.0.as_ref().map_or(1, |pool| pool.slots.count());
        Workers { executor: self.clone(), most: most.unwrap_or(all).max(1), patience: Duration::ZERO }
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(pool) => write!(f, "Executor({})", pool.slots.count()),
            None => f.write_str("Executor(alone)"),
        }
    }
}

impl Pool {
    fn threads(&self) -> Option<&rayon::ThreadPool> {
        let make = || {
            let threads = rayon::ThreadPoolBuilder::new().num_threads(self.slots.count()).stack_size(STACK);
            threads.thread_name(|i| format!("millstream-worker-{i}")).build().ok()
        };
        self.threads.get_or_init(make).as_ref()
    }
}

/// What a job computes with: an executor, and how much of it at once. What comes out does not depend on it.
#[derive(Debug, Clone)]
pub struct Workers {
    executor: Executor,
    most: usize,
    /// How long one works alone before others are called.
    patience: Duration,
}

impl Default for Workers {
    /// Alone.
    fn default() -> Self {
        Self::alone()
    }
}

impl Workers {
    /// The calling thread.
    pub const fn alone() -> Self {
        Self { executor: Executor::alone(), most: 1, patience: Duration::ZERO }
    }

    /// How much is done at once, at the most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The same for work on about so many rows: for a few nobody else is called, unless they take long.
    pub fn for_rows(&self, rows: usize) -> Self {
        let patience = if rows < WORTH { PATIENCE } else { Duration::ZERO };
        Self { patience, ..self.clone() }
    }

    /// Runs `work` on every item and hands the results to `take`, on this thread and in the order of the items. Items are
    /// drawn one at a time, by whoever works, and not far ahead of what was taken. The first error, in that order,
    /// ends it; a panic in the work, in the iterator or in `take` is an error like any other, at its item's place.
    ///
    /// # Errors
    /// The first one, in the order of the items.
    pub fn in_order<I: Send, O: Send>(
        &self,
        items: impl Iterator<Item = Result<I>> + Send,
        work: impl Fn(I) -> Result<O> + Sync,
        take: impl FnMut(O) -> Result<()>,
    ) -> Result<()> {
        in_order::in_order(self, AHEAD * self.most as u64, items, work, take)
    }

    /// What `work` makes of each item, in the order of the items. All of them are worked on, whatever comes of one.
    ///
    /// # Panics
    /// Where `work` has panicked, with the first of its panics.
    pub fn each<I: Send, O: Send>(
        &self,
        items: impl IntoIterator<Item = I, IntoIter: Send>,
        work: impl Fn(I) -> O + Sync,
    ) -> Vec<O> {
        let mut done: Vec<std::result::Result<O, Panic>> = Vec::new();
        let work = |item: I| Ok(panics::catch(|| work(item)));
        let take = |output| {
            done.push(output);
            Ok(())
        };
        // Neither the work nor taking it fails.
        let worked = in_order::in_order(self, u64::MAX, items.into_iter().map(Ok), work, take);
        worked.unwrap_or_else(|e| panic!("the items of a piece of work: {e}"));
        done.into_iter().map(|output| output.unwrap_or_else(|panic| panic.resume())).collect()
    }

    /// Sorts `items`, which `compare` must put in one order only: none of them are equal.
    pub fn sort<T: Send>(&self, items: &mut [T], compare: impl Fn(&T, &T) -> Ordering + Sync) {
        let mut size = items.len().div_ceil(self.most).max(SORTED_TOGETHER);
        self.each(items.chunks_mut(size), |piece| piece.sort_unstable_by(&compare));
        while size < items.len() {
            size *= 2;
            // Of two pieces in order, which this sort finds and merges.
            self.each(items.chunks_mut(size), |pair| pair.sort_by(&compare));
        }
    }
}
