//! The node of a plugin.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use millstream_plugin::{Bound, InputField, PluginError, PluginKind};

use super::keyed_node::refuse_keys;
use super::node::{PlannedNode, Use};
use super::operators::{Planner, key_names, refuse_static};
use crate::job::{Logic, OperatorSpec, OutputMode, suggest};
use crate::operator::aggregate::{AggregateCall, GroupAggregateParts, OutputColumn, PluginAggregate, TimeKey};
use crate::operator::fingerprint::column_told;
use crate::operator::{Expressions, PluginCalls};
use crate::relation::{Emits, PluginUse, Relation, build};
use crate::{Error, ErrorKind, Result};

impl Planner<'_> {
    pub(super) fn plugin(&mut self, operator: &OperatorSpec) -> Result<PlannedNode> {
        let Logic::Plugin { input, plugin: plugin_name, config, config_at, group_by, .. } = &operator.logic else {
            return Err(Error::internal("not a plugin operator"));
        };
        let name: Arc<str> = operator.name.value.as_str().into();
        let plugin = self.plugins.operator(&plugin_name.value, &self.job.text, &plugin_name.span)?;
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
        let bind = |schema: &SchemaRef, keys: &[FieldRef]| {
            plugin.bind(&name, None, config, &InputField::of_schema(schema), keys).map_err(failed)
        };
        if !group_by.is_empty() && plugin.kind != PluginKind::Aggregate {
            let message = format!("`{}` is no aggregate: it has no groups", plugin_name.value);
            return Err(self.job.text.error(group_by[0].span.clone(), message).with_help("leave `group_by` out"));
        }
        if plugin.kind == PluginKind::Keyed {
            return self.keyed_plugin(operator, &plugin, &|schema, keys| match bind(schema, keys)? {
                Bound::Keyed(bound) => Ok(bound),
                other => Err(Error::internal(format!("a keyed plugin was bound as {other:?}"))),
            });
        }
        refuse_keys(&self.job.text, &plugin, operator)?;
        let from = self.input(&input.value)?;
        if from.static_table.is_some() {
            return Err(refuse_static(&self.job.text, input));
        }
        let (input_schema, watermark, emits) = (from.schema.clone(), from.watermark.clone(), from.emits());
        let rows = build::rows_of(&input.value, input_schema.clone(), emits);
        let bound = bind(&input_schema, &[])?;
        let calls = PluginCalls::new(name.clone(), plugin_name.value.as_str().into());
        let reads: Vec<String> = bound.reads().iter().map(|c| input_schema.field(*c).name().clone()).collect();
        let wanted = self.in_use.get(&operator.name.value);
        let mut passes_on = true;
        let relation = match bound {
            Bound::Filter(filter) => build::plugin_filter(rows, calls, filter),
            Bound::Map(map) => build::plugin_map(rows, calls, map, wanted),
            Bound::FlatMap(flat_map) => build::plugin_flat_map(rows, calls, flat_map, wanted),
            Bound::Aggregate(aggregate) => {
                passes_on = false;
                let hints = Some(aggregate.hints());
                let call = PluginUse { plugin: plugin_name.value.clone(), reads: reads.clone(), hints };
                self.plugin_aggregate(operator, rows, aggregate, &input_schema, call)?
            }
            Bound::Keyed(_) => return Err(Error::internal("a keyed plugin is planned by itself")),
        };
        let read: BTreeSet<String> = reads.iter().cloned().chain(group_by.iter().map(|g| g.value.clone())).collect();
        let schema = relation.schema();
        let keys = key_names(&relation, &schema);
        let reads_all = operator.late.is_some() || (!passes_on && operator.event_time.is_some());
        Ok(PlannedNode {
            name: (&operator.name.value).into(),
            relation,
            observes: None,
            observes_input: None,
            watermark,
            schema,
            uses: vec![Use { input: input.value.clone(), reads: (!reads_all).then_some(read), passes_on }],
            plugin_reads: Some(reads),
            static_table: None,
            keys,
        })
    }

    /// An aggregate plugin as a node: all input columns are its arguments, `group_by` its groups.
    fn plugin_aggregate(
        &self,
        operator: &OperatorSpec,
        rows: Relation,
        aggregate: millstream_plugin::BoundAggregate,
        input: &SchemaRef,
        call: PluginUse,
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
        if rows.emits() != Emits::Rows {
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
        let parts = GroupAggregateParts {
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
        };
        build::aggregate(rows, parts, vec![format!("plugin {}", plugin.value)], vec![call])
    }
}
