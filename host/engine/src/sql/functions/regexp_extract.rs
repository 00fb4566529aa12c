//! `regexp_extract(text, pattern[, group])`: what a group of a pattern matches, as in Spark.

use datafusion_sql::sqlparser::ast::{AccessExpr, Expr as Ast, Function as Call, Subscript, Value};

use super::function::{Example, Function, Implementation};
use crate::sql::spelling::ast::{call, case_when, one};

/// What stands in the table of functions.
pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "regexp_extract",
    signature: "regexp_extract(text, pattern[, group]) → text",
    gives: "what a group of the pattern matches first, 1 unless it says another, 0 for all of it; empty where it matches nothing",
    example: Example { sql: "regexp_extract('/user/17/cart', '/user/([0-9]+)')", answer: "17" },
    by: Implementation::Spelling(regexp_extract),
}];

fn regexp_extract(_: &mut Call, mut args: Vec<Ast>) -> Option<Ast> {
    if !(2..=3).contains(&args.len()) {
        return None;
    }
    let group = if args.len() == 3 { args.pop()? } else { one() };
    let (pattern, text) = (args.pop()?, args.pop()?);
    extracted(text, pattern, group)
}

/// What a group of `pattern` matches in `text`, empty where it does not; group 0 is the whole match.
fn extracted(text: Ast, pattern: Ast, group: Ast) -> Option<Ast> {
    let Ast::Value(number) = &group else { return None };
    let Value::Number(number, _) = &number.value else { return None };
    let whole = number == "0";
    let pattern = match pattern {
        Ast::Value(mut literal) if whole => {
            let Value::SingleQuotedString(text) = &mut literal.value else { return None };
            *text = format!("({text})");
            Ast::Value(literal)
        }
        _ if whole => return None,
        other => other,
    };
    let found = call("regexp_match", vec![text.clone(), pattern]);
    let at = AccessExpr::Subscript(Subscript::Index { index: if whole { one() } else { group } });
    let found = Ast::CompoundFieldAccess { root: Box::new(found), access_chain: vec![at] };
    let found = call("coalesce", vec![found, Ast::value(Value::SingleQuotedString(String::new()))]);
    Some(case_when(Ast::IsNotNull(Box::new(text)), found, None))
}
