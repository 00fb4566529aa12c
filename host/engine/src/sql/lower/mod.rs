//! DataFusion's logical plan to our relations. Here are the stateless nodes; the others have a file each, and what all
//! of them ask of expressions is in `event_time` and `identity`.

mod aggregate;
mod distinct;
pub(super) mod event_time;
mod grouping;
mod identity;
mod join;
mod join_bounds;
mod join_refusals;
mod order;
pub(super) mod over;
mod several;
mod static_join;
pub(super) mod sub_query;
mod time;

use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema};
use datafusion_common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion_common::{Column, DFSchema, JoinType};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::logical_plan::{Distinct, Projection, TableScan};
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::utils::conjunction;
use datafusion_expr::{Expr, LogicalPlan};
use datafusion_physical_expr::create_physical_expr;

use self::event_time::EventTimes;
use super::error::SqlText;
use super::functions::window::as_window_call;
use super::plugin::PluginScalar;
use super::plugin::calls::in_sql;
use super::plugin::table_function::{KeyedCall, Made};
use super::refusals::clause::{refuse_node, refuse_node_once};
use super::shown::shown_of;
use super::{InputTable, MadeBy, PlanContext};
use crate::job::OutputMode;
use crate::operator::{Expressions, ROW_COLUMN};
use crate::relation::event_time::marked;
use crate::relation::{Relation, build};
use crate::{Error, ErrorKind, Result};

/// Lowers one query.
pub(super) struct Lowering<'a> {
    pub text: &'a SqlText,
    pub context: &'a PlanContext<'a>,
    /// The node's output mode is said already: to the outermost stateful operator.
    mode_taken: Cell<bool>,
    /// A join's static side is being lowered.
    pub static_allowed: Cell<bool>,
}

impl<'a> Lowering<'a> {
    /// Nothing is lowered yet.
    pub fn new(text: &'a SqlText, context: &'a PlanContext<'a>) -> Self {
        Self { text, context, mode_taken: Cell::new(false), static_allowed: Cell::new(false) }
    }

    /// The output mode of the next stateful operator, outermost first. Those below it append: nothing else could follow
    /// them.
    pub fn take_mode(&self) -> OutputMode {
        let said = self.context.mode.as_ref().filter(|_| !self.mode_taken.replace(true));
        said.map_or(OutputMode::Append, |m| m.0)
    }

    /// The relation that computes `plan`.
    pub fn lower(&self, plan: &LogicalPlan) -> Result<Relation> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.lower(&alias.input),
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Join(join) => self.join(join),
            LogicalPlan::Filter(filter) => {
                if let LogicalPlan::Join(join) = filter.input.as_ref()
                    && join.join_type == JoinType::Inner
                {
                    return self.join_where(join, filter);
                }
                if let Some(swapped) = self.below_projection(filter)? {
                    return self.lower(&swapped);
                }
                let input = self.lower(&filter.input)?;
                self.filtered(input, vec![filter.predicate.clone()], filter.input.schema())
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Window(window) => self.over(window),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Unnest(unnest) => self.unnest(unnest),
            LogicalPlan::Distinct(Distinct::All(input)) => self.distinct(input),
            LogicalPlan::Sort(sort) => self.sort(sort),
            LogicalPlan::Limit(limit) => self.limit(limit),
            other if self.context.asked_once => Err(refuse_node_once(self.text, other)),
            other => Err(refuse_node(self.text, other)),
        }
    }

    /// `input` without the rows for which `parts` do not hold.
    pub(super) fn filtered(&self, input: Relation, parts: Vec<Expr>, schema: &DFSchema) -> Result<Relation> {
        let Some(predicate) = conjunction(parts) else { return Ok(input) };
        let predicate = [predicate];
        let shown = in_sql(&predicate, schema);
        let predicate = self.expressions(&predicate, schema)?;
        Ok(build::filter(self.context.node.clone(), input, predicate, shown))
    }

    fn scan(&self, scan: &TableScan) -> Result<Relation> {
        let name = scan.table_name.table();
        let table = self.context.tables.get(name);
        let table = table.ok_or_else(|| Error::internal(format!("the plan reads an unknown table `{name}`")))?;
        let static_table = table.made_by.as_ref().map_or(&table.static_table, |made| &made.static_table);
        if let Some(static_table) = static_table
            && !self.static_allowed.get()
        {
            return Err(self.refuse_static_alone(static_table.name()));
        }
        if let Some(made) = &table.made_by {
            return self.made(made, table, scan.projection.as_deref());
        }
        let Some(columns) = &scan.projection else {
            return Ok(build::rows_of(name, table.schema.clone(), table.emits));
        };
        let fields: Vec<FieldRef> = columns.iter().map(|c| table.schema.fields()[*c].clone()).collect();
        let missing =
            |field: &FieldRef| Error::internal(format!("`{name}` does not give its column `{}`", field.name()));
        let given = fields.iter().map(|field| table.given.index_of(field.name()).map_err(|_| missing(field)));
        let columns = given.collect::<Result<_>>()?;
        Ok(build::rows_with(name, columns, Arc::new(Schema::new(fields)), table.emits))
    }

    /// The rows that a plugin in `FROM` makes of others.
    fn made(&self, by: &MadeBy, table: &InputTable, columns: Option<&[usize]>) -> Result<Relation> {
        let all: Vec<usize> = (0..table.schema.fields().len()).collect();
        let columns = columns.unwrap_or(&all);
        let fields: Vec<FieldRef> = columns.iter().map(|c| table.schema.fields()[*c].clone()).collect();
        let input = by.input.clone();
        let made = match &by.made {
            Made::FlatMap { calls, bound } => {
                let wanted = fields.iter().map(|field| field.name().clone()).collect();
                build::plugin_flat_map(input, calls.clone(), bound.clone(), Some(&wanted))
            }
            Made::Keyed(call) => self.keyed(call, input, by.at.clone())?,
        };
        let given = made.schema();
        let places = fields.iter().filter_map(|f| given.index_of(f.name()).ok()).collect();
        Ok(build::select(made, places, Arc::new(Schema::new(fields))))
    }

    fn keyed(&self, call: &KeyedCall, input: Relation, at: Range<usize>) -> Result<Relation> {
        let (node, partitions) = (self.context.node.clone(), self.context.partitions);
        let function = (call.function.clone(), call.called.clone());
        let keyed =
            build::keyed(node, input, call.keys.clone(), call.time.clone(), function, self.take_mode(), partitions);
        keyed.map_err(|e| match e.kind() {
            ErrorKind::Invalid => {
                let refused = self.text.refuse(self.text.whole_call(at), e.message());
                e.help().into_iter().fold(refused, Error::with_help)
            }
            _ => e,
        })
    }

    fn projection(&self, projection: &Projection) -> Result<Relation> {
        let input = self.lower(&projection.input)?;
        let from = projection.input.schema();
        let columns = self.expressions(&projection.expr, from)?;
        let rows = input.schema();
        let times = EventTimes { from, rows: &rows };
        let marks: Vec<Option<String>> = projection.expr.iter().map(|e| times.mark(e)).collect();
        let schema = marked(projection.schema.inner(), &marks);
        let carries = |expr: &Expr| carried_column(expr).and_then(|c| from.maybe_index_of_column(c));
        let carried: Vec<Option<usize>> = projection.expr.iter().map(carries).collect();
        let shown = in_sql(&projection.expr, from);
        Ok(build::project(self.context.node.clone(), input, columns, schema, &carried, shown))
    }

    /// A window is what an aggregation groups by, and nothing that could be computed for a row.
    pub(super) fn refuse_windows(&self, exprs: &[Expr]) -> Result<()> {
        let mut found = None;
        for expr in exprs {
            let walked = expr.apply(|e| {
                found = found.or(as_window_call(e).map(|(name, _)| name));
                Ok(TreeNodeRecursion::Continue)
            });
            walked.map_err(|e| self.text.error(e))?;
        }
        let Some(name) = found else { return Ok(()) };
        let message =
            format!("{name}(…) can only stand in GROUP BY, and in SELECT, HAVING and ORDER BY of the same query");
        let help = format!(
            "GROUP BY {name}(ts, '10 minutes'); of a single row, date_bin and date_trunc give the interval it is in"
        );
        Err(self.text.refuse_clause(name, message).with_help(help))
    }

    /// Physical expressions for `exprs` over rows of `schema`.
    pub fn expressions(&self, exprs: &[Expr], schema: &DFSchema) -> Result<Expressions> {
        self.refuse_windows(exprs)?;
        let numbered = NumberedRows::new(exprs, schema).map_err(|e| self.text.error(e))?;
        let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
        let physical = numbered.exprs.iter().map(|e| create_physical_expr(e, &numbered.schema, &props, &planning));
        let physical = physical.collect::<Result<_, _>>().map_err(|e| self.text.error(e))?;
        Ok(Expressions::named(physical, exprs.iter().map(|e| computed(e, schema)).collect(), numbered.used))
    }
}

/// What is computed for `expr`, whatever it is called, as the query has it.
pub(super) fn computed(expr: &Expr, schema: &DFSchema) -> String {
    match expr {
        Expr::Alias(alias) => computed(&alias.expr, schema),
        other => shown_of(other, schema),
    }
}

/// The column that an output column is, or is a field of: a window's start stands for the window.
pub(super) fn carried_column(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => carried_column(&alias.expr),
        Expr::ScalarFunction(f) if f.func.name() == "get_field" => f.args.first().and_then(carried_column),
        _ => None,
    }
}

/// Expressions in which calls of plugins have the hidden row number as last argument, and the schema that has it too.
pub(super) struct NumberedRows {
    pub exprs: Vec<Expr>,
    pub schema: DFSchema,
    /// Whether any plugin is called.
    pub used: bool,
}

impl NumberedRows {
    pub fn new(exprs: &[Expr], schema: &DFSchema) -> Result<Self, datafusion_common::DataFusionError> {
        let mut used = false;
        for expr in exprs {
            expr.apply(|e| {
                used |= is_plugin_call(e);
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        if !used {
            return Ok(Self { exprs: exprs.to_vec(), schema: schema.clone(), used });
        }
        let row: Field = Expressions::row_field().as_ref().clone();
        let fields = schema.iter().map(|(q, f)| (q.cloned(), f.clone())).chain([(None, Arc::new(row))]);
        let schema = DFSchema::new_with_metadata(fields.collect(), schema.metadata().clone())?;
        let exprs = exprs.iter().map(|e| {
            let numbered = e.clone().transform_up(|mut e| {
                if !is_plugin_call(&e) {
                    return Ok(Transformed::no(e));
                }
                if let Expr::ScalarFunction(f) = &mut e {
                    f.args.push(Expr::Column(Column::new_unqualified(ROW_COLUMN)));
                }
                Ok(Transformed::yes(e))
            });
            numbered.map(|t| t.data)
        });
        Ok(Self { exprs: exprs.collect::<Result<_, _>>()?, schema, used })
    }
}

pub(super) fn is_plugin_call(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(f) if (f.func.inner().as_ref() as &dyn Any).is::<PluginScalar>())
}
