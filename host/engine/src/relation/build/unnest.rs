//! A row per element of a list.

use arrow::datatypes::SchemaRef;

use super::{keys_among, transform};
use crate::operator::{Unnest, UnnestColumn};
use crate::relation::{Description, Relation};

/// A row per element of the lists in each row of `input`. A null list, or an empty one, is a row with a null where it is
/// kept. `shown` are the lists.
pub fn unnest(
    input: Relation,
    columns: Vec<UnnestColumn>,
    schema: SchemaRef,
    (keep_null, keep_empty): (bool, bool),
    shown: Vec<String>,
) -> Relation {
    let same = |column: &UnnestColumn| match column {
        UnnestColumn::Same(at) => Some(*at),
        _ => None,
    };
    let keys = keys_among(&input, &columns.iter().map(same).collect::<Vec<_>>());
    let operator = Unnest::new(columns, schema.clone(), keep_null, keep_empty);
    transform(input, operator, schema, keys, Description::new("unnest", shown))
}
