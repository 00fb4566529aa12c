//! `length(list)` is the number of its elements. The planner would take the list for the text that shows it.

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::utils::merge_schema;
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion_functions_nested::expr_fn::array_length;

use super::function::{Example, Function, Implementation, Stage};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "length",
    signature: "length(x)",
    gives: "the number of letters of a text, of elements of a list",
    example: Example { sql: "length(ARRAY['a', 'b'])", answer: "2" },
    by: Implementation::Rewrite(Stage::Named, of_lists),
}];

/// `plan`, newly made of a query, with the lengths of lists.
fn of_lists(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let gives_columns = matches!(node, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_));
        node.map_expressions(|expr| {
            let (relation, name) = expr.qualified_name();
            let changed = expr.transform_up(|e| Ok(length(e, &schema)))?;
            Ok(match changed.transformed && gives_columns {
                true => Transformed::yes(changed.data.unalias().alias_qualified(relation, name)),
                false => changed,
            })
        })
    })
    .data()
}

fn length(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    match expr {
        Expr::ScalarFunction(mut f)
            if f.func.name() == "character_length"
                && f.args.len() == 1
                && f.args[0].get_type(schema).is_ok_and(|of| matches!(of, DataType::List(_))) =>
        {
            Transformed::yes(array_length(f.args.remove(0)))
        }
        other => Transformed::no(other),
    }
}
