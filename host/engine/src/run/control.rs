//! What a running job is told from outside. It is read between two epochs.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::canary::CanaryTerms;
use super::swap::{SwapOrder, Swapping};
use crate::clock::Wake;
use crate::job::PluginChange;
use crate::{Error, ErrorKind, Result};

/// Tells a job to stop, to pause and to go on; clones tell the same one. A job that waits is woken by it.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    orders: Mutex<Orders>,
    wake: Wake,
}

#[derive(Debug, Default)]
struct Orders {
    stop: bool,
    pause: bool,
    swap: Swap,
    /// Somebody waits for the end of its canary.
    end_canary: Option<Sender<Result<String>>>,
}

/// A canary that was told to end.
#[derive(Debug)]
pub struct EndingCanary(Receiver<Result<String>>);

impl EndingCanary {
    /// Waits until it has ended; the plugin's name.
    ///
    /// # Errors
    /// There was none, or the job has ended.
    pub fn wait(&self) -> Result<String> {
        self.0.recv().unwrap_or_else(|_| Err(job_ended()))
    }
}

fn job_ended() -> Error {
    Error::new(ErrorKind::Conflict, "the job has ended, and its canary with it").with_help("start it again")
}

/// The one swap that may be under way.
#[derive(Debug, Default)]
enum Swap {
    #[default]
    None,
    /// The job has not looked yet.
    Ordered(SwapOrder),
    /// The job is at it.
    Taken,
    /// The job has ended: nobody would look.
    Ended,
}

/// While it lives a job looks after swaps. Afterwards nobody waits for one in vain.
#[derive(Debug)]
pub(super) struct LooksAfterSwaps(Control);

impl Drop for LooksAfterSwaps {
    fn drop(&mut self) {
        let mut orders = self.0.orders();
        (orders.swap, orders.end_canary) = (Swap::Ended, None);
    }
}

impl Control {
    /// One whose job is woken by `wake`: for an embedder who steps many engines and waits for all of them at once.
    pub fn waking(wake: Wake) -> Self {
        Self(Arc::new(Shared { wake, orders: Mutex::default() }))
    }

    /// The job ends after the epoch it is in, also when it is paused; true if nobody had told it before.
    pub fn stop(&self) -> bool {
        self.order(|orders| &mut orders.stop, true)
    }

    /// The job plans no epoch until [`Control::resume`]. The one it is in is finished, and what it has computed is
    /// committed and published. True if it was not paused before.
    pub fn pause(&self) -> bool {
        self.order(|orders| &mut orders.pause, true)
    }

    /// The job goes on; true if it was paused.
    pub fn resume(&self) -> bool {
        self.order(|orders| &mut orders.pause, false)
    }

    /// The job is to use another version of a plugin. It is made ready while the job goes on; the switch is between two
    /// epochs. If it is refused, or the first epoch with it fails, the job goes on with the version that it has.
    ///
    /// # Errors
    /// Another swap is under way, or the job was told to stop, or has ended.
    pub fn swap(&self, change: PluginChange) -> Result<Swapping> {
        self.order_swap(change, None)
    }

    /// Another version of a plugin, whose operators are all keyed, is to answer for a share of the keys, beside the one that
    /// the job has, which goes on with all of them. It ends with the job, when an epoch fails with it, when somebody ends it,
    /// and when the job is swapped.
    ///
    /// # Errors
    /// As [`Control::swap`].
    pub fn canary(&self, change: PluginChange, terms: CanaryTerms) -> Result<Swapping> {
        self.order_swap(change, Some(terms))
    }

    /// The job's canary is to end, before the next epoch.
    ///
    /// # Errors
    /// Somebody else ends it, or the job has ended.
    pub fn end_canary(&self) -> Result<EndingCanary> {
        let mut orders = self.orders();
        if matches!(orders.swap, Swap::Ended) {
            return Err(job_ended());
        }
        if orders.end_canary.is_some() {
            let error = Error::new(ErrorKind::Conflict, "somebody else ends the canary");
            return Err(error.with_help("wait until that is done"));
        }
        let (reply, waits) = channel();
        orders.end_canary = Some(reply);
        drop(orders);
        self.0.wake.notify();
        Ok(EndingCanary(waits))
    }

    fn order_swap(&self, change: PluginChange, terms: Option<CanaryTerms>) -> Result<Swapping> {
        let refused = |message: &str, help: &str| Err(Error::new(ErrorKind::Conflict, message).with_help(help));
        let mut orders = self.orders();
        if orders.stop {
            return refused("the job was told to stop", "start it again with the new version in its file");
        }
        match orders.swap {
            Swap::None => {}
            Swap::Ordered(_) | Swap::Taken => {
                return refused("another swap is under way", "wait until it is done, and try again");
            }
            Swap::Ended => return refused("the job has ended", "start it again with the new version in its file"),
        }
        let (order, swapping) = SwapOrder::new(change, terms);
        orders.swap = Swap::Ordered(order);
        drop(orders);
        self.0.wake.notify();
        Ok(swapping)
    }

    /// A job begins to look after swaps; one that was ordered before is its first.
    pub(super) fn looks_after_swaps(&self) -> LooksAfterSwaps {
        let mut orders = self.orders();
        if matches!(orders.swap, Swap::Ended) {
            orders.swap = Swap::None;
        }
        drop(orders);
        LooksAfterSwaps(self.clone())
    }

    /// A swap that was ordered and not looked at yet.
    pub(super) fn take_swap(&self) -> Option<SwapOrder> {
        let mut orders = self.orders();
        match std::mem::replace(&mut orders.swap, Swap::Taken) {
            Swap::Ordered(order) => Some(order),
            other => {
                orders.swap = other;
                None
            }
        }
    }

    /// Who waits for the end of the canary.
    pub(super) fn take_end_of_canary(&self) -> Option<Sender<Result<String>>> {
        self.orders().end_canary.take()
    }

    /// The job begins a swap by itself, if there is none: then none may be ordered until it is done.
    pub(super) fn begin_own_swap(&self) -> bool {
        let mut orders = self.orders();
        let is_free = matches!(orders.swap, Swap::None) && !orders.stop;
        if is_free {
            orders.swap = Swap::Taken;
        }
        is_free
    }

    /// The swap that was taken is done: another may be ordered.
    pub(super) fn swap_done(&self) {
        self.orders().swap = Swap::None;
    }

    /// Whether somebody told it to stop.
    pub fn is_stopped(&self) -> bool {
        self.orders().stop
    }

    /// Whether it was told to pause, and not to go on since.
    pub fn is_paused(&self) -> bool {
        self.orders().pause
    }

    /// Wakes the job.
    pub fn wake(&self) -> &Wake {
        &self.0.wake
    }

    fn order(&self, which: impl Fn(&mut Orders) -> &mut bool, to: bool) -> bool {
        let before = std::mem::replace(which(&mut self.orders()), to);
        self.0.wake.notify();
        before != to
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        // Flags are right after any panic.
        self.0.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
