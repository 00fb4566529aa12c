//! How far a job has come: what the next epoch needs to know of those before it.

mod event_times;

use std::collections::BTreeMap;

pub(super) use self::event_times::SourceInput;

use self::event_times::{NodeTimes, sources_of_nodes};
use crate::name::{Name, Named};
use crate::operator::Due;
use crate::plan::{Plan, PlannedStateful, WatermarkNode};
use crate::record::{EpochRecord, EventTime, WatermarkPair};
use crate::run::gather::NodeSeen;
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
    times: Named<NodeTimes>,
    /// Of watermark nodes all of whose rows come from one source as they are read, that source.
    sources: BTreeMap<Name, Name>,
    /// Per stateful operator: the last epoch's.
    pairs: Named<WatermarkPair>,
}

/// What is decided at an epoch's start.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    times: Named<NodeTimes>,
    /// Per stateful operator.
    pub pairs: Named<WatermarkPair>,
}

impl Progress {
    /// After the last committed epoch; none = at the beginning.
    pub fn after(plan: &Plan, last: Option<&EpochRecord>) -> Self {
        let times = |name: &Name, node: &WatermarkNode| {
            // Of another column it says nothing.
            let last = last.filter(|l| l.event_time_columns.get(&**name).is_none_or(|c| *c == node.column));
            last.map_or_else(NodeTimes::default, |last| NodeTimes::recorded(last, name))
        };
        let pair = |name: &str| last.and_then(|l| l.watermarks.get(name).copied()).unwrap_or_default();
        Self {
            next_epoch: last.map_or(0, |l| l.epoch + 1),
            last_started: last.map(|l| l.started),
            times: plan.watermarks.map(times),
            sources: sources_of_nodes(plan),
            pairs: plan.stateful.map(|name, _| pair(name)),
        }
    }

    /// What an epoch that begins at `now` goes by; `reads` says of each source what the epoch reads of it.
    pub fn decide(&self, plan: &Plan, reads: &Named<SourceInput>, now: i64) -> Decided {
        let times = plan.watermarks.map(|name, node| {
            let (times, source) = (&self.times[name], self.sources.get(name));
            match node.rule {
                Some(rule) => {
                    let has_input = reads.get(name).is_some_and(|reads| reads.has_more);
                    times.decide(rule, source.map(|source| &reads[source]), has_input, now)
                }
                None => times.clone(),
            }
        });
        let of_node = |node: &Name| plan.watermarks[node].rule.map(|rule| times[node].watermark(rule));
        let pairs = plan.stateful.map(|name, stateful| {
            advance(self.pairs[name], stateful.watermark.now(&of_node).and_then(|(watermark, _)| watermark))
        });
        Decided { pairs, times }
    }

    /// The last epoch of a bounded job: every watermark at the end of time.
    pub fn decide_final(&self) -> Decided {
        let to_the_end = |_: &Name, pair: &WatermarkPair| WatermarkPair { late: pair.close, close: Some(i64::MAX) };
        Decided { times: self.times.clone(), pairs: self.pairs.map(to_the_end) }
    }

    /// The next time after `now` at which [`Progress::decide`] would decide otherwise though nothing came.
    pub fn next_idle(&self, plan: &Plan, now: i64) -> Option<i64> {
        let nodes = plan.watermarks.iter();
        let idle_at = nodes.filter_map(|(name, node)| Some(self.times[name].idle_at(node.rule?))).flatten();
        idle_at.filter(|at| *at > now).min()
    }

    /// The next time after `now` that a stateful operator waits for.
    pub fn next_timer(&self, plan: &Plan, state: &mut State, now: i64) -> Option<i64> {
        let due = plan.stateful.values().filter_map(|stateful| match next_due(stateful, state)? {
            Due::At(at) => Some(at),
            Due::Watermark => None,
        });
        due.filter(|at| *at > now).min()
    }

    /// After an epoch that began at `now`; `seen` by watermark node, of those whose rows there were.
    pub fn advance(&mut self, plan: &Plan, decided: &Decided, seen: &BTreeMap<Name, NodeSeen>, now: i64) {
        self.next_epoch += 1;
        self.last_started = Some(now);
        self.pairs.clone_from(&decided.pairs);
        let nothing = NodeSeen::default();
        self.times = plan
            .watermarks
            .map(|name, node| decided.times[name].after_epoch(node.rule, seen.get(name).unwrap_or(&nothing), now));
    }

    /// The event times after the last epoch, for its record.
    pub fn event_times(&self) -> BTreeMap<String, EventTime> {
        self.times.iter().map(|(name, times)| (name.to_string(), times.all)).collect()
    }

    /// Those of partitions.
    pub fn partition_times(&self) -> BTreeMap<String, BTreeMap<String, EventTime>> {
        let nodes = self.times.iter().filter(|(_, times)| !times.partitions.is_empty());
        nodes.map(|(name, times)| (name.to_string(), times.partitions.clone())).collect()
    }

    /// The watermark to show: the least of those that the job's state goes by, as they stand after the last epoch; where
    /// there is no such state, that of the nodes that name their event time.
    pub fn watermark(&self, plan: &Plan) -> Option<i64> {
        let node = |node: &Name| plan.watermarks[node].rule.map(|rule| self.times[node].watermark(rule));
        let of_state = plan.stateful.iter().filter_map(|(name, stateful)| {
            // It never goes back, also not when an input that was idle comes again.
            stateful.watermark.now(&node).map(|(watermark, _)| advance(self.pairs[name], watermark).close)
        });
        match of_state.min() {
            Some(least) => least,
            None => combine(Policy::Min, plan.watermarks.names().filter_map(node)),
        }
    }
}

impl Decided {
    /// Whether an epoch without input that begins at `now` would do something.
    pub fn closes_something(&self, plan: &Plan, state: &mut State, now: i64) -> bool {
        plan.stateful
            .iter()
            .any(|(name, stateful)| next_due(stateful, state).is_some_and(|due| due.is_due(self.pairs[name], now)))
    }
}

fn next_due(stateful: &PlannedStateful, state: &mut State) -> Option<Due> {
    let tables: Vec<&Table> = state.tables_named(&stateful.tables).into_iter().map(|table| &*table).collect();
    stateful.operator.next_due(&tables)
}
