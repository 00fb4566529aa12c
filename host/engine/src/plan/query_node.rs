//! The node of a query.

use std::collections::BTreeMap;

use super::event_time;
use super::node::{PlannedNode, Use};
use super::operators::{Planner, key_names};
use crate::format::normalise_schema;
use crate::job::OperatorSpec;
use crate::name::Name;
use crate::relation::event_time::{as_marked, mark};
use crate::relation::{Relation, build};
use crate::sql::{self, CallContext, CallInput, CallRows, InputTable, PlanContext};
use crate::time::watermark::Derived;
use crate::{Error, Result};

impl Planner<'_> {
    pub(super) fn sql(&mut self, operator: &OperatorSpec) -> Result<PlannedNode> {
        let name = Name::from(&operator.name.value);
        let (text, parsed) = &self.queries[&operator.name.value];
        let mut tables = BTreeMap::new();
        for (input, _) in &parsed.tables {
            let node = self.input(input)?;
            // A query may name columns that it does nothing with, and nobody reads.
            let whole = self.whole.and_then(|whole| whole.get(input)).unwrap_or(node);
            let table = InputTable {
                schema: whole.schema.clone(),
                given: node.schema.clone(),
                emits: node.emits(),
                made_by: None,
                static_table: node.static_table.clone(),
            };
            tables.insert(input.clone(), table);
        }
        let functions = self.plugins.functions(name.shared());
        let after_state = self.done.after_state();
        let calls = CallContext { text, after_state: &after_state, keep_columns: operator.late.is_some() };
        let plan_over = |nodes: &BTreeMap<String, InputTable>| {
            let context = PlanContext {
                node: name.shared().clone(),
                tables: nodes,
                plugins: &functions,
                mode: None,
                partitions: self.partitions,
                keep_columns: operator.late.is_some(),
                unbounded_state: operator.unbounded_state,
                asked_once: operator.asked_once,
            };
            let mut tables = nodes.clone();
            for call in &parsed.calls {
                let rows = match &call.input {
                    CallInput::Node(node) => {
                        let unread = || Error::internal(format!("the query does not read `{node}`"));
                        CallRows::Node(tables.get(node).ok_or_else(unread)?)
                    }
                    CallInput::Query(query) => {
                        let context = PlanContext { tables: &tables, ..context.clone() };
                        CallRows::Query(sql::plan_argument(text, query, &context)?)
                    }
                };
                let made = call.bind(&calls, rows, &functions)?;
                tables.insert(call.table.clone(), made);
            }
            let mode = operator.output_mode.as_ref().map(|m| (m.value, m.span.clone()));
            sql::plan(text, parsed.clone(), &PlanContext { tables: &tables, mode, ..context })
        };

        // Event time on a stateful node is a column of its input; on a stateless one it is one of its output.
        let mut observes_input = None;
        let mut planned = None;
        if let Some(spec) = &operator.event_time
            && let [(input, _)] = parsed.tables.as_slice()
            && let Some(of_whole) = tables[input].schema.index_of(&spec.column.value).ok()
            && let Some(at) = tables[input].given.index_of(&spec.column.value).ok()
        {
            let mut marked = tables.clone();
            let table = marked.get_mut(input).expect("it was put in above");
            table.schema = mark(&table.schema, of_whole, spec.delay.is_some());
            if let Ok(relation) = plan_over(&marked)
                && relation.is_stateful()
            {
                event_time::column(&self.job.text, &format!("`{input}`"), &tables[input].schema, spec)?;
                observes_input = Some((at, self.done.watermarks.add(&name, spec)));
                planned = Some(relation);
            }
        }
        let relation = match planned {
            Some(relation) => relation,
            None => plan_over(&tables)?,
        };
        if let Some(spec) = &operator.event_time
            && relation.is_stateful()
            && observes_input.is_none()
        {
            if parsed.tables.len() > 1 {
                let message = format!("`{name}` reads several nodes: a join goes by the event times of its inputs");
                return Err(self
                    .job
                    .text
                    .error(spec.column.span.clone(), message)
                    .with_help("name the event time on the sources, or on an operator before this one"));
            }
            for input in tables.keys() {
                event_time::column(&self.job.text, &format!("`{input}`"), &tables[input].schema, spec)?;
            }
        }

        let schema = relation.schema();
        let normal = as_marked(&normalise_schema(&schema), &schema);
        let same_types = normal.fields().iter().zip(schema.fields()).all(|(n, s)| n.data_type() == s.data_type());
        let (relation, normal) = if same_types {
            (relation, schema)
        } else {
            (build::normalise(name.shared().clone(), relation, normal.clone()), normal)
        };
        let schema = normal;
        self.unique_names(&schema, &operator.name).map_err(|e| match operator.asked_once {
            true => text
                .refuse_all(e.message().replacen(&format!("`{name}` has "), "the answer has ", 1))
                .with_help("name the columns that are wanted, and give one another name: a.id, b.id AS other_id"),
            false => e,
        })?;
        let mut uses = Vec::new();
        leaves(&relation, &mut uses);
        if operator.late.is_some() || observes_input.is_some() {
            // Late rows go out with all their columns.
            let all = operator.late.is_some();
            for one in &mut uses {
                match (&mut one.reads, &operator.event_time) {
                    (reads, _) if all => *reads = None,
                    (Some(reads), Some(spec)) => {
                        reads.insert(spec.column.value.clone());
                    }
                    _ => {}
                }
            }
        }
        let keys = key_names(&relation, &schema);
        let of_input = |input: &str| match &observes_input {
            Some((_, watermark)) => watermark.clone(),
            None => self.done.get(input).map_or(Derived::None, |node| node.watermark.clone()),
        };
        let watermark = event_time::watermark_of(&relation, event_time::policy(operator), &of_input);
        Ok(PlannedNode {
            name,
            relation,
            observes: None,
            observes_input: observes_input.map(|(at, _)| at),
            watermark,
            schema,
            uses,
            plugin_reads: None,
            static_table: None,
            keys,
        })
    }
}

/// Which columns of which nodes a query reads.
fn leaves(relation: &Relation, uses: &mut Vec<Use>) {
    match relation {
        Relation::Input { table, columns, schema, .. } => {
            let names = || schema.fields().iter().map(|f| f.name().clone()).collect();
            uses.push(Use { input: table.clone(), reads: columns.as_ref().map(|_| names()), passes_on: false });
        }
        Relation::Transform { input, beside, .. } => {
            leaves(input, uses);
            beside.iter().for_each(|beside| leaves(beside, uses));
        }
        Relation::Union { inputs, .. } | Relation::Stateful { inputs, .. } => {
            inputs.iter().for_each(|input| leaves(input, uses));
        }
    }
}
