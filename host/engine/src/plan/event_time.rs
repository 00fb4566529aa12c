//! Where event time is named: the column is checked and marked, so that a query over it knows what it is.

use arrow::datatypes::{DataType, SchemaRef};

use super::{Edge, Flow, WatermarkNode};
use crate::format::type_name;
use crate::job::{EventTimeSpec, JobText, OperatorSpec, WatermarkPolicy, suggest};
use crate::name::{Name, Named};
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

/// The watermark nodes of a job, in the order in which they are found.
#[derive(Default)]
pub(super) struct WatermarkNodes {
    pub nodes: Named<WatermarkNode>,
}

impl WatermarkNodes {
    /// Notes that node `name` names its event time; what the watermark of its rows is made of.
    pub fn add(&mut self, name: &Name, spec: &EventTimeSpec) -> Derived {
        let rule = spec.delay.map(|delay| WatermarkRule { delay, idle_after: spec.idle_after });
        let (column, max_ahead) = (spec.column.value.clone(), spec.max_ahead);
        self.nodes.insert(name.clone(), WatermarkNode { column, rule, max_ahead });
        Derived::Node(name.clone())
    }

    /// `flow`, before which the event time of node `name` is noted, which is in this column.
    pub fn observe(&self, name: &Name, column: usize, flow: Flow) -> Flow {
        let (node, max_ahead) = (name.clone(), self.nodes[name].max_ahead);
        vec![Edge::EventTime(ObserveEventTime { node, column, max_ahead }, flow)]
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
