//! run

pub mod report;
