//! Runs a plugin's logic natively, in plain `cargo test`: batches from literal values, `bind` and `call` as the host
//! calls them, and its answer put together as the host does it.
//!
//! What the host checks of a plugin's answers is checked here too ([`check`](TestError::Contract)), so that an answer
//! that passes here is accepted there. What only the sandbox does (limits, denied rights) isn't tried here.
//!
//! ```
//! # use millstream_guest::prelude::*;
//! # struct Double(Input<Int64>);
//! # impl Map for Double {
//! #     fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
//! #         Ok((Self(input.column("n")?.int64()?), Fields::new().int64("twice")))
//! #     }
//! #     fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
//! #         Ok(kernel::map_i64(&batch.get(self.0), |n| 2 * n).into())
//! #     }
//! # }
//! use millstream_guest::testing::{self, Table};
//!
//! let input = Table::new().int64("n", [Some(1), None]);
//! let output = testing::map::<Double>("{}", &input).unwrap();
//! assert_eq!(output.table, Table::new().int64("n", [Some(1), None]).int64("twice", [Some(2), None]));
//!
//! // Other numbers are brought to int64, as the host does it; texts are not.
//! let wrong = testing::map::<Double>("{}", &Table::new().utf8("n", ["1"])).unwrap_err();
//! assert_eq!(wrong.to_string(), "bind: column `n` is utf8; this plugin needs int64");
//! ```

mod aggregate;
mod alike;
mod cast;
mod cell;
mod check;
mod keyed;
mod keyed_laws;
mod laws;
mod run;
mod table;

pub use aggregate::{aggregate, fold};
pub use keyed::{KeyedJob, KeyedOutcome, keyed};
pub use keyed_laws::keyed_laws;
pub use laws::{fold_laws, laws};
pub use run::{Broken, Outcome, TestError, filter, flat_map, map};
pub use table::Table;

/// One value of a table.
pub use crate::value::Value as Cell;

#[cfg(test)]
mod tests;
