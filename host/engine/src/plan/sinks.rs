//! Sinks: what comes to them, and whether they can take it.

use arrow::datatypes::SchemaRef;

use super::operators::{PlannedNodes, refuse_static};
use super::{dead_letters, late, loops};
use crate::connector::{Connectors, SinkConnector};
use crate::job::{Job, OutputMode, SinkSpec};
use crate::name::Named;
use crate::relation::event_time::unmark;
use crate::relation::{Emits, Relation};
use crate::{Error, Result};

/// A sink and what comes to it.
pub struct PlannedSink {
    /// What the job says of it.
    pub spec: SinkSpec,
    /// The columns of the rows that come.
    pub schema: SchemaRef,
    /// What the rows are.
    pub mode: OutputMode,
    /// Names of the columns that make a row's key, where rows replace each other.
    pub keys: Vec<String>,
}

/// All sinks in the job file's order; last the dead letters.
pub(super) fn plan_sinks(job: &Job, connectors: &Connectors, nodes: &PlannedNodes) -> Result<Named<PlannedSink>> {
    loops::refuse(job, connectors)?;
    let mut planned = Named::new();
    for spec in &job.sinks {
        let connector = connectors.sink(spec)?;
        let sink = match &spec.input {
            Some(input) => {
                let node =
                    nodes.get(&input.value).ok_or_else(|| job.unknown_node(&input.value, input.span.clone(), None))?;
                if node.static_table.is_some() {
                    return Err(refuse_static(&job.text, input));
                }
                let mode = match node.emits() {
                    Emits::Rows => OutputMode::Append,
                    Emits::Updates => OutputMode::Update,
                    Emits::Snapshot => OutputMode::Complete,
                };
                let keys = keys(job, spec, connector, mode, node.keys.clone())?;
                PlannedSink { spec: spec.clone(), schema: unmark(&node.schema), mode, keys }
            }
            None => {
                let schema = unmark(&late_schema(job, nodes, &spec.name.value)?);
                PlannedSink { spec: spec.clone(), schema, mode: OutputMode::Append, keys: Vec::new() }
            }
        };
        let at = spec.input.as_ref().map_or(spec.name.span.clone(), |i| i.span.clone());
        connector.check(&sink.spec, sink.mode, &sink.schema).map_err(|e| e.at(job.text.at(at)))?;
        planned.insert((&spec.name.value).into(), sink);
    }
    let letters = &job.dead_letters;
    let schema = dead_letters::schema();
    let checked = connectors.dead_letters(letters).and_then(|c| c.check(letters, OutputMode::Append, &schema));
    checked.map_err(|e| e.at(job.text.at(letters.name.span.clone())))?;
    let sink = PlannedSink { spec: letters.clone(), schema, mode: OutputMode::Append, keys: Vec::new() };
    planned.insert((&letters.name.value).into(), sink);
    Ok(planned)
}

fn keys(
    job: &Job,
    spec: &SinkSpec,
    connector: &dyn SinkConnector,
    mode: OutputMode,
    keys: Option<Vec<String>>,
) -> Result<Vec<String>> {
    match (mode, keys) {
        (OutputMode::Update, None) if connector.replaces_rows() => Err(job
            .text
            .error(
                spec.name.span.clone(),
                "update mode replaces rows by their key, and not all of the GROUP BY columns come out",
            )
            .with_help("put every GROUP BY column into SELECT (of a window, its start)")),
        (_, keys) => Ok(keys.unwrap_or_default()),
    }
}

/// The columns of late rows: those that the stateful operators of the node which names this sink are given, and
/// [`late::schema`]'s. Several nodes may name it, if they agree.
fn late_schema(job: &Job, nodes: &PlannedNodes, sink: &str) -> Result<SchemaRef> {
    let mut found: Option<SchemaRef> = None;
    for operator in &job.operators {
        let Some(late) = operator.late.as_ref().filter(|l| l.value == sink) else { continue };
        let node = nodes.get(&operator.name.value);
        let mut inputs = Vec::new();
        node.iter().for_each(|node| stateful_inputs(&node.relation, &mut inputs));
        let schema = late::schema(&inputs).map_err(|column| {
            let name = &operator.name.value;
            let message = format!(
                "the late rows of `{name}` cannot have one column `{column}`: it is there with another meaning"
            );
            job.text
                .error(late.span.clone(), message)
                .with_help("give the column another name before this node: … AS other_name")
        })?;
        match &found {
            Some(other) if unmark(other) != unmark(&schema) => {
                let message = format!(
                    "late rows of `{}` have other columns than those that go to `{sink}` already",
                    operator.name.value
                );
                return Err(job.text.error(late.span.clone(), message).with_help("give each its own sink"));
            }
            _ => found = Some(schema),
        }
    }
    found.ok_or_else(|| Error::internal(format!("nobody sends late rows to `{sink}`")))
}

/// The schemas of the rows that a node's stateful operators are given.
fn stateful_inputs(relation: &Relation, found: &mut Vec<SchemaRef>) {
    match relation {
        Relation::Input { .. } => {}
        Relation::Transform { input, .. } => stateful_inputs(input, found),
        Relation::Union { inputs, .. } => inputs.iter().for_each(|input| stateful_inputs(input, found)),
        Relation::Stateful { inputs, .. } => {
            found.extend(inputs.iter().map(Relation::schema));
            inputs.iter().for_each(|input| stateful_inputs(input, found));
        }
    }
}
