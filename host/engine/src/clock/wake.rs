//! How somebody who waits is woken.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes whoever waits for it; clones wake the same one. A notification that nobody waits for is kept for the next who
/// does, so none is missed between looking and waiting; several that nobody has waited for are one.
#[derive(Clone, Default)]
pub struct Wake(Arc<Shared>);

#[derive(Default)]
struct Shared {
    notified: Mutex<bool>,
    changed: Condvar,
    then: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Wake {
    /// One that also calls `then` with each notification, on the thread that notifies: for an embedder who has one
    /// thread for many engines and notes which of them is to be stepped.
    pub fn calling(then: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { then: Some(Box::new(then)), ..Shared::default() }))
    }

    /// Wakes who waits, or else the next who would.
    pub fn notify(&self) {
        *self.notified() = true;
        self.0.changed.notify_all();
        if let Some(then) = &self.0.then {
            then();
        }
    }

    /// Takes the notification, if there is one.
    pub fn take(&self) -> bool {
        std::mem::take(&mut *self.notified())
    }

    /// Waits for a notification and takes it; none = for as long as it takes. Whether there was one.
    pub fn wait(&self, longest: Option<Duration>) -> bool {
        let notified = self.notified();
        let mut notified = match longest {
            Some(longest) => {
                let waited = self.0.changed.wait_timeout_while(notified, longest, |notified| !*notified);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.0.changed.wait_while(notified, |notified| !*notified);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        std::mem::take(&mut *notified)
    }

    fn notified(&self) -> MutexGuard<'_, bool> {
        // A flag is right after any panic.
        self.0.notified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_notification_before_the_wait_is_not_missed_and_counts_once() {
        let wake = Wake::default();
        assert!(!wake.wait(Some(Duration::from_millis(1))));
        wake.notify();
        wake.clone().notify();
        assert!(wake.wait(None));
        assert!(!wake.take());
    }

    #[test]
    fn who_waits_is_woken_at_once() {
        let wake = Wake::default();
        let waits = wake.clone();
        let began = Instant::now();
        let waiting = std::thread::spawn(move || waits.wait(Some(Duration::from_secs(60))));
        wake.notify();
        assert!(waiting.join().unwrap());
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
