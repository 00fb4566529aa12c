//! Exports: how a plugin's traits become a component's exports. Used by the macros (`filter!`, …), not by hand.
//!
//! [`slot`] does what every plugin's `bind` and `call` need around the author's code, in terms of the contract's types;
//! [`testing`](crate::testing) calls the same functions, so that a native test takes the way that the component takes.
//! [`catalog`] lists what a crate has to offer. Under Wasm the glue that `wit-bindgen` generates for each world calls
//! both.

pub mod catalog;
pub mod keyed;
mod macros;
pub mod slot;
#[cfg(target_family = "wasm")]
pub mod wasm;

pub use catalog::{Component, Entry, checked};
#[cfg(target_family = "wasm")]
pub use wasm::Exports;
