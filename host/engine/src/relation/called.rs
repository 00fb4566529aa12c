//! What columns of a stateful operator are called once its rows come out of the node, as a query has named them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Relation;
use crate::operator::{AnyStateful, Carries};

impl Relation {
    /// What columns of `operator`'s rows are called where they come out of this, by their places there; none = it is not
    /// in it.
    pub fn called(&self, operator: &Arc<dyn AnyStateful>) -> Option<BTreeMap<usize, String>> {
        match self {
            Self::Input { .. } => None,
            Self::Stateful { operator: this, .. } if Arc::ptr_eq(this, operator) => {
                let names = this.schema();
                Some(names.fields().iter().map(|field| field.name().clone()).enumerate().collect())
            }
            // What is computed of its rows by another stateful operator is something else.
            Self::Stateful { inputs, .. } => {
                inputs.iter().find_map(|input| input.called(operator)).map(|_| BTreeMap::new())
            }
            Self::Union { inputs, .. } => inputs.iter().find_map(|input| input.called(operator)),
            Self::Transform { input, transform, .. } => {
                let below = input.called(operator)?;
                let schema = input.schema();
                // By the names that they have below, which are its own.
                let named = |at: usize| {
                    below.iter().find(|(_, name)| *name == schema.field(at).name()).map(|(place, _)| *place)
                };
                match transform.carries() {
                    Carries::All => Some(below),
                    Carries::Some(carried) => {
                        Some(carried.into_iter().filter_map(|(at, name)| Some((named(at)?, name))).collect())
                    }
                    Carries::Unknown => Some(BTreeMap::new()),
                }
            }
        }
    }
}
