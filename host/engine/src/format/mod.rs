//! format
pub mod encode;
