//! How much work calls are, counted in instructions of the component: the same on any machine, at any load.
//!
//! Counting costs time in each call, so it is only done where a runtime is told to ([`RuntimeOptions`](crate::RuntimeOptions)). It
//! limits nothing: what a call may take is said in time.

use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Store;

/// What a call is given, which none can use up: at an instruction per nanosecond that is centuries.
const ENOUGH: u64 = u64::MAX;

/// What the calls of some plugins have consumed.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    /// Before a guest runs: without fuel it would trap.
    pub fn fill<T>(store: &mut Store<T>) {
        store.set_fuel(ENOUGH).expect("there is a meter where the engine counts");
    }

    /// After a call: counts what it has consumed since it was filled.
    pub fn count<T>(&self, store: &Store<T>) {
        let left = store.get_fuel().expect("there is a meter where the engine counts");
        self.0.fetch_add(ENOUGH - left, Ordering::Relaxed);
    }

    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
