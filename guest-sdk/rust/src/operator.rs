//! The five kinds of operator, one file each. A kind is a trait to implement and the type that its `call` returns.
//!
//! Every operator is a pure function over batches: what `call` returns depends on the configuration and the
//! arguments alone. The host may retry a call, replay it, throw the instance away and start another; so keep nothing
//! between calls but what follows from the configuration (a compiled pattern, a parsed table), which `bind` makes.

mod about;
mod aggregate;
mod encoded;
mod failure;
mod filter;
mod flat_map;
mod fold;
mod keyed;
mod map;
mod state;

pub use about::About;
pub use aggregate::{Aggregate, Aggregation};
pub use encoded::Encoded;
pub(crate) use failure::told;
pub use failure::{AtRow, Failure, OfState};
pub use filter::{Filter, Selection};
pub use flat_map::{Expanded, Expander, FlatMap, RowSink};
pub use fold::{Fold, Folding, Inputs};
pub(crate) use keyed::{ALL, Change, Fate};
pub use keyed::{
    Clock, Key, Keyed, KeyedOutput, KeyedState, MapState, Out, OutputRow, Rows, State, StateField, StateFields,
    StateOf, StateVisitor, StoredValues, Timer, Timers, Values, Wanted,
};
pub use map::{Map, Mapped};
pub use state::{StateCell, StateItem, StateRow};
