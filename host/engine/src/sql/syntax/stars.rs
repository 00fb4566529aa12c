//! A `*` among the arguments of a call: `count(*)` counts rows, and nothing else takes all columns at once.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned, Statement,
    visit_expressions,
};

use crate::sql::error::SqlText;
use crate::{Error, Result};

/// Refuses every other call of it.
///
/// # Errors
/// There is one.
pub(in crate::sql) fn refuse(text: &SqlText, statement: &Statement) -> Result<()> {
    let found = visit_expressions(statement, |expr| match expr {
        Ast::Function(call) => refused(text, call).map_or(ControlFlow::Continue(()), ControlFlow::Break),
        _ => ControlFlow::Continue(()),
    });
    match found {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn refused(text: &SqlText, call: &Function) -> Option<Error> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let star = list.args.iter().find_map(|arg| {
        let (FunctionArg::Unnamed(arg) | FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. }) = arg;
        match arg {
            FunctionArgExpr::Expr(_) => None,
            FunctionArgExpr::QualifiedWildcard(table) => Some(format!("{table}.*")),
            _ => Some("*".to_owned()),
        }
    })?;
    let name = call.name.to_string();
    let lower = name.to_lowercase();
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let at = text.range_of(call.name.span());
    if lower == "count" && distinct {
        let help = "write SELECT count(*) FROM (SELECT DISTINCT … FROM …), or count(DISTINCT column)";
        return Some(text.refuse(at, "count(DISTINCT …) takes a column, and `*` is all of them").with_help(help));
    }
    if lower == "count" && star == "*" && list.args.len() == 1 {
        return None;
    }
    let message = format!("`{name}` takes a column, and `{star}` is all of them");
    let help = match lower.as_str() {
        "count" => "rows are counted with count(*)".to_owned(),
        _ => format!("write {name}(column); rows are counted with count(*)"),
    };
    Some(text.refuse(at, message).with_help(help))
}
