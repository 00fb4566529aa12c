//! The epoch loop.

mod chunk;
mod epoch;
mod gather;
pub mod report;
mod workers;
