//! Stream–stream joins on equal keys and event times that are near each other.
//!
//! A chunk's rows are encoded and put in order of partitions ([`StreamJoin::partial`], any core). At the epoch's end,
//! partitions in parallel, new rows are matched with those stored of the other side and with each other, each pair once;
//! then they are stored themselves ([`StreamJoin::close`]).
//!
//! # State
//! A row lies in the bucket of its *slot*: a piece of time in which its expiry lies, the greatest event time of the other
//! side that could still match it. So a row looks for partners in the few slots that its own time allows, and slots that
//! the watermark has passed are dropped whole. Rows of an outer side also have a *timer*, in a finer grid, by which those
//! without a match are found in the epoch in which they expire. Under a key in a slot lies the list of its rows, long ones
//! in chunks ([`entry`]), so that what an epoch writes is in proportion to the rows that it adds.
//!
//! What always holds: a row in state that has expired matches no row that is not late, so it does not matter when it goes.

mod close;
mod entry;
mod explain;
mod finder;
mod fresh;
mod output;
mod partial;
mod read;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use serde_json::{Value, json};

use super::expression::Expressions;
use super::fingerprint::{Fingerprint, Former, SIDES, type_told};
use super::{Closed, Due, Effects, EpochEnd, Explanation, Reading, Rows, Stateful, StoredColumns};
use crate::operator::stored::check_stored;
use crate::record::WatermarkPair;
use crate::state::{Table, Timers};
use crate::time::reach::{Reach, Side};
use crate::{Error, Result};

use partial::JoinPartial;
pub(super) use read::rows_in;

/// Which rows come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and rows of the left side without a match.
    Left,
    /// Pairs, and rows of the right side without a match.
    Right,
    /// Pairs, and rows of both sides without a match.
    Full,
    /// Rows of the left side that have a match, once.
    LeftSemi,
}

impl JoinKind {
    /// As it is called in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inner => "inner",
            Self::Left => "left",
            Self::Right => "right",
            Self::Full => "full",
            Self::LeftSemi => "left semi",
        }
    }

    /// Whether rows of `side` come out without a match.
    pub fn is_outer(self, side: Side) -> bool {
        match side {
            Side::Left => matches!(self, Self::Left | Self::Full),
            Side::Right => matches!(self, Self::Right | Self::Full),
        }
    }

    /// Whether it matters if a row of `side` had a match before.
    fn notes_matches(self, side: Side) -> bool {
        self.is_outer(side) || (self == Self::LeftSemi && side == Side::Left)
    }
}

/// One side of a join.
#[derive(Debug, Clone)]
pub struct JoinInput {
    /// The columns of its rows.
    pub schema: SchemaRef,
    /// The keys.
    pub keys: Expressions,
    /// The event time, one timestamp in microseconds; none = it has none that counts.
    pub time: Option<Expressions>,
    /// What each of the columns is, for the fingerprint.
    pub told: Vec<Value>,
    /// Which nodes' rows these are, and which of them: what tells the sides apart where their columns are the same.
    pub from: Value,
}

/// The parts of a [`StreamJoin`].
#[derive(Debug)]
pub struct StreamJoinParts {
    /// The node's name.
    pub name: Arc<str>,
    /// Which rows come out.
    pub kind: JoinKind,
    /// The left side.
    pub left: JoinInput,
    /// The right side.
    pub right: JoinInput,
    /// Which event times match.
    pub reach: Reach,
    /// A further condition, over the columns of the left and the right side.
    pub condition: Option<Expressions>,
    /// What the condition is over.
    pub pair: SchemaRef,
    /// What comes out: the columns of the left side, then, but for a semi-join, those of the right one.
    pub schema: SchemaRef,
    /// Partitions of the state.
    pub partitions: u32,
}

/// A join of two streams.
#[derive(Debug)]
pub struct StreamJoin {
    parts: StreamJoinParts,
    grid: Grid,
    left_types: Vec<DataType>,
    right_types: Vec<DataType>,
}

/// How time is cut into slots and timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grid {
    /// Slots of rows.
    slots: Timers,
    /// Finer ones of timers; a slot is a multiple of them.
    timers: Timers,
}

/// Timers per slot.
const TIMERS: i64 = 128;
/// The narrowest slot: many slots with few rows each are slow.
const NARROWEST: i64 = 1_000_000;
impl Grid {
    /// For rows that wait for partners over `span`.
    fn new(span: Option<i64>) -> Self {
        let timer = (span.unwrap_or(0) / 8).clamp(NARROWEST, 1 << 60) / TIMERS;
        Self { slots: Timers::counted(timer * TIMERS, 2), timers: Timers::counted(timer, 2) }
    }
}

/// Both sides' slots and timers lie in one table, each in its lane.
fn lane(side: Side) -> i64 {
    i64::from(side == Side::Right)
}

/// The side of a lane.
fn of_lane(lane: i64) -> Side {
    if lane == 0 { Side::Left } else { Side::Right }
}

impl StreamJoin {
    /// Puts the parts together.
    ///
    /// # Errors
    /// A column that cannot be kept.
    pub fn new(parts: StreamJoinParts) -> Result<Self> {
        let types = |input: &JoinInput| -> Result<Vec<DataType>> {
            let types: Vec<DataType> = input.schema.fields().iter().map(|f| f.data_type().clone()).collect();
            check_stored(&parts.name, &types)?;
            Ok(types)
        };
        let (left_types, right_types) = (types(&parts.left)?, types(&parts.right)?);
        let grid = Grid::new(parts.reach.span());
        Ok(Self { parts, grid, left_types, right_types })
    }

    fn input(&self, side: Side) -> &JoinInput {
        match side {
            Side::Left => &self.parts.left,
            Side::Right => &self.parts.right,
        }
    }

    fn types(&self, side: Side) -> &[DataType] {
        match side {
            Side::Left => &self.left_types,
            Side::Right => &self.right_types,
        }
    }

    fn has_timers(&self) -> bool {
        self.parts.kind.is_outer(Side::Left) || self.parts.kind.is_outer(Side::Right)
    }

    fn named(&self, e: impl Into<Error>) -> Error {
        e.into().context(format!("operator `{}`", self.parts.name))
    }
}

fn reach_told(reach: &Reach) -> Value {
    let window = reach.window().map(|w| json!({ "size": w.size(), "offset": w.offset() }));
    json!({ "least": reach.least(), "most": reach.most(), "window": window })
}

impl Stateful for StreamJoin {
    type Partial = JoinPartial;

    fn partial(
        &self,
        input: usize,
        rows: Rows,
        at: WatermarkPair,
        effects: &mut Effects,
    ) -> Result<Option<JoinPartial>> {
        let side = if input == 0 { Side::Left } else { Side::Right };
        self.encode(side, rows, at, effects)
    }

    fn tables(&self) -> &'static [&'static str] {
        if self.has_timers() { &["", "timers"] } else { &[""] }
    }

    fn close(&self, end: &EpochEnd, partials: Vec<JoinPartial>, tables: &mut [&mut Table]) -> Result<Closed> {
        Ok(Closed::rows(self.match_and_store(&partials, tables, end)?))
    }

    fn schema(&self) -> SchemaRef {
        self.parts.schema.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        let StreamJoinParts { kind, left, right, reach, condition, .. } = &self.parts;
        let side = |input: &JoinInput| {
            let columns = input.told.iter().zip(input.schema.fields());
            let columns: Vec<Value> = columns.map(|(of, field)| json!([of, type_told(field.data_type())])).collect();
            let time = input.time.as_ref().map(Expressions::told);
            json!({ "keys": input.keys.told(), "at": time, "columns": columns })
        };
        let fingerprint = Fingerprint::of("join")
            .with("join", kind.name())
            .with("left", side(left))
            .with("right", side(right))
            .with(SIDES, json!([left.from, right.from]))
            .with("reach", reach_told(reach));
        match condition {
            Some(condition) => fingerprint.with("where", condition.told()),
            None => fingerprint,
        }
    }

    fn former_fingerprint(&self) -> Former {
        let StreamJoinParts { kind, left, right, reach, condition, .. } = &self.parts;
        let side = |input: &JoinInput| {
            let columns = input.schema.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type()));
            let columns = columns.collect::<Vec<_>>().join(", ");
            let time = input.time.as_ref().map_or("none".to_owned(), Expressions::describe);
            format!("({columns}) by {} at {time}", input.keys.describe())
        };
        let where_ = condition.as_ref().map_or(String::new(), |c| format!(" where {}", c.describe()));
        let text = format!("{kind:?} join of {} and {}, {reach:?}{where_}", side(left), side(right));
        // Columns of one name on both sides look alike in a condition.
        Former { text, is_enough: condition.is_none() }
    }

    fn explain(&self) -> Explanation {
        StreamJoin::explain(self)
    }

    fn stored_columns(&self, _: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        Some(StreamJoin::stored_columns(self))
    }

    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        StreamJoin::read(self, tables, reading)
    }

    fn next_due(&self, _: &[&Table]) -> Option<Due> {
        Some(Due::Watermark)
    }
}
