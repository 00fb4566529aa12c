//! What the columns of an answer are called: what the query calls them, or else the expression as it was written. The
//! planner's own names have tables and types in them.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::operator::readable_expression;

/// `schema` with names for people. `given`: the names that files or the query itself have.
pub(super) fn for_people(schema: &SchemaRef, given: impl Fn(&str) -> bool) -> SchemaRef {
    let mut names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    for at in 0..names.len() {
        let name = &names[at];
        if !name.contains(['(', ' ', '.']) || given(name) {
            continue;
        }
        let said = readable_expression(name);
        // Two columns of one name are none that a reader could tell apart.
        if !said.is_empty() && !names.contains(&said) {
            names[at] = said;
        }
    }
    let fields = schema.fields().iter().zip(names).map(|(field, name)| Field::clone(field).with_name(name));
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// Whether `sql` has the name in quotes.
pub(super) fn quotes(sql: &str, name: &str) -> bool {
    ['"', '`', '\''].into_iter().any(|quote| sql.contains(&format!("{quote}{name}{quote}")))
}

/// Whether nobody but the planner would give such a name.
pub(super) fn is_the_planners(name: &str) -> bool {
    ["Utf8(\"", "Int64(", "Float64(", "Boolean(", "IntervalMonthDayNano("].iter().any(|word| name.contains(word))
}
