//! Helpers for whole columns, written so that they run well inside the sandbox.
//!
//! Why not a plain loop? So that a plugin in an endless loop can be stopped, the host checks at the end of every turn
//! of every loop in the compiled code, about a nanosecond each time. A plain loop over 8,192 rows pays that 8,192
//! times, which may be more than the work itself. These helpers do 16 to 32 rows a turn, with a body of fixed length
//! that the compiler unrolls and, built with `+simd128`, turns into vector instructions. Searching goes over the
//! column's whole buffer instead of row by row, for the same reason.

mod grouped;
mod numbers;
mod pair;
mod part;
mod places;
mod search;
mod split;
mod texts;

pub use grouped::{Groups, narrow_i64};
pub use numbers::{map_f64, map_i64, map_in_place, map_to, select, zip_f64, zip_i64, zip_to};
pub use part::nth_part;
pub use search::{contains, ends_with, equals, select_bytes, select_text, starts_with};

#[cfg(test)]
mod tests;
