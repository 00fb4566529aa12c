//! Grouped aggregation over stored state: the one stateful path for SQL's aggregates and for aggregate plugins.
//!
//! A chunk's rows are grouped and condensed to one *state* per group ([`GroupAggregate::partial`], any core). At the
//! epoch's end the states are merged into the table's, group by group; what is to be emitted is finished
//! ([`GroupAggregate::close`], partitions in parallel). Chunk boundaries and the order of merging do not depend on
//! the number of cores, nor does the result.
//!
//! With sliding windows rows are aggregated into slices (see [`crate::time::window`]), which are combined when their
//! windows are emitted; in update mode, where every touched window is emitted in every epoch, they go into the windows
//! themselves, since combining again and again would cost more.

mod apart;
mod bring_over;
mod built_in;
mod close;
mod distinct;
mod emit;
mod exact;
mod explain;
mod extreme;
mod fingerprint;
mod function;
mod in_parts;
mod partial;
mod plugin;
mod read;
mod session;
mod slices;
mod touched;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, SchemaRef};

pub use built_in::BuiltIn;
pub use distinct::Distinct;
pub use exact::{Exact, ExactSum, IntervalSum};
pub use extreme::Extreme;
pub use function::{AggregateFunction, Finished, FunctionError};
pub use plugin::PluginAggregate;
pub(super) use session::sessions_in;

use function::OverDistinct;
use partial::GroupPartial;

use super::expression::Expressions;
use super::fingerprint::{Fingerprint, Former, Old};
use super::{Closed, Due, Effects, EpochEnd, Explanation, Reading, Rows, Stateful, StoredColumns};
use crate::executor::Workers;
use crate::format::timestamp;
use crate::job::OutputMode;
use crate::operator::stored::check_stored;
use crate::record::WatermarkPair;
use crate::state::Table;
use crate::time::window::{SessionSpec, WindowSpec};
use crate::{Error, Result};

/// How event time takes part in the grouping.
#[derive(Debug, Clone)]
pub enum TimeKey {
    /// Not at all.
    None,
    /// By windows over a timestamp expression.
    Window {
        /// The windows.
        spec: WindowSpec,
        /// The timestamp, microseconds UTC.
        time: Expressions,
    },
    /// By sessions over a timestamp expression.
    Session {
        /// The sessions.
        spec: SessionSpec,
        /// The timestamp, microseconds UTC.
        time: Expressions,
    },
    /// By the event time itself.
    EventTime {
        /// The timestamp, microseconds UTC.
        time: Expressions,
    },
}

impl TimeKey {
    /// The timestamp that rows are grouped by.
    fn expression(&self) -> Option<&Expressions> {
        match self {
            Self::None => None,
            Self::Window { time, .. } | Self::Session { time, .. } | Self::EventTime { time } => Some(time),
        }
    }
}

/// One aggregate of the node.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    /// What is computed.
    pub function: Arc<dyn AggregateFunction>,
    /// Its arguments; those of `ORDER BY` follow.
    pub args: Expressions,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Expressions>,
}

/// Where an output column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputColumn {
    /// The window, as a struct of start and end, or the event time.
    Time,
    /// The window's start.
    Start,
    /// Key number `.0`.
    Key(usize),
}

/// A grouped aggregation.
#[derive(Debug)]
pub struct GroupAggregate {
    name: Arc<str>,
    time: TimeKey,
    keys: Expressions,
    key_fields: Fields,
    aggregates: Vec<AggregateCall>,
    /// Fields of one stored state: those that are stored of all aggregates, one after the other.
    state_fields: Fields,
    /// The types of both, as they are stored.
    key_types: Vec<DataType>,
    state_types: Vec<DataType>,
    groups: Vec<OutputColumn>,
    shown: Vec<String>,
    schema: SchemaRef,
    mode: OutputMode,
    at_end: bool,
    partitions: u32,
    input: SchemaRef,
}

/// The parts of a [`GroupAggregate`].
#[derive(Debug)]
pub struct GroupAggregateParts {
    /// The node's name.
    pub name: Arc<str>,
    /// Event time's part in the grouping.
    pub time: TimeKey,
    /// The other keys.
    pub keys: Expressions,
    /// Their fields.
    pub key_fields: Fields,
    /// The aggregates.
    pub aggregates: Vec<AggregateCall>,
    /// The first output columns; those of the aggregates follow.
    pub groups: Vec<OutputColumn>,
    /// What is grouped by, column by column as `groups`, as a person would write it.
    pub shown: Vec<String>,
    /// The output schema.
    pub schema: SchemaRef,
    /// What is emitted.
    pub mode: OutputMode,
    /// Nothing is emitted before the end of the input: when state is closed for the first time.
    pub at_end: bool,
    /// Partitions of the state.
    pub partitions: u32,
    /// The schema of the rows that are aggregated.
    pub input: SchemaRef,
}

/// The type of a window column: a struct of `start` and `end`.
pub fn window_type() -> DataType {
    let bound = |name| Arc::new(Field::new(name, timestamp(), true));
    DataType::Struct(Fields::from(vec![bound("start"), bound("end")]))
}

impl GroupAggregate {
    /// Puts the parts together.
    pub fn new(parts: GroupAggregateParts) -> Result<Self> {
        let GroupAggregateParts { name, time, keys, key_fields, aggregates, groups, shown, .. } = parts;
        let GroupAggregateParts { schema, mode, at_end, partitions, input, .. } = parts;
        if mode == OutputMode::Append && matches!(time, TimeKey::None) {
            return Err(Error::internal(format!("{name}: append mode without a time to group by")));
        }
        let types = |fields: &Fields| fields.iter().map(|f| f.data_type().clone()).collect::<Vec<_>>();
        let key_types = types(&key_fields);
        let mut node = Self {
            name,
            time,
            keys,
            key_fields,
            aggregates,
            state_fields: Fields::empty(),
            key_types,
            state_types: Vec::new(),
            groups,
            shown,
            schema,
            mode,
            at_end,
            partitions,
            input,
        };
        let stored = node.aggregates.iter().filter_map(|call| node.stored(call));
        node.state_fields = stored.flat_map(|function| function.state_fields().iter().cloned()).collect();
        node.state_types = types(&node.state_fields);
        let arguments = node.aggregates.iter().filter_map(|call| node.apart(call)).flat_map(OverDistinct::arguments);
        let arguments: Vec<_> = arguments.collect();
        check_stored(&node.name, node.key_types.iter().chain(&node.state_types).chain(&arguments))?;
        Ok(node)
    }

    /// Whether what is stored waits for more input.
    fn waits(&self, at: WatermarkPair) -> bool {
        self.at_end && at.close.is_none()
    }

    /// Whether rows go into windows themselves and not into the slices that windows share.
    fn stores_windows(&self) -> bool {
        match &self.time {
            TimeKey::Window { spec, .. } => spec.is_tumbling() || self.mode == OutputMode::Update,
            _ => true,
        }
    }

    /// What lateness is judged by: nothing is late in complete mode.
    fn lateness(&self, at: WatermarkPair) -> Option<i64> {
        if self.mode == OutputMode::Complete { None } else { at.late }
    }

    /// What a call is given each of only once: these combinations are kept apart from the groups' states.
    fn apart<'a>(&self, call: &'a AggregateCall) -> Option<&'a dyn OverDistinct> {
        call.function.distinct()
    }

    /// Whether there are such calls.
    fn keeps_combinations(&self) -> bool {
        self.aggregates.iter().any(|call| self.apart(call).is_some())
    }

    /// Whose states are stored for a call; none of a slice whose combinations are kept apart.
    fn stored<'a>(&self, call: &'a AggregateCall) -> Option<&'a dyn AggregateFunction> {
        match self.apart(call) {
            None => Some(&*call.function),
            Some(distinct) => self.stores_windows().then_some(distinct.of()),
        }
    }

    /// Which of the stored state's columns belong to each aggregate, and to what of it.
    fn state_ranges(&self) -> impl Iterator<Item = (Option<&dyn AggregateFunction>, Range<usize>)> {
        let mut from = 0;
        self.aggregates.iter().map(move |call| {
            let stored = self.stored(call);
            let range = from..from + stored.map_or(0, |s| s.state_fields().len());
            from = range.end;
            (stored, range)
        })
    }

    /// The same of a chunk's state, and of a window's that was made of slices.
    fn partial_ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let mut from = 0;
        self.aggregates.iter().map(move |call| {
            let range = from..from + call.function.state_fields().len();
            from = range.end;
            range
        })
    }

    /// An error of an aggregate's merge or finish has no row to blame.
    fn failed(&self, error: FunctionError) -> Error {
        error.into_error().context(format!("operator `{}`", self.name))
    }
}

impl Stateful for GroupAggregate {
    type Partial = GroupPartial;

    fn partial(&self, _: usize, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<GroupPartial>> {
        self.condense(rows, at, effects)
    }

    fn tables(&self) -> &'static [&'static str] {
        match (&self.time, self.keeps_combinations(), self.stores_pieces().is_some()) {
            (TimeKey::Session { .. }, true, _) => &["", "timers", apart::TABLE],
            (TimeKey::Session { .. }, false, _) => &["", "timers"],
            (_, true, true) => &["", apart::TABLE, slices::TABLE],
            (_, true, false) => &["", apart::TABLE],
            (_, false, true) => &["", slices::TABLE],
            (_, false, false) => &[""],
        }
    }

    fn close(&self, end: &EpochEnd, partials: Vec<GroupPartial>, tables: &mut [&mut Table]) -> Result<Closed> {
        let closed = match &self.time {
            TimeKey::Session { spec, .. } => self.close_sessions(*spec, &partials, tables, end)?,
            _ => self.merge_and_emit(&partials, tables, end)?,
        };
        Ok(closed.into_iter().collect())
    }

    fn takes_in_early(&self) -> bool {
        self.mode == OutputMode::Append && !matches!(self.time, TimeKey::Session { .. })
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        GroupAggregate::fingerprint(self)
    }

    fn former_fingerprint(&self) -> Former {
        GroupAggregate::former_fingerprint(self)
    }

    fn bring_over(&self, old: &Old, tables: &mut [&mut Table], workers: &Workers) -> Result<()> {
        // Pieces are states of the old version, made of others.
        if let (Some(pieces), true) = (tables.last_mut(), self.stores_pieces().is_some()) {
            pieces.drop_buckets(i64::MAX);
        }
        match tables {
            [states, _, sets] if old.lists => self.bring_states_over(old, states, Some(sets), workers),
            [states, ..] if !old.lists => self.bring_states_over(old, states, None, workers),
            _ => Err(Error::internal(format!("{}: other tables than it has", self.name))),
        }
    }

    fn explain(&self) -> Explanation {
        GroupAggregate::explain(self)
    }

    fn stored_columns(&self, called: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        Some(GroupAggregate::stored_columns(self, called))
    }

    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        GroupAggregate::read(self, tables, reading)
    }

    fn next_due(&self, _: &[&Table]) -> Option<Due> {
        let waits = self.mode != OutputMode::Complete && !matches!(self.time, TimeKey::None);
        waits.then_some(Due::Watermark)
    }
}
