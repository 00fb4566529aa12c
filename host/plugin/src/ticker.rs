//! The thread that interrupts calls which run too long. It moves the engine's clock on, one tick per millisecond; the
//! engine ends a call whose deadline, counted in ticks, has passed. (The engine calls this clock its epoch; that word
//! means something else in a stream.)
//!
//! It sleeps when no call can be running, so that an idle program does not wake up a thousand times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::{Engine, EngineWeak};

/// How finely calls are timed.
const TICK: Duration = Duration::from_millis(1);
/// How often the ticker looks whether there were calls.
const WINDOW: u64 = 64;
/// How many ticks are made up for at most when the machine was too busy, or asleep: a call must not pay for that.
const MOST_AT_ONCE: u64 = 4;

/// A running ticker; dropping it ends its thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    engine: EngineWeak,
    stop: AtomicBool,
    /// Set by calls, unset by the ticker at each window's end.
    used: AtomicBool,
    /// The longest deadline that any call was given, in ticks.
    longest: AtomicU64,
}

impl Ticker {
    /// Starts the thread for `engine`.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            engine: engine.weak(),
            stop: AtomicBool::new(false),
            used: AtomicBool::new(true),
            longest: AtomicU64::new(0),
        });
        let theirs = shared.clone();
        let handle = thread::Builder::new().name("millstream-ticker".to_owned()).spawn(move || theirs.run())?;
        Ok(Self { shared, thread: handle.thread().clone() })
    }

    /// How many ticks from now on a call that may take `time` is given.
    pub(crate) fn ticks(time: Duration) -> u64 {
        // One more, because the current tick is partly over.
        u64::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX / 4).min(u64::MAX / 4) + 1
    }

    /// Tells that a call begins. To be called *after* its deadline of `ticks` was set: if the flag is still set then,
    /// the ticker has yet to unset it, and from then on it runs for at least the longest deadline.
    pub(crate) fn call_begins(&self, ticks: u64) {
        if self.shared.longest.load(Ordering::Relaxed) < ticks {
            self.shared.longest.fetch_max(ticks, Ordering::SeqCst);
        }
        if !self.shared.used.load(Ordering::SeqCst) {
            self.shared.used.store(true, Ordering::SeqCst);
            self.thread.unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn run(&self) {
        let mut idle_ticks = 0u64;
        let mut next = Instant::now() + TICK;
        for tick in 1u64.. {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let late = (next.elapsed().as_nanos() / TICK.as_nanos()) as u64;
            let ticks = (late + 1).min(MOST_AT_ONCE);
            next = if late >= MOST_AT_ONCE { Instant::now() + TICK } else { next + TICK * ticks as u32 };
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let Some(engine) = self.engine.upgrade() else { return };
            for _ in 0..ticks {
                engine.increment_epoch();
            }
            drop(engine);

            idle_ticks += ticks;
            if tick % WINDOW == 0 {
                if self.used.swap(false, Ordering::SeqCst) {
                    idle_ticks = 0;
                } else if idle_ticks > self.longest.load(Ordering::SeqCst) + WINDOW {
                    // Nothing began since the flag was unset, and what began before that has had its time.
                    while !self.used.load(Ordering::SeqCst) && !self.stop.load(Ordering::SeqCst) {
                        thread::park();
                    }
                    idle_ticks = 0;
                    next = Instant::now() + TICK;
                }
            }
        }
    }
}
