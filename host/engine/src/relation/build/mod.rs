//! Operators over relations, a file each: a function takes what the operator must know and the rows it is applied to, and
//! gives the relation.

mod aggregate;
mod collect;
mod dedup;
mod filter;
mod join;
mod keyed;
mod limit;
mod normalise;
mod over;
mod plugin;
mod project;
mod rows;
mod select;
mod sort;
mod static_join;
mod throttle;
mod union;
mod unnest;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;

pub use aggregate::aggregate;
pub use collect::collect;
pub use dedup::{dedup, distinct};
pub use filter::filter;
pub use join::join;
pub use keyed::keyed;
pub use limit::limit;
pub use normalise::normalise;
pub use over::over;
pub use plugin::{plugin_filter, plugin_flat_map, plugin_map};
pub use project::project;
pub use rows::{rows_of, rows_with};
pub use select::{select, selection};
pub use sort::sort;
pub use static_join::{static_join, transforms_of};
pub use throttle::throttle;
pub use union::union;
pub use unnest::unnest;

use super::{Description, Relation};
use crate::job::OutputMode;
use crate::operator::{Stateful, Transform};

/// A stateless operator whose rows have the columns of `schema`, and the keys of its input in the columns `keys`.
fn transform(
    input: Relation,
    transform: impl Transform + 'static,
    schema: SchemaRef,
    keys: Vec<Vec<usize>>,
    description: Description,
) -> Relation {
    Relation::Transform {
        input: Box::new(input),
        transform: Arc::new(transform),
        schema,
        keys,
        description,
        beside: None,
    }
}

/// A stateless operator whose rows have the columns of its input.
fn same_columns(input: Relation, operator: impl Transform + 'static, description: Description) -> Relation {
    let (schema, keys) = (input.schema(), input.keys().to_vec());
    transform(input, operator, schema, keys, description)
}

/// A stateful operator that gives its rows when their time has come.
fn stateful(
    input: Relation,
    operator: impl Stateful + 'static,
    mode: OutputMode,
    keys: Vec<Vec<usize>>,
    description: Description,
) -> Relation {
    Relation::Stateful { inputs: vec![input], operator: Arc::new(operator), mode, keys, waits: 0, description }
}

/// The keys of `input` among output columns that each carry the column of it that `carried` names, if any.
fn keys_among(input: &Relation, carried: &[Option<usize>]) -> Vec<Vec<usize>> {
    let of = |key: &Vec<usize>| {
        let columns = carried.iter().enumerate();
        columns.filter(|(_, c)| c.is_some_and(|c| key.contains(&c))).map(|(at, _)| at).collect()
    };
    input.keys().iter().map(of).collect()
}
