//! Where event time is named: the column is checked and marked, so that a query over it knows what it is.

use arrow::datatypes::{DataType, SchemaRef};

use super::{Edge, Flow, WatermarkNode};
use crate::format::type_name;
use crate::job::{EventTimeSpec, JobText, OperatorSpec, WatermarkPolicy, suggest};
use crate::operator::ObserveEventTime;
use crate::relation::Relation;
use crate::time::watermark::{Derived, Policy, WatermarkRule};
use crate::{Error, Result};

/// How several inputs' watermarks become one for `operator`.
pub(super) fn policy(operator: &OperatorSpec) -> Policy {
    match operator.watermark_policy {
        WatermarkPolicy::Min => Policy::Min,
        WatermarkPolicy::Max => Policy::Max,
    }
}

/// What the watermark of a relation's rows is made of, given that of the nodes it reads.
pub(super) fn watermark_of(relation: &Relation, policy: Policy, of_node: &dyn Fn(&str) -> Derived) -> Derived {
    let of_all = |inputs: &[Relation]| {
        Derived::combined(policy, inputs.iter().map(|input| watermark_of(input, policy, of_node)))
    };
    match relation {
        Relation::Input { table, .. } => of_node(table),
        Relation::Transform { input, .. } => watermark_of(input, policy, of_node),
        Relation::Union { inputs, .. } => of_all(inputs),
        Relation::Stateful { inputs, waits, .. } => of_all(inputs).held_back(*waits),
    }
}

/// The watermark nodes of a job, numbered as they are found.
#[derive(Default)]
pub(super) struct WatermarkNodes {
    pub nodes: Vec<WatermarkNode>,
}

impl WatermarkNodes {
    /// Notes that node `name` names its event time; returns its number.
    pub fn add(&mut self, name: &str, spec: &EventTimeSpec) -> usize {
        if let Some(found) = self.nodes.iter().position(|n| n.name == name) {
            return found;
        }
        let rule = spec.delay.map(|delay| WatermarkRule { delay, idle_after: spec.idle_after });
        let (column, max_ahead) = (spec.column.value.clone(), spec.max_ahead);
        self.nodes.push(WatermarkNode { name: name.to_owned(), column, rule, max_ahead });
        self.nodes.len() - 1
    }

    /// `flow`, before which the event time of a node is noted, by its number and column.
    pub fn observe(&self, (node, column): (usize, usize), flow: Flow) -> Flow {
        vec![Edge::EventTime(ObserveEventTime { node, column, max_ahead: self.nodes[node].max_ahead }, flow)]
    }
}

/// The place of the event-time column in `schema`.
pub(super) fn column(text: &JobText, what: &str, schema: &SchemaRef, spec: &EventTimeSpec) -> Result<usize> {
    let name = &spec.column.value;
    let Some((at, field)) = schema.column_with_name(name) else {
        let names = schema.fields().iter().map(|f| f.name().as_str());
        return Err(text
            .error(spec.column.span.clone(), format!("{what} has no column `{name}` to take event time from"))
            .with_help(suggest::choices(name, names)));
    };
    match field.data_type() {
        DataType::Timestamp(..) => Ok(at),
        other => Err(refuse_type(text, spec, name, other)),
    }
}

fn refuse_type(text: &JobText, spec: &EventTimeSpec, name: &str, found: &DataType) -> Error {
    text.error(spec.column.span.clone(), format!("event time must be a timestamp; `{name}` is {}", type_name(found)))
        .with_help(format!(
            "declare it in the source's schema: {name} = \"timestamp\", or compute one in SQL and name it there"
        ))
}
