//! Which branch of a query a stateful operator is: what its query does before it, in a digest.
//!
//! A fingerprint says what a state means, and leaves out which rows went into it; so two branches of a `UNION ALL` that
//! differ in nothing but their `WHERE` have the same. Their states are told apart by this.

use serde_json::{Value, json};

use crate::operator::fingerprint::fields_told;
use crate::relation::{Description, Relation};

/// A stateful operator among those of its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryBranch {
    /// Which one of them, in the order of the query.
    pub number: usize,
    /// The same for all that do the same with the same rows.
    pub digest: String,
}

impl QueryBranch {
    pub(super) fn of(number: usize, relation: &Relation) -> Self {
        let told = told(relation).to_string();
        Self { number, digest: blake3::hash(told.as_bytes()).to_hex()[..32].to_owned() }
    }

    /// As it stands in a record, beside the fingerprint.
    pub fn told(&self) -> Value {
        json!([self.number, self.digest])
    }

    /// What a record has.
    pub fn read(told: &Value) -> Option<Self> {
        let [number, digest] = told.as_array()?.as_slice() else { return None };
        Some(Self { number: usize::try_from(number.as_u64()?).ok()?, digest: digest.as_str()?.to_owned() })
    }
}

/// Descriptions are in words for people, which a later version may change: then nothing has the digest that was noted, which
/// costs an edit of several branches, and never gives a state to the wrong one.
fn told(relation: &Relation) -> Value {
    let columns = fields_told(relation.schema().fields());
    match relation {
        Relation::Input { table, .. } => json!({ "rows of": table, "columns": columns }),
        Relation::Transform { input, description, beside, .. } => {
            json!({ "does": description_told(description), "to": told(input), "beside": beside.as_deref().map(told), "columns": columns })
        }
        Relation::Union { inputs, .. } => {
            json!({ "all of": inputs.iter().map(told).collect::<Vec<_>>(), "columns": columns })
        }
        Relation::Stateful { inputs, operator, description, .. } => json!({
            "keeps": operator.fingerprint().told(), "does": description_told(description),
            "to": inputs.iter().map(told).collect::<Vec<_>>(), "columns": columns,
        }),
    }
}

fn description_told(description: &Description) -> Value {
    let plugins = description.plugins.iter().map(|call| json!([call.plugin, call.reads]));
    json!([description.does, description.with, description.computes, plugins.collect::<Vec<_>>()])
}
