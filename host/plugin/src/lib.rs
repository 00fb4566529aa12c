//! Load, check, limit and call Wasm operator plugins over Arrow batches.
//! x
mod binding;
mod bound;
mod build;
mod cache;
mod contract;
mod error;
mod inspect;
mod instance;
mod lift;
mod limits;
mod lower;
mod plugin;
mod rejects;
mod runtime;
mod sandbox;
mod ticker;
mod trap;
mod types;
mod wasi;

pub use binding::InputField;
pub use bound::{Bound, BoundAggregate, BoundFilter, BoundFlatMap, BoundMap, Expanded, Mapped, Selection};
pub use error::{PluginError, Result, Trap, TrapKind};
pub use inspect::PluginKind;
pub use limits::{CallOptions, Limits};
pub use plugin::{Description, Import, Plugin};
pub use rejects::{REASON_BYTES, REASON_DROPPED, REASONS_BYTES, Reject};
pub use runtime::{Notify, Runtime, RuntimeOptions};
pub use types::{UTC, normal_type, timestamp_type};

/// The newest version of the contract, `millstream:operator`, that this host knows.
pub const CONTRACT_VERSION: &str = "0.1.0";
