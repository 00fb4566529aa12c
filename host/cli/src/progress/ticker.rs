//! A thread that does something at an interval, so that what was held back is shown also when no epoch comes.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// Calls a function at an interval until it is dropped; then waits for a call that is going on.
pub(super) struct Ticker {
    /// Dropped to end the thread.
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(every: Duration, mut tick: impl FnMut() + Send + 'static) -> Self {
        let (alive, ended) = mpsc::channel::<()>();
        let run = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        };
        // Without the thread progress is shown late, which is no reason to stop a job.
        let thread = std::thread::Builder::new().name("progress".into()).spawn(run).ok();
        Self { alive: Some(alive), thread }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(thread) = self.thread.take() {
            // A tick that panicked has printed its message.
            let _ = thread.join();
        }
    }
}
