//! Nodes one after the other: schemas, queries, plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use millstream_plugin::{Bound, InputField, PluginError, PluginKind};

use super::event_time::{self, WatermarkNodes};
use super::node::{PlannedNode, Use};
use super::{Plugins, Queries, project};
use crate::format::normalise_schema;
use crate::job::{Job, JobText, Logic, OperatorSpec, OutputMode, Spanned, suggest};
use crate::operator::aggregate::{
    AggregateCall, GroupAggregate, GroupAggregateParts, OutputColumn, PluginAggregate, TimeKey,
};
use crate::operator::fingerprint::column_told;
use crate::operator::static_join::StaticTable;
use crate::operator::{
    Expressions, Normalise, PluginCalls, PluginFilter, PluginFlatMap, PluginMap, Transform, extended,
};
use crate::sql::{self, Emits, InputTable, PlanContext, Relation, Step, by_plugin};
use crate::time::watermark::Derived;
use crate::{Error, ErrorKind, Result};

/// Columns in use per node; a node that is not in it keeps all.
pub(super) type ColumnsInUse = BTreeMap<String, BTreeSet<String>>;

/// The nodes of a job and its watermark nodes.
pub(super) struct PlannedNodes {
    pub nodes: Vec<PlannedNode>,
    pub watermarks: WatermarkNodes,
}

impl PlannedNodes {
    pub fn get(&self, name: &str) -> Option<&PlannedNode> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// The nodes all of whose rows come out of stateful operators.
    pub fn after_state(&self) -> BTreeSet<String> {
        let mut after = BTreeSet::new();
        // Inputs stand before their users.
        for node in &self.nodes {
            if node.relation.is_after_state(&after) {
                after.insert(node.name.clone());
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
        done: PlannedNodes { nodes: Vec::new(), watermarks: WatermarkNodes::default() },
    };
    for source in &job.sources {
        let name = &source.name.value;
        let (schema, _) = project(&sources[name], in_use.get(name));
        let relation =
            Relation::Input { table: name.clone(), columns: None, schema: schema.clone(), emits: Emits::Rows };
        let node = PlannedNode {
            name: name.clone(),
            relation,
            observes: None,
            observes_input: None,
            watermark: Derived::None,
            uses: Vec::new(),
            plugin_reads: None,
            fixed: source.fixed.map(|_| Arc::new(StaticTable::new(name.as_str().into(), schema.clone()))),
            keys: None,
            schema,
        };
        let node = match &source.event_time {
            Some(spec) => planner.observe_output(node, spec)?,
            None => node,
        };
        planner.done.nodes.push(node);
    }
    for operator in &job.operators {
        let node = planner.operator(operator)?;
        planner.done.nodes.push(node);
    }
    Ok(planner.done)
}

pub(super) struct Planner<'a> {
    pub(super) job: &'a Job,
    plugins: &'a Plugins,
    queries: &'a Queries,
    pub(super) partitions: u32,
    in_use: &'a ColumnsInUse,
    whole: Option<&'a PlannedNodes>,
    pub(super) done: PlannedNodes,
}

impl Planner<'_> {
    pub(super) fn input(&self, name: &str) -> Result<&PlannedNode> {
        self.done.get(name).ok_or_else(|| Error::internal(format!("node `{name}` is planned after its user")))
    }

    /// The node's event time is a column of its own rows.
    fn observe_output(&mut self, mut node: PlannedNode, spec: &crate::job::EventTimeSpec) -> Result<PlannedNode> {
        let at = event_time::column(&self.job.text, &format!("`{}`", node.name), &node.schema, spec)?;
        let number = self.done.watermarks.add(&node.name, spec);
        node.schema = event_time::mark(&node.schema, at, spec.delay.is_some());
        node.observes = Some((number, at));
        node.watermark = Derived::Node(number);
        Ok(node)
    }

    fn operator(&mut self, operator: &OperatorSpec) -> Result<PlannedNode> {
        let node = match &operator.logic {
            Logic::Sql(_) => self.sql(operator)?,
            Logic::Plugin { .. } => self.plugin(operator)?,
            Logic::Dedup { input, keys, within } => self.dedup(operator, input, keys, within.as_ref())?,
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
        let inputs = match &operator.logic {
            Logic::Sql(_) => self.queries[&operator.name.value].1.tables.iter().map(|(t, _)| t.as_str()).collect(),
            Logic::Plugin { input, .. } | Logic::Dedup { input, .. } => vec![input.value.as_str()],
        };
        for input in inputs {
            let node = self.input(input)?;
            let Some(field) = node.schema.fields().iter().find(|f| event_time::has_watermark(f)) else { continue };
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

    fn sql(&mut self, operator: &OperatorSpec) -> Result<PlannedNode> {
        let name: Arc<str> = operator.name.value.as_str().into();
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
                fixed: node.fixed.clone(),
            };
            tables.insert(input.clone(), table);
        }
        let functions = self.plugins.functions(&name);
        for call in &parsed.calls {
            let input = tables.get(&call.input);
            let input = input.ok_or_else(|| Error::internal(format!("the query does not read `{}`", call.input)))?;
            let made = call.bind(text, input, functions.get(&call.plugin))?;
            tables.insert(call.table.clone(), made);
        }
        let plan_over = |tables: &BTreeMap<String, InputTable>| {
            sql::plan(
                text,
                parsed.clone(),
                &PlanContext {
                    node: name.clone(),
                    tables,
                    plugins: &functions,
                    mode: operator.output_mode.as_ref().map(|m| (m.value, m.span.clone())),
                    partitions: self.partitions,
                    keep_columns: operator.late.is_some(),
                    unbounded_state: operator.unbounded_state,
                    asked_once: operator.asked_once,
                },
            )
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
            table.schema = event_time::mark(&table.schema, of_whole, spec.delay.is_some());
            if let Ok(relation) = plan_over(&marked)
                && relation.is_stateful()
            {
                event_time::column(&self.job.text, &format!("`{input}`"), &tables[input].schema, spec)?;
                let number = self.done.watermarks.add(&operator.name.value, spec);
                observes_input = Some((number, at));
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
            if tables.len() > 1 {
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
        let normal = event_time::as_marked(&normalise_schema(&schema), &schema);
        let same_types = normal.fields().iter().zip(schema.fields()).all(|(n, s)| n.data_type() == s.data_type());
        let (relation, normal) = if same_types {
            (relation, schema)
        } else {
            let normalise = Arc::new(Normalise::new(name.clone(), normal.clone()));
            (PlannedNode::then(relation, normalise, normal.clone(), Step::default()), normal)
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
        let of_input = |input: &str| match observes_input {
            Some((number, _)) => Derived::Node(number),
            None => self.done.get(input).map_or(Derived::None, |node| node.watermark.clone()),
        };
        let watermark = event_time::watermark_of(&relation, event_time::policy(operator), &of_input);
        Ok(PlannedNode {
            name: operator.name.value.clone(),
            relation,
            observes: None,
            observes_input,
            watermark,
            schema,
            uses,
            plugin_reads: None,
            fixed: None,
            keys,
        })
    }

    fn unique_names(&self, schema: &SchemaRef, name: &Spanned<String>) -> Result<()> {
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

    fn plugin(&mut self, operator: &OperatorSpec) -> Result<PlannedNode> {
        let Logic::Plugin { input, plugin: plugin_name, config, config_at, group_by } = &operator.logic else {
            return Err(Error::internal("not a plugin operator"));
        };
        let name: Arc<str> = operator.name.value.as_str().into();
        let from = self.input(&input.value)?;
        if from.fixed.is_some() {
            return Err(refuse_fixed(&self.job.text, input));
        }
        let (input_schema, watermark, emits) = (from.schema.clone(), from.watermark.clone(), from.emits());
        let (plugin, limits) = self.plugins.get(&plugin_name.value)?;
        let at_plugin = |e: Error| e.at(self.job.text.at(plugin_name.span.clone()));
        let failed = |e: PluginError| {
            let of_key = match &e {
                PluginError::Refused { key: Some(key), .. } => Some(self.job.text.at(config_at.of(key))),
                _ => None,
            };
            let e = Error::from(e);
            let e = of_key.into_iter().fold(e, Error::at);
            let e = if e.kind() == ErrorKind::Plugin { Error::invalid(e.message()) } else { e };
            at_plugin(e.context(format!("operator `{name}`, plugin `{}`", plugin_name.value)))
        };
        let bind = |schema: &SchemaRef| {
            let fields = schema.fields().iter().map(|f| InputField { field: f.clone(), constant: None });
            plugin.bind(config, &fields.collect::<Vec<_>>(), limits).map_err(failed)
        };
        if !group_by.is_empty() && plugin.kind() != PluginKind::Aggregate {
            let message = format!("`{}` is no aggregate: it has no groups", plugin_name.value);
            return Err(self.job.text.error(group_by[0].span.clone(), message).with_help("leave `group_by` out"));
        }
        let leaf = Relation::Input { table: input.value.clone(), columns: None, schema: input_schema.clone(), emits };
        let bound = bind(&input_schema)?;
        let calls = PluginCalls::new(name.clone(), plugin_name.value.as_str().into());
        let reads: Vec<String> = bound.reads().iter().map(|c| input_schema.field(*c).name().clone()).collect();
        let step = |does| by_plugin(does, &plugin_name.value, reads.clone());
        let wanted = self.in_use.get(&operator.name.value);
        let mut passes_on = true;
        let relation = match bound {
            Bound::Filter(filter) => PlannedNode::then(
                leaf,
                Arc::new(PluginFilter::new(calls, filter)),
                input_schema.clone(),
                step("filter"),
            ),
            Bound::Map(map) => {
                let (layout, schema) = extended(&input_schema, map.output(), wanted);
                PlannedNode::then(
                    leaf,
                    Arc::new(PluginMap::new(calls, map, layout, schema.clone())) as Arc<dyn Transform>,
                    schema,
                    step("map"),
                )
            }
            Bound::FlatMap(flat_map) => {
                let (layout, schema) = extended(&input_schema, flat_map.output(), wanted);
                PlannedNode::then(
                    leaf,
                    Arc::new(PluginFlatMap::new(calls, flat_map, layout, schema.clone())),
                    schema,
                    step("flat-map"),
                )
            }
            Bound::Aggregate(aggregate) => {
                passes_on = false;
                let mut by: Vec<String> = group_by.iter().map(|g| g.value.clone()).collect();
                if by.is_empty() {
                    by.push("nothing: all rows are one group".to_owned());
                }
                let step =
                    Step { with: by, computes: vec![format!("plugin {}", plugin_name.value)], ..step("group by") };
                self.plugin_aggregate(operator, leaf, aggregate, &input_schema, step)?
            }
        };
        let read: BTreeSet<String> = reads.iter().cloned().chain(group_by.iter().map(|g| g.value.clone())).collect();
        let schema = relation.schema();
        let keys = key_names(&relation, &schema);
        let reads_all = operator.late.is_some() || (!passes_on && operator.event_time.is_some());
        Ok(PlannedNode {
            name: operator.name.value.clone(),
            relation,
            observes: None,
            observes_input: None,
            watermark,
            schema,
            uses: vec![Use { input: input.value.clone(), reads: (!reads_all).then_some(read), passes_on }],
            plugin_reads: Some(reads),
            fixed: None,
            keys,
        })
    }

    /// An aggregate plugin as a node: all input columns are its arguments, `group_by` its groups.
    fn plugin_aggregate(
        &self,
        operator: &OperatorSpec,
        leaf: Relation,
        aggregate: millstream_plugin::BoundAggregate,
        input: &SchemaRef,
        step: Step,
    ) -> Result<Relation> {
        let Logic::Plugin { plugin, config, group_by, .. } = &operator.logic else {
            return Err(Error::internal("not a plugin operator"));
        };
        let text = &self.job.text;
        let mode = match &operator.output_mode {
            Some(mode) if mode.value != OutputMode::Append => mode.value,
            other => {
                let span = other.as_ref().map_or(operator.name.span.clone(), |m| m.span.clone());
                return Err(text
                    .error(span, "append mode needs a grouping by window, which an aggregate plugin as an operator of its own has not")
                    .with_help("set output_mode = \"complete\" or \"update\", or call the plugin in SQL: SELECT window.start, my_plugin(x) … GROUP BY window(…)"));
            }
        };
        if leaf.emits() != Emits::Rows {
            let message = "an aggregation cannot follow a node whose rows replace earlier ones";
            return Err(text.error(operator.name.span.clone(), message));
        }
        let name: Arc<str> = operator.name.value.as_str().into();
        let mut keys: Vec<Arc<dyn datafusion_physical_expr::PhysicalExpr>> = Vec::new();
        let mut fields: Vec<FieldRef> = Vec::new();
        for column in group_by {
            let Some((at, field)) = input.column_with_name(&column.value) else {
                let names = input.fields().iter().map(|f| f.name().as_str());
                return Err(text
                    .error(column.span.clone(), format!("there is no column `{}` to group by", column.value))
                    .with_help(suggest::choices(&column.value, names)));
            };
            keys.push(Arc::new(datafusion_physical_expr::expressions::Column::new(field.name(), at)));
            fields.push(Arc::new(Field::new(field.name(), field.data_type().clone(), true)));
        }
        let args = input.fields().iter().enumerate();
        let args = args.map(|(i, f)| Arc::new(datafusion_physical_expr::expressions::Column::new(f.name(), i)) as _);
        let told = |names: &mut dyn Iterator<Item = &str>| names.map(column_told).collect();
        let args = Expressions::new(args.collect(), false)
            .told_as(told(&mut input.fields().iter().map(|f| f.name().as_str())));
        let key_fields = fields.clone().into();
        fields.extend(aggregate.output().iter().cloned());
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        self.unique_names(&schema, &operator.name)?;
        let function = PluginAggregate::new(plugin.value.as_str().into(), config, aggregate, input.clone());
        let function = Arc::new(function.formerly(name.clone()));
        let groups = (0..group_by.len()).map(OutputColumn::Key).collect();
        let operator = GroupAggregate::new(GroupAggregateParts {
            name,
            time: TimeKey::None,
            keys: Expressions::new(keys, false).told_as(told(&mut group_by.iter().map(|g| g.value.as_str()))),
            key_fields,
            aggregates: vec![AggregateCall { function, args, filter: None }],
            groups,
            shown: group_by.iter().map(|column| column.value.clone()).collect(),
            schema,
            mode,
            at_end: false,
            partitions: self.partitions,
            input: input.clone(),
        })?;
        let keys = (0..group_by.len()).map(|k| vec![k]).collect();
        Ok(Relation::Stateful { inputs: vec![leaf], operator: Arc::new(operator), mode, keys, waits: 0, step })
    }
}

/// A static source stands still: nothing takes its rows.
pub(super) fn refuse_fixed(text: &JobText, name: &Spanned<String>) -> Error {
    text.error(name.span.clone(), format!("`{}` is a static source: it gives no rows of its own", name.value))
        .with_help("join a stream with it in SQL, or leave `static` out of it")
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

/// Per key, the name of a column that carries it; none if one is not there.
fn key_names(relation: &Relation, schema: &SchemaRef) -> Option<Vec<String>> {
    let name = |key: &Vec<usize>| key.first().map(|c| schema.field(*c).name().clone());
    relation.keys().iter().map(name).collect()
}
