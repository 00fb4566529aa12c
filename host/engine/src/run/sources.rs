//! A job's sources as it begins to read them, and what its state has of each.

use std::sync::Arc;

use super::away::Presence;
use super::environment::OpenSource;
use crate::Result;
use crate::connector::source::{Known, Source};
use crate::format::Decode;
use crate::job::{SourceSpec, Trigger};
use crate::name::Named;
use crate::plan::Plan;
use crate::state::State;
use crate::storage::Storage;

/// The folder in the checkpoint that a source has for its spool, by the source's name.
pub(super) type SpoolOf<'a> = dyn Fn(&str) -> Arc<dyn Storage> + 'a;

/// A source at work.
pub(super) struct LiveSource {
    pub source: Box<dyn Source>,
    pub decoder: Arc<dyn Decode>,
    pub presence: Presence,
}

/// Opens the sources of `plan`; each goes on where the committed epochs end.
pub(super) fn live_sources(
    plan: &Plan,
    state: &State,
    trigger: Trigger,
    open: &OpenSource,
    spool: Option<&SpoolOf<'_>>,
    now: i64,
) -> Result<Named<LiveSource>> {
    plan.sources
        .iter()
        .map(|(name, planned)| {
            let mut source = open(&planned.spec, &plan.job.text)?;
            if let Some(spool) = spool {
                source.keep_in(spool(name));
            }
            let known = known(state, name);
            source.restore(&mut known.iter())?;
            match trigger {
                Trigger::AvailableNow => {
                    refuse_endless(plan, &planned.spec)?;
                    source.stop_discovery(now, known)?;
                }
                Trigger::Once => source.admit_all(),
                Trigger::Continuous | Trigger::Every(_) => {}
            }
            let decoder = source.decoder(&planned.columns)?;
            Ok((name.clone(), LiveSource { source, decoder, presence: Presence::default() }))
        })
        .collect()
}

/// All there is of a source without an end would be read for ever.
fn refuse_endless(plan: &Plan, spec: &SourceSpec) -> Result<()> {
    let Some(help) = plan.connectors.source(spec)?.endless(&spec.options) else { return Ok(()) };
    let message = format!("source `{}` never ends, so not all of it can be read", spec.name.value);
    Err(plan.job.text.error(spec.name.span.clone(), message).with_help(help))
}

/// What the tables' names begin with that hold what a source has read. No operator can have such a name.
pub(super) const SOURCE: &str = "source:";

/// The table of what a source has read.
pub(super) fn source_table(source: &str) -> String {
    format!("{SOURCE}{source}")
}

/// What the state has of a source.
pub(super) fn known<'a>(state: &'a State, source: &str) -> Known<'a> {
    Known::of(state.table(&source_table(source)))
}
