//! The four kinds of operator, one file each. A kind is a trait to implement and the type that its `call` returns.
//!
//! Every operator is a pure function over batches: what `call` returns depends on the configuration and the
//! arguments alone. The host may retry a call, replay it, throw the instance away and start another; so keep nothing
//! between calls but what follows from the configuration (a compiled pattern, a parsed table), which `bind` makes.

mod aggregate;
mod failure;
mod filter;
mod flat_map;
mod fold;
mod map;

pub use aggregate::{Aggregate, Aggregation};
pub use failure::Failure;
pub use filter::{Filter, Selection};
pub use flat_map::{Expanded, Expander, FlatMap, RowSink};
pub use fold::{Fold, Folding, Inputs, StateCell, StateRow};
pub use map::{Map, Mapped};

use crate::{
    config::Config,
    contract::types::{InputField, Problem},
    schema::Schema,
};

/// What every kind's `bind` has in common: the arguments are read, and what was given but not asked for is refused.
pub(crate) fn bound<T>(
    config: &str,
    input: Vec<InputField>,
    bind: impl FnOnce(&Config, &Schema) -> Result<T, Problem>,
) -> Result<(T, Vec<u32>), Problem> {
    let config = Config::from_json(config)?;
    let schema = Schema::new(input);
    let bound = bind(&config, &schema)?;
    config.refuse_unknown_keys()?;
    schema.refuse_unused_arguments()?;
    Ok((bound, schema.reads()))
}
