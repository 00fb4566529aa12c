//! Keyed operator: a function of its configuration's choice, over one key at a time. It takes the rows' event time and one
//! more column, and gives rows as JSON in a column `out`.
//!
//! The functions know nothing of Wasm: a test runs the same ones natively, inside the engine's operator. The component is
//! written by the contract alone, without the SDK ([`wasm`]).
//!
//! | module | what it holds |
//! |---|---|
//! | `one` | one key in a call |
//! | `bound` | what a configuration asks for, and what a call makes of its keys |
//! | `time` | instants as text |
//! | `spark` | the rules by which Spark calls a keyed function, kept with the means of a keyed operator |
//! | `functions` | the functions that Spark was given, but for the two below |
//! | `timed` | those with many timers, one of them with a map |
//! | `visits` | one that does something of everything, for simulated jobs |

#![allow(clippy::unwrap_used, reason = "for tests: what cannot be read fails them")]

pub mod bound;
mod functions;
pub mod one;
mod spark;
mod time;
mod timed;
mod visits;
#[cfg(target_family = "wasm")]
mod wasm;
