//! A one-off query as a job, put together of values: what is wrong with it is said of the query's text, since there is no
//! other.

use std::collections::BTreeMap;
use std::path::Path;

use crate::connector::memory;
use crate::job::{
    DEAD_LETTERS, Given, Job, JobText, KeepEpochs, Logic, OnError, OperatorSpec, SinkSpec, SourceSpec, Spanned,
    Trigger, WatermarkPolicy,
};

/// The name of the operator that is the query. No table can have it: it cannot be typed without quotes.
pub(super) const QUERY: &str = "the query";

/// The sink that its rows go to.
pub(super) const ANSWER: &str = "answer";

/// The job that asks the query `text` of `sources`; the names of its nodes stand for the query's whole text.
pub(super) fn of_query(text: JobText, base: &Path, sources: Vec<SourceSpec>) -> Job {
    let whole = 0..text.text.len();
    let spanned = |value: &str| Spanned { value: value.to_owned(), span: whole.clone() };
    let query = OperatorSpec {
        name: spanned(QUERY),
        logic: Logic::Sql(spanned(&text.text)),
        output_mode: None,
        event_time: None,
        late: None,
        watermark_policy: WatermarkPolicy::Min,
        unbounded_state: true,
        asked_once: true,
    };
    let sink = |name: &str, input: Option<&str>| SinkSpec {
        name: spanned(name),
        input: input.map(spanned),
        options: memory::options(base),
    };
    Job {
        name: "query".to_owned(),
        base: base.to_path_buf(),
        checkpoint: None,
        checkpoint_at: 0..0,
        trigger: Trigger::AvailableNow,
        on_error: OnError::DeadLetter,
        final_watermark: true,
        max_state_memory: None,
        keep: KeepEpochs::default(),
        sources,
        plugins: BTreeMap::new(),
        operators: vec![query],
        sinks: vec![sink(ANSWER, Some(QUERY))],
        dead_letters: sink(DEAD_LETTERS, None),
        given: Given { text: text.text.clone(), overrides: Vec::new() },
        content_digest: String::new(),
        text,
    }
}
