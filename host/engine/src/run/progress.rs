//! How far a job has come: what the next epoch needs to know of those before it.

use std::collections::BTreeMap;

use crate::operator::Seen;
use crate::plan::{Plan, WatermarkNode};
use crate::record::{EpochRecord, EventTime, SourceRange, WatermarkPair};
use crate::state::{State, Table};
use crate::time::watermark::{Policy, advance, combine};

/// Event times and watermarks between two epochs.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The next epoch's number.
    pub next_epoch: u64,
    /// When the last epoch began, processing time.
    pub last_started: Option<i64>,
    /// Per watermark node.
    event_times: Vec<EventTime>,
    /// Per stateful operator: the last epoch's.
    pairs: Vec<WatermarkPair>,
}

/// What is decided at an epoch's start.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    pub event_times: Vec<EventTime>,
    pub pairs: Vec<WatermarkPair>,
}

impl Progress {
    /// After the last committed epoch; none = at the beginning.
    pub fn after(plan: &Plan, last: Option<&EpochRecord>) -> Self {
        let event_time = |node: &WatermarkNode| {
            // Of another column it says nothing.
            let last = last.filter(|l| l.event_time_columns.get(&node.name).is_none_or(|c| *c == node.column));
            last.and_then(|l| l.event_times.get(&node.name).copied()).unwrap_or_default()
        };
        let pair = |name: &str| last.and_then(|l| l.watermarks.get(name).copied()).unwrap_or_default();
        Self {
            next_epoch: last.map_or(0, |l| l.epoch + 1),
            last_started: last.map(|l| l.started),
            event_times: plan.watermarks.iter().map(event_time).collect(),
            pairs: plan.stateful.iter().map(|s| pair(&s.name)).collect(),
        }
    }

    /// What an epoch that begins at `now` goes by; `ranges` are what it reads of each source.
    pub fn decide(&self, plan: &Plan, ranges: &[Option<SourceRange>], now: i64) -> Decided {
        let has_input = |node: &str| {
            let mut sources = plan.sources.iter().zip(ranges);
            sources.any(|(source, range)| source.spec.name.value == node && range.is_some())
        };
        let nodes = plan.watermarks.iter().zip(&self.event_times);
        let event_times: Vec<EventTime> = nodes
            .map(|(node, seen)| match node.rule {
                // After a night without the job there may be much of it: nobody must run ahead of it.
                Some(_) if has_input(&node.name) => EventTime { idle: false, ..*seen },
                Some(rule) => rule.decide_idle(*seen, now),
                None => *seen,
            })
            .collect();
        let pairs = plan.stateful.iter().zip(&self.pairs).map(|(stateful, before)| {
            let of_node =
                |w: usize| plan.watermarks[w].rule.map(|rule| (rule.watermark(&event_times[w]), event_times[w].idle));
            advance(*before, stateful.watermark.now(&of_node).and_then(|(watermark, _)| watermark))
        });
        Decided { pairs: pairs.collect(), event_times }
    }

    /// The last epoch of a bounded job: every watermark at the end of time.
    pub fn decide_final(&self) -> Decided {
        let to_the_end = |pair: &WatermarkPair| WatermarkPair { late: pair.close, close: Some(i64::MAX) };
        Decided { event_times: self.event_times.clone(), pairs: self.pairs.iter().map(to_the_end).collect() }
    }

    /// The next time after `now` at which [`Progress::decide`] would decide otherwise though nothing came.
    pub fn next_idle(&self, plan: &Plan, now: i64) -> Option<i64> {
        let nodes = plan.watermarks.iter().zip(&self.event_times);
        nodes.filter_map(|(node, seen)| node.rule?.idle_at(seen)).filter(|at| *at > now).min()
    }

    /// After an epoch that began at `now` and saw `seen`.
    pub fn advance(&mut self, plan: &Plan, decided: &Decided, seen: &[Seen], now: i64) {
        self.next_epoch += 1;
        self.last_started = Some(now);
        self.pairs.clone_from(&decided.pairs);
        for ((node, before), (after, seen)) in
            plan.watermarks.iter().zip(&decided.event_times).zip(self.event_times.iter_mut().zip(seen))
        {
            *after = match node.rule {
                Some(rule) => rule.after_epoch(*before, seen.greatest, seen.rows > 0, now),
                None => EventTime { greatest: before.greatest.max(seen.greatest), ..*before },
            };
        }
    }

    /// The event times after the last epoch, for its record.
    pub fn event_times(&self, plan: &Plan) -> BTreeMap<String, EventTime> {
        plan.watermarks.iter().map(|w| w.name.clone()).zip(self.event_times.iter().copied()).collect()
    }

    /// The watermark to show: the least of those that the job's state goes by, as they stand after the last epoch; where
    /// there is no such state, that of the nodes that name their event time.
    pub fn watermark(&self, plan: &Plan) -> Option<i64> {
        let node = |w: usize| {
            let seen = &self.event_times[w];
            plan.watermarks[w].rule.map(|rule| (rule.watermark(seen), seen.idle))
        };
        let of_state = plan.stateful.iter().zip(&self.pairs).filter_map(|(stateful, pair)| {
            // It never goes back, also not when an input that was idle comes again.
            stateful.watermark.now(&node).map(|(watermark, _)| advance(*pair, watermark).close)
        });
        match of_state.min() {
            Some(least) => least,
            None => combine(Policy::Min, (0..plan.watermarks.len()).filter_map(node)),
        }
    }
}

impl Decided {
    /// Whether an epoch without input that begins at `now` would do something.
    pub fn closes_something(&self, plan: &Plan, state: &mut State, now: i64) -> bool {
        plan.stateful.iter().zip(&self.pairs).any(|(stateful, pair)| {
            let tables: Vec<&Table> = state.tables_named(&stateful.tables).into_iter().map(|table| &*table).collect();
            stateful.operator.next_due(&tables).is_some_and(|due| due.is_due(*pair, now))
        })
    }

    /// The pairs by operator, for the record.
    pub fn pairs_by_name(&self, plan: &Plan) -> BTreeMap<String, WatermarkPair> {
        plan.stateful.iter().map(|s| s.name.to_string()).zip(self.pairs.iter().copied()).collect()
    }
}
