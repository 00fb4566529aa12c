//! What happens to rows that come out somewhere: a tree of operators, down to sinks and state.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::Name;
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
    Sink(Name),
    /// They reach a stateful operator.
    State {
        /// The name of its state.
        operator: Name,
        /// Which one of its inputs they come by: of a join 0 is left, 1 is right.
        input: usize,
    },
}

/// Rows that reach a state of `names` reach the one of the new name.
pub(super) fn rename_states(flow: &mut Flow, names: &BTreeMap<Name, Name>) {
    for edge in flow {
        match edge {
            Edge::Through(_, rest) | Edge::EventTime(_, rest) => rename_states(rest, names),
            Edge::State { operator, .. } => {
                if let Some(name) = names.get(operator) {
                    *operator = name.clone();
                }
            }
            Edge::Sink(_) => {}
        }
    }
}
