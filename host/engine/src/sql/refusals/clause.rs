//! Clauses and functions that a stream cannot do, with the reason.

use std::any::Any;

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::{Expr, LogicalPlan, Volatility};

use crate::sql::error::SqlText;
use crate::sql::functions::window::WindowFunction;
use crate::sql::plugin::PluginScalar;
use crate::{Error, Result};

/// Refuses sub-queries outside FROM, and functions that give another answer each time: an epoch that is run again after
/// a crash must give the same rows.
pub(in crate::sql) fn refuse_expressions(text: &SqlText, plan: &LogicalPlan) -> Result<()> {
    let mut refused: Vec<String> = Vec::new();
    let mut sub_query = false;
    let walked = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if matches!(e, Expr::InSubquery(_) | Expr::Exists(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_))
                {
                    sub_query = true;
                    return Ok(TreeNodeRecursion::Stop);
                }
                if let Expr::ScalarFunction(f) = e {
                    let inner = f.func.inner().as_ref() as &dyn Any;
                    let ours = inner.is::<WindowFunction>() || inner.is::<PluginScalar>();
                    let clock = ["now", "current_date", "current_time", "version"].contains(&f.func.name());
                    if !ours && (clock || f.func.signature().volatility == Volatility::Volatile) {
                        let aliases = f.func.aliases().iter().cloned();
                        refused = std::iter::once(f.func.name().to_owned()).chain(aliases).collect();
                        return Ok(TreeNodeRecursion::Stop);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    walked.map_err(|e| text.error(e))?;
    if sub_query {
        let at = text.find_any(&["IN (SELECT", "EXISTS (SELECT", "(SELECT"]);
        let message = "sub-queries can stand in FROM only: elsewhere their result would change with every epoch";
        return Err(text.refuse(at, message).with_help("name the sub-query in FROM"));
    }
    match refused.first() {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = refused.iter().map(String::as_str).collect();
            let spelled = match name.as_str() {
                "now" => text.find_any(&["now", "current_timestamp"]),
                _ => text.find_any(&names),
            };
            let name = text.sql().get(spelled.clone()).filter(|s| s.len() < text.sql().len()).unwrap_or(name);
            let message = format!(
                "`{name}` gives another answer each time: an epoch that is run again after a crash must give the same rows"
            );
            Err(text.refuse(spelled, message).with_help("take times from the rows themselves"))
        }
    }
}

/// The refusal of a plan node that there is no operator for, in a query that is asked once.
pub(in crate::sql) fn refuse_node_once(text: &SqlText, plan: &LogicalPlan) -> Error {
    let (clause, what, help) = match plan {
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => {
            ("SELECT", "a query must read FROM a table", "name one of those that --source gives")
        }
        other => {
            let name = other.display().to_string();
            let name = name.split([':', ' ']).next().unwrap_or_default().to_uppercase();
            return text.refuse_all(format!("`{name}` is not supported"));
        }
    };
    text.refuse_clause(clause, what).with_help(help)
}

/// The refusal of a plan node that has no streaming operator.
pub(in crate::sql) fn refuse_node(text: &SqlText, plan: &LogicalPlan) -> Error {
    let (clause, why, help) = match plan {
        LogicalPlan::Window(_) => (
            "OVER",
            "OVER needs all rows of its partition, and a stream's rows never end",
            "group by window(…) instead",
        ),
        LogicalPlan::Distinct(_) => (
            "DISTINCT",
            "DISTINCT ON is not supported",
            "use an operator with dedup = { keys = [\"…\"] }, which keeps the first row of each key",
        ),
        LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) => {
            ("SELECT", "a query must read FROM a source or an operator", "name one of the job's nodes in FROM")
        }
        LogicalPlan::RecursiveQuery(_) => ("RECURSIVE", "WITH RECURSIVE has no end on a stream", "use a plugin"),
        LogicalPlan::Subquery(_) => ("SELECT", "sub-queries are supported in FROM only", "name the sub-query in FROM"),
        other => {
            let name = other.display().to_string();
            return text.refuse_all(format!("`{name}` cannot be done on a stream"));
        }
    };
    text.refuse_clause(clause, why).with_help(help)
}

/// What a set operation that is no UNION would need.
pub(in crate::sql) fn refuse_set(text: &SqlText, clause: &str) -> Error {
    text.refuse_clause(clause, format!("{clause} would have to remember every row for ever; it is not supported"))
        .with_help("use WHERE, or a plugin")
}
