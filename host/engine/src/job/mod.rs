//! The job file: what the user wrote, as checked types with the place of each name kept for errors.

mod model;

pub use model::*;
