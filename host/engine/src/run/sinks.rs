//! A job's sinks as it begins to write to them.

use crate::Result;
use crate::connector::SinkInput;
use crate::connector::sink::{Sink, SinkContext};
use crate::name::{Name, Named};
use crate::plan::{Plan, PlannedSink};

/// Builds the sinks of `plan`.
///
/// # Errors
/// One of them cannot be opened.
pub(super) fn build_sinks(plan: &Plan, context: &SinkContext) -> Result<Named<Box<dyn Sink>>> {
    let build = |(name, planned): (&Name, &PlannedSink)| {
        let input = SinkInput { mode: planned.mode, schema: planned.schema.clone(), keys: planned.keys.clone() };
        let sink = if plan.is_letters(planned) {
            plan.connectors.open_dead_letters(&planned.spec, input, context)?
        } else {
            plan.connectors.open_sink(&planned.spec, input, context)?
        };
        Ok((name.clone(), sink))
    };
    plan.sinks.iter().map(build).collect()
}
