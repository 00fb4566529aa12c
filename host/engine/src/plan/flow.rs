//! What happens to rows that come out somewhere: a tree of operators, down to sinks and state.

use std::sync::Arc;

use crate::operator::{ObserveEventTime, Transform};

/// What happens to rows: all of these.
pub type Flow = Vec<Edge>;

/// One thing that happens to rows.
#[derive(Clone)]
pub enum Edge {
    /// They go through a stateless operator, and on.
    Through(Arc<dyn Transform>, Flow),
    /// Their event time is noted, and those too far ahead are told from the others; then they go on.
    EventTime(ObserveEventTime, Flow),
    /// They reach a sink.
    Sink(usize),
    /// They reach a stateful operator.
    State {
        /// Its number.
        operator: usize,
        /// The number of its input.
        input: usize,
    },
}
