//! How far one watermark node has seen event time: in all, and in each partition where its rows come from a source that
//! has partitions. There its watermark is the least of the partitions that are not idle.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::operator::Seen;
use crate::plan::{Edge, Flow, Plan};
use crate::record::{EpochRecord, EventTime, SourceRange};
use crate::run::gather::NodeSeen;
use crate::run::sources::LiveSource;
use crate::time::watermark::{Policy, WatermarkNow, WatermarkRule, combine};

/// What an epoch reads of a source.
#[derive(Debug, Clone, Default)]
pub(in crate::run) struct SourceInput {
    /// Whether there is something, or would be if it were not away.
    pub has_more: bool,
    /// The same of each of its partitions, by name.
    pub partitions: Vec<(String, bool)>,
}

impl SourceInput {
    /// What an epoch reads of `live` that reads `range`.
    pub fn of(range: Option<&SourceRange>, live: &LiveSource) -> Self {
        let is_away = live.presence.is_away();
        let planned = |name: &str| match range {
            Some(SourceRange::Offsets(partitions)) => partitions.contains_key(name),
            _ => false,
        };
        let partitions = live.source.partitions().into_iter().map(|partition| {
            let has_more = is_away || !partition.is_read || planned(&partition.name);
            (partition.name, has_more)
        });
        Self { has_more: range.is_some() || is_away, partitions: partitions.collect() }
    }
}

/// The event times of a watermark node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NodeTimes {
    /// Of all rows.
    pub all: EventTime,
    /// Of each partition; none = it goes by all rows.
    pub partitions: BTreeMap<String, EventTime>,
}

impl NodeTimes {
    /// What `record` says of node `name`.
    pub fn recorded(record: &EpochRecord, name: &str) -> Self {
        Self {
            all: record.event_times.get(name).copied().unwrap_or_default(),
            partitions: record.partition_times.get(name).cloned().unwrap_or_default(),
        }
    }

    /// The watermark, and whether it holds nobody back.
    pub fn watermark(&self, rule: WatermarkRule) -> WatermarkNow {
        if self.partitions.is_empty() {
            return (rule.watermark(&self.all), self.all.idle);
        }
        let each = self.partitions.values().map(|seen| (rule.watermark(seen), seen.idle));
        (combine(Policy::Min, each), self.all.idle)
    }

    /// What an epoch goes by that begins at `now` and reads `source`, if one source has all its rows; `has_input`: the node
    /// is a source and has input.
    pub fn decide(&self, rule: WatermarkRule, source: Option<&SourceInput>, has_input: bool, now: i64) -> Self {
        let decide = |seen: EventTime, has_more: bool| {
            // After a night without the job there may be much of it: nobody must run ahead of it.
            if has_more { EventTime { idle: false, ..seen } } else { rule.decide_idle(seen, now) }
        };
        let partitions = source.map_or(&[][..], |reads| &reads.partitions).iter().map(|(name, has_more)| {
            let seen = self.partitions.get(name).copied().unwrap_or_default();
            (name.clone(), decide(seen, *has_more))
        });
        let partitions: BTreeMap<String, EventTime> = partitions.collect();
        let mut all = decide(self.all, has_input);
        if !partitions.is_empty() {
            all.idle = partitions.values().all(|seen| seen.idle);
        }
        Self { all, partitions }
    }

    /// When something of it becomes idle, if nothing comes.
    pub fn idle_at(&self, rule: WatermarkRule) -> impl Iterator<Item = i64> {
        let all = self.partitions.is_empty().then_some(&self.all);
        all.into_iter().chain(self.partitions.values()).filter_map(move |seen| rule.idle_at(seen))
    }

    /// After an epoch that began at `now`, for which this was decided, and that saw `seen`.
    pub fn after_epoch(&self, rule: Option<WatermarkRule>, seen: &NodeSeen, now: i64) -> Self {
        let after = |before: &EventTime, seen: Seen| match rule {
            Some(rule) => rule.after_epoch(*before, seen.greatest, seen.rows > 0, now),
            None => EventTime { greatest: before.greatest.max(seen.greatest), ..*before },
        };
        let mut all = after(&self.all, seen.all);
        let partitions = self.partitions.iter().map(|(name, before)| {
            let seen = seen.partitions.get(name.as_str()).copied().unwrap_or_default();
            (name.clone(), after(before, seen))
        });
        let partitions: BTreeMap<String, EventTime> = partitions.collect();
        if !partitions.is_empty() {
            all.idle = partitions.values().all(|seen| seen.idle);
        }
        Self { all, partitions }
    }
}

/// Of watermark nodes all of whose rows come from one source, with nothing in between that keeps rows, that source.
pub(super) fn sources_of_nodes(plan: &Plan) -> BTreeMap<Name, Name> {
    let mut found = BTreeMap::new();
    for (name, source) in plan.sources.iter() {
        reached(&source.flow, Some(name), &mut found);
    }
    for stateful in plan.stateful.values() {
        reached(&stateful.flow, None, &mut found);
    }
    let only = |(node, sources): (Name, BTreeSet<Option<&Name>>)| match sources.len() {
        1 => Some((node, sources.into_iter().next()??.clone())),
        _ => None,
    };
    found.into_iter().filter_map(only).collect()
}

fn reached<'a>(flow: &Flow, source: Option<&'a Name>, found: &mut BTreeMap<Name, BTreeSet<Option<&'a Name>>>) {
    for next in flow {
        match next {
            Edge::Through(_, rest) => reached(rest, source, found),
            Edge::EventTime(observes, rest) => {
                found.entry(observes.node.clone()).or_default().insert(source);
                reached(rest, source, found);
            }
            Edge::Sink(_) | Edge::State { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: WatermarkRule = WatermarkRule { delay: 0, idle_after: Some(10_000) };

    fn reads(partitions: &[(&str, bool)]) -> SourceInput {
        let partitions: Vec<_> = partitions.iter().map(|(name, has_more)| ((*name).to_owned(), *has_more)).collect();
        SourceInput { has_more: partitions.iter().any(|(_, has_more)| *has_more), partitions }
    }

    fn seen(partitions: &[(&str, i64)]) -> NodeSeen {
        let mut seen = NodeSeen::default();
        for (name, time) in partitions {
            let one = Seen { greatest: Some(*time), rows: 1 };
            seen.all.add(one);
            seen.partitions.insert((*name).into(), one);
        }
        seen
    }

    #[test]
    fn the_least_of_the_partitions_that_are_not_idle_counts() {
        let mut times = NodeTimes::default();
        let mut epoch = |partitions: &[(&str, bool)], rows: &[(&str, i64)], now: i64| {
            let decided = times.decide(RULE, Some(&reads(partitions)), false, now);
            times = decided.after_epoch(Some(RULE), &seen(rows), now);
            (decided.watermark(RULE), times.watermark(RULE))
        };
        let none = (None, false);
        // One that has had no row holds it back, until it is idle.
        assert_eq!(epoch(&[("a", true), ("b", false)], &[("a", 5000)], 0), (none, none));
        assert_eq!(epoch(&[("a", true), ("b", false)], &[("a", 6000)], 9_999), (none, none));
        assert_eq!(epoch(&[("a", false), ("b", false)], &[], 10_000), ((Some(6000), false), (Some(6000), false)));
        // One that is not read to its end is not idle, however long nothing comes of it.
        assert_eq!(epoch(&[("a", false), ("b", true)], &[("b", 2000)], 15_000), (none, (Some(2000), false)));
        assert_eq!(epoch(&[("a", false), ("b", true)], &[], 100_000).0, (Some(2000), false));
        // All are idle: the greatest counts.
        assert_eq!(epoch(&[("a", false), ("b", false)], &[], 200_000).0, (Some(6000), true));
        // One that is gone is left out; one that is new holds back.
        assert_eq!(epoch(&[("b", true)], &[("b", 7000)], 200_000).0, (Some(2000), false));
        assert_eq!(epoch(&[("b", false), ("c", true)], &[("c", 1000)], 200_001).1, (Some(1000), false));
    }

    #[test]
    fn without_partitions_it_goes_by_all_rows() {
        let times = NodeTimes {
            all: EventTime { greatest: Some(4000), last_seen: Some(0), idle: false },
            ..Default::default()
        };
        assert_eq!(
            times.decide(RULE, Some(&SourceInput::default()), false, 10_000).watermark(RULE),
            (Some(4000), true)
        );
        assert_eq!(times.decide(RULE, None, true, 10_000).watermark(RULE), (Some(4000), false));
        assert_eq!(times.idle_at(RULE).collect::<Vec<_>>(), [10_000]);
    }
}
