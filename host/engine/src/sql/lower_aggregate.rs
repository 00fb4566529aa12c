//! An aggregation of the logical plan to the grouped aggregation over stored state.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Fields};
use datafusion_common::DFSchema;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::expr::AggregateFunction as AggregateExpr;
use datafusion_expr::logical_plan::Aggregate;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion_physical_expr::aggregate::LoweredAggregateBuilder;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use serde_json::Value;

use super::bin::{shown_group, uneven_bin};
use super::event_time::{EventTimes, marked};
use super::identity::Over;
use super::lower::{Lowering, NumberedRows};
use super::lower_time::TimeGrouping;
use super::plugin::{PluginAggregateFunction, argument_schema};
use super::shown::shown_of;
use super::step::{PluginUse, Step, arguments};
use super::{Emits, Relation};
use crate::job::OutputMode;
use crate::operator::Expressions;
use crate::operator::aggregate::{
    AggregateCall, AggregateFunction, BuiltIn, Distinct, GroupAggregate, GroupAggregateParts, OutputColumn, TimeKey,
};
use crate::{Error, Result};

impl Lowering<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate) -> Result<Relation> {
        let at_end = self.context.asked_once;
        let mode = if at_end { OutputMode::Complete } else { self.take_mode() };
        let input = self.lower(&aggregate.input)?;
        if input.emits() != Emits::Rows && !at_end {
            let mode = if input.emits() == Emits::Snapshot { "complete" } else { "update" };
            let message = format!(
                "an aggregation cannot follow a node in {mode} mode, whose rows replace earlier ones: only stateless nodes and sinks may"
            );
            return Err(self
                .text
                .refuse_clause("GROUP BY", message)
                .with_help("use append mode for the first aggregation"));
        }
        let schema = aggregate.input.schema();
        let rows = input.schema();
        let times = EventTimes { from: schema, rows: &rows };
        let TimeGrouping { key: time, at: time_at, column, mark } =
            self.time_grouping(&aggregate.group_expr, &times, &aggregate.input, mode)?;

        let (mut keys, mut key_fields, mut groups) = (Vec::new(), Vec::<FieldRef>::new(), Vec::new());
        let (mut by, mut computed) = (Vec::new(), Vec::new());
        for (at, expr) in aggregate.group_expr.iter().enumerate() {
            by.push(shown_group(expr, schema));
            if let Expr::GroupingSet(_) = expr {
                let help = match at_end {
                    true => "ask for each grouping, and put them together with UNION ALL",
                    false => "use one operator per grouping",
                };
                return Err(self
                    .text
                    .refuse_clause("GROUP BY", "ROLLUP, CUBE and GROUPING SETS are not supported")
                    .with_help(help));
            }
            if let (Some(column), true) = (column, time_at == Some(at)) {
                groups.push(column);
                continue;
            }
            let (_, field) = expr.to_field(schema.as_ref()).map_err(|e| self.text.error(e))?;
            groups.push(OutputColumn::Key(keys.len()));
            key_fields.push(Arc::new(Field::new(field.name(), field.data_type().clone(), true)));
            keys.push(expr.clone());
        }
        if mode == OutputMode::Append && matches!(time, TimeKey::None) {
            if let Some((call, length)) = aggregate.group_expr.iter().find_map(|e| uneven_bin(e, &times)) {
                let message = format!(
                    "append mode emits a group when the watermark passes its end, and {length} differ in length"
                );
                return Err(self
                    .text
                    .refuse_clause(call, message)
                    .with_help("use days, hours or minutes, or set output_mode = \"complete\" on this operator"));
            }
            let at = if aggregate.group_expr.is_empty() { "SELECT" } else { "GROUP BY" };
            let message = "append mode emits a group once, when the watermark passes it: it needs a watermark and a grouping by window(…) or by the event-time column";
            return Err(self.text.refuse_clause(at, message).with_help(
                "set output_mode = \"complete\" or \"update\" on this operator, or group by window(…) of a column that is a source's event_time with a watermark",
            ));
        }

        let mut aggregates = Vec::new();
        let mut plugins = Vec::new();
        for expr in &aggregate.aggr_expr {
            computed.push(shown_of(expr, schema));
            let call = self.aggregate_call(expr, &aggregate.input)?;
            if let Some(plugin) = plugin_call(expr) {
                let reads = arguments(call.function.reads(), &plugin.params.args, schema);
                plugins.push(PluginUse { plugin: plugin.func.name().to_owned(), reads });
            }
            aggregates.push(call);
        }
        let marks: Vec<Option<String>> =
            (0..aggregate.group_expr.len()).map(|at| mark.clone().filter(|_| time_at == Some(at))).collect();
        let parts = GroupAggregateParts {
            name: self.context.node.clone(),
            time,
            keys: self.expressions(&keys, schema)?.told_as(Over::Rows(&aggregate.input).all(&keys)),
            key_fields: Fields::from(key_fields),
            aggregates,
            groups,
            schema: marked(aggregate.schema.inner(), &marks),
            mode,
            at_end,
            partitions: self.context.partitions,
        };
        let keys = (0..aggregate.group_expr.len()).map(|k| vec![k]).collect();
        let operator = Arc::new(GroupAggregate::new(parts)?);
        if by.is_empty() {
            by.push("nothing: all rows are one group".to_owned());
        }
        let exprs = [aggregate.group_expr.as_slice(), &aggregate.aggr_expr].concat();
        let mut step = Step { does: "group by", with: by, computes: computed, plugins }.calling(&exprs, schema);
        step.plugins.dedup();
        Ok(Relation::Stateful { inputs: vec![input], operator, mode, keys, waits: 0, step })
    }

    fn aggregate_call(&self, expr: &Expr, input: &LogicalPlan) -> Result<AggregateCall> {
        let (schema, asked) = (input.schema().as_ref(), expr);
        let failed = |e| self.text.error(e);
        self.refuse_windows(std::slice::from_ref(expr))?;
        let numbered = NumberedRows::new(std::slice::from_ref(expr), schema).map_err(failed)?;
        let (expr, schema) = (&numbered.exprs[0], &numbered.schema);
        if let Some(call) = plugin_call(expr) {
            return self.plugin_aggregate(call, schema, numbered.used, told(asked, input));
        }
        // DataFusion knows DISTINCT of one argument; of several the combinations are ours to find.
        let (expr, distinct) = match several_distinct(expr) {
            Some((expr, args)) => (expr, Some(args)),
            None => (expr.clone(), None),
        };
        let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let lowered = LoweredAggregateBuilder::new(&expr, schema, schema.as_arrow(), &props, &planning);
        let lowered = lowered.build().map_err(failed)?;
        let mut args = lowered.aggregate.expressions();
        args.extend(lowered.order_bys.iter().map(|s| s.expr.clone()));
        let mut function: Arc<dyn AggregateFunction> = Arc::new(BuiltIn::new(lowered.aggregate).map_err(failed)?);
        if let Some(args) = distinct {
            let arguments = argument_schema(&self.fields_of(&args, schema)?);
            function = Arc::new(Distinct::new(function, arguments.fields()));
        }
        let (told, told_filter) = told(asked, input);
        Ok(AggregateCall {
            function,
            args: Expressions::new(args, numbered.used).told_as(told),
            filter: lowered.filter.map(|f| Expressions::new(vec![f], numbered.used).told_as(told_filter)),
        })
    }

    fn fields_of(&self, args: &[Expr], schema: &DFSchema) -> Result<Vec<FieldRef>> {
        let field = |a: &Expr| a.to_field(schema).map(|(_, field)| field).map_err(|e| self.text.error(e));
        args.iter().map(field).collect()
    }

    fn plugin_aggregate(
        &self,
        call: &AggregateExpr,
        schema: &DFSchema,
        numbered: bool,
        (told, told_filter): (Vec<Value>, Vec<Value>),
    ) -> Result<AggregateCall> {
        let udaf = call.func.inner().as_ref() as &dyn Any;
        let plugin = udaf
            .downcast_ref::<PluginAggregateFunction>()
            .ok_or_else(|| Error::internal("an aggregate that is no plugin's"))?;
        let name = call.func.name();
        for (said, what) in
            [(!call.params.order_by.is_empty(), "ORDER BY"), (call.params.null_treatment.is_some(), "IGNORE NULLS")]
        {
            if said {
                let message = format!("{what} inside a call of the plugin `{name}` is not supported");
                return Err(self.text.refuse_clause(name, message));
            }
        }
        let physical = |e: &Expr| {
            let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
            create_physical_expr(e, schema, &props, &planning).map_err(|e| self.text.error(e))
        };
        let args: Vec<Arc<dyn PhysicalExpr>> = call.params.args.iter().map(&physical).collect::<Result<_>>()?;
        let fields = self.fields_of(&call.params.args, schema)?;
        let constants = call.params.args.iter().map(|a| match a {
            Expr::Literal(value, _) => value.to_array().ok(),
            _ => None,
        });
        let function = plugin.bind(&fields, constants.collect()).map_err(|e| self.text.error(e))?;
        let filter = call.params.filter.as_deref().map(physical).transpose()?;
        let arguments = function.arguments().clone();
        let function: Arc<dyn AggregateFunction> = Arc::new(function);
        Ok(AggregateCall {
            function: if call.params.distinct { Arc::new(Distinct::new(function, &arguments)) } else { function },
            args: Expressions::new(args, numbered).told_as(told),
            filter: filter.map(|f| Expressions::new(vec![f], numbered).told_as(told_filter)),
        })
    }
}

/// What a call's arguments compute, and its filter.
fn told(expr: &Expr, input: &LogicalPlan) -> (Vec<Value>, Vec<Value>) {
    match expr {
        Expr::Alias(alias) => told(&alias.expr, input),
        Expr::AggregateFunction(f) => {
            (Over::Rows(input).arguments(f), Over::Rows(input).all(f.params.filter.as_deref()))
        }
        other => (vec![Over::Rows(input).one(other)], Vec::new()),
    }
}

/// A call with DISTINCT of several arguments, which is no plugin's, without DISTINCT, and its arguments.
fn several_distinct(expr: &Expr) -> Option<(Expr, Vec<Expr>)> {
    match expr {
        Expr::Alias(alias) => several_distinct(&alias.expr),
        Expr::AggregateFunction(f) if f.params.distinct && f.params.args.len() > 1 && f.params.order_by.is_empty() => {
            let mut plain = f.clone();
            plain.params.distinct = false;
            Some((Expr::AggregateFunction(plain), f.params.args.clone()))
        }
        _ => None,
    }
}

fn plugin_call(expr: &Expr) -> Option<&AggregateExpr> {
    match expr {
        Expr::Alias(alias) => plugin_call(&alias.expr),
        Expr::AggregateFunction(f) if (f.func.inner().as_ref() as &dyn Any).is::<PluginAggregateFunction>() => Some(f),
        _ => None,
    }
}
