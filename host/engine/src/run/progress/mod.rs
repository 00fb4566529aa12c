//! How far a job has come: what the next epoch needs to know of those before it.

mod event_times;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use self::event_times::Reads;

use self::event_times::{NodeTimes, sources_of_nodes};
use crate::operator::Seen;
use crate::plan::{Plan, WatermarkNode};
use crate::record::{EpochRecord, EventTime, WatermarkPair};
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
    times: Vec<NodeTimes>,
    /// Per watermark node, the source that all its rows come from as they are read.
    sources: Vec<Option<usize>>,
    /// Per stateful operator: the last epoch's.
    pairs: Vec<WatermarkPair>,
}

/// What is decided at an epoch's start.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    times: Vec<NodeTimes>,
    pub pairs: Vec<WatermarkPair>,
}

impl Progress {
    /// After the last committed epoch; none = at the beginning.
    pub fn after(plan: &Plan, last: Option<&EpochRecord>) -> Self {
        let times = |node: &WatermarkNode| {
            // Of another column it says nothing.
            let last = last.filter(|l| l.event_time_columns.get(&node.name).is_none_or(|c| *c == node.column));
            last.map_or_else(NodeTimes::default, |last| NodeTimes::recorded(last, &node.name))
        };
        let pair = |name: &str| last.and_then(|l| l.watermarks.get(name).copied()).unwrap_or_default();
        Self {
            next_epoch: last.map_or(0, |l| l.epoch + 1),
            last_started: last.map(|l| l.started),
            times: plan.watermarks.iter().map(times).collect(),
            sources: sources_of_nodes(plan),
            pairs: plan.stateful.iter().map(|s| pair(&s.name)).collect(),
        }
    }

    /// What an epoch that begins at `now` goes by; `reads` says of each source what the epoch reads of it.
    pub fn decide(&self, plan: &Plan, reads: &[Reads], now: i64) -> Decided {
        let nodes = plan.watermarks.iter().zip(&self.times).zip(&self.sources);
        let decide = |((node, times), source): ((&WatermarkNode, &NodeTimes), &Option<usize>)| match node.rule {
            Some(rule) => {
                let named = plan.sources.iter().position(|source| source.spec.name.value == node.name);
                times.decide(rule, source.map(|n| &reads[n]), named.is_some_and(|n| reads[n].has_more), now)
            }
            None => times.clone(),
        };
        let times: Vec<NodeTimes> = nodes.map(decide).collect();
        let of_node = |w: usize| plan.watermarks[w].rule.map(|rule| times[w].watermark(rule));
        let pairs = plan.stateful.iter().zip(&self.pairs).map(|(stateful, before)| {
            advance(*before, stateful.watermark.now(&of_node).and_then(|(watermark, _)| watermark))
        });
        Decided { pairs: pairs.collect(), times }
    }

    /// The last epoch of a bounded job: every watermark at the end of time.
    pub fn decide_final(&self) -> Decided {
        let to_the_end = |pair: &WatermarkPair| WatermarkPair { late: pair.close, close: Some(i64::MAX) };
        Decided { times: self.times.clone(), pairs: self.pairs.iter().map(to_the_end).collect() }
    }

    /// The next time after `now` at which [`Progress::decide`] would decide otherwise though nothing came.
    pub fn next_idle(&self, plan: &Plan, now: i64) -> Option<i64> {
        let nodes = plan.watermarks.iter().zip(&self.times);
        let idle_at = nodes.filter_map(|(node, times)| Some(times.idle_at(node.rule?))).flatten();
        idle_at.filter(|at| *at > now).min()
    }

    /// After an epoch that began at `now` and saw `seen`, of it in partitions `seen_in`.
    pub fn advance(
        &mut self,
        plan: &Plan,
        decided: &Decided,
        seen: &[Seen],
        seen_in: &[BTreeMap<Arc<str>, Seen>],
        now: i64,
    ) {
        self.next_epoch += 1;
        self.last_started = Some(now);
        self.pairs.clone_from(&decided.pairs);
        let nodes = plan.watermarks.iter().zip(&decided.times).zip(seen.iter().zip(seen_in));
        let after = nodes.map(|((node, before), (seen, seen_in))| before.after_epoch(node.rule, seen, seen_in, now));
        self.times = after.collect();
    }

    /// The event times after the last epoch, for its record.
    pub fn event_times(&self, plan: &Plan) -> BTreeMap<String, EventTime> {
        plan.watermarks.iter().map(|w| w.name.clone()).zip(self.times.iter().map(|times| times.all)).collect()
    }

    /// Those of partitions.
    pub fn partition_times(&self, plan: &Plan) -> BTreeMap<String, BTreeMap<String, EventTime>> {
        let nodes = plan.watermarks.iter().zip(&self.times).filter(|(_, times)| !times.partitions.is_empty());
        nodes.map(|(node, times)| (node.name.clone(), times.partitions.clone())).collect()
    }

    /// The watermark to show: the least of those that the job's state goes by, as they stand after the last epoch; where
    /// there is no such state, that of the nodes that name their event time.
    pub fn watermark(&self, plan: &Plan) -> Option<i64> {
        let node = |w: usize| plan.watermarks[w].rule.map(|rule| self.times[w].watermark(rule));
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
