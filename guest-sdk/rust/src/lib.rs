//! Write Millstream plugins in Rust.
//!
//! A plugin is a pure function over batches of columns. It runs as a WebAssembly component inside the engine, in a
//! sandbox that starts with no rights at all; it also runs as plain Rust in your own `cargo test`.
//!
//! | kind | trait | export | what it does |
//! |---|---|---|---|
//! | filter | [`Filter`] | [`filter!`] | keeps or drops each row |
//! | map | [`Map`] | [`map!`] | new columns for each row; also a scalar SQL function |
//! | flat-map | [`FlatMap`] | [`flat_map!`] | any number of rows for each |
//! | aggregate | [`Aggregate`] or, simpler, [`Fold`] | [`aggregate!`], [`fold!`] | one row for each group; also an SQL aggregate |
//!
//! Each of those pages begins with a whole plugin. A crate holds one, or several with [`operators!`]:
//!
//! ```
//! use millstream_guest::prelude::*;
//!
//! /// Keeps the rows whose `value` contains the configured text.
//! struct KeepContaining {
//!     value: Input<Utf8>,
//!     text: String,
//! }
//!
//! impl Filter for KeepContaining {
//!     fn bind(config: &Config, input: &Schema) -> Result<Self, Problem> {
//!         Ok(Self { value: input.column("value")?.utf8()?, text: config.text("text")? })
//!     }
//!
//!     fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
//!         Ok(kernel::contains(&batch.get(self.value), &self.text).into())
//!     }
//! }
//!
//! millstream_guest::filter!(KeepContaining);
//! # fn main() {}
//! ```
//!
//! **The way in.** `bind` reads the [`Config`] and asks the [`Schema`] for columns by name and type; what it asked
//! for, and nothing else, is copied into the sandbox, cast to that type where the input has another. `call` gets each
//! [`Batch`] and takes typed views of its columns ([`view`]).
//!
//! **The way out.** Columns come from the helpers in [`kernel`], from vectors ([`Column::int64`]), from builders
//! ([`builder`]), or row by row from plain values ([`Mapped::each`], [`Expander::each_row`]). A row that cannot be
//! dealt with is rejected with a reason ([`Rejects`]); it goes to the job's dead letters and the rest goes on. What a
//! plugin has to say meanwhile goes to the [`log`].
//!
//! **Speed.** One call takes thousands of rows, so the call itself costs nothing; the loops inside it do: see
//! [`kernel`].
//!
//! The keyed operator (state and timers per key) is drafted in the contract and not yet part of this crate.

mod batch;
pub mod bitmap;
pub mod buffer;
pub mod builder;
mod cast;
mod column;
pub mod config;
pub mod contract;
mod data_type;
#[doc(hidden)]
pub mod export;
mod fields;
pub mod kernel;
pub mod kind;
pub mod log;
pub mod operator;
pub mod reject;
pub mod row;
pub mod schema;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod view;

pub use batch::Batch;
pub use bitmap::Bitmap;
pub use column::Column;
pub use config::Config;
pub use contract::types::{Problem, Site};
pub use data_type::{DataType, Field};
pub use fields::Fields;
pub use kernel::Groups;
pub use operator::{
    About, Aggregate, Aggregation, AtRow, Expanded, Expander, Failure, Filter, FlatMap, Fold, Map, Mapped, RowSink,
    Selection,
};
pub use reject::Rejects;
pub use row::{Days, Micros};
pub use schema::{Input, Schema};

/// The guide's examples are compiled with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/plugins.md")]
mod guide {}

/// Everything that a plugin usually needs: `use millstream_guest::prelude::*;`.
pub mod prelude {
    pub use crate::{
        About, Aggregate, Aggregation, AtRow, Batch, Bitmap, Column, Config, DataType, Days, Expanded, Expander,
        Failure, Field, Fields, Filter, FlatMap, Fold, Groups, Input, Map, Mapped, Micros, Problem, Rejects, Schema,
        Selection,
        builder::*,
        kernel,
        kind::*,
        log,
        view::{BoolColumn, BytesColumn, DecimalColumn, F64Column, I32Column, I64Column, PrimitiveColumn, Utf8Column},
    };
}
