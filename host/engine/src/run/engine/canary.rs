//! A running job with a canary: each epoch is tried with it, and made without it if that fails; it ends when it is told to,
//! when the job is swapped to it, and with the job.

use std::sync::Arc;

use super::Engine;
use super::versions::Canary;
use crate::plan::Plan;
use crate::record::{CanaryVersion, FailedSwap};
use crate::run::canary::{canaries, drop_states};
use crate::run::epoch::{EpochOutcome, EpochPlan};
use crate::run::report::{CanaryReport, short};
use crate::run::swap::SwapOrder;
use crate::{Error, ErrorKind, Result};

impl Engine {
    /// Between two epochs: it ends if somebody has told it to.
    pub(super) fn look_after_canary(&mut self) {
        let Some(reply) = self.options.control.take_end_of_canary() else { return };
        let ended = match &self.swaps.canary {
            Some(canary) => Ok(canary.version.plugin.clone()),
            None => {
                Err(Error::new(ErrorKind::Conflict, "the job has no canary").with_help("`millstream top` shows one"))
            }
        };
        if ended.is_ok() {
            self.end_canary("as it was told");
        }
        drop(reply.send(ended));
    }

    /// The job goes on without its canary, of which nothing is left.
    pub(super) fn end_canary(&mut self, why: &str) {
        let Some(canary) = self.swaps.canary.take() else { return };
        drop_states(&self.plan, &mut self.state);
        self.put_back(canary.before);
        let CanaryVersion { plugin, digest, .. } = &canary.version;
        let observer = &self.options.observer;
        observer.message(&format!("plugin `{plugin}`: the canary {} has ended, {why}", short(digest)));
        observer.canary(None);
        if self.swaps.promotes() {
            self.swap_failed(Error::new(ErrorKind::Conflict, "its canary has ended"));
        }
    }

    /// The job was swapped to what its canary was: `combined` was the plan with both.
    pub(super) fn leave_canary(&mut self, combined: &Arc<Plan>) {
        if self.swaps.canary.take().is_some() {
            drop_states(combined, &mut self.state);
            self.options.observer.canary(None);
        }
    }

    /// Computes `planned` with the canary that there is; if that fails, it ends, and the epoch is made without it.
    pub(super) fn compute_with_canary(&mut self, planned: &EpochPlan) -> Result<EpochOutcome> {
        canaries(&self.plan).for_each(|(_, canary)| canary.forget_epoch());
        self.state.keep_undo();
        match self.compute(planned) {
            Ok(EpochOutcome::Computed(result)) => {
                self.state.forget_undo();
                self.count_canary();
                Ok(EpochOutcome::Computed(result))
            }
            Ok(given_up) => Ok(given_up),
            Err(e) => {
                self.take_back(planned.epoch)?;
                let plugin = self.swaps.canary.as_ref().map(|canary| canary.version.plugin.clone());
                self.end_canary(&format!("since an epoch failed with it: {e}"));
                let failed = plugin.map(|plugin| {
                    let reason = format!("plugin `{plugin}`: its canary has ended: {e}");
                    FailedSwap { plugin, reason }
                });
                self.swaps.failed.extend(failed);
                self.compute(planned)
            }
        }
    }

    /// How the canary went in the epoch that was computed; it is promoted when it has done well for long enough.
    pub(super) fn count_canary(&mut self) {
        let (mut rows, mut clean) = (0, true);
        for (_, canary) in canaries(&self.plan) {
            let epoch = canary.take_epoch();
            rows += epoch.rows;
            clean &= epoch.refused <= epoch.refused_before;
        }
        let Some(canary) = &mut self.swaps.canary else { return };
        canary.clean = match (clean, rows > 0) {
            (false, _) => 0,
            (true, has_rows) => canary.clean + u64::from(has_rows),
        };
        let report = canary.report();
        let is_due = canary.terms.promote_after.is_some_and(|epochs| canary.clean >= epochs);
        let change = canary.change.clone();
        self.options.observer.canary(Some(&report));
        if is_due && self.swaps.is_idle() && self.options.control.begin_own_swap() {
            self.begin_swap(SwapOrder::promotion(change));
        }
    }
}

impl Canary {
    fn report(&self) -> CanaryReport {
        let CanaryVersion { plugin, digest, share, since, .. } = self.version.clone();
        CanaryReport { plugin, digest, share, since, clean: self.clean, promote_after: self.terms.promote_after }
    }
}
