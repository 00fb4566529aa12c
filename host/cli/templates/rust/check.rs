//! The plugins that projects begin with.

/// One of groups.
#[path = "aggregate/src/lib.rs"]
pub mod aggregate;
/// One that keeps rows or drops them.
#[path = "filter/src/lib.rs"]
pub mod filter;
/// One that makes several rows of one.
#[path = "flat-map/src/lib.rs"]
pub mod flat_map;
/// One with state and timers.
#[path = "keyed/src/lib.rs"]
pub mod keyed;
/// One that adds a column.
#[path = "map/src/lib.rs"]
pub mod map;
