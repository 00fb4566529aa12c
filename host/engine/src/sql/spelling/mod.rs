//! What users of Spark, DuckDB and `psql` write, in the words that the planner knows: the same meaning, another spelling.
//! What has no other spelling is refused in [`super::syntax`]; functions whose spelling is their meaning are in
//! [`super::functions`].

pub(super) mod ast;
pub(super) mod groupings;
pub(super) mod made_rows;
pub(super) mod over;
mod over_frames;
pub(super) mod window_names;

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, DuplicateTreatment, Expr as Ast, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Interval, JoinOperator, LimitClause, ObjectNamePart, Query,
    SelectFlavor, SelectItem, Statement, TableFactor, TableWithJoins, UnaryOperator, Value, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

use self::ast::{binary, call, case_when, cast, nested, one};
use super::constants::formats;
use super::functions;
use super::names::ident::normalised;
use super::parse::dialect::{DISTINCT_FROM, NOT_DISTINCT_FROM};

/// Functions of Spark and DuckDB that are here by another name.
const FUNCTIONS: [(&str, &str); 28] = [
    ("approx_count_distinct", "approx_distinct"),
    ("array_join", "array_to_string"),
    ("array_size", "array_length"),
    ("collect_list", "array_agg"),
    ("every", "bool_and"),
    ("explode", "unnest"),
    ("group_concat", "string_agg"),
    ("grouping_id", "grouping"),
    ("lcase", "lower"),
    ("len", "length"),
    ("list", "array_agg"),
    ("listagg", "string_agg"),
    ("percentile_approx", "approx_percentile_cont"),
    ("regexp", "regexp_like"),
    ("regexp_matches", "regexp_like"),
    ("rlike", "regexp_like"),
    ("sign", "signum"),
    ("size", "array_length"),
    ("some", "bool_or"),
    ("startswith", "starts_with"),
    ("endswith", "ends_with"),
    ("str_split", "string_to_array"),
    ("strftime", "to_char"),
    ("string_split", "string_to_array"),
    ("strlen", "octet_length"),
    ("substring_index", "substr_index"),
    ("ucase", "upper"),
    ("variance", "var_samp"),
];

/// Functions that give a part of a time.
const PARTS: [(&str, &str); 13] = [
    ("year", "year"),
    ("quarter", "quarter"),
    ("month", "month"),
    ("week", "week"),
    ("weekofyear", "week"),
    ("day", "day"),
    ("dayofmonth", "day"),
    ("dayofyear", "doy"),
    ("hour", "hour"),
    ("minute", "minute"),
    ("second", "second"),
    ("isodow", "isodow"),
    ("millisecond", "millisecond"),
];

/// Respells `statement`. `is_ours` are names of functions that mean something here, which are left alone.
pub(super) fn respell(statement: &mut Statement, is_ours: &dyn Fn(&str) -> bool) {
    let _ = statement.visit(&mut Respelling { is_ours });
}

struct Respelling<'a> {
    is_ours: &'a dyn Fn(&str) -> bool,
}

impl VisitorMut for Respelling<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        // FETCH FIRST n ROWS ONLY
        let Some(fetch) = query.fetch.take_if(|f| !f.with_ties && !f.percent) else { return ControlFlow::Continue(()) };
        let rows = Some(fetch.quantity.unwrap_or_else(one));
        match &mut query.limit_clause {
            Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = rows,
            Some(_) => {}
            none => *none = Some(LimitClause::LimitOffset { limit: rows, offset: None, limit_by: Vec::new() }),
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Ast) -> ControlFlow<()> {
        respell_expr(expr, self.is_ours);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            joins(table_with_joins);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut datafusion_sql::sqlparser::ast::Select) -> ControlFlow<()> {
        select.from.iter_mut().for_each(joins);
        // FROM t
        if select.flavor == SelectFlavor::FromFirstNoSelect && select.projection.is_empty() {
            select.projection.push(SelectItem::Wildcard(WildcardAdditionalOptions::default()));
        }
        ControlFlow::Continue(())
    }
}

/// `SEMI JOIN` and `ANTI JOIN` keep rows of the left side.
fn joins(table: &mut TableWithJoins) {
    for join in &mut table.joins {
        join.join_operator = match std::mem::replace(&mut join.join_operator, JoinOperator::CrossApply) {
            JoinOperator::Semi(on) => JoinOperator::LeftSemi(on),
            JoinOperator::Anti(on) => JoinOperator::LeftAnti(on),
            other => other,
        };
    }
}

fn respell_expr(expr: &mut Ast, is_ours: &dyn Fn(&str) -> bool) {
    let nothing = || Ast::value(Value::Null);
    match expr {
        Ast::BinaryOp { left, op, right } => {
            let mut both = || {
                (
                    Box::new(std::mem::replace(left.as_mut(), nothing())),
                    Box::new(std::mem::replace(right.as_mut(), nothing())),
                )
            };
            *expr = match op {
                BinaryOperator::Custom(name) if name == DISTINCT_FROM => {
                    let (left, right) = both();
                    Ast::IsDistinctFrom(left, right)
                }
                BinaryOperator::Custom(name) if name == NOT_DISTINCT_FROM => {
                    let (left, right) = both();
                    Ast::IsNotDistinctFrom(left, right)
                }
                BinaryOperator::Spaceship => {
                    let (left, right) = both();
                    Ast::IsNotDistinctFrom(left, right)
                }
                BinaryOperator::MyIntegerDivide | BinaryOperator::DuckIntegerDivide => {
                    let (left, right) = both();
                    let divided = Ast::BinaryOp { left, op: BinaryOperator::Divide, right };
                    cast(divided, DataType::BigInt(None))
                }
                _ => return,
            };
        }
        Ast::RLike { negated, expr: text, pattern, .. } => {
            let text = std::mem::replace(text.as_mut(), nothing());
            let pattern = std::mem::replace(pattern.as_mut(), nothing());
            let like = call("regexp_like", vec![text, pattern]);
            *expr = if *negated { Ast::UnaryOp { op: UnaryOperator::Not, expr: Box::new(like) } } else { like };
        }
        // f(x).field
        Ast::CompoundFieldAccess { root, access_chain } => {
            let mut named = !matches!(root.as_ref(), Ast::Identifier(_));
            for access in access_chain {
                match access {
                    AccessExpr::Dot(Ast::Identifier(field)) if named => {
                        let name = Value::SingleQuotedString(std::mem::take(&mut field.value));
                        *access = AccessExpr::Dot(Ast::value(name));
                    }
                    AccessExpr::Dot(_) => {}
                    AccessExpr::Subscript(_) => named = true,
                }
            }
        }
        // INTERVAL 1 HOUR, and of several units in one.
        Ast::Interval(Interval { value, leading_field: Some(unit), last_field: None, .. }) => {
            if let Ast::Value(v) = value.as_ref()
                && let Value::Number(n, _) = &v.value
            {
                let text = format!("{n} {unit}");
                *expr = interval(text);
            }
        }
        // `t.user`, which the parser takes for a call, and `user` where no such function is.
        Ast::Function(function) if is_name(function, is_ours) => {
            let parts = function.name.0.iter().filter_map(|part| part.as_ident().cloned());
            let mut parts: Vec<Ident> = parts.collect();
            *expr = match parts.len() {
                1 => Ast::Identifier(parts.swap_remove(0)),
                _ => Ast::CompoundIdentifier(parts),
            };
        }
        Ast::Function(function) => {
            if let Some(respelled) = respell_call(function, is_ours) {
                *expr = respelled;
            }
        }
        _ => {}
    }
}

/// Whether what the parser read as a call without brackets is a name.
fn is_name(function: &Function, is_ours: &dyn Fn(&str) -> bool) -> bool {
    let bare = matches!(function.args, FunctionArguments::None)
        && matches!(function.parameters, FunctionArguments::None)
        && function.over.is_none();
    let idents = function.name.0.iter().all(|part| part.as_ident().is_some());
    let called = |part: &ObjectNamePart| part.as_ident().is_some_and(|ident| is_ours(&normalised(ident)));
    bare && idents && (function.name.0.len() > 1 || !function.name.0.first().is_some_and(called))
}

fn respell_call(function: &mut Function, is_ours: &dyn Fn(&str) -> bool) -> Option<Ast> {
    let [ObjectNamePart::Identifier(ident)] = function.name.0.as_mut_slice() else { return None };
    let name = normalised(ident);
    let FunctionArguments::List(list) = &mut function.args else { return None };
    // A format of Java's
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Ast::Value(format)))) =
        formats::place(&name).and_then(|at| list.args.get_mut(at))
        && let Value::SingleQuotedString(text) = &mut format.value
        && let Some(ours) = formats::of_java(text)
    {
        *text = ours;
    }
    if ident.quote_style.is_some() || is_ours(&name) {
        return None;
    }
    if name == "collect_set" {
        list.duplicate_treatment = Some(DuplicateTreatment::Distinct);
        ident.value = "array_agg".into();
        return None;
    }
    if let Some((_, ours)) = FUNCTIONS.iter().find(|(theirs, _)| *theirs == name) {
        ident.value = (*ours).to_owned();
        return None;
    }
    let mut args = expressions(list)?;
    if let Some(spelling) = functions::spelling(&name) {
        return spelling(function, args);
    }
    let part = |unit: &str, time| call("date_part", vec![Ast::value(Value::SingleQuotedString(unit.into())), time]);
    match (name.as_str(), args.len()) {
        ("if" | "iif", 3) => {
            let (otherwise, result, condition) = (args.pop()?, args.pop()?, args.pop()?);
            Some(case_when(condition, result, Some(otherwise)))
        }
        ("mod", 2) => {
            let (of, number) = (args.pop()?, args.pop()?);
            Some(nested(binary(nested(number), BinaryOperator::Modulo, nested(of))))
        }
        ("date", 1) => Some(cast(args.pop()?, DataType::Date)),
        ("epoch", 1) => Some(part("epoch", args.pop()?)),
        ("isnull", 1) => Some(Ast::IsNull(Box::new(args.pop()?))),
        ("isnotnull", 1) => Some(Ast::IsNotNull(Box::new(args.pop()?))),
        (name, 1) => {
            let (_, unit) = PARTS.iter().find(|(theirs, _)| *theirs == name)?;
            Some(part(unit, args.pop()?))
        }
        _ => None,
    }
}

/// The arguments, if they are plain expressions.
fn expressions(list: &FunctionArgumentList) -> Option<Vec<Ast>> {
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    let plain = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    list.args.iter().map(plain).collect()
}

fn interval(text: String) -> Ast {
    Ast::Interval(Interval {
        value: Box::new(Ast::value(Value::SingleQuotedString(text))),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}
