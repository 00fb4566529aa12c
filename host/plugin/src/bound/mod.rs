//! Bound plugins, one file per kind: each lowers what a call needs, makes the call on a pooled instance, and checks
//! what comes back.

mod aggregate;
mod filter;
mod flat_map;
mod handed_over;
mod keyed;
mod map;
mod migration;

pub use aggregate::BoundAggregate;
pub use filter::{BoundFilter, Selection};
pub use flat_map::{BoundFlatMap, Expanded};
pub use keyed::BoundKeyed;
pub use map::{BoundMap, Mapped};

use arrow::array::RecordBatch;

use crate::binding::Hints;
use crate::error::{PluginError, Result};

/// A plugin that has accepted a configuration and an input schema, ready to be called from any thread. Cloning it is
/// cheap; clones share their instances.
#[derive(Debug, Clone)]
pub enum Bound {
    /// Keeps or drops rows.
    Filter(BoundFilter),
    /// Computes new columns.
    Map(BoundMap),
    /// Makes any number of rows of each.
    FlatMap(BoundFlatMap),
    /// Aggregates groups of rows.
    Aggregate(BoundAggregate),
    /// Keeps state and timers per key.
    Keyed(BoundKeyed),
}

impl Bound {
    /// The input columns that it reads; only these are copied into it.
    pub fn reads(&self) -> &[usize] {
        match self {
            Self::Filter(bound) => bound.reads(),
            Self::Map(bound) => bound.reads(),
            Self::FlatMap(bound) => bound.reads(),
            Self::Aggregate(bound) => bound.reads(),
            Self::Keyed(bound) => bound.reads(),
        }
    }

    /// The columns that it makes; none for a filter.
    pub fn output(&self) -> &arrow::datatypes::Fields {
        match self {
            Self::Filter(bound) => bound.output(),
            Self::Map(bound) => bound.output(),
            Self::FlatMap(bound) => bound.output(),
            Self::Aggregate(bound) => bound.output(),
            Self::Keyed(bound) => bound.output(),
        }
    }
}

impl Bound {
    /// What the operator lets its host do.
    pub fn hints(&self) -> Hints {
        match self {
            Self::Filter(bound) => bound.hints(),
            Self::Map(bound) => bound.hints(),
            Self::FlatMap(bound) => bound.hints(),
            Self::Aggregate(bound) => bound.hints(),
            Self::Keyed(bound) => bound.hints(),
        }
    }
}

/// The rows of a batch as the contract counts them.
fn rows(batch: &RecordBatch) -> Result<u32> {
    u32::try_from(batch.num_rows())
        .map_err(|_| PluginError::Unsupported(format!("a batch of {} rows is too long", batch.num_rows())))
}

macro_rules! shared_parts {
    ($bound:ident) => {
        impl $bound {
            /// The input columns that it reads, in the order in which it gets them; only these are copied into it.
            pub fn reads(&self) -> &[usize] {
                &self.0.bound.reads
            }

            /// The columns that it makes.
            pub fn output(&self) -> &arrow::datatypes::Fields {
                self.0.bound.output()
            }

            /// What the operator lets its host do.
            pub fn hints(&self) -> crate::binding::Hints {
                self.0.bound.hints
            }
        }

        impl std::fmt::Debug for $bound {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($bound)).field("bound", &self.0.bound).finish_non_exhaustive()
            }
        }
    };
}
use shared_parts;
