//! Nodes one after the other: schemas, queries, plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::event_time::{self, WatermarkNodes};
use super::node::PlannedNode;
use super::{Plugins, Queries, project};
use crate::job::{Job, JobText, Logic, OperatorSpec, Spanned};
use crate::name::Named;
use crate::operator::Allowance;
use crate::operator::static_join::StaticTable;
use crate::relation::event_time::{has_watermark, mark};
use crate::relation::{Emits, Relation, build};
use crate::time::watermark::Derived;
use crate::{Error, Result};

/// Columns in use per node; a node that is not in it keeps all.
pub(super) type ColumnsInUse = BTreeMap<String, BTreeSet<String>>;

/// The nodes of a job and its watermark nodes.
pub(super) struct PlannedNodes {
    pub nodes: Named<PlannedNode>,
    pub watermarks: WatermarkNodes,
}

impl PlannedNodes {
    pub fn get(&self, name: &str) -> Option<&PlannedNode> {
        self.nodes.get(name)
    }

    fn add(&mut self, node: PlannedNode) {
        self.nodes.insert(node.name.clone(), node);
    }

    /// The nodes all of whose rows come out of stateful operators.
    pub fn after_state(&self) -> BTreeSet<String> {
        let mut after = BTreeSet::new();
        // Inputs stand before their users.
        for node in self.nodes.values() {
            if node.relation.is_after_state(&after) {
                after.insert(node.name.to_string());
            }
        }
        after
    }
}

/// Plans sources and operators, inputs first. `whole` are the nodes with all their columns, where those in use are known.
pub(super) fn plan_nodes(
    job: &Job,
    plugins: &Plugins,
    queries: &Queries,
    sources: &BTreeMap<String, SchemaRef>,
    partitions: u32,
    in_use: &ColumnsInUse,
    whole: Option<&PlannedNodes>,
) -> Result<PlannedNodes> {
    let mut planner = Planner {
        job,
        plugins,
        queries,
        partitions,
        in_use,
        whole,
        done: PlannedNodes { nodes: Named::new(), watermarks: WatermarkNodes::default() },
    };
    for source in &job.sources {
        let name = &source.name.value;
        let (schema, _) = project(&sources[name], in_use.get(name));
        let relation = build::rows_of(name, schema.clone(), Emits::Rows);
        let node = PlannedNode {
            name: name.into(),
            relation,
            observes: None,
            observes_input: None,
            watermark: Derived::None,
            uses: Vec::new(),
            plugin_reads: None,
            static_table: source.static_spec.map(|_| Arc::new(StaticTable::new(name.as_str().into(), schema.clone()))),
            keys: None,
            schema,
        };
        let node = match &source.event_time {
            Some(spec) => planner.observe_output(node, spec)?,
            None => node,
        };
        planner.done.add(node);
    }
    for operator in &job.operators {
        let node = planner.operator(operator)?;
        planner.done.add(node);
    }
    Ok(planner.done)
}

pub(super) struct Planner<'a> {
    pub(super) job: &'a Job,
    pub(super) plugins: &'a Plugins,
    pub(super) queries: &'a Queries,
    pub(super) partitions: u32,
    pub(super) in_use: &'a ColumnsInUse,
    pub(super) whole: Option<&'a PlannedNodes>,
    pub(super) done: PlannedNodes,
}

impl Planner<'_> {
    pub(super) fn input(&self, name: &str) -> Result<&PlannedNode> {
        self.done.get(name).ok_or_else(|| Error::internal(format!("node `{name}` is planned after its user")))
    }

    /// The node's event time is a column of its own rows.
    fn observe_output(&mut self, mut node: PlannedNode, spec: &crate::job::EventTimeSpec) -> Result<PlannedNode> {
        let at = event_time::column(&self.job.text, &format!("`{}`", node.name), &node.schema, spec)?;
        node.schema = mark(&node.schema, at, spec.delay.is_some());
        node.observes = Some(at);
        node.watermark = self.done.watermarks.add(&node.name, spec);
        Ok(node)
    }

    fn operator(&mut self, operator: &OperatorSpec) -> Result<PlannedNode> {
        let node = match &operator.logic {
            Logic::Sql(_) => self.sql(operator)?,
            Logic::Plugin { .. } => self.plugin(operator)?,
            Logic::Dedup { input, keys, within } => self.dedup(operator, input, keys, within.as_ref())?,
            Logic::Throttle { input, keys, rows, per } => {
                self.throttle(operator, input, keys, Allowance { rows: *rows, per: *per })?
            }
        };
        let stateful = node.relation.is_stateful();
        if let Some(mode) = &operator.output_mode
            && !stateful
        {
            let message = format!("`{}` keeps no state, so it has no output mode", node.name);
            return Err(self
                .job
                .text
                .error(mode.span.clone(), message)
                .with_help("output_mode belongs on the operator that aggregates"));
        }
        if let Some(late) = &operator.late
            && !stateful
        {
            let message = format!("`{}` keeps no state, so nothing is late for it", node.name);
            return Err(self
                .job
                .text
                .error(late.span.clone(), message)
                .with_help("`late` belongs on the operator that aggregates"));
        }
        let Some(spec) = &operator.event_time else { return Ok(node) };
        let node = if stateful { node } else { self.observe_output(node, spec)? };
        self.refuse_second(operator, spec)?;
        Ok(node)
    }

    /// Rows that have a watermark keep it: by another one, what the first has let go of would come again.
    fn refuse_second(&self, operator: &OperatorSpec, spec: &crate::job::EventTimeSpec) -> Result<()> {
        let inputs: Vec<&str> = match operator.logic.input() {
            Some(input) => vec![&input.value],
            None => self.queries[&operator.name.value].1.tables.iter().map(|(t, _)| t.as_str()).collect(),
        };
        for input in inputs {
            let node = self.input(input)?;
            let Some(field) = node.schema.fields().iter().find(|f| has_watermark(f)) else { continue };
            let (operator, column) = (&operator.name.value, field.name());
            let message = format!(
                "event time is set twice: the rows of `{input}`, which `{operator}` reads, go by `{column}` and its watermark"
            );
            return Err(self
                .job
                .text
                .error(spec.column.span.clone(), message)
                .with_help("leave event_time and watermark out here, or out of what it reads, and name them once"));
        }
        Ok(())
    }

    pub(super) fn unique_names(&self, schema: &SchemaRef, name: &Spanned<String>) -> Result<()> {
        let mut seen = BTreeSet::new();
        match schema.fields().iter().find(|f| !seen.insert(f.name())) {
            None => Ok(()),
            Some(twice) => Err(self
                .job
                .text
                .error(name.span.clone(), format!("`{}` has two columns named `{}`", name.value, twice.name()))
                .with_help("give one of them another name: … AS other_name")),
        }
    }
}

/// A static source stands still: nothing takes its rows.
pub(super) fn refuse_static(text: &JobText, name: &Spanned<String>) -> Error {
    text.error(name.span.clone(), format!("`{}` is a static source: it gives no rows of its own", name.value))
        .with_help("join a stream with it in SQL, or leave `static` out of it")
}

/// Per key, the name of a column that carries it; none if one is not there.
pub(super) fn key_names(relation: &Relation, schema: &SchemaRef) -> Option<Vec<String>> {
    let name = |key: &Vec<usize>| key.first().map(|c| schema.field(*c).name().clone());
    relation.keys().iter().map(name).collect()
}
