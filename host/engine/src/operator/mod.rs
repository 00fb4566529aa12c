//! What happens to batches between sources and sinks.
//!
//! A [`Transform`] is stateless: it runs on each chunk by itself, on any core. A [`Stateful`] operator works in two
//! steps: [`Stateful::partial`] condenses a chunk, on any core; [`Stateful::close`] merges an epoch's partials into the
//! node's state, in the order of the chunks, and says what comes out. Operators keep nothing themselves: state is in
//! the table that is handed to `close`, so an epoch can be run again from the state before it.

pub mod aggregate;
mod any;
mod collect;
mod comparing;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod dedup;
mod effects;
mod event_time;
mod explain;
mod expression;
pub mod fingerprint;
mod float_text;
mod floats;
mod grouping;
mod isolate;
pub mod join;
pub mod keyed;
pub mod over;
mod overview;
mod plugin;
mod readable;
mod reading;
mod relational;
mod room;
mod rows;
mod stateful;
pub mod static_join;
mod stored;
mod throttle;
mod time_text;
mod unnest;

use std::fmt::Debug;

use crate::Result;

pub use any::{AnyStateful, Partial};
pub use collect::Collect;
pub use comparing::{is_comparing_function, is_comparison};
pub use dedup::{Dedup, Expiry};
pub use effects::{Effects, LateRows, REASON_BYTES, Reject, Seen, cut_reason, row_as_json};
pub use event_time::{AheadRows, ObserveEventTime};
pub use explain::{Explanation, StateEntry, Until};
pub use expression::{Expressions, ROW_COLUMN, RejectedRow, reject_row};
pub use float_text::{is_text, text_value, with_texts, writes_texts};
pub use floats::{has_floats, normal_scalar, normal_value};
pub use isolate::{Attempt, Blame, Fault, isolate};
pub use overview::{StoredNode, stored_node};
pub use plugin::{
    CallResults, ColumnFrom, LogLine, PluginCalls, PluginFilter, PluginFlatMap, PluginLogs, PluginMap, PluginOperator,
    Returned, extended,
};
pub use readable::{readable, readable_expression};
pub use reading::{Reading, StoredColumns, TakeStored, Wanted};
pub use relational::{Filter, Limit, Normalise, Project, Select, Sort};
pub use room::Room;
pub(crate) use rows::arrow_failed;
pub use rows::{RowOrigins, Rows};
pub use stateful::{Closed, Due, EpochEnd, Stateful};
pub use throttle::{Allowance, Throttle};
pub use time_text::{is_time, no_time, time_constant};
pub use unnest::{Unnest, UnnestColumn};

/// Which columns come out as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carries {
    /// All, each in its place.
    All,
    /// These, by their places in the rows that come in, each with what it is called.
    Some(Vec<(usize, String)>),
    /// It cannot be told.
    Unknown,
}

/// A stateless operator.
pub trait Transform: Send + Sync + Debug {
    /// The rows that come out for `rows`. Rows that fail go to `effects`.
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows>;

    /// Which columns of its rows come out as they are.
    fn carries(&self) -> Carries {
        Carries::Unknown
    }

    /// Whether it must be given an epoch's rows all at once (an order, a limit).
    fn needs_whole_result(&self) -> bool {
        false
    }
}
