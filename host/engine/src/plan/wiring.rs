//! Nodes to flows, from the sinks backwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::event_time;
use super::flow::{Edge, Flow};
use super::operators::PlannedNodes;
use super::{
    Plan, PlannedSink, PlannedSource, PlannedStateful, PlannedStatic, Plugins, QueryBranch, project, table_names,
};
use crate::connector::Connectors;
use crate::job::Job;
use crate::relation::{Relation, build};
use crate::time::watermark::Derived;
use crate::{Error, Result};

/// Connects the nodes, from the sinks backwards.
pub(super) fn connect(
    job: Job,
    connectors: Connectors,
    plugins: Plugins,
    schemas: BTreeMap<String, SchemaRef>,
    nodes: PlannedNodes,
    sinks: Vec<PlannedSink>,
    partitions: u32,
) -> Result<Plan> {
    let watermarks = nodes.nodes.iter().map(|n| (n.name.clone(), n.watermark.clone())).collect();
    let mut wiring = Wiring {
        job: &job,
        flows: BTreeMap::new(),
        stateful: Vec::new(),
        sinks: &sinks,
        watermarks,
        nodes: &nodes.watermarks,
        after_state: nodes.after_state(),
    };
    for sink in job.sinks.iter().enumerate() {
        if let Some(input) = &sink.1.input {
            wiring.flow(&input.value).push(Edge::Sink(sink.0));
        }
    }
    for node in nodes.nodes[job.sources.len()..].iter().rev() {
        wiring.node(node)?;
    }
    // Users were met before their inputs; the epoch's end goes the other way.
    let Wiring { mut flows, mut stateful, .. } = wiring;
    let last = stateful.len().saturating_sub(1);
    stateful.reverse();
    for operator in &mut stateful {
        renumber(&mut operator.flow, last);
    }
    let (mut sources, mut statics) = (Vec::new(), Vec::new());
    for (spec, node) in job.sources.iter().zip(&nodes.nodes) {
        let mut flow = flows.remove(&node.name).unwrap_or_default();
        renumber(&mut flow, last);
        if let Some(observed) = node.observes {
            flow = nodes.watermarks.observe(observed, flow);
        }
        let names = node.schema.fields().iter().map(|f| f.name().clone()).collect();
        let (_, columns) = project(&schemas[&node.name], Some(&names));
        if let Some(table) = &node.static_table {
            statics.push(PlannedStatic { spec: spec.clone(), columns, table: table.clone() });
            continue;
        }
        sources.push(PlannedSource { spec: spec.clone(), columns, flow });
    }
    let PlannedNodes { nodes, watermarks } = nodes;
    let watermarks = watermarks.nodes;
    Ok(Plan { job, connectors, plugins, sources, statics, stateful, sinks, watermarks, partitions, nodes })
}

fn renumber(flow: &mut Flow, last: usize) {
    for next in flow {
        match next {
            Edge::Through(_, rest) | Edge::EventTime(_, rest) => renumber(rest, last),
            Edge::State { operator, .. } => *operator = last - *operator,
            Edge::Sink(_) => {}
        }
    }
}

struct Wiring<'a> {
    job: &'a Job,
    /// What happens to each node's rows.
    flows: BTreeMap<String, Flow>,
    /// Users before their inputs.
    stateful: Vec<PlannedStateful>,
    sinks: &'a [PlannedSink],
    /// What each node's watermark is made of.
    watermarks: BTreeMap<String, Derived>,
    /// The nodes that name their event time.
    nodes: &'a event_time::WatermarkNodes,
    /// The nodes all of whose rows come out of stateful operators.
    after_state: BTreeSet<String>,
}

impl Wiring<'_> {
    fn flow(&mut self, node: &str) -> &mut Flow {
        self.flows.entry(node.to_owned()).or_default()
    }

    fn node(&mut self, node: &super::PlannedNode) -> Result<()> {
        let mut flow = self.flows.remove(&node.name).unwrap_or_default();
        if let Some(observed) = node.observes {
            flow = self.nodes.observe(observed, flow);
        }
        self.relation(node, &node.relation, flow)
    }

    /// Puts `relation` before `flow`, down to the nodes that it reads.
    fn relation(&mut self, node: &super::PlannedNode, relation: &Relation, flow: Flow) -> Result<()> {
        match relation {
            Relation::Input { table, columns, schema, .. } => {
                let mut flow = flow;
                if let Some(columns) = columns {
                    flow = vec![Edge::Through(build::selection(columns, schema), flow)];
                }
                if let Some(observed) = node.observes_input {
                    flow = self.nodes.observe(observed, flow);
                }
                self.flow(table).extend(flow);
                Ok(())
            }
            Relation::Transform { input, transform, .. } => {
                self.relation(node, input, vec![Edge::Through(transform.clone(), flow)])
            }
            Relation::Union { inputs, .. } => {
                inputs.iter().try_for_each(|input| self.relation(node, input, flow.clone()))
            }
            Relation::Stateful { inputs, operator, .. } => {
                let spec = self.job.operators.iter().find(|o| o.name.value == node.name);
                let spec = spec.ok_or_else(|| Error::internal(format!("`{}` is no operator", node.name)))?;
                let late =
                    spec.late.as_ref().and_then(|l| self.sinks.iter().position(|s| s.spec.name.value == l.value));
                let of_input = |table: &str| match node.observes_input {
                    Some((number, _)) => Derived::Node(number),
                    None => self.watermarks.get(table).cloned().unwrap_or(Derived::None),
                };
                let policy = event_time::policy(spec);
                let inputs_of = inputs.iter().map(|input| event_time::watermark_of(input, policy, &of_input));
                let watermark = Derived::combined(policy, inputs_of);
                let number = self.stateful.iter().filter(|s| s.node() == node.name).count();
                // A node's state is stored under the node's name; where a query has several, they are counted.
                let name: Arc<str> = match number {
                    0 => node.name.as_str().into(),
                    number => format!("{}/{number}", node.name).into(),
                };
                self.stateful.push(PlannedStateful {
                    branch: QueryBranch::of(number, relation),
                    tables: table_names(&name, &**operator),
                    name,
                    operator: operator.clone(),
                    watermark,
                    after_state: inputs.iter().map(|input| input.is_after_state(&self.after_state)).collect(),
                    late,
                    flow,
                });
                let number = self.stateful.len() - 1;
                inputs.iter().enumerate().try_for_each(|(at, input)| {
                    self.relation(node, input, vec![Edge::State { operator: number, input: at }])
                })
            }
        }
    }
}
