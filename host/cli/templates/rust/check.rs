//! The plugins that projects begin with.

#[path = "aggregate/src/lib.rs"]
pub mod aggregate;
#[path = "filter/src/lib.rs"]
pub mod filter;
#[path = "flat-map/src/lib.rs"]
pub mod flat_map;
#[path = "keyed/src/lib.rs"]
pub mod keyed;
#[path = "map/src/lib.rs"]
pub mod map;
