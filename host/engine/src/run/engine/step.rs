//! A step of a job: an epoch, or a look that found nothing to do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Engine, Step};
use crate::connector::source::EntryChange;
use crate::fault::point;
use crate::job::Trigger;
use crate::panics;
use crate::record::{EpochRecord, SourceRange};
use crate::run::away::Failed;
use crate::run::commit::{Computed, first_cause, locked};
use crate::run::epoch::{EpochPlan, Outcome, compute};
use crate::run::progress::{Decided, Reads};
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
        let nothing_yet =
            |(range, live): (&Option<SourceRange>, &LiveSource)| range.is_none() && live.presence.is_away();
        if once && ranges.iter().zip(&self.sources).any(nothing_yet) {
            // The one epoch has all there is.
            hold_all(&mut self.sources, ranges);
            return Ok(self.rest(now));
        }
        let reads: Vec<Reads> = ranges.iter().zip(&self.sources).map(|(range, live)| Reads::of(range, live)).collect();
        let decided = self.progress.decide(&self.plan, &reads, now);
        let has_input = ranges.iter().any(Option::is_some);
        if has_input || (!once && decided.closes_something(&self.plan, &mut self.state, now)) {
            let computed = self.epoch(ranges, decided, now, false)?;
            return Ok(match (computed, once) {
                (true, true) => Step::Done(StopReason::InputEnded),
                (false, true) => self.rest(now),
                (_, false) => Step::Ready,
            });
        }
        let exhausted = self.sources.iter().all(|live| live.source.exhausted());
        if self.is_away() || !trigger::ends_without_input(self.trigger, exhausted) {
            return Ok(match trigger::next(self.trigger, Some(now), now) {
                TriggerDecision::WaitUntil(due) => Step::WaitUntil(due),
                TriggerDecision::Now => self.rest(now),
            });
        }
        if self.plan.job.final_watermark && !once {
            let decided = self.progress.decide_final();
            self.epoch(vec![None; self.sources.len()], decided, now, true)?;
        }
        Ok(Step::Done(StopReason::InputEnded))
    }

    /// Later input of a job whose watermark was sent to the end of time would be late, and so lost.
    fn refuse_more_input(&mut self) -> Result<Step> {
        let now = self.options.environment.clock.now();
        if let Some(rests) = self.rests_still(now) {
            return Ok(rests);
        }
        if self.plan_ranges(now)?.iter().all(Option::is_none) {
            return Ok(if self.is_away() { self.rest(now) } else { Step::Done(StopReason::InputEnded) });
        }
        let message = "the job is finished (final_watermark closed all of its windows), and there is new input for it";
        Err(Error::new(ErrorKind::Conflict, message).with_help("start over with --fresh, or leave final_watermark out"))
    }

    fn plan_ranges(&mut self, now: i64) -> Result<Vec<Option<SourceRange>>> {
        let mut ranges = Vec::with_capacity(self.sources.len());
        for (live, planned) in self.sources.iter_mut().zip(&self.plan.sources) {
            if live.presence.waits(now) {
                ranges.push(None);
                continue;
            }
            let (name, observer) = (&planned.spec.name.value, &*self.options.observer);
            if let Some(held) = live.presence.take_held() {
                ranges.push(Some(held));
                continue;
            }
            match (live.source.plan(now, known(&self.state, &planned.spec)), live.presence.is_away()) {
                // Whether it can be read is found out by reading.
                (Ok(Some(range)), true) => ranges.push(Some(range)),
                (Ok(range), _) => {
                    live.presence.is_there(name, now, observer);
                    ranges.push(range);
                }
                (Err(e), _) => match Failed::of(&e) {
                    Some(failed) => {
                        live.presence.went(name, &failed, now, observer);
                        ranges.push(None);
                    }
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
        self.acknowledge.tell(&self.plan, &mut self.sources, now)
    }

    fn is_away(&self) -> bool {
        self.sources.iter().any(|live| live.presence.is_away())
    }

    /// Whether the epoch was computed; else it was given up, and what was planned of it waits.
    fn epoch(&mut self, ranges: Vec<Option<SourceRange>>, decided: Decided, now: i64, finished: bool) -> Result<bool> {
        let began = Instant::now();
        let epoch = self.progress.next_epoch;
        self.options.environment.faults.hit(point::PLANNED);
        let sources = self.options.environment.sources();
        let not_refreshed = self.statics.refresh(&self.plan, &sources, now, &*self.options.observer);
        let planned = EpochPlan { epoch, started: now, ranges, pairs: decided.pairs.clone() };
        let outcome = compute(
            &self.plan,
            &planned,
            &self.sources,
            &mut self.sinks,
            &mut self.state,
            &self.workers,
            &self.options.environment,
        )
        .map_err(|e| e.context(format!("epoch {epoch}")))?;
        let mut result = match outcome {
            Outcome::Computed(result) => result,
            Outcome::GivenUp(gone) => {
                for (number, failed) in gone {
                    let name = &self.plan.sources[number].spec.name.value;
                    self.sources[number].presence.went(name, &failed, now, &*self.options.observer);
                }
                hold_all(&mut self.sources, planned.ranges);
                return Ok(false);
            }
        };
        let read = self.sources.iter_mut().zip(&self.plan.sources).zip(&planned.ranges);
        for ((live, source), _) in read.filter(|(_, range)| range.is_some()) {
            live.presence.is_there(&source.spec.name.value, now, &*self.options.observer);
        }

        for ((range, live), source) in planned.ranges.iter().zip(&mut self.sources).zip(&self.plan.sources) {
            let read = range.iter().flat_map(|range| live.source.entries(range));
            let mut changes: Vec<EntryChange> = read.map(|(key, value)| (key, Some(value))).collect();
            changes.extend(live.source.housekeeping());
            if changes.is_empty() {
                continue;
            }
            let table = self.state.table_mut(&source_table(&source.spec.name.value));
            for (key, value) in changes {
                match value {
                    Some(value) => drop(table.put(0, &key, &value)),
                    None => drop(table.delete(0, &key)),
                }
            }
        }
        self.acknowledge.computed(epoch, &planned.ranges, &self.sources);
        self.progress.advance(&self.plan, &decided, &result.seen, &result.seen_in, now);
        result.counters.not_refreshed = not_refreshed;
        self.noticed.give(&mut result.counters);
        let change = self.state.take_changes();
        let names = self.plan.sources.iter().map(|s| s.spec.name.value.clone());
        let record = EpochRecord {
            epoch,
            started: now,
            ranges: names.zip(planned.ranges).filter_map(|(name, range)| Some((name, range?))).collect(),
            event_times: self.progress.event_times(&self.plan),
            partition_times: self.progress.partition_times(&self.plan),
            event_time_columns: self.plan.watermarks.iter().map(|w| (w.name.clone(), w.column.clone())).collect(),
            watermarks: decided.pairs_by_name(&self.plan),
            counters: result.counters,
            outputs: Vec::new(),
            job: self.plan.job.digest().to_owned(),
            plugins: self.plugins.clone(),
            stateful: self.fingerprints.clone(),
            finished,
            dropped: change.dropped.clone(),
            statics: self.statics.versions.clone(),
        };
        let report = self.report(&record, result.took);
        let wanted = std::mem::take(&mut *locked(&self.wanted)?);
        let snapshot = wanted.into_iter().map(|p| (p, self.state.snapshot(p))).collect();
        self.committer.commit(Computed { record, change, prepared: result.prepared, snapshot, report, began })?;
        Ok(true)
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
        let names = self.plan.stateful.iter().flat_map(|stateful| &stateful.tables);
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
fn hold_all(sources: &mut [LiveSource], ranges: Vec<Option<SourceRange>>) {
    sources.iter_mut().zip(ranges).for_each(|(live, range)| live.presence.hold(range));
}
