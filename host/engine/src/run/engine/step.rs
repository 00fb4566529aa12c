//! A step of a job: an epoch, or a look that found nothing to do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Engine, Step};
use crate::connector::source::EntryChange;
use crate::fault::point;
use crate::job::Trigger;
use crate::name::{Name, Named};
use crate::panics;
use crate::panics::locked;
use crate::record::{EpochRecord, SourceRange};
use crate::run::away::PassingError;
use crate::run::commit::{ComputedEpoch, first_cause};
use crate::run::epoch::{EpochOutcome, EpochPlan, compute};
use crate::run::progress::{Decided, SourceInput};
use crate::run::report::{EpochReport, StopReason};
use crate::run::sources::{LiveSource, known, source_table};
use crate::time::trigger::{self, TriggerDecision};
use crate::{Error, ErrorKind, Result};

impl Engine {
    /// Does what is to be done now, an epoch at the most, and says what comes next.
    ///
    /// # Errors
    /// The first error ends the job; everything before its epoch is committed, nothing of it is.
    pub fn step(&mut self) -> Result<Step> {
        if let Some(reason) = self.done {
            return Ok(Step::Done(reason));
        }
        let step = panics::as_error(|| self.go_on());
        match step {
            Ok(step) => {
                if let Step::Done(reason) = step {
                    self.done = Some(reason);
                }
                Ok(step)
            }
            // What was computed before an error is committed all the same; the first error is the one to tell.
            Err(e) => {
                let finished = self.committer.finish();
                self.look_after_swap();
                first_cause(Err(e), finished.and_then(|()| self.tell_sources()))
            }
        }
    }

    fn go_on(&mut self) -> Result<Step> {
        let control = &self.options.control;
        if self.committer.has_failed() {
            self.committer.finish()?;
            return Err(Error::internal("the committer has failed and does not say why"));
        }
        let (is_stopped, is_paused) = (control.is_stopped(), control.is_paused());
        self.tell_sources()?;
        self.look_after_swap();
        if is_stopped {
            return Ok(Step::Done(StopReason::Requested));
        }
        if is_paused {
            self.committer.settle()?;
            self.tell_sources()?;
            // Going on begins with a look.
            self.rest = None;
            return Ok(Step::WaitFor(self.wake().clone()));
        }
        if !self.committer.has_room() {
            return Ok(Step::WaitFor(self.wake().clone()));
        }
        if self.finished {
            return self.refuse_more_input();
        }
        let now = self.options.environment.clock.now();
        if let TriggerDecision::WaitUntil(due) = trigger::next(self.trigger, self.looked, now) {
            return Ok(Step::WaitUntil(due));
        }
        if let Some(rests) = self.rests_still(now) {
            return Ok(rests);
        }
        self.looked = Some(now);
        self.options.environment.faults.hit(point::PLAN_BEFORE);
        let ranges = self.plan_ranges(now)?;
        let once = self.trigger == Trigger::Once;
        let nothing_yet = |(name, live): (&Name, &LiveSource)| !ranges.contains(name) && live.presence.is_away();
        if once && self.sources.iter().any(nothing_yet) {
            // The one epoch has all there is.
            hold_all(&mut self.sources, ranges);
            return Ok(self.rest(now));
        }
        let reads = self.sources.map(|name, live| SourceInput::of(ranges.get(name), live));
        let decided = self.progress.decide(&self.plan, &reads, now);
        let has_input = !ranges.is_empty();
        if has_input || (!once && decided.closes_something(&self.plan, &mut self.state, now)) {
            let computed = self.epoch(ranges, decided, now, false)?;
            return Ok(match (computed, once) {
                (true, true) => Step::Done(StopReason::InputEnded),
                (false, true) => self.rest(now),
                (_, false) => Step::Ready,
            });
        }
        let exhausted = self.sources.values().all(|live| live.source.exhausted());
        if self.is_away() || !trigger::ends_without_input(self.trigger, exhausted) {
            return Ok(match trigger::next(self.trigger, Some(now), now) {
                TriggerDecision::WaitUntil(due) => Step::WaitUntil(due),
                TriggerDecision::Now => self.rest(now),
            });
        }
        if self.plan.job.final_watermark && !once {
            let decided = self.progress.decide_final();
            self.epoch(Named::new(), decided, now, true)?;
        }
        Ok(Step::Done(StopReason::InputEnded))
    }

    /// Later input of a job whose watermark was sent to the end of time would be late, and so lost.
    fn refuse_more_input(&mut self) -> Result<Step> {
        let now = self.options.environment.clock.now();
        if let Some(rests) = self.rests_still(now) {
            return Ok(rests);
        }
        if self.plan_ranges(now)?.is_empty() {
            return Ok(if self.is_away() { self.rest(now) } else { Step::Done(StopReason::InputEnded) });
        }
        let message = "the job is finished (final_watermark closed all of its windows), and there is new input for it";
        Err(Error::new(ErrorKind::Conflict, message).with_help("start over with --fresh, or leave final_watermark out"))
    }

    /// What the next epoch reads, by source; of one that is not among them, nothing.
    fn plan_ranges(&mut self, now: i64) -> Result<Named<SourceRange>> {
        let mut ranges = Named::new();
        for (name, live) in self.sources.iter_mut() {
            if live.presence.waits(now) {
                continue;
            }
            let observer = &*self.options.observer;
            if let Some(held) = live.presence.take_held() {
                ranges.insert(name.clone(), held);
                continue;
            }
            match live.plan(now, known(&self.state, name)) {
                Ok(range) => {
                    // Whether one that was away can be read is found out by reading.
                    if range.is_none() || !live.presence.is_away() {
                        live.presence.is_there(name, now, observer);
                    }
                    if let Some(range) = range {
                        ranges.insert(name.clone(), range);
                    }
                }
                Err(e) => match PassingError::of(&e) {
                    Some(failed) => live.presence.went(name, &failed, now, observer),
                    None => return Err(e.context(format!("source `{name}`"))),
                },
            }
            self.noticed.take(name, live.source.notices(), observer);
        }
        Ok(ranges)
    }

    /// Tells the sources what was committed since the last time.
    pub(super) fn tell_sources(&mut self) -> Result<()> {
        let now = self.options.environment.clock.now();
        self.acknowledge.tell(&mut self.sources, now)
    }

    fn is_away(&self) -> bool {
        self.sources.values().any(|live| live.presence.is_away())
    }

    /// Whether the epoch was computed; else it was given up, and what was planned of it waits.
    fn epoch(&mut self, ranges: Named<SourceRange>, decided: Decided, now: i64, finished: bool) -> Result<bool> {
        let began = Instant::now();
        let epoch = self.progress.next_epoch;
        self.options.environment.faults.hit(point::PLANNED);
        let sources = self.options.environment.sources();
        let not_refreshed = self.statics.refresh(&self.plan, &sources, now, &*self.options.observer);
        let planned = EpochPlan { epoch, started: now, ranges, pairs: decided.pairs.clone() };
        let outcome = self.compute_or_swap(&planned).map_err(|e| e.context(format!("epoch {epoch}")));
        self.tell_logged(epoch);
        let mut result = match outcome? {
            EpochOutcome::Computed(result) => result,
            EpochOutcome::GivenUp(gone) => {
                for (name, failed) in gone {
                    self.sources[&name].presence.went(&name, &failed, now, &*self.options.observer);
                }
                hold_all(&mut self.sources, planned.ranges);
                return Ok(false);
            }
        };
        for name in planned.ranges.names() {
            self.sources[name].presence.is_there(name, now, &*self.options.observer);
        }

        for (name, live) in self.sources.iter_mut() {
            let read = planned.ranges.get(name).into_iter().flat_map(|range| live.source.entries(range));
            let mut changes: Vec<EntryChange> = read.map(|(key, value)| (key, Some(value))).collect();
            changes.extend(live.source.housekeeping());
            if changes.is_empty() {
                continue;
            }
            let table = self.state.table_mut(&source_table(name));
            for (key, value) in changes {
                match value {
                    Some(value) => drop(table.put(0, &key, &value)),
                    None => drop(table.delete(0, &key)),
                }
            }
        }
        self.acknowledge.computed(epoch, &planned.ranges, &self.sources);
        self.progress.advance(&self.plan, &decided, &result.seen, now);
        result.counters.not_refreshed = not_refreshed;
        self.noticed.give(&mut result.counters);
        self.note_for_swap();
        let change = self.state.take_changes();
        let ranges = planned.ranges.into_iter().map(|(name, range)| (name.to_string(), range));
        let columns = self.plan.watermarks.iter().map(|(name, node)| (name.to_string(), node.column.clone()));
        let record = EpochRecord {
            epoch,
            started: now,
            ranges: ranges.collect(),
            event_times: self.progress.event_times(),
            partition_times: self.progress.partition_times(),
            event_time_columns: columns.collect(),
            watermarks: decided.pairs.iter().map(|(name, pair)| (name.to_string(), *pair)).collect(),
            counters: result.counters,
            outputs: Vec::new(),
            job: self.plan.job.digest().to_owned(),
            plugins: self.plugins.clone(),
            stateful: self.fingerprints.clone(),
            finished,
            dropped: change.dropped.clone(),
            statics: self.statics.versions.clone(),
            swapped: self.swaps.swapped.noted.clone(),
            canary: self.swaps.canary.as_ref().map(|canary| canary.version.clone()),
            not_swapped: std::mem::take(&mut self.swaps.failed),
        };
        let report = self.report(&record, result.took);
        // While states are brought over, snapshots would have them twice, and soon for nothing: they are written afterwards.
        let wanted = match self.swaps.is_bringing_over() {
            true => Vec::new(),
            false => std::mem::take(&mut *locked(&self.wanted)?),
        };
        let snapshot = wanted.into_iter().map(|p| (p, self.state.snapshot(p))).collect();
        self.committer.commit(ComputedEpoch { record, change, prepared: result.prepared, snapshot, report, began })?;
        Ok(true)
    }

    /// Computes `planned` with the version of each plugin that there is.
    pub(super) fn compute(&mut self, planned: &EpochPlan) -> Result<EpochOutcome> {
        compute(
            &self.plan,
            planned,
            &self.sources,
            &mut self.sinks,
            &mut self.state,
            &self.workers,
            &self.options.environment,
        )
    }

    /// What plugins logged while `epoch` was computed, also where it failed or will be computed again.
    pub(super) fn tell_logged(&self, epoch: u64) {
        let (lines, dropped) = self.plan.plugins.logs().take();
        let observer = &self.options.observer;
        lines.iter().for_each(|line| observer.logged(epoch, line));
        if dropped > 0 {
            observer.message(&format!("epoch {epoch}: plugins logged {dropped} lines more, which were dropped"));
        }
    }

    fn report(&mut self, record: &EpochRecord, compute: Duration) -> EpochReport {
        let counters = &record.counters;
        let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
        let (late, partly_late, ahead) = (sum(&counters.late), sum(&counters.partly_late), sum(&counters.ahead));
        let (rejected, not_refreshed) = (sum(&counters.rejected), sum(&counters.not_refreshed));
        let (changed_files, empty_files) = (sum(&counters.changed_files), sum(&counters.empty_files));
        let totals = &mut self.totals;
        totals.epochs += 1;
        totals.rows_in += counters.rows_in;
        totals.bytes_in += counters.bytes_in;
        totals.late += late;
        totals.partly_late += partly_late;
        totals.ahead += ahead;
        totals.rejected += rejected;
        totals.not_refreshed += not_refreshed;
        for (sink, rows) in &counters.rows_out {
            *totals.rows_out.entry(sink.clone()).or_default() += rows;
        }
        let names = self.plan.stateful.values().flat_map(|stateful| &stateful.tables);
        let tables = names.filter_map(|name| self.state.table(name));
        EpochReport {
            epoch: record.epoch,
            started: record.started,
            rows_in: counters.rows_in,
            bytes_in: counters.bytes_in,
            rows_out: sum(&counters.rows_out),
            late,
            partly_late,
            ahead,
            rejected,
            not_refreshed,
            changed_files,
            empty_files,
            state_rows: sum(&counters.state_rows),
            state_bytes: tables.map(|t| t.bytes() as u64).sum(),
            watermark: self.progress.watermark(&self.plan),
            compute,
            ..EpochReport::default()
        }
    }
}

/// Everything that was planned of these sources waits for a later epoch.
fn hold_all(sources: &mut Named<LiveSource>, ranges: Named<SourceRange>) {
    ranges.into_iter().for_each(|(name, range)| sources[&name].presence.hold(range));
}
