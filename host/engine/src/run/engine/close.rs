//! A job is closed: what it did in all.

use std::sync::Arc;

use super::Engine;
use crate::Result;
use crate::panics::of_another;
use crate::run::report::{StopReason, Summary};
use crate::run::unseen;

impl Engine {
    /// Waits until all that was computed is committed and published, closes the checkpoint and says what was done. A job
    /// that is not done yet ends here as if it had been told to stop.
    ///
    /// # Errors
    /// Something could not be committed or published.
    pub fn close(mut self) -> Result<Summary> {
        self.committer.finish()?;
        self.tell_sources()?;
        self.look_after_swap();
        let mut summary = self.summary();
        let began = self.began;
        if let Some(checkpoint) = Arc::into_inner(self.checkpoint) {
            let checkpoint = checkpoint.into_inner().map_err(|_| of_another())?;
            checkpoint.close()?;
        }
        for (name, live) in self.sources.iter() {
            unseen::tell(name, &*live.decoder, &*self.options.observer);
        }
        summary.elapsed = began.elapsed();
        Ok(summary)
    }

    fn summary(&self) -> Summary {
        let totals = &self.totals;
        let letters = &self.plan.job.dead_letters;
        let letters = self.plan.connectors.dead_letters(letters).ok().and_then(|connector| connector.writes(letters));
        let letters = letters.map(|writes| writes.path.display().to_string());
        Summary {
            epochs: totals.epochs,
            rows_in: totals.rows_in,
            bytes_in: totals.bytes_in,
            rows_out: totals.rows_out.clone(),
            late: totals.late,
            partly_late: totals.partly_late,
            ahead: totals.ahead,
            rejected: totals.rejected,
            not_refreshed: totals.not_refreshed,
            changed_files: self.noticed.all_changed,
            empty_files: self.noticed.all_empty,
            elapsed: self.began.elapsed(),
            watermark: self.progress.watermark(&self.plan),
            checkpoint: self.folder.path.display().to_string(),
            temporary_checkpoint: self.folder.is_temporary(),
            resumed_from: self.resumed_from,
            dead_letters: letters,
            stopped: self.done.unwrap_or(StopReason::Requested),
        }
    }
}
