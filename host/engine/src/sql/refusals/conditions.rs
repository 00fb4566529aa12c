//! What is a condition by its place, and is none: `WHERE text`, `FILTER (WHERE text)`, `CASE WHEN 1`, `a AND 1`, `ON id`.
//! The planner would make some of them booleans by a cast, which fails or means nothing, row by row; and for others it
//! knows no place. They are looked for before types are coerced.

use std::ops::{ControlFlow, Range};
use std::rc::Rc;

use arrow::datatypes::DataType;
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, Result};
use datafusion_expr::{Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr as Ast, JoinConstraint, JoinOperator, Select, Spanned, Statement, UnaryOperator, Visit,
    Visitor,
};

use super::locate::{TRIED, alone};
use crate::Error;
use crate::format::shown_type;
use crate::sql::error::SqlText;
use crate::sql::shown::shown_of;

/// A condition that is none.
pub(in crate::sql) struct NoCondition {
    /// Where it stands, as a query says it.
    stands: &'static str,
    /// It, as a query says it.
    shown: String,
    data_type: DataType,
}

/// Whether the planner says so of a WHERE, a HAVING or a NOT, before there is a plan.
pub(in crate::sql) fn is_said(essence: &str) -> bool {
    let said = ["Cannot create filter with non-boolean predicate", "Unary operator 'NOT' requires a boolean"];
    said.iter().any(|said| essence.starts_with(said))
}

/// The first condition of `plan`, whose types are not coerced, that is none.
pub(in crate::sql) fn first(plan: &LogicalPlan) -> Result<Option<NoCondition>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        let mut look = |stands: &'static str, expr: &Expr| {
            let expr = unaliased(expr);
            // What has no type yet is refused for another reason.
            if let Ok(data_type) = expr.get_type(&schema)
                && !is_condition(&data_type)
                && found.is_none()
            {
                found = Some(NoCondition { stands, shown: shown_of(expr, &schema), data_type });
            }
        };
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                match e {
                    Expr::BinaryExpr(b) if matches!(b.op, Operator::And | Operator::Or) => {
                        let stands = if b.op == Operator::And { "AND" } else { "OR" };
                        look(stands, &b.left);
                        look(stands, &b.right);
                    }
                    Expr::Not(of) => look("NOT", of),
                    Expr::IsTrue(of) | Expr::IsNotTrue(of) => look("IS TRUE", of),
                    Expr::IsFalse(of) | Expr::IsNotFalse(of) => look("IS FALSE", of),
                    Expr::IsUnknown(of) | Expr::IsNotUnknown(of) => look("IS UNKNOWN", of),
                    Expr::Case(case) if case.expr.is_none() => {
                        case.when_then_expr.iter().for_each(|(when, _)| look("WHEN", when));
                    }
                    Expr::AggregateFunction(f) => {
                        f.params.filter.iter().for_each(|filter| look("FILTER (WHERE …)", filter));
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        match node {
            LogicalPlan::Join(join) => join.filter.iter().for_each(|filter| look("ON", filter)),
            LogicalPlan::Filter(filter) => look("WHERE", &filter.predicate),
            _ => {}
        }
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The refusal, at its place in `statement`: of what was found, or, where the planner refused to make a plan, of what
/// there is. `planned` makes a plan whose types are not coerced.
pub(in crate::sql) fn refuse(
    text: &SqlText,
    statement: &Statement,
    found: Option<NoCondition>,
    planned: impl Fn(&Statement) -> Result<LogicalPlan>,
) -> Option<Error> {
    let (place, found) = match placed(text, statement, planned) {
        Some((stands, place, data_type)) => {
            let shown = text.sql().get(place.clone()).unwrap_or_default();
            let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_query = shown.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("SELECT "));
            let shown = if is_query { format!("({shown})") } else { shown };
            (place, NoCondition { stands, shown, data_type })
        }
        None => (text.find_any(&[found.as_ref()?.shown.as_str()]), found?),
    };
    let NoCondition { stands, shown, data_type } = found;
    let compared = match &data_type {
        t if t.is_string() => format!("{shown} <> ''"),
        t if t.is_numeric() => format!("{shown} <> 0"),
        _ => format!("{shown} IS NOT NULL"),
    };
    let message = format!("{stands} takes a condition, and `{shown}` is {}", shown_type(&data_type));
    Some(text.refuse(place, message).with_help(format!("compare with something: {compared}")))
}

fn is_condition(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Boolean | DataType::Null)
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

/// The first expression that stands for a condition and is none, parts before the whole: where it stands, and its type.
fn placed(
    text: &SqlText,
    statement: &Statement,
    planned: impl Fn(&Statement) -> Result<LogicalPlan>,
) -> Option<(&'static str, Range<usize>, DataType)> {
    let Statement::Query(query) = statement else { return None };
    let mut all = Conditions::default();
    let _ = statement.visit(&mut all);
    all.found.into_iter().take(TRIED).find_map(|(stands, expr, select)| {
        let (span, written) = (expr.span(), expr.to_string());
        let plan = planned(&alone(query, &select, expr)).ok()?;
        let data_type = plan.schema().fields().first()?.data_type().clone();
        if span.start.line == 0 || is_condition(&data_type) {
            return None;
        }
        // The parser's places leave out the brackets of calls.
        let place = text.range_of(span);
        let whole = place.start..place.start + written.len().max(place.len());
        let is_whole = text.sql().get(whole.clone()) == Some(written.as_str());
        Some((stands, if is_whole { whole } else { place }, data_type))
    })
}

/// Expressions that stand where a condition must.
#[derive(Default)]
struct Conditions {
    selects: Vec<Rc<Select>>,
    found: Vec<(&'static str, Ast, Rc<Select>)>,
}

impl Conditions {
    fn add(&mut self, stands: &'static str, expr: &Ast) {
        if let Some(select) = self.selects.last() {
            self.found.push((stands, expr.clone(), select.clone()));
        }
    }
}

impl Visitor for Conditions {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.selects.push(Rc::new(select.clone()));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for join in select.from.iter().flat_map(|from| &from.joins) {
            use JoinOperator as J;
            if let J::Join(on)
            | J::Inner(on)
            | J::Left(on)
            | J::LeftOuter(on)
            | J::Right(on)
            | J::RightOuter(on)
            | J::FullOuter(on)
            | J::LeftSemi(on)
            | J::RightSemi(on)
            | J::LeftAnti(on)
            | J::RightAnti(on)
            | J::Semi(on)
            | J::Anti(on) = &join.join_operator
                && let JoinConstraint::On(on) = on
            {
                self.add("ON", on);
            }
        }
        select.selection.iter().for_each(|expr| self.add("WHERE", expr));
        select.having.iter().for_each(|expr| self.add("HAVING", expr));
        self.selects.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Ast) -> ControlFlow<()> {
        if self.found.len() > TRIED {
            return ControlFlow::Break(());
        }
        match expr {
            Ast::BinaryOp { left, op: op @ (BinaryOperator::And | BinaryOperator::Or), right } => {
                let stands = if *op == BinaryOperator::And { "AND" } else { "OR" };
                self.add(stands, left);
                self.add(stands, right);
            }
            Ast::UnaryOp { op: UnaryOperator::Not, expr } => self.add("NOT", expr),
            Ast::IsTrue(of) | Ast::IsNotTrue(of) => self.add("IS TRUE", of),
            Ast::IsFalse(of) | Ast::IsNotFalse(of) => self.add("IS FALSE", of),
            Ast::IsUnknown(of) | Ast::IsNotUnknown(of) => self.add("IS UNKNOWN", of),
            Ast::Case { operand: None, conditions, .. } => {
                conditions.iter().for_each(|when| self.add("WHEN", &when.condition));
            }
            Ast::Function(call) => {
                call.filter.iter().for_each(|filter| self.add("FILTER (WHERE …)", filter));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
