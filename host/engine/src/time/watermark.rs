//! Watermarks: how far event time has come, and what that makes late.
//!
//! A watermark node's watermark is the greatest event time it has seen minus its delay, in whole milliseconds, rounded
//! down (`docs/decisions/0012`). W(N) is the watermark from all epochs before N: epoch N judges lateness by W(N-1) and
//! closes state by W(N) ([`WatermarkPair`]).

use std::collections::BTreeSet;

use crate::name::Name;
use crate::record::{EventTime, WatermarkPair};

/// What watermarks are whole multiples of, microseconds. A window's row, whose time is its end − 1 µs, so never stands
/// at or before a watermark that the window's end is still ahead of.
pub const RESOLUTION: i64 = 1000;

/// `t` as a watermark.
fn rounded(t: i64) -> i64 {
    // The first microseconds of all time have no whole millisecond before them.
    t.saturating_sub(t.rem_euclid(RESOLUTION))
}

/// The rules of one watermark node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkRule {
    /// Event times may come this much out of order, microseconds.
    pub delay: i64,
    /// After how long without a row the node holds nobody back, microseconds of processing time.
    pub idle_after: Option<i64>,
}

impl WatermarkRule {
    /// The node's own watermark; none = minus infinity.
    pub fn watermark(&self, seen: &EventTime) -> Option<i64> {
        seen.greatest.map(|t| rounded(t.saturating_sub(self.delay)))
    }

    /// What the node has seen after an epoch that began at `now` and whose greatest event time was `greatest`.
    pub fn after_epoch(&self, seen: EventTime, greatest: Option<i64>, rows: bool, now: i64) -> EventTime {
        EventTime {
            greatest: seen.greatest.max(greatest),
            // A node that has not had a row yet counts from the first epoch on.
            last_seen: if rows || seen.last_seen.is_none() { Some(now) } else { seen.last_seen },
            // What was decided at the epoch's start holds until there is a row.
            idle: seen.idle && !rows,
        }
    }

    /// When a node that has no row from now on becomes idle; none = never, or nobody has counted yet.
    pub fn idle_at(&self, seen: &EventTime) -> Option<i64> {
        Some(seen.last_seen?.saturating_add(self.idle_after?))
    }

    /// Decides, at the start of an epoch at `now`, whether the node is idle.
    pub fn decide_idle(&self, seen: EventTime, now: i64) -> EventTime {
        EventTime { idle: self.idle_at(&seen).is_some_and(|at| now >= at), ..seen }
    }
}

/// A watermark, none = minus infinity, and whether what it comes from is idle.
pub type WatermarkNow = (Option<i64>, bool);

/// How several inputs' watermarks become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// What the watermark of some rows is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Derived {
    /// Rows without event time have none.
    None,
    /// A node that names its event time.
    Node(Name),
    /// Several inputs come together.
    Combined {
        /// How.
        policy: Policy,
        /// What of.
        inputs: Vec<Derived>,
    },
    /// A node gives rows this much later than they came, microseconds: its longest wait.
    HeldBack {
        /// What comes to the node.
        input: Box<Derived>,
        /// How much.
        by: i64,
    },
}

impl Derived {
    /// That of rows that come from several inputs.
    pub fn combined(policy: Policy, inputs: impl IntoIterator<Item = Derived>) -> Self {
        let mut inputs: Vec<Derived> = inputs.into_iter().filter(|d| *d != Self::None).collect();
        match inputs.len() {
            0 => Self::None,
            1 => inputs.swap_remove(0),
            _ => Self::Combined { policy, inputs },
        }
    }

    /// That of what comes out of a node that waits.
    #[must_use]
    pub fn held_back(self, by: i64) -> Self {
        if by == 0 || self == Self::None { self } else { Self::HeldBack { input: Box::new(self), by } }
    }

    /// The watermark now and whether all it is made of is idle, from those of the nodes. None = there is no watermark,
    /// `Some((None, _))` = minus infinity.
    pub fn now(&self, node: &dyn Fn(&Name) -> Option<WatermarkNow>) -> Option<WatermarkNow> {
        match self {
            Self::None => None,
            Self::Node(name) => node(name),
            Self::Combined { policy, inputs } => {
                let inputs: Vec<_> = inputs.iter().filter_map(|input| input.now(node)).collect();
                let idle = inputs.iter().all(|(_, idle)| *idle);
                (!inputs.is_empty()).then(|| (combine(*policy, inputs), idle))
            }
            Self::HeldBack { input, by } => {
                input.now(node).map(|(watermark, idle)| (watermark.map(|w| rounded(w.saturating_sub(*by))), idle))
            }
        }
    }

    /// How far it may lie behind the greatest event time, from the delays of the nodes: the longest of several inputs.
    pub fn longest(&self, delay: &dyn Fn(&Name) -> Option<i64>) -> i64 {
        match self {
            Self::None => 0,
            Self::Node(name) => delay(name).unwrap_or(0),
            Self::Combined { inputs, .. } => inputs.iter().map(|input| input.longest(delay)).max().unwrap_or(0),
            Self::HeldBack { input, by } => input.longest(delay).saturating_add(*by),
        }
    }

    /// The watermark nodes that it is made of.
    pub fn nodes(&self) -> BTreeSet<&Name> {
        match self {
            Self::None => BTreeSet::new(),
            Self::Node(name) => BTreeSet::from([name]),
            Self::Combined { inputs, .. } => inputs.iter().flat_map(Self::nodes).collect(),
            Self::HeldBack { input, .. } => input.nodes(),
        }
    }
}

/// One watermark from those of several inputs, each with whether it is idle. Idle inputs are left out, unless all are:
/// then none of them holds another back, and the greatest counts, as in Flink.
pub fn combine(policy: Policy, inputs: impl IntoIterator<Item = WatermarkNow>) -> Option<i64> {
    let (idle, active): (Vec<_>, Vec<_>) = inputs.into_iter().partition(|(_, idle)| *idle);
    let watermarks = |inputs: Vec<WatermarkNow>| inputs.into_iter().map(|(watermark, _)| watermark);
    // None is minus infinity and sorts below every time.
    match policy {
        _ if active.is_empty() => watermarks(idle).max().flatten(),
        Policy::Min => watermarks(active).min().flatten(),
        Policy::Max => watermarks(active).max().flatten(),
    }
}

/// The pair of the epoch after the one that had `before`, when the inputs now say `watermark`. Never goes back.
pub fn advance(before: WatermarkPair, watermark: Option<i64>) -> WatermarkPair {
    WatermarkPair { late: before.close, close: before.close.max(watermark) }
}

/// Whether an epoch without input would close anything: the watermark has moved since the last epoch.
pub fn moved(pair: WatermarkPair) -> bool {
    pair.close != pair.late
}

/// Whether a time is late by `watermark`: at or before it.
#[inline]
pub fn is_late(end: i64, watermark: Option<i64>) -> bool {
    watermark.is_some_and(|w| end <= w)
}
