//! The auction house of the benchmark Nexmark (Tucker, Tufte, Papadimos and Maier, "NEXMark – A benchmark for queries over
//! data streams", 2008, in the shape that Apache Beam gave it): people join, put things up for auction, and bid.
//!
//! There is one sequence of events, and each of the three sources gives those of its kind. Nothing is drawn to know what
//! came before an event, so the three agree with each other without being made together. From Beam's events these differ
//! in that none refers to one that is still to come, and that a city lies in its state.

mod auctions;
mod bids;
mod house;
mod persons;

pub(super) use auctions::Auctions;
pub(super) use bids::Bids;
pub(super) use persons::Persons;
