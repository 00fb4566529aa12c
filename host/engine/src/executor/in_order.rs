//! Work on many items at once, results in the order of the items.
//!
//! The thread that wants it done takes the results and, in between, works too; the pool's threads help where there are
//! free slots. Whatever happens to one of them, the others come to an end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rayon::Scope;

use super::Workers;
use super::slots::Seat;
use crate::Result;
use crate::panics;

thread_local! {
    /// Whether this thread works on an item, and so may hold a slot.
    static WORKING: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn in_order<I: Send, O: Send>(
    workers: &Workers,
    ahead: u64,
    items: impl Iterator<Item = Result<I>> + Send,
    work: impl Fn(I) -> Result<O> + Sync,
    mut take: impl FnMut(O) -> Result<()>,
) -> Result<()> {
    let mut items = items;
    let mut draw = move || panics::catch(|| items.next()).unwrap_or_else(|panic| Some(Err(panic.into())));
    let work = |item: I| {
        let before = WORKING.replace(true);
        let done = panics::as_error(|| work(item));
        WORKING.set(before);
        done
    };
    let mut take = |output: O| panics::as_error(|| take(output));
    let Some(first) = draw() else { return Ok(()) };
    let first = first?;
    // Inside of other work it is done on the spot: who holds a slot waits for none.
    let pool = workers.executor.0.as_ref().filter(|_| !WORKING.get());
    let Some(pool) = pool else {
        take(work(first)?)?;
        while let Some(item) = draw() {
            take(work(item?)?)?;
        }
        return Ok(());
    };
    let second = draw();
    let threads = if workers.most > 1 && second.is_some() { pool.threads() } else { None };
    let Some(threads) = threads else {
        let seat = pool.slots.sit_down(1);
        let mut alone = |item: I| {
            seat.take();
            let done = work(item);
            seat.give_back();
            take(done?)
        };
        alone(first)?;
        return second.into_iter().chain(std::iter::from_fn(draw)).try_for_each(|item| alone(item?));
    };

    let mut begun: Vec<Result<I>> = second.into_iter().chain([Ok(first)]).collect();
    let shared = Shared {
        feed: Mutex::new(move || begun.pop().or_else(&mut draw)),
        results: Mutex::default(),
        moved: Condvar::new(),
        work,
        ahead,
        seat: pool.slots.sit_down(workers.most.min(pool.slots.count())),
        most_helpers: workers.most - 1,
        alone_until: (!workers.patience.is_zero()).then(|| Instant::now() + workers.patience),
    };
    threads.in_place_scope(|scope| {
        // However this ends: nobody works on.
        let _stop = StopOnDrop(&shared.results);
        loop {
            while let Some(result) = shared.next_result() {
                shared.call_helpers(scope);
                result.and_then(&mut take)?;
            }
            match shared.turn() {
                Turn::Over => return Ok(()),
                Turn::Take => {}
                Turn::Work => {
                    shared.work_on_one(scope);
                    shared.seat.give_back();
                }
            }
        }
    })
}

/// What the thread that takes the results and its helpers share.
struct Shared<D, W, O> {
    /// Draws the items, one after the other.
    feed: Mutex<D>,
    results: Mutex<Results<O>>,
    /// Tells the thread that takes the results.
    moved: Condvar,
    work: W,
    ahead: u64,
    seat: Seat,
    most_helpers: usize,
    /// None = helpers are called at once.
    alone_until: Option<Instant>,
}

struct Results<O> {
    /// Items drawn so far.
    drawn: u64,
    /// The item whose result is taken next.
    next: u64,
    /// Results that wait for their turn.
    early: BTreeMap<u64, Result<O>>,
    helpers: usize,
    /// How many items there are, once that is known. What follows an error is not wanted.
    all: Option<u64>,
    /// Nothing is wanted any more.
    stopped: bool,
}

impl<O> Default for Results<O> {
    fn default() -> Self {
        Self { drawn: 0, next: 0, early: BTreeMap::new(), helpers: 0, all: None, stopped: false }
    }
}

impl<O> Results<O> {
    /// Whether the thread that takes them has something to do.
    fn is_ready(&self) -> bool {
        self.early.contains_key(&self.next) || self.all == Some(self.next)
    }

    /// Whether another item may be drawn: there may be one, and it is not far ahead.
    fn wants_more(&self, ahead: u64) -> bool {
        self.all.is_none() && !self.stopped && self.drawn - self.next < ahead
    }
}

/// What the thread that takes the results does next.
enum Turn {
    /// The next result is there.
    Take,
    /// It has a slot, to work on an item.
    Work,
    /// All results are taken.
    Over,
}

impl<I: Send, O: Send, D, W> Shared<D, W, O>
where
    D: FnMut() -> Option<Result<I>> + Send,
    W: Fn(I) -> Result<O> + Sync,
{
    fn next_result(&self) -> Option<Result<O>> {
        let mut results = unpoisoned(&self.results);
        let next = results.next;
        let result = results.early.remove(&next)?;
        results.next += 1;
        Some(result)
    }

    /// Waits until there is something to do for the thread that takes the results.
    fn turn(&self) -> Turn {
        let mut results = unpoisoned(&self.results);
        loop {
            if results.is_ready() {
                return if results.all == Some(results.next) { Turn::Over } else { Turn::Take };
            }
            let (helped, wants_more) = (results.helpers > 0, results.wants_more(self.ahead));
            drop(results);
            if !helped {
                // All that were drawn are taken, so there is an item to be worked on, or nothing more at all.
                self.seat.take();
                return Turn::Work;
            }
            if wants_more && self.seat.try_take() {
                return Turn::Work;
            }
            let waits = |results: &mut Results<O>| results.helpers > 0 && !results.is_ready();
            let waited = self.moved.wait_while(unpoisoned(&self.results), waits);
            results = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Draws an item and works on it; whether there was one. For one who holds a slot.
    fn work_on_one<'s>(&'s self, scope: &Scope<'s>) -> bool {
        let Some((number, item)) = self.draw() else { return false };
        self.call_helpers(scope);
        let result = item.and_then(&self.work);
        let mut results = unpoisoned(&self.results);
        results.early.insert(number, result);
        if results.next == number {
            self.moved.notify_one();
        }
        true
    }

    /// The next item and its number; none where there is none, or where it is too far ahead.
    fn draw(&self) -> Option<(u64, Result<I>)> {
        let mut draw = unpoisoned(&self.feed);
        if !unpoisoned(&self.results).wants_more(self.ahead) {
            return None;
        }
        let item = draw();
        let mut results = unpoisoned(&self.results);
        let number = results.drawn;
        results.drawn += u64::from(item.is_some());
        if !matches!(item, Some(Ok(_))) {
            results.all = Some(results.drawn);
            self.seat.wants_no_more();
            self.moved.notify_one();
        }
        item.map(|item| (number, item))
    }

    /// Lets threads of the pool help, where there is more to do and slots are free. They call others in their turn.
    fn call_helpers<'s>(&'s self, scope: &Scope<'s>) {
        if self.alone_until.is_some_and(|time| Instant::now() < time) {
            return;
        }
        for _ in 0..2 {
            let mut results = unpoisoned(&self.results);
            if results.helpers == self.most_helpers || !results.wants_more(self.ahead) || !self.seat.try_take() {
                return;
            }
            results.helpers += 1;
            drop(results);
            scope.spawn(|scope| self.help(scope));
        }
    }

    /// What a helper does, with the slot that it was called with. It never waits for one.
    fn help<'s>(&'s self, scope: &Scope<'s>) {
        loop {
            if !self.work_on_one(scope) {
                self.seat.give_back();
                break;
            }
            if !self.seat.keeps() {
                break;
            }
        }
        unpoisoned(&self.results).helpers -= 1;
        self.moved.notify_one();
    }
}

struct StopOnDrop<'a, O>(&'a Mutex<Results<O>>);

impl<O> Drop for StopOnDrop<'_, O> {
    fn drop(&mut self) {
        unpoisoned(self.0).stopped = true;
    }
}

/// What these locks guard is right after any panic.
fn unpoisoned<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
