//! Nodes to flows, from the sinks backwards.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::SchemaRef;

use super::event_time;
use super::flow::{Edge, Flow};
use super::operators::PlannedNodes;
use super::{
    Plan, PlannedSink, PlannedSource, PlannedStateful, PlannedStatic, Plugins, QueryBranch, project, table_names,
};
use crate::connector::Connectors;
use crate::job::Job;
use crate::name::{Name, Named};
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
    sinks: Named<PlannedSink>,
    partitions: u32,
) -> Result<Plan> {
    let mut wiring = Wiring {
        job: &job,
        flows: BTreeMap::new(),
        stateful: Vec::new(),
        nodes: &nodes,
        after_state: nodes.after_state(),
    };
    for (name, sink) in sinks.iter() {
        if let Some(input) = &sink.spec.input {
            wiring.flow(&input.value).push(Edge::Sink(name.clone()));
        }
    }
    for operator in job.operators.iter().rev() {
        let name = Name::from(&operator.name.value);
        wiring.node(&nodes.nodes[&name])?;
    }
    // Users were met before their inputs; the epoch's end goes the other way.
    let Wiring { mut flows, stateful, .. } = wiring;
    let stateful = stateful.into_iter().rev().map(|operator| (operator.name.clone(), operator)).collect();
    let (mut sources, mut statics) = (Named::new(), Named::new());
    for spec in &job.sources {
        let name = Name::from(&spec.name.value);
        let node = &nodes.nodes[&name];
        let mut flow = flows.remove(&*name).unwrap_or_default();
        if let Some(column) = node.observes {
            flow = nodes.watermarks.observe(&name, column, flow);
        }
        let columns = node.schema.fields().iter().map(|f| f.name().clone()).collect();
        let (_, columns) = project(&schemas[&*name], Some(&columns));
        match &node.static_table {
            Some(table) => {
                statics.insert(name, PlannedStatic { spec: spec.clone(), columns, table: table.clone() });
            }
            None => {
                sources.insert(name, PlannedSource { spec: spec.clone(), columns, flow });
            }
        }
    }
    let PlannedNodes { nodes, watermarks } = nodes;
    let watermarks = watermarks.nodes;
    Ok(Plan { job, connectors, plugins, sources, statics, stateful, sinks, watermarks, partitions, nodes })
}

struct Wiring<'a> {
    job: &'a Job,
    /// What happens to each node's rows.
    flows: BTreeMap<String, Flow>,
    /// Users before their inputs.
    stateful: Vec<PlannedStateful>,
    nodes: &'a PlannedNodes,
    /// The nodes all of whose rows come out of stateful operators.
    after_state: BTreeSet<String>,
}

impl Wiring<'_> {
    fn flow(&mut self, node: &str) -> &mut Flow {
        self.flows.entry(node.to_owned()).or_default()
    }

    fn node(&mut self, node: &super::PlannedNode) -> Result<()> {
        let mut flow = self.flows.remove(&*node.name).unwrap_or_default();
        if let Some(column) = node.observes {
            flow = self.nodes.watermarks.observe(&node.name, column, flow);
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
                if let Some(column) = node.observes_input {
                    flow = self.nodes.watermarks.observe(&node.name, column, flow);
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
                let spec = self.job.operators.iter().find(|o| o.name.value == *node.name);
                let spec = spec.ok_or_else(|| Error::internal(format!("`{}` is no operator", node.name)))?;
                let late = spec.late.as_ref().map(|late| (&late.value).into());
                let of_input = |table: &str| match node.observes_input {
                    Some(_) => Derived::Node(node.name.clone()),
                    None => self.nodes.get(table).map_or(Derived::None, |input| input.watermark.clone()),
                };
                let policy = event_time::policy(spec);
                let inputs_of = inputs.iter().map(|input| event_time::watermark_of(input, policy, &of_input));
                let watermark = Derived::combined(policy, inputs_of);
                let number = self.stateful.iter().filter(|s| s.node() == &*node.name).count();
                // A node's state is stored under the node's name; where a query has several, they are counted.
                let name: Name = match number {
                    0 => node.name.clone(),
                    number => format!("{}/{number}", node.name).into(),
                };
                self.stateful.push(PlannedStateful {
                    branch: QueryBranch::of(number, relation),
                    tables: table_names(&name, &**operator),
                    name: name.clone(),
                    operator: operator.clone(),
                    watermark,
                    after_state: inputs.iter().map(|input| input.is_after_state(&self.after_state)).collect(),
                    late,
                    flow,
                });
                inputs.iter().enumerate().try_for_each(|(at, input)| {
                    self.relation(node, input, vec![Edge::State { operator: name.clone(), input: at }])
                })
            }
        }
    }
}
