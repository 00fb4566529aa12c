//! A job's sources as it begins to read them, and what its state has of each.

use std::sync::Arc;

use super::away::{PassingError, Presence};
use super::environment::OpenSource;
use super::report::Observer;
use crate::Result;
use crate::connector::source::{Known, Source};
use crate::format::Decode;
use crate::job::{SourceSpec, Trigger};
use crate::name::Named;
use crate::plan::Plan;
use crate::record::SourceRange;
use crate::state::State;
use crate::storage::Storage;

/// The folder in the checkpoint that a source has for its spool, by the source's name.
pub(super) type SpoolOf<'a> = dyn Fn(&str) -> Arc<dyn Storage> + 'a;

/// A source at work.
pub(super) struct LiveSource {
    pub source: Box<dyn Source>,
    pub decoder: Arc<dyn Decode>,
    pub presence: Presence,
    /// It is to be told that only what is there counts, and was away when that was tried.
    is_to_stop: bool,
}

impl LiveSource {
    /// What it reads next: [`Source::plan`], and before that, where it has still to be done, [`Source::stop_discovery`].
    pub fn plan(&mut self, now: i64, known: Known<'_>) -> Result<Option<SourceRange>> {
        self.stop_discovery(now, known)?;
        self.source.plan(now, known)
    }

    fn stop_discovery(&mut self, now: i64, known: Known<'_>) -> Result<()> {
        if self.is_to_stop {
            self.source.stop_discovery(now, known)?;
            self.is_to_stop = false;
        }
        Ok(())
    }
}

/// Opens the sources of `plan`; each goes on where the committed epochs end. One that is away is waited for later.
pub(super) fn live_sources(
    plan: &Plan,
    state: &State,
    trigger: Trigger,
    open: &OpenSource,
    spool: Option<&SpoolOf<'_>>,
    now: i64,
    observer: &dyn Observer,
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
            let is_to_stop = match trigger {
                Trigger::AvailableNow => {
                    refuse_endless(plan, &planned.spec)?;
                    true
                }
                Trigger::Once => {
                    source.admit_all();
                    false
                }
                Trigger::Continuous | Trigger::Every(_) => false,
            };
            let decoder = source.decoder(&planned.columns)?;
            let mut live = LiveSource { source, decoder, presence: Presence::default(), is_to_stop };
            if let Err(e) = live.stop_discovery(now, known) {
                let failed = PassingError::of(&e).ok_or(e)?;
                live.presence.went(name, &failed, now, observer);
            }
            Ok((name.clone(), live))
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
