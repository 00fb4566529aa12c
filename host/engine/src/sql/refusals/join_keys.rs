//! The types of a join's keys, as the query has them. Looked at before types are coerced: afterwards a number and a text
//! are two texts, and what the query casts looks like what the planner does.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion_common::DFSchema;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::utils::{find_valid_equijoin_key_pair, split_conjunction};
use datafusion_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use crate::format::shown_type;
use crate::sql::SqlText;
use crate::sql::shown::shown;
use crate::{Error, Result};

/// Keys of different kinds would be compared as texts, or not at all.
pub(in crate::sql) fn refuse_mismatched(text: &SqlText, plan: &LogicalPlan) -> Result<()> {
    let mut refused = ControlFlow::Continue(());
    let walked = plan.apply(|node| {
        refused = look_at(text, node);
        Ok(if refused.is_break() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(|e| text.error(e))?;
    match refused {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(e) => Err(e),
    }
}

/// A join's condition, or `WHERE` above it.
fn look_at(text: &SqlText, node: &LogicalPlan) -> ControlFlow<Error> {
    let (join, above) = match node {
        LogicalPlan::Join(join) => (join, None),
        LogicalPlan::Filter(filter) => match filter.input.as_ref() {
            LogicalPlan::Join(join) => (join, Some(&filter.predicate)),
            _ => return ControlFlow::Continue(()),
        },
        _ => return ControlFlow::Continue(()),
    };
    let (left, right) = (join.left.schema(), join.right.schema());
    let on = join.on.iter().filter(|_| above.is_none());
    for (a, b) in on {
        compare(text, (a, left), (b, right))?;
    }
    for part in above.or(join.filter.as_ref()).into_iter().flat_map(split_conjunction) {
        if let Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Eq, right: b }) = part
            && let Ok(Some((a, b))) = find_valid_equijoin_key_pair(a, b, left, right)
        {
            compare(text, (&a, left), (&b, right))?;
        }
    }
    ControlFlow::Continue(())
}

fn compare(text: &SqlText, (a, left): (&Expr, &DFSchema), (b, right): (&Expr, &DFSchema)) -> ControlFlow<Error> {
    // What has no type is refused, with its place, where types are coerced.
    let (Ok(of_a), Ok(of_b)) = (a.get_type(left), b.get_type(right)) else { return ControlFlow::Continue(()) };
    if class(&of_a) == class(&of_b) {
        return ControlFlow::Continue(());
    }
    let message = format!(
        "mismatched key types: `{}` is {}, `{}` is {}",
        shown(a),
        shown_type(&of_a),
        shown(b),
        shown_type(&of_b)
    );
    let place = text.find_any(&[&a.to_string(), &b.to_string(), &shown(a), &shown(b)]);
    ControlFlow::Break(text.refuse(place, message).with_help(format!("CAST one of them: CAST({} AS …)", shown(a))))
}

/// Types of one class are compared as they are meant.
fn class(data_type: &DataType) -> String {
    match data_type {
        t if t.is_numeric() => "number".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "bytes".to_owned()
        }
        DataType::Timestamp(..) => "time".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Dictionary(_, values) => class(values),
        other => other.to_string(),
    }
}
