//! The sources of an epoch, read side by side: one that is long in coming holds up the results of the others, which must stay
//! in order, but neither their reading nor their computing.
//!
//! Each source is a *lane*. Lanes whose items come from elsewhere are read on threads of their own; files are read by
//! whoever works, as they are asked for. Results are taken lane after lane, in the order of the items, as if one had been
//! read after the other, so what comes out does not depend on who was slow. What is computed of later lanes waits, in
//! number bounded; a lane that has so much waiting is not read on.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::executor::Workers;
use crate::panics;
use crate::{Error, ErrorKind, Result};

/// Items that are read of a lane before anybody asks for them.
const READ_AHEAD: usize = 2;

/// Results that may wait, per worker, shared by the lanes; a lane may have [`LEAST`].
const WAITING: usize = 4;
const LEAST: usize = 2;

/// What is read of one source.
pub(super) struct Lane<'a, I> {
    pub items: Box<dyn Iterator<Item = Result<I>> + Send + 'a>,
    /// Its items may be long in coming: others do not wait for them.
    pub apart: bool,
}

/// Runs `work` on every item by `workers` and hands the results to `take`, lane after lane. The first error, in
/// that order, ends it; one that passes by itself ends it at once.
pub(super) fn in_lanes<I: Send, O: Send>(
    workers: &Workers,
    lanes: Vec<Lane<'_, I>>,
    work: impl Fn(I) -> Result<O> + Sync,
    mut take: impl FnMut(O) -> Result<()>,
) -> Result<()> {
    if lanes.len() < 2 || !lanes.iter().any(|lane| lane.apart) {
        return workers.in_order(lanes.into_iter().flat_map(|lane| lane.items), work, take);
    }
    let shared = SharedLanes::new(lanes.len(), workers.most());
    std::thread::scope(|scope| {
        // However this ends, also by a panic of ours: no reader waits for room.
        let _stop = StopOnDrop(&shared);
        let mut here: Vec<Option<LaneItems<'_, I>>> = Vec::new();
        for (number, Lane { items, apart }) in lanes.into_iter().enumerate() {
            if !apart {
                shared.lanes().each[number].is_here = true;
                here.push(Some(items));
                continue;
            }
            here.push(None);
            let shared = &shared;
            let thread = std::thread::Builder::new().name(format!("millstream-read-{number}"));
            thread.spawn_scoped(scope, move || shared.read(number, items)).map_err(|e| {
                Error::new(ErrorKind::Unavailable, format!("a thread could not be started: {e}")).caused_by(e)
            })?;
        }
        let mut waiting: Vec<VecDeque<Result<O>>> = here.iter().map(|_| VecDeque::new()).collect();
        loop {
            shared.advance(&mut waiting, &mut take)?;
            if !shared.wait() {
                return Ok(());
            }
            let drawn = std::iter::from_fn(|| shared.draw(&mut here)).map(Ok);
            let work = |(lane, item): (usize, Result<I>)| match item.and_then(&work) {
                Err(e) if e.again_after().is_some() => Err(e),
                result => Ok((lane, result)),
            };
            workers.in_order(drawn, work, |(lane, result)| {
                waiting[lane].push_back(result);
                shared.advance(&mut waiting, &mut take)
            })?;
        }
    })
}

type LaneItems<'a, I> = Box<dyn Iterator<Item = Result<I>> + Send + 'a>;

/// What readers, workers and the one who takes the results share.
struct SharedLanes<I> {
    lanes: Mutex<Lanes<I>>,
    changed: Condvar,
    /// Results of a lane that may wait for its turn.
    most: usize,
}

struct Lanes<I> {
    each: Vec<LaneState<I>>,
    /// The lane whose results are taken.
    current: usize,
    stopped: bool,
}

struct LaneState<I> {
    /// Read, and not drawn.
    read: VecDeque<Result<I>>,
    /// Drawn, and their results not taken.
    drawn: usize,
    /// Nothing more is read of it.
    ended: bool,
    /// It is read by who draws.
    is_here: bool,
}

impl<I: Send> SharedLanes<I> {
    fn new(lanes: usize, threads: usize) -> Self {
        let state = |_| LaneState { read: VecDeque::new(), drawn: 0, ended: false, is_here: false };
        let each = (0..lanes).map(state).collect();
        let most = (WAITING * threads).div_ceil(lanes).max(LEAST);
        Self { lanes: Mutex::new(Lanes { each, current: 0, stopped: false }), changed: Condvar::new(), most }
    }

    /// Reads a lane until it ends or nobody wants it any more.
    fn read(&self, number: usize, mut items: LaneItems<'_, I>) {
        loop {
            let item = panics::catch(|| items.next()).unwrap_or_else(|panic| Some(Err(panic.into())));
            let full = |lanes: &mut Lanes<I>| !lanes.stopped && lanes.each[number].read.len() >= READ_AHEAD;
            let lanes = self.changed.wait_while(self.lanes(), full);
            let mut lanes = lanes.unwrap_or_else(PoisonError::into_inner);
            let lane = &mut lanes.each[number];
            if item.as_ref().is_some_and(passes) {
                // Nothing that was read is wanted any more.
                lane.read.clear();
            }
            // What follows an error is not wanted.
            lane.ended = item.as_ref().is_none_or(Result::is_err);
            lane.read.extend(item);
            let over = lane.ended || lanes.stopped;
            drop(lanes);
            self.changed.notify_all();
            if over {
                return;
            }
        }
    }

    /// Waits until an item can be drawn; false where all results were taken.
    fn wait(&self) -> bool {
        let nothing = |lanes: &mut Lanes<I>| lanes.drawable(self.most).is_none() && !lanes.is_current_over();
        let lanes = self.changed.wait_while(self.lanes(), nothing).unwrap_or_else(PoisonError::into_inner);
        lanes.current < lanes.each.len()
    }

    /// An item of the earliest lane that has one now and not too much waiting.
    fn draw(&self, here: &mut [Option<LaneItems<'_, I>>]) -> Option<(usize, Result<I>)> {
        loop {
            let mut lanes = self.lanes();
            let number = lanes.drawable(self.most)?;
            let lane = &mut lanes.each[number];
            lane.drawn += 1;
            if let Some(item) = lane.read.pop_front() {
                drop(lanes);
                self.changed.notify_all();
                return Some((number, item));
            }
            drop(lanes);
            let next = || here[number].as_mut().and_then(Iterator::next);
            let item = panics::catch(next).unwrap_or_else(|panic| Some(Err(panic.into())));
            if item.as_ref().is_none_or(Result::is_err) {
                let mut lanes = self.lanes();
                lanes.each[number].ended = true;
                lanes.each[number].drawn -= usize::from(item.is_none());
            }
            if let Some(item) = item {
                return Some((number, item));
            }
        }
    }

    /// Takes what has its turn.
    fn advance<O>(&self, waiting: &mut [VecDeque<Result<O>>], take: &mut impl FnMut(O) -> Result<()>) -> Result<()> {
        loop {
            let current = self.lanes().current;
            let Some(results) = waiting.get_mut(current) else { return Ok(()) };
            while let Some(result) = results.pop_front() {
                take(result?)?;
                self.lanes().each[current].drawn -= 1;
            }
            let mut lanes = self.lanes();
            if !lanes.is_current_over() {
                return Ok(());
            }
            lanes.current += 1;
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes<I>> {
        // What it guards is right after any panic.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I> Lanes<I> {
    fn drawable(&self, most: usize) -> Option<usize> {
        let can = |number: &usize| {
            let lane = &self.each[*number];
            let there = !lane.read.is_empty() || (lane.is_here && !lane.ended);
            there && (*number == self.current || lane.drawn < most || lane.read.front().is_some_and(passes))
        };
        (self.current..self.each.len()).find(can)
    }

    /// Whether all results of the current lane were taken; also where there is no lane left.
    fn is_current_over(&self) -> bool {
        self.each.get(self.current).is_none_or(|lane| lane.ended && lane.read.is_empty() && lane.drawn == 0)
    }
}

/// Whether it is an error that passes by itself: nobody waits for the end of what was begun.
fn passes<I>(item: &Result<I>) -> bool {
    item.as_ref().is_err_and(|e| e.again_after().is_some())
}

struct StopOnDrop<'a, I: Send>(&'a SharedLanes<I>);

impl<I: Send> Drop for StopOnDrop<'_, I> {
    fn drop(&mut self) {
        self.0.lanes().stopped = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;
    use crate::executor::Executor;

    fn lane<'a>(apart: bool, items: impl Iterator<Item = Result<u64>> + Send + 'a) -> Lane<'a, u64> {
        Lane { items: Box::new(items), apart }
    }

    fn taken(threads: usize, lanes: Vec<Lane<'_, u64>>) -> (Vec<u64>, Result<()>) {
        let mut taken = Vec::new();
        let done = in_lanes(
            &Executor::with_threads(threads).workers(None),
            lanes,
            |n| Ok(n * 2),
            |n| {
                taken.push(n);
                Ok(())
            },
        );
        (taken, done)
    }

    #[test]
    fn results_come_lane_after_lane_whoever_is_slow() {
        for threads in [1, 3] {
            for slow in 0..4u64 {
                let lanes = (0..4u64).map(|number| {
                    let items = (0..30).map(move |n| {
                        if number == slow {
                            std::thread::sleep(Duration::from_micros(300));
                        }
                        Ok(number * 100 + n)
                    });
                    lane(number != 2, items)
                });
                let want: Vec<u64> = (0..4).flat_map(|number| (0..30).map(move |n| (number * 100 + n) * 2)).collect();
                let (have, done) = taken(threads, lanes.collect());
                done.unwrap();
                assert_eq!(have, want, "{threads} threads, lane {slow} is slow");
            }
        }
    }

    #[test]
    fn others_are_computed_while_one_blocks_and_what_waits_is_bounded() {
        for threads in [1, 2] {
            let most = (WAITING * threads).div_ceil(3).max(LEAST);
            let (worked, blocked) = channel();
            let computed = AtomicUsize::new(0);
            // The first lane gives nothing until all of the others is computed that may be.
            let first = (0..3).map(move |n| {
                for _ in 0..(if n == 0 { 2 * most } else { 0 }) {
                    blocked.recv_timeout(Duration::from_secs(60)).expect("the other lanes are computed meanwhile");
                }
                std::thread::sleep(Duration::from_millis(if n == 0 { 50 } else { 0 }));
                Ok(n)
            });
            let lanes = vec![lane(true, first), lane(true, (10..60).map(Ok)), lane(false, (100..160).map(Ok))];
            let mut begun = 0;
            let work = |n: u64| {
                if n >= 10 {
                    computed.fetch_add(1, SeqCst);
                    worked.send(()).unwrap_or_default();
                }
                Ok(n)
            };
            let mut taken = Vec::new();
            in_lanes(&Executor::with_threads(threads).workers(None), lanes, work, |n| {
                if n == 0 {
                    begun = computed.load(SeqCst);
                }
                taken.push(n);
                Ok(())
            })
            .unwrap();
            assert_eq!(begun, 2 * most, "no more of them than may wait");
            assert_eq!(taken, (0..3).chain(10..60).chain(100..160).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn an_error_has_its_place_and_one_that_passes_ends_it_at_once() {
        let fails = |passes: bool| {
            (10..14u64).map(move |n| match (n, passes) {
                (12, false) => Err(Error::internal("it broke")),
                (12, true) => Err(Error::passing("it is away", Duration::ZERO)),
                _ => Ok(n),
            })
        };
        for threads in [1, 3] {
            let (have, done) = taken(threads, vec![lane(true, (0..30).map(Ok)), lane(true, fails(false))]);
            assert_eq!((have.len(), done.unwrap_err().message()), (32, "it broke"));
            // The first lane would go on for long.
            let first = (0..5000u64).map(|n| {
                std::thread::sleep(Duration::from_millis(1));
                Ok(n)
            });
            let (have, done) = taken(threads, vec![lane(true, first), lane(true, fails(true))]);
            assert_eq!(done.unwrap_err().message(), "it is away");
            assert!(have.len() < 5000);
        }
    }

    #[test]
    fn a_panic_ends_it_with_an_error_and_nobody_waits() {
        let panics = |at: u64| (0..100u64).map(move |n| if n == at { panic!("it broke") } else { Ok(n) });
        for apart in [true, false] {
            for at in [0, 1, 50, 99] {
                let (have, done) = taken(2, vec![lane(true, (0..10).map(Ok)), lane(apart, panics(at))]);
                assert_eq!((have.len() as u64, done.is_err()), (10 + at, true));
            }
        }
        let workers = Executor::with_threads(2).workers(None);
        let done = in_lanes(&workers, vec![lane(true, (0..90).map(Ok)), lane(true, (0..90).map(Ok))], Ok, |n: u64| {
            if n == 5 { Err(Error::internal("not taken")) } else { Ok(()) }
        });
        assert_eq!(done.unwrap_err().message(), "not taken");
    }
}
