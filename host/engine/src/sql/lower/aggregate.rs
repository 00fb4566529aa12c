//! An aggregation of the logical plan to the grouped aggregation over stored state.

use std::any::Any;
use std::collections::BTreeMap;
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

use super::event_time::EventTimes;
use super::identity::Over;
use super::time::TimeGrouping;
use super::{Lowering, NumberedRows, computed};
use crate::job::OutputMode;
use crate::operator::Expressions;
use crate::operator::aggregate::{
    AggregateCall, AggregateFunction, BuiltIn, Distinct, Exact, ExactSum, Extreme, GroupAggregateParts, IntervalSum,
    OutputColumn, TimeKey,
};
use crate::relation::event_time::marked;
use crate::relation::{Emits, PluginUse, Relation, build};
use crate::sql::functions::avg::widened;
use crate::sql::plugin::calls::{add_called_in, arguments};
use crate::sql::plugin::{PluginAggregateFunction, argument_schema};
use crate::sql::rewrite::bin::{shown_group, uneven_bin};
use crate::sql::shown::shown_of;
use crate::time::shown_length;
use crate::{Error, Result};

/// Windows that a row may lie in where each of them is stored.
const MOST_WINDOWS: i64 = 256;

/// Aggregates that compare the values that they are given.
const COMPARING: [&str; 8] = [
    "min",
    "max",
    "median",
    "percentile_cont",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
];

impl Lowering<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate) -> Result<Relation> {
        let at_end = self.context.asked_once;
        if let ([Expr::GroupingSet(sets)], true) = (aggregate.group_expr.as_slice(), at_end) {
            return self.grouping_sets(aggregate, sets);
        }
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
                return Err(self
                    .text
                    .refuse_clause("GROUP BY", "ROLLUP, CUBE and GROUPING SETS are not supported")
                    .with_help("use one operator per grouping"));
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

        if let (OutputMode::Update, TimeKey::Window { spec, .. }) = (mode, &time)
            && spec.windows_of_a_row() > MOST_WINDOWS
        {
            let message = format!(
                "a row lies in {} of these windows: in update mode each of them is stored, and comes out in every epoch that touches it",
                spec.windows_of_a_row()
            );
            // In whole seconds, where it is more than one.
            let least = (spec.size() - 1) / MOST_WINDOWS + 1;
            let least = if least > 1_000_000 { (least / 1_000_000 + 1) * 1_000_000 } else { least };
            return Err(self.text.refuse(self.text.find_call("window"), message).with_help(format!(
                "use append mode, where windows share what they have in common, or a slide of at least {}",
                shown_length(least)
            )));
        }

        let mut aggregates = Vec::new();
        let mut plugins = Vec::new();
        for expr in &aggregate.aggr_expr {
            computed.push(shown_of(expr, schema));
            let call = self.aggregate_call(expr, &aggregate.input)?;
            if let Some(plugin) = plugin_call(expr) {
                let reads = arguments(call.function.reads(), &plugin.params.args, schema);
                let hints = call.function.hints();
                plugins.push(PluginUse { plugin: plugin.func.name().to_owned(), reads, hints });
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
            shown: by,
            schema: marked(aggregate.schema.inner(), &marks),
            mode,
            at_end,
            partitions: self.context.partitions,
            input: rows,
        };
        let exprs = [aggregate.group_expr.as_slice(), &aggregate.aggr_expr].concat();
        add_called_in(&mut plugins, &exprs, schema);
        plugins.dedup();
        build::aggregate(input, parts, computed, plugins)
    }

    pub(super) fn aggregate_call(&self, expr: &Expr, input: &LogicalPlan) -> Result<AggregateCall> {
        let (schema, asked) = (input.schema().as_ref(), expr);
        let failed = |e| self.text.error(e);
        self.refuse_windows(std::slice::from_ref(expr))?;
        let numbered = NumberedRows::new(std::slice::from_ref(expr), schema).map_err(failed)?;
        let (expr, schema) = (&numbered.exprs[0], &numbered.schema);
        if let Some(call) = plugin_call(expr) {
            return self.plugin_aggregate(call, schema, numbered.used, told(asked, input));
        }
        let shown = shown_of(unaliased(expr), schema);
        // DataFusion keeps the values of a DISTINCT in the state of each group, one argument's at most: ours do better.
        let (expr, distinct) = match distinct_call(expr) {
            Some((expr, args)) => (expr, Some(args)),
            None => (unaliased(expr).clone(), None),
        };
        let expr = widened(expr, schema).map_err(failed)?;
        let distinct = distinct.map(|args| match &expr {
            Expr::AggregateFunction(f) => f.params.args.clone(),
            _ => args,
        });
        let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let lowered = LoweredAggregateBuilder::new(&expr, schema, schema.as_arrow(), &props, &planning);
        let lowered = lowered.build().map_err(failed)?;
        let args = lowered.aggregate.expressions();
        let by: Vec<_> = lowered.order_bys.iter().map(|s| s.expr.clone()).collect();
        let words = called_with(&expr).filter(|w| w.len() == args.len() + by.len()).unwrap_or_default();
        let mut words: Vec<String> = words.iter().map(|e| computed(e, schema)).collect();
        let words_by = words.split_off(args.len().min(words.len()));
        let (of, result) = (lowered.aggregate.fun().name().to_owned(), lowered.aggregate.field());
        let is_distinct = lowered.aggregate.is_distinct();
        let built_in = BuiltIn::new(lowered.aggregate).map_err(failed)?;
        let what = match of.as_str() {
            "sum" => Some(Exact::Sum),
            "avg" => Some(Exact::Average),
            _ => None,
        };
        let exact = what.zip(args.first()).and_then(|(what, arg)| {
            let values = arg.data_type(schema.as_arrow()).ok()?;
            if let (Exact::Sum, Some(sum)) = (what, IntervalSum::new(&values, shown.clone(), built_in.describe())) {
                return Some(Arc::new(sum) as Arc<dyn AggregateFunction>);
            }
            let exact = ExactSum::new(what, values, result.data_type().clone(), shown, built_in.describe());
            exact.map(|exact| Arc::new(exact) as _)
        });
        let mut function = match exact {
            Some(exact) => exact,
            None => {
                let call = Some(self.text.find_call(&of));
                built_in.begins().map_err(|e| self.text.error_at(e, call, &BTreeMap::new()))?;
                Arc::new(built_in)
            }
        };
        if let Some(extreme) = Extreme::instead_of(&function, &of) {
            function = Arc::new(extreme);
        }
        let compares = distinct.is_some() || is_distinct || COMPARING.contains(&of.as_str());
        let args = Expressions::named(args, words, numbered.used);
        let args = if compares { args.with_normal_floats()? } else { args };
        let args = args.and(Expressions::named(by, words_by, numbered.used).with_normal_floats()?);
        if let Some(args) = distinct.filter(|_| !SAME_IF_DISTINCT.contains(&of.as_str())) {
            let arguments = argument_schema(&self.fields_of(&args, schema)?);
            function = Arc::new(Distinct::new(function, arguments.fields()));
        }
        let (told, told_filter) = told(asked, input);
        Ok(AggregateCall {
            function,
            args: args.told_as(told),
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
        let words = call.params.args.iter().map(|e| computed(e, schema)).collect();
        let args: Vec<Arc<dyn PhysicalExpr>> = call.params.args.iter().map(&physical).collect::<Result<_>>()?;
        let fields = self.fields_of(&call.params.args, schema)?;
        let function = plugin.bind(&fields).map_err(|e| self.text.error(e))?;
        let filter = call.params.filter.as_deref().map(physical).transpose()?;
        let arguments = function.arguments().clone();
        let function: Arc<dyn AggregateFunction> = Arc::new(function);
        Ok(AggregateCall {
            function: if call.params.distinct { Arc::new(Distinct::new(function, &arguments)) } else { function },
            args: Expressions::named(args, words, numbered).told_as(told),
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

/// Aggregates to which it is the same whether a value comes once or more often.
const SAME_IF_DISTINCT: [&str; 7] = ["min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "approx_distinct"];

/// A call with DISTINCT, which is no plugin's, without DISTINCT, and its arguments.
fn distinct_call(expr: &Expr) -> Option<(Expr, Vec<Expr>)> {
    match expr {
        Expr::Alias(alias) => distinct_call(&alias.expr),
        Expr::AggregateFunction(f)
            if f.params.distinct && !f.params.args.is_empty() && f.params.order_by.is_empty() =>
        {
            let mut plain = f.clone();
            plain.params.distinct = false;
            Some((Expr::AggregateFunction(plain), f.params.args.clone()))
        }
        _ => None,
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// What a built-in aggregate is computed of: its arguments, and what they are ordered by.
fn called_with(expr: &Expr) -> Option<Vec<&Expr>> {
    match expr {
        Expr::Alias(alias) => called_with(&alias.expr),
        Expr::AggregateFunction(f) => {
            Some(f.params.args.iter().chain(f.params.order_by.iter().map(|s| &s.expr)).collect())
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
