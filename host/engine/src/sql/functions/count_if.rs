//! `count_if(condition)`: the rows for which it holds, as `count(*) FILTER (WHERE condition)`.

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr as Ast, Function as Call};

use super::function::{Example, Function, Implementation};
use crate::sql::spelling::ast::{binary, call, nested, one};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "count_if",
        signature: "count_if(condition) → int64",
        gives: "how many rows a condition holds for",
        example: Example { sql: "count_if(bytes > 100) FROM events", answer: "2" },
        by: Implementation::Spelling(count_if),
    },
    Function {
        name: "countif",
        signature: "countif(condition) → int64",
        gives: "the same as `count_if`",
        example: Example { sql: "countif(bytes IS NULL) FROM events", answer: "1" },
        by: Implementation::Spelling(count_if),
    },
];

fn count_if(written: &mut Call, args: Vec<Ast>) -> Option<Ast> {
    let [condition] = args.try_into().ok()?;
    let mut count = call("count", vec![one()]);
    if let Ast::Function(f) = &mut count {
        f.filter = Some(Box::new(match written.filter.take() {
            None => condition,
            Some(also) => binary(nested(condition), BinaryOperator::And, nested(*also)),
        }));
    }
    Some(count)
}
