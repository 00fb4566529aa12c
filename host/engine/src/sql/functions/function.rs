//! What a function of ours is.

use std::sync::Arc;

use datafusion_common::Result;
use datafusion_expr::{LogicalPlan, ScalarUDF, WindowUDF};
use datafusion_sql::sqlparser::ast::{Expr as Ast, Function as Call};

/// A function that DataFusion does not have, or not with the meaning or within the limits that it has here.
#[derive(Debug)]
pub struct Function {
    /// What it is called by.
    pub name: &'static str,
    /// Its arguments, and the type of what it gives: `date_bin(length, time[, origin]) → timestamp`.
    pub signature: &'static str,
    /// What it gives, in one sentence without its full stop. Markdown.
    pub gives: &'static str,
    /// One that a test runs, and `docs/sql.md` shows.
    pub example: Example,
    /// How it comes by its meaning.
    pub(super) by: Implementation,
}

/// A call, and what comes out.
#[derive(Debug)]
pub struct Example {
    /// What stands behind `SELECT`: one column, of the tables of `docs/sql.md` if it reads any.
    pub sql: &'static str,
    /// The column's values with commas between them, in the order in which they come out; `null` where there is none.
    pub answer: &'static str,
}

/// How a function comes by its meaning.
#[derive(Debug)]
pub(super) enum Implementation {
    /// A function of ours, which takes the place of DataFusion's if that has one of this name.
    Scalar(fn() -> ScalarUDF),
    /// One of ours that hands on to DataFusion's of the same name what it does not do otherwise.
    Around(fn(Arc<ScalarUDF>) -> ScalarUDF),
    /// One that stands before `OVER`.
    Over(fn() -> WindowUDF),
    /// A call is written in other words before the query is planned: from its arguments, if they are plain. None where it
    /// cannot be, and there is no function of this name.
    Spelling(Spelling),
    /// Calls of DataFusion's function are replaced in the plan.
    Rewrite(Stage, fn(LogicalPlan) -> Result<LogicalPlan>),
}

/// What a call, and its arguments, are in other words.
pub(in crate::sql) type Spelling = fn(&mut Call, Vec<Ast>) -> Option<Ast>;

/// When a plan is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Stage {
    /// Names are resolved, and types are still as they were written.
    Named,
    /// Types are coerced and constants folded, and nothing is taken apart yet: no rule has looked for common expressions.
    Folded,
}
