//! `max_by(value, by)` and its sisters: the value of the row in which another is greatest, or least, as a first or last value
//! in an order.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr as Ast, Function as Call, FunctionArgumentClause, FunctionArguments, OrderByExpr,
    OrderByOptions,
};

use super::function::{Example, Function, Implementation};
use crate::sql::spelling::ast::{binary, call, nested};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "max_by",
        signature: "max_by(x, y)",
        gives: "the `x` of the row whose `y` is the greatest",
        example: Example { sql: "max_by(user, bytes) FROM events", answer: "cho" },
        by: Implementation::Spelling(|written, args| value_by("last_value", false, written, args)),
    },
    Function {
        name: "min_by",
        signature: "min_by(x, y)",
        gives: "the `x` of the row whose `y` is the least",
        example: Example { sql: "min_by(url, bytes) FROM events", answer: "/c" },
        by: Implementation::Spelling(|written, args| value_by("first_value", false, written, args)),
    },
    Function {
        name: "arg_max",
        signature: "arg_max(x, y)",
        gives: "the same as `max_by`, of the rows whose `x` is not null",
        example: Example { sql: "arg_max(bytes, id) FROM events WHERE id < 4", answer: "80" },
        by: Implementation::Spelling(|written, args| value_by("last_value", true, written, args)),
    },
    Function {
        name: "arg_min",
        signature: "arg_min(x, y)",
        gives: "the same as `min_by`, of the rows whose `x` is not null",
        example: Example { sql: "arg_min(bytes, id) FROM events WHERE id > 2", answer: "300" },
        by: Implementation::Spelling(|written, args| value_by("first_value", true, written, args)),
    },
];

/// `which(value ORDER BY by)`, of the rows in which `by` is not null, and the value neither if nulls are passed over.
fn value_by(which: &str, passes_nulls: bool, written: &mut Call, args: Vec<Ast>) -> Option<Ast> {
    let [value, by]: [Ast; 2] = args.try_into().ok()?;
    if written.over.is_some() {
        return None;
    }
    let passed_over = passes_nulls.then(|| value.clone());
    let mut found = call(which, vec![value]);
    if let Ast::Function(f) = &mut found {
        let conditions = std::iter::once(by.clone()).chain(passed_over).map(|e| Ast::IsNotNull(Box::new(e)));
        let conditions = written.filter.take().map(|also| nested(*also)).into_iter().chain(conditions);
        f.filter = conditions.reduce(|a, b| binary(a, BinaryOperator::And, b)).map(Box::new);
        if let FunctionArguments::List(list) = &mut f.args {
            let options = OrderByOptions { asc: None, nulls_first: None };
            let order = vec![OrderByExpr { expr: by, options, with_fill: None }];
            list.clauses.push(FunctionArgumentClause::OrderBy(order));
        }
    }
    Some(found)
}
