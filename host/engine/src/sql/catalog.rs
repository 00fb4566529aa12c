//! What a query may name, the way DataFusion wants to be told, and which of its rules we let work on the plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{DataFusionError, Result, TableReference, plan_err};
use datafusion_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion_expr::{AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion_optimizer::analyzer::Analyzer;
use datafusion_optimizer::optimizer::Optimizer;
use datafusion_optimizer::{OptimizerContext, OptimizerRule};
use datafusion_sql::planner::{ParserOptions, SqlToRel};
use datafusion_sql::sqlparser::ast::{DataType as SqlType, Statement};

use super::InputTable;
use super::functions::{BUILT_IN, Functions, Stage, rewritten};
use super::plugin::PluginFunction;
use super::plugin::constants::{AggregateConstants, Constants};
use super::refusals::sub_queries::worded;
use super::rewrite::bin::recognise_bins;
use super::rewrite::dates::dates_beside_times;
use super::rewrite::normal_constants::normal_constants;
use super::rewrite::sub_queries::in_other_words;
use super::rewrite::time_constants::times_of_texts;
use crate::format::{parse_type, timestamp};

/// Tables, functions and types.
pub(super) struct Catalog {
    tables: HashMap<String, Arc<dyn TableSource>>,
    scalars: HashMap<String, Arc<ScalarUDF>>,
    /// Calls of map plugins with constants: plugin, constants, the name among `scalars`.
    calls: Vec<(Arc<str>, Constants, String)>,
    higher_order: HashMap<String, Arc<HigherOrderUDF>>,
    aggregates: HashMap<String, Arc<AggregateUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    types: Arc<dyn TypePlanner>,
    options: ConfigOptions,
}

impl Catalog {
    /// The job's tables and plugins, and DataFusion's functions.
    pub fn new(tables: &BTreeMap<String, InputTable>, plugins: &BTreeMap<String, PluginFunction>) -> Self {
        let tables = tables.iter().map(|(name, t)| (name.clone(), Arc::new(Table(t.schema.clone())) as _)).collect();
        let Functions { scalars, higher_order, aggregates, .. } = &*BUILT_IN;
        let (mut scalars, higher_order, mut aggregates) = (scalars.clone(), higher_order.clone(), aggregates.clone());
        // A plugin may take the name of a built-in function: the job says so.
        for (name, plugin) in plugins {
            if let Some(udf) = plugin.scalar(Vec::new()) {
                scalars.insert(name.clone(), udf);
            }
            if let Some(udaf) = plugin.aggregate() {
                aggregates.insert(name.clone(), udaf);
            }
        }
        let planners: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::new(super::names::fields::FieldNames),
            Arc::new(AggregateConstants),
            Arc::new(datafusion_functions::core::planner::CoreFunctionPlanner::default()),
            Arc::new(datafusion_functions_nested::planner::NestedFunctionPlanner),
            Arc::new(datafusion_functions_nested::planner::FieldAccessPlanner),
            Arc::new(datafusion_functions::datetime::planner::DatetimeFunctionPlanner),
            Arc::new(datafusion_functions::unicode::planner::UnicodeFunctionPlanner),
            Arc::new(datafusion_functions_aggregate::planner::AggregateFunctionPlanner),
        ];
        let options = ConfigOptions::new();
        Self { tables, scalars, calls: Vec::new(), higher_order, aggregates, planners, types: Arc::new(Types), options }
    }
}

impl Catalog {
    /// Adds a call of a map plugin with these constants: the name by which it is called, which is that of an equal one, so
    /// that a query may group by a call and select it. None if it is no map.
    pub fn add_call(&mut self, plugin: &PluginFunction, constants: Constants) -> Option<String> {
        let is_equal =
            |(called, given, _): &&(Arc<str>, Constants, String)| called == plugin.called() && *given == constants;
        if let Some((_, _, name)) = self.calls.iter().find(is_equal) {
            return Some(name.clone());
        }
        let udf = plugin.scalar(constants.clone())?;
        // No name that anybody could write without quotes.
        let name = format!("{} #{}", plugin.called(), self.scalars.len());
        self.scalars.insert(name.clone(), udf);
        self.calls.push((plugin.called().clone(), constants, name.clone()));
        Some(name)
    }

    /// Whether there is a function of this name.
    pub fn has_function(&self, name: &str) -> bool {
        self.scalars.contains_key(name) || self.aggregates.contains_key(name) || self.higher_order.contains_key(name)
    }
}

impl ContextProvider for Catalog {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match self.tables.get(name.table()) {
            Some(table) => Ok(table.clone()),
            None => plan_err!("there is no node named `{}`", name.table()),
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(self.types.clone())
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalars.get(name).cloned()
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.higher_order.get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregates.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        BUILT_IN.over.get(name).cloned()
    }

    fn get_variable_type(&self, _: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.scalars.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.higher_order.keys().cloned().collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.aggregates.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        BUILT_IN.over.keys().cloned().collect()
    }
}

#[derive(Debug)]
struct Table(SchemaRef);

impl TableSource for Table {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
    }
}

/// `TIMESTAMP` is what a stream's event time is: microseconds UTC. Types have their names in the job file too.
#[derive(Debug)]
struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        Ok(match sql_type {
            SqlType::Timestamp(None, _) => Some(unnamed(timestamp())),
            SqlType::Datetime(None) => Some(unnamed(timestamp())),
            // Types of the job file, and of Spark, that SQL has by other names.
            SqlType::Int16
            | SqlType::Int32
            | SqlType::Int64
            | SqlType::UInt8
            | SqlType::UInt16
            | SqlType::UInt32
            | SqlType::UInt64
            | SqlType::Float32
            | SqlType::Float64 => parse_type(&sql_type.to_string().to_lowercase()).ok().map(unnamed),
            SqlType::Custom(name, modifiers) if modifiers.is_empty() => {
                match name.to_string().to_lowercase().as_str() {
                    "long" => Some(unnamed(DataType::Int64)),
                    "short" => Some(unnamed(DataType::Int16)),
                    "byte" => Some(unnamed(DataType::Int8)),
                    name @ ("utf8" | "uint8" | "uint16" | "uint32" | "uint64" | "float32") => {
                        parse_type(name).ok().map(unnamed)
                    }
                    _ => None,
                }
            }
            _ => None,
        })
    }
}

fn unnamed(data_type: DataType) -> FieldRef {
    Arc::new(arrow::datatypes::Field::new("", data_type, true))
}

/// How texts are read.
pub(super) fn parser_options() -> ParserOptions {
    ParserOptions::new().with_map_string_types_to_utf8view(false).with_collect_spans(true)
}

/// Names resolved.
pub(super) fn logical_plan(catalog: &Catalog, statement: Statement) -> Result<LogicalPlan> {
    SqlToRel::new_with_options(catalog, parser_options()).sql_statement_to_plan(statement)
}

/// Types coerced, and texts that are times made times.
pub(super) fn analyze(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = dates_beside_times(plan)?;
    times_of_texts(Analyzer::new().execute_and_check(plan, &analysis(), |_, _| {})?)
}

fn analysis() -> ConfigOptions {
    let mut options = ConfigOptions::new();
    options.optimizer.enable_physical_uncorrelated_scalar_subquery = false;
    options
}

/// Constants of an analyzed plan folded, and, unless columns are to be kept as they are, those left out that nobody reads and
/// common expressions made columns. Rules that turn one stateful operator into others (`DISTINCT` into groups, one
/// distinct aggregate into two) or that move filters below a window stay out. With `sub_queries` in expressions these are
/// made joins, and filters are moved to where they cost least: they may stand above a join that they are the keys of.
pub(super) fn optimize(
    plan: LogicalPlan,
    keep_columns: bool,
    sub_queries: bool,
) -> Result<LogicalPlan, DataFusionError> {
    let plan = normal_constants(plan)?;
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(datafusion_optimizer::simplify_expressions::SimplifyExpressions::new()),
        Arc::new(datafusion_optimizer::eliminate_duplicated_expr::EliminateDuplicatedExpr::new()),
    ];
    let optimized = Optimizer::with_rules(rules).optimize(plan, &OptimizerContext::new(), |_, _| {})?;
    let optimized = match sub_queries {
        true => joined_sub_queries(optimized, analysis()).map_err(worded)?,
        false => optimized,
    };
    // Constants are folded now, and nothing is taken apart yet.
    let recognised = rewritten(recognise_bins(optimized)?, Stage::Folded)?;
    let mut rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = Vec::new();
    if !keep_columns {
        rules.push(Arc::new(datafusion_optimizer::common_subexpr_eliminate::CommonSubexprEliminate::new()));
        rules.push(Arc::new(datafusion_optimizer::optimize_projections::OptimizeProjections::new()));
    }
    Optimizer::with_rules(rules).optimize(recognised, &OptimizerContext::new(), |_, _| {})
}

/// Sub-queries in expressions as joins.
fn joined_sub_queries(plan: LogicalPlan, options: ConfigOptions) -> Result<LogicalPlan, DataFusionError> {
    let context = OptimizerContext::new_with_config_options(Arc::new(options));
    let plan = in_other_words(plan, &context)?;
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(datafusion_optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery::new()),
        Arc::new(datafusion_optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin::new()),
        Arc::new(datafusion_optimizer::push_down_filter::PushDownFilter::new()),
    ];
    Optimizer::with_rules(rules).optimize(plan, &context, |_, _| {})
}
