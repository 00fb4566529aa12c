//! `datediff(later, earlier)`: how many days lie between, as in Spark and MySQL. What of other units means differs from program
//! to program.

use datafusion_sql::sqlparser::ast::{BinaryOperator, DataType, Expr as Ast, Function as Call};

use super::function::{Example, Function, Implementation};
use crate::sql::spelling::ast::{binary, cast, nested};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "datediff",
        signature: "datediff(later, earlier) → int64",
        gives: "the days from one date to another",
        example: Example { sql: "datediff('2026-03-01', '2026-02-27')", answer: "2" },
        by: Implementation::Spelling(datediff),
    },
    Function {
        name: "date_diff",
        signature: "date_diff(later, earlier) → int64",
        gives: "the same as `datediff`",
        example: Example { sql: "date_diff('2026-02-27', '2026-03-01')", answer: "-2" },
        by: Implementation::Spelling(datediff),
    },
];

fn datediff(_: &mut Call, args: Vec<Ast>) -> Option<Ast> {
    let [later, earlier] = args.try_into().ok()?;
    let day = |time| cast(cast(time, DataType::Date), DataType::BigInt(None));
    Some(nested(binary(day(later), BinaryOperator::Minus, day(earlier))))
}
