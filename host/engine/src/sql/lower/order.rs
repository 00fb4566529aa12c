//! `ORDER BY`, `LIMIT` and `OFFSET`: over a whole result, which an aggregation in complete mode gives, or the end of the
//! input where the query is asked once.

use std::sync::Arc;

use arrow::compute::SortOptions;
use datafusion_common::ScalarValue;
use datafusion_expr::logical_plan::{Limit as LogicalLimit, Sort as LogicalSort};
use datafusion_expr::{Expr, LogicalPlan};

use super::Lowering;
use crate::Result;
use crate::operator::Expressions;
use crate::relation::{Emits, InSql, Relation, build};
use crate::sql::plugin::calls::called_in;
use crate::sql::shown::shown_of;

impl Lowering<'_> {
    pub(super) fn sort(&self, sort: &LogicalSort) -> Result<Relation> {
        let input = self.lower(&sort.input)?;
        if !self.context.asked_once {
            self.needs_whole_result(&input, "ORDER BY", "rows of a stream come for ever: they cannot be put in order")?;
        }
        let (by, options) = self.order_of(sort)?;
        let exprs: Vec<Expr> = sort.expr.iter().map(|s| s.expr.clone()).collect();
        let from = sort.input.schema();
        let direction = |s: &datafusion_expr::SortExpr| if s.asc { "" } else { " descending" };
        let shown = sort.expr.iter().map(|s| format!("{}{}", shown_of(&s.expr, from), direction(s))).collect();
        let in_sql = InSql { shown, plugins: called_in(&exprs, from) };
        Ok(build::sort(self.context.node.clone(), input, by, options, sort.fetch, in_sql))
    }

    /// What rows are put in order by.
    fn order_of(&self, sort: &LogicalSort) -> Result<(Expressions, Vec<SortOptions>)> {
        let exprs: Vec<Expr> = sort.expr.iter().map(|s| s.expr.clone()).collect();
        let option = |s: &datafusion_expr::SortExpr| SortOptions { descending: !s.asc, nulls_first: s.nulls_first };
        let by = self.expressions(&exprs, sort.input.schema())?.with_normal_floats()?;
        Ok((by, sort.expr.iter().map(option).collect()))
    }

    pub(super) fn limit(&self, limit: &LogicalLimit) -> Result<Relation> {
        let input = if self.context.asked_once { self.first_rows(limit)? } else { self.lower(&limit.input)? };
        let clause = if limit.fetch.is_some() { "LIMIT" } else { "OFFSET" };
        if !self.context.asked_once {
            self.needs_whole_result(&input, clause, "which rows of a stream come first depends on when they come")?;
        }
        let skip = self.constant(limit.skip.as_deref(), "OFFSET")?.unwrap_or(0);
        let fetch = self.constant(limit.fetch.as_deref(), "LIMIT")?;
        Ok(build::limit(input, skip, fetch))
    }

    /// What a limit is over, where it may be rows that end: held until they do, no more of them than are needed.
    fn first_rows(&self, limit: &LogicalLimit) -> Result<Relation> {
        let skip = self.constant(limit.skip.as_deref(), "OFFSET")?.unwrap_or(0);
        let most = self.constant(limit.fetch.as_deref(), "LIMIT")?.map(|fetch| skip.saturating_add(fetch));
        let input = match most {
            Some(most) => self.lower(&first_in_order(&limit.input, most))?,
            None => self.lower(&limit.input)?,
        };
        Ok(build::collect(input, most))
    }

    fn needs_whole_result(&self, input: &Relation, clause: &str, why: &str) -> Result<()> {
        if input.emits() == Emits::Snapshot {
            return Ok(());
        }
        let message = format!("{clause} needs a whole result, which only an aggregation in complete mode has: {why}");
        Err(self.text.refuse_clause(clause, message).with_help("aggregate with output_mode = \"complete\" first"))
    }

    fn constant(&self, expr: Option<&Expr>, clause: &str) -> Result<Option<usize>> {
        let value = match expr {
            None => return Ok(None),
            Some(Expr::Literal(ScalarValue::Int64(Some(n)), _)) => usize::try_from(*n).ok(),
            Some(Expr::Literal(ScalarValue::UInt64(Some(n)), _)) => usize::try_from(*n).ok(),
            Some(Expr::Literal(ScalarValue::Int64(None), _)) => return Ok(None),
            Some(_) => None,
        };
        let refused = || {
            let message = format!("{clause} takes a number of rows, 0 or more");
            self.text.refuse_clause(clause, message).with_help(format!("write {clause} 10"))
        };
        value.map(Some).ok_or_else(refused)
    }
}

/// `plan` with the order in it, if that is outermost, told that only its first `most` rows are needed.
fn first_in_order(plan: &LogicalPlan, most: usize) -> LogicalPlan {
    match plan {
        LogicalPlan::Sort(sort) => {
            let fetch = Some(sort.fetch.map_or(most, |fetch| fetch.min(most)));
            LogicalPlan::Sort(LogicalSort { fetch, ..sort.clone() })
        }
        LogicalPlan::Projection(projection) => {
            let mut projection = projection.clone();
            projection.input = Arc::new(first_in_order(&projection.input, most));
            LogicalPlan::Projection(projection)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let mut alias = alias.clone();
            alias.input = Arc::new(first_in_order(&alias.input, most));
            LogicalPlan::SubqueryAlias(alias)
        }
        other => other.clone(),
    }
}
