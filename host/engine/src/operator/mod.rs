//! What happens to batches between sources and sinks.
//!
//! A [`Transform`] is stateless: it runs on each chunk by itself, on any core. A [`Stateful`] operator works in two
//! steps: [`Stateful::partial`] condenses a chunk, on any core; [`Stateful::close`] merges an epoch's partials into the
//! node's state, in the order of the chunks, and says what comes out. Operators keep nothing themselves: state is in
//! the table that is handed to `close`, so an epoch can be run again from the state before it.

pub mod aggregate;
mod collect;
mod comparing;
mod dedup;
mod effects;
mod event_time;
mod expression;
pub mod fingerprint;
mod float_text;
mod floats;
mod grouping;
mod isolate;
pub mod join;
pub mod over;
mod plugin;
mod readable;
mod relational;
mod room;
mod rows;
pub mod static_join;
mod unnest;
mod words;

use std::fmt::Debug;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use crate::record::WatermarkPair;
use crate::state::Table;
use crate::{Error, Result};

pub use aggregate::GroupPartial;
pub use collect::Collect;
pub use comparing::{is_comparing_function, is_comparison};
pub use dedup::{Dedup, DedupPartial, Expiry};
pub use effects::{Effects, LateRows, REASON_BYTES, Reject, Seen, cut_reason, row_as_json};
pub use event_time::{AheadRows, ObserveEventTime};
pub use expression::{Expressions, ROW_COLUMN, RejectedRow, reject_row};
use fingerprint::{Fingerprint, Former, Old};
pub use float_text::{is_text, text_value, with_texts, writes_texts};
pub use floats::{has_floats, normal_scalar, normal_value};
pub use isolate::{Attempt, Blame, Fault, isolate};
pub use join::JoinPartial;
pub use plugin::{CallResults, ColumnFrom, PluginCalls, PluginFilter, PluginFlatMap, PluginMap, Returned, extended};
pub use readable::readable;
pub use relational::{Filter, Limit, Normalise, Project, Select, Sort};
pub use room::Room;
pub(crate) use rows::arrow_failed;
pub use rows::{Origin, Rows};
pub use unnest::{Unnest, UnnestColumn};
pub use words::{InWords, Kept, Until};

/// A stateless operator.
pub trait Transform: Send + Sync + Debug {
    /// The rows that come out for `rows`. Rows that fail go to `effects`.
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows>;

    /// Whether it must be given an epoch's rows all at once (an order, a limit).
    fn needs_whole_result(&self) -> bool {
        false
    }
}

/// What a chunk leaves for a stateful operator's epoch step.
#[derive(Debug)]
pub enum Partial {
    /// Groups and their partial aggregate states.
    Groups(GroupPartial),
    /// The first rows of their keys.
    Firsts(DedupPartial),
    /// Rows of one side of a join.
    Join(JoinPartial),
    /// Rows as they are.
    Rows(RecordBatch),
}

impl Partial {
    /// What an aggregation left.
    fn groups(self) -> Result<GroupPartial> {
        match self {
            Self::Groups(groups) => Ok(groups),
            other => Err(Error::internal(format!("an aggregation was given {other:?}"))),
        }
    }

    /// What a deduplication left.
    fn firsts(self) -> Result<DedupPartial> {
        match self {
            Self::Firsts(firsts) => Ok(firsts),
            other => Err(Error::internal(format!("a deduplication was given {other:?}"))),
        }
    }

    /// What one side of a join left.
    fn join(self) -> Result<JoinPartial> {
        match self {
            Self::Join(rows) => Ok(rows),
            other => Err(Error::internal(format!("a join was given {other:?}"))),
        }
    }

    /// What a collection left.
    fn rows(self) -> Result<RecordBatch> {
        match self {
            Self::Rows(rows) => Ok(rows),
            other => Err(Error::internal(format!("a collection was given {other:?}"))),
        }
    }
}

/// A stateful operator.
pub trait Stateful: Send + Sync + Debug {
    /// Condenses one chunk's rows of input number `input`. `at` is the epoch's pair of watermarks: lateness goes by
    /// `late`.
    fn partial(&self, input: usize, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<Partial>>;

    /// What its tables are called. The first one holds what a person would count as its state; operators that find
    /// entries by several ways (by key, by time) have one for each way.
    fn tables(&self) -> &'static [&'static str] {
        &[""]
    }

    /// Merges the epoch's partials, in the order of their chunks, into `tables`, which are those of
    /// [`Stateful::tables`]; closes state by `at.close`; returns the rows that come out, in an order that depends on
    /// nothing but them. What has no result goes to `effects`.
    fn close(
        &self,
        partials: Vec<Partial>,
        tables: &mut [&mut Table],
        at: WatermarkPair,
        effects: &mut Effects,
    ) -> Result<Vec<RecordBatch>>;

    /// Whether [`Stateful::close`] may be given some of an epoch's partials before the others, with no watermark to close
    /// by: nothing comes out then, and the end of the epoch is as if all had come together.
    fn takes_in_early(&self) -> bool {
        false
    }

    /// The schema of the rows that come out.
    fn schema(&self) -> SchemaRef;

    /// What must stay the same for stored state to be usable: keys, time, output mode, aggregates and their states.
    fn fingerprint(&self) -> Fingerprint;

    /// How versions before `docs/decisions/0007` told that; not at all of an operator that they did not have.
    fn former_fingerprint(&self) -> Former {
        Former { text: String::new(), is_enough: false }
    }

    /// Brings over what older versions, of its plugins for example, have stored in another form.
    ///
    /// # Errors
    /// A plugin cannot do it. The tables are then half changed and of no use.
    fn bring_over(&self, old: &Old, _tables: &mut [&mut Table]) -> Result<()> {
        Err(Error::internal(format!("an operator without older forms was given {old:?}")))
    }

    /// When rows come out, what is kept and until when, what is late.
    fn in_words(&self) -> InWords;

    /// Whether an epoch without input can do something because a watermark has moved.
    fn waits_for_watermark(&self) -> bool;

    /// Whether no further row can change what comes out at the end: then nothing more need be read for it.
    fn has_enough(&self) -> bool {
        false
    }
}
