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
//! | keyed | [`Keyed`] | [`keyed!`] | state and timers for each key |
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
//! [`Batch`] and takes typed views of its columns ([`view`]; [`nested`] for lists, structs and maps).
//!
//! **The way out.** Columns come from the helpers in [`kernel`], from vectors ([`Column::int64`]), from builders
//! ([`builder`]), or row by row from plain values ([`Mapped::each`], [`Expander::each_row`]) or structs
//! ([`derive@Row`]). A row that cannot be dealt with is rejected with a reason ([`Rejects`]); it goes to the job's dead
//! letters and the rest goes on. What a plugin has to say meanwhile goes to the [`log`].
//!
//! **Speed.** One call takes thousands of rows, so the call itself costs nothing; the loops inside it do: see
//! [`kernel`].

#[macro_use]
mod tuples;

mod batch;
pub mod bitmap;
pub mod buffer;
pub mod builder;
mod cast;
mod cbor;
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
pub mod nested;
pub mod operator;
pub mod reject;
pub mod row;
pub mod schema;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod value;
pub mod view;

pub use batch::Batch;
pub use bitmap::Bitmap;
pub use column::Column;
pub use config::Config;
pub use contract::types::{Problem, Site};
pub use data_type::{DataType, Field, NoDataType};
pub use fields::Fields;
pub use kernel::Groups;
/// Makes a struct of [`State`]s and [`MapState`]s what a keyed operator keeps of a key: see the trait of this name.
///
/// The struct has a default, too: `#[derive(Default, KeyedState)]`. `#[state(rename = "…")]` stores a field under another
/// name than its own.
///
/// ```compile_fail,E0277
/// use millstream_guest::prelude::*;
///
/// #[derive(Default, KeyedState)]
/// struct Wrong {
///     count: u64, // `State<u64>`
/// }
/// ```
pub use millstream_guest_derive::KeyedState;
/// Makes a struct an output row whose columns have its fields' names.
///
/// A column is null where the field is an `Option`, and else promises not to be. Fields may be any values of columns
/// ([`row::Cell`]): numbers, texts, times, lists (`Vec<T>`, `[T; N]`), maps (`BTreeMap`), structs ([`AsStruct`]), and
/// options of them. `#[row(rename = "…")]` gives a column another name than its field. [`Record::fields`] are the
/// columns that `bind` promises.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// #[derive(Row)]
/// struct Part<'a> {
///     host: &'a str,
///     port: Option<u16>,
///     #[row(rename = "path-parts")]
///     path: Vec<&'a str>,
/// }
///
/// let same = Fields::new()
///     .utf8("host").not_null()
///     .uint16("port")
///     .field("path-parts", <Vec<&str> as millstream_guest::row::Cell>::data_type()).not_null();
/// assert_eq!(Part::fields(), same);
/// ```
///
/// What cannot stand in a column is told at the field:
///
/// ```compile_fail,E0277
/// use millstream_guest::prelude::*;
///
/// #[derive(Row)]
/// struct Wrong {
///     socket: std::net::IpAddr, // `IpAddr` is no value of a column
/// }
/// ```
pub use millstream_guest_derive::Row;
pub use operator::{
    About, Aggregate, Aggregation, AtRow, Clock, Encoded, Expanded, Expander, Failure, Filter, FlatMap, Fold, Key,
    Keyed, KeyedOutput, KeyedState, Map, MapState, Mapped, OfState, Out, OutputRow, RowSink, Rows, Selection, State,
    StateFields, StoredValues, Timer, Timers, Values, Wanted,
};
pub use reject::Rejects;
pub use row::{AsStruct, Days, Micros, Record, Row};
pub use schema::{Input, Schema};
pub use value::Value;

/// The guide's examples are compiled with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/plugins.md")]
mod guide {}

/// Everything that a plugin usually needs: `use millstream_guest::prelude::*;`.
pub mod prelude {
    pub use crate::{
        About, Aggregate, Aggregation, AsStruct, AtRow, Batch, Bitmap, Clock, Column, Config, DataType, Days, Encoded,
        Expanded, Expander, Failure, Field, Fields, Filter, FlatMap, Fold, Groups, Input, Key, Keyed, KeyedOutput,
        KeyedState, Map, MapState, Mapped, Micros, OfState, Out, Problem, Record, Rejects, Row, Rows, Schema,
        Selection, State, StateFields, StoredValues, Timer, Timers, Value, Values, Wanted,
        builder::*,
        kernel,
        kind::*,
        log,
        nested::{
            Entries, FixedList, FixedListColumn, Items, List, ListColumn, MapColumn, MapOf, Struct, StructColumn,
        },
        view::{BoolColumn, BytesColumn, DecimalColumn, F64Column, I32Column, I64Column, PrimitiveColumn, Utf8Column},
    };
}
