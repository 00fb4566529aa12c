use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use super::*;
use crate::Error;

fn workers(threads: usize) -> Workers {
    Executor::with_threads(threads).workers(None)
}

/// Longer than any of this takes.
const SOON: Duration = Duration::from_secs(20);

/// What `work` comes to, on a thread of its own: others may have to wait for each other.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || drop(send.send(work())));
    receive
}

#[test]
fn results_come_in_order_whoever_made_them() {
    for threads in [1, 2, 5] {
        let mut seen = Vec::new();
        let items = (0..200u64).map(Ok);
        let work = |i: u64| {
            if i.is_multiple_of(7) {
                std::thread::yield_now();
            }
            Ok(i * 2)
        };
        let take = |o| {
            seen.push(o);
            Ok(())
        };
        workers(threads).in_order(items, work, take).unwrap();
        assert_eq!(seen, (0..200).map(|i| i * 2).collect::<Vec<_>>());
    }
}

#[test]
fn the_first_error_in_order_ends_it() {
    let items = (0..200u64).map(Ok);
    let work = |i: u64| if i >= 50 { Err(Error::internal(format!("item {i}"))) } else { Ok(i) };
    let mut seen = 0;
    let failed = workers(3).in_order(items, work, |_| {
        seen += 1;
        Ok(())
    });
    assert_eq!(failed.unwrap_err().message(), "item 50");
    assert_eq!(seen, 50);
}

/// Where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Feed,
    Work,
    Take,
}

/// Runs 300 items of which one panics, or fails, at `at`; how many were taken before, and the error.
fn goes_wrong(workers: Workers, at: At, panics: bool, bad: u64) -> (u64, Error) {
    let what = format!("{workers:?} wait for each other after item {bad} went wrong in {at:?} (a panic: {panics})");
    let ended = aside(move || {
        let wrong = move |here: At, i: u64| match (here == at && i == bad, panics) {
            (false, _) => Ok(i),
            (true, false) => Err(Error::internal("it broke")),
            (true, true) => panic!("it broke"),
        };
        let mut taken = 0;
        let items = (0..300u64).map(|i| wrong(At::Feed, i));
        let take = |i| {
            wrong(At::Take, i)?;
            assert_eq!(i, taken, "in order");
            taken += 1;
            Ok(())
        };
        let done = workers.in_order(items, |i| wrong(At::Work, i), take);
        (taken, done.unwrap_err())
    });
    ended.recv_timeout(SOON).unwrap_or_else(|_| panic!("{what}"))
}

#[test]
fn a_panic_anywhere_ends_it_with_an_error_and_nobody_waits() {
    for threads in [1, 2, 3, 8] {
        // One after the other on the same threads, which a panic leaves as they were.
        let workers = workers(threads);
        for at in [At::Feed, At::Work, At::Take] {
            for bad in [0, 1, 2, 100, 299] {
                for panics in [true, false] {
                    let (taken, error) = goes_wrong(workers.clone(), at, panics, bad);
                    let what = format!("{threads} threads, {at:?}, item {bad}, a panic: {panics}");
                    assert_eq!(error.kind(), crate::ErrorKind::Internal, "{what}");
                    assert!(error.message().contains("it broke"), "{what}: {error}");
                    assert_eq!(taken, bad, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_panic_in_a_piece_of_work_is_the_panic_of_who_wanted_it() {
    for threads in [1, 3] {
        let each = |i: u32| if i == 5 { panic!("piece {i} is too large") } else { i };
        let panic = panics::catch(|| workers(threads).each(0..16, each)).unwrap_err();
        assert_eq!((panic.message(), panic.is_too_large()), ("piece 5 is too large", true));
    }
}

#[test]
fn as_many_work_at_once_as_there_are_threads_and_no_more_are_made() {
    let executor = Executor::with_threads(3);
    let names = Mutex::new(BTreeSet::new());
    let all = Barrier::new(3);
    for _ in 0..20 {
        executor.workers(None).each(0..3, |_| {
            all.wait();
            names.lock().unwrap().insert(format!("{:?}", std::thread::current().id()));
        });
        executor.workers(Some(1)).each(0..3, |_| {
            names.lock().unwrap().insert(format!("{:?}", std::thread::current().id()));
        });
    }
    let names = names.into_inner().unwrap();
    assert!((3..=4).contains(&names.len()), "three threads and this one: {names:?}");
}

#[test]
fn for_a_few_rows_others_are_called_only_if_they_take_long() {
    let workers = workers(3);
    let threads = |rows: usize, long: bool| {
        let here = std::thread::current().id();
        let others = workers.for_rows(rows).each(0..16, |_| {
            if long {
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::current().id() != here
        });
        others.into_iter().filter(|other| *other).count()
    };
    assert!(threads(100_000, true) > 0 && threads(0, true) > 0);
    // Unless the machine has something better to do for a while.
    assert!((0..20).any(|_| threads(0, false) == 0));
}

#[test]
fn what_waits_for_its_turn_is_bounded() {
    let workers = workers(4);
    let (ahead, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let drawn = (0..500).map(|i| {
        most.fetch_max(ahead.fetch_add(1, SeqCst) + 1, SeqCst);
        Ok(i)
    });
    let work = |i: u32| {
        if i.is_multiple_of(50) {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    };
    let take = |()| {
        ahead.fetch_sub(1, SeqCst);
        Ok(())
    };
    workers.in_order(drawn, work, take).unwrap();
    // The two that are drawn before anything is begun, and those that were taken while one was drawn.
    assert!(most.into_inner() <= AHEAD as usize * 4 + 3);
}

#[test]
fn work_inside_of_work_and_beside_it_comes_to_an_end() {
    for threads in [1, 2, 4] {
        let executor = Executor::with_threads(threads);
        let jobs: Vec<Receiver<u64>> = (0..30)
            .map(|_| {
                let workers = executor.workers(None);
                aside(move || {
                    let mut sum = 0;
                    let work = |i: u64| Ok(workers.each(0..i, |k| k).into_iter().sum::<u64>());
                    let take = |n: u64| {
                        sum += workers.each(0..8, |k| n * k).into_iter().sum::<u64>();
                        Ok(())
                    };
                    workers.in_order((0..40).map(Ok), work, take).unwrap();
                    sum
                })
            })
            .collect();
        let sum = (0..40u64).map(|i| i * i.saturating_sub(1) / 2 * 28).sum();
        for job in jobs {
            assert_eq!(job.recv_timeout(SOON), Ok(sum), "{threads} threads");
        }
    }
}

#[test]
fn a_small_job_is_not_behind_all_that_a_large_one_has_to_do() {
    let executor = Executor::with_threads(2);
    let (large, small) = (executor.workers(None), executor.workers(None));
    let (begun, go_on) = (Barrier::new(3), Mutex::new(false));
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            large.each(0..1000, |i| {
                if i < 2 {
                    begun.wait();
                }
                while !*go_on.lock().unwrap() {
                    std::thread::yield_now();
                }
                done.fetch_add(1, SeqCst);
                std::thread::sleep(Duration::from_millis(1));
            });
        });
        begun.wait();
        // Both threads are at work, and a thousand items wait.
        scope.spawn(|| {
            small.each(0..2, |_| {});
            assert!(done.load(SeqCst) < 900, "it had to wait for {}", done.load(SeqCst));
        });
        std::thread::sleep(Duration::from_millis(20));
        *go_on.lock().unwrap() = true;
    });
}

#[test]
fn what_is_sorted_together_is_sorted() {
    let mut random = 1u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        random >> 20
    };
    for len in [0, 1, 2, 8192, 8193, 100_000] {
        let items: Vec<u64> = (0..len).map(|_| next()).collect();
        let mut sorted = items.clone();
        sorted.sort_unstable();
        for threads in [1, 3] {
            let mut items = items.clone();
            workers(threads).sort(&mut items, u64::cmp);
            assert_eq!(items, sorted);
        }
    }
}
