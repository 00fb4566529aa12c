//! Load, check, limit and call Wasm operator plugins over Arrow batches.
//!
//! A plugin is a WebAssembly component that holds one or more operators of the contract `millstream:operator`
//! (`wit/millstream.wit`): filters, maps, flat-maps, aggregates or keyed operators, pure functions over batches of columns. This crate
//! runs such functions for a host that it knows nothing of: no streams, no jobs, no SQL.
//!
//! ```no_run
//! use arrow::array::RecordBatch;
//! use millstream_plugin::{Bound, InputField, Limits, Request, Runtime, RuntimeOptions};
//!
//! fn words(lines: &RecordBatch) -> millstream_plugin::Result<()> {
//!     let runtime = Runtime::new(RuntimeOptions::default())?;
//!     let plugin = runtime.load("plugins/split-words".as_ref())?; // a project folder or a .wasm file
//!     let input = InputField::of_schema(&lines.schema());
//!     let request = Request { config: r#"{"separator": " "}"#, input: &input, ..Request::default() };
//!     if let Bound::FlatMap(split) = plugin.bind(&request, &Limits::default())? {
//!         let words = split.call(lines)?;
//!         println!("{:?}, each from row {:?}", words.columns, words.parents);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What holds
//! - A plugin starts with no rights: no files, no network, no environment; its clocks count how often they are asked,
//!   and its random numbers are the same in every call. What it writes to its standard output and error is captured and
//!   shown with its errors. What it imports beyond that traps when called.
//! - It is limited in memory, tables, stack, time and returned bytes ([`Limits`], [`RuntimeOptions`]).
//! - Nothing that it returns is believed: it is checked before an Arrow array is made of it. What comes out of a call
//!   is a valid array of the type that was bound, or an error that names what was wrong.
//! - An instance that trapped or returned bad data is dropped; the next call gets a new one. The process lives.
//! - Only the columns that a plugin reads are copied, once, from Arrow's buffers into its memory.
//! - The same calls of a new instance give the same bytes, on every machine: its hash maps are seeded as those of any other
//!   instance, and NaNs have one form. Whether those of a used one do is the plugin's own doing: `verify` tries it.
//!
//! # The layers
//! Lowest first; a module uses those below it. `contract` (generated types), `error`, `limits`, `logging` · `format`,
//! `fields` (types), `cast` · `lower`, `lift` (columns in and out), `rejects` · `sandbox`, `imports`, `wasi`, `trap`,
//! `ticker`, `fuel` · `cache`, `build`, `inspect`, `catalog` · `keyed` (what keyed operators are given) · `request`, `binding` (what `bind` is asked, and what it answers) ·
//! `guests` (exports by kind), `pool` (live instances) · `bound` (a file per kind) · `plugin` · `runtime` · `verify` (whether an
//! operator is deterministic).

mod binding;
mod bound;
mod build;
mod cache;
mod cast;
mod catalog;
mod contract;
mod error;
mod fields;
mod format;
mod fuel;
mod guests;
mod imports;
mod inspect;
pub mod keyed;
mod lift;
mod limits;
mod logging;
mod lower;
mod plugin;
mod pool;
mod rejects;
mod request;
mod runtime;
mod sandbox;
mod ticker;
mod trap;
pub mod verify;
mod wasi;

pub use binding::Hints;
pub use bound::{Bound, BoundAggregate, BoundFilter, BoundFlatMap, BoundKeyed, BoundMap, Expanded, Mapped, Selection};
pub use build::{Language, sdk_files};
pub use catalog::{ColumnInfo, OperatorInfo};
pub use error::{About, PluginError, Result, Trap, TrapKind};
pub use fields::{FIELDS, NESTING, UTC, normal_type, timestamp_type};
pub use inspect::PluginKind;
pub use limits::{CallOptions, LEAST_CALL_TIME, Limits};
pub use logging::{LogLevel, LogSink};
pub use plugin::{Description, Import, Plugin};
pub use rejects::{REASON_BYTES, REASON_DROPPED, REASONS_BYTES, Reject};
pub use request::{InputField, Request};
pub use runtime::{Notify, Runtime, RuntimeOptions, digest};

/// The newest version of the contract, `millstream:operator`, that this host knows.
pub const CONTRACT_VERSION: &str = "0.2.0";
