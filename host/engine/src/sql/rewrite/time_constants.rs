//! Constant texts that become times are times before a library may read them: `ts > '2026-03-01 09:00'`. What is none is left
//! as it stands, for [`crate::sql::constants`] to refuse, or for the rows that come to it.

use datafusion_common::Result;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_expr::expr::{Cast, TryCast};
use datafusion_expr::expr_rewriter::NamePreserver;
use datafusion_expr::{Expr, LogicalPlan};

use crate::operator::{is_time, time_constant};

/// `plan`, whose types are coerced, with times in the place of casts of texts.
pub(in crate::sql) fn times_of_texts(plan: LogicalPlan) -> Result<LogicalPlan> {
    let done = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|e| Ok(time_of(e)))?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    });
    done.map(|t| t.data)
}

fn time_of(expr: Expr) -> Transformed<Expr> {
    let (Expr::Cast(Cast { expr: of, field }) | Expr::TryCast(TryCast { expr: of, field })) = &expr else {
        return Transformed::no(expr);
    };
    let time = match of.as_ref() {
        Expr::Literal(text, _) if is_time(field.data_type()) => time_constant(text, field.data_type()),
        _ => None,
    };
    time.map_or_else(|| Transformed::no(expr), |time| Transformed::yes(Expr::Literal(time, None)))
}
