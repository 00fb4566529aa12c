//! What an expression computes, for the fingerprints of stored state: in words of our own, whatever the library calls it
//! and however it numbers columns.
//!
//! A column is followed through the query to where it is read, so that `SELECT DISTINCT a AS x` and `SELECT DISTINCT b AS x`
//! differ; there it is told by its name, and behind a join by its side. Names of tables and aliases do not count: a node
//! may be renamed. What other nodes compute before a row comes here is not seen.

use std::any::Any;

use arrow::datatypes::DataType;
use datafusion_common::Column;
use datafusion_expr::expr::{AggregateFunction, Sort};
use datafusion_expr::logical_plan::{Distinct, Union};
use datafusion_expr::{Expr, LogicalPlan, Operator};
use serde_json::{Value, json};

use crate::operator::fingerprint::{column_told, literal_told, type_told};
use crate::sql::functions::avg::is_of_integers;
use crate::sql::plugin::PluginScalar;

/// Where columns come from.
#[derive(Clone, Copy)]
pub(super) enum Over<'a> {
    /// The rows of a plan.
    Rows(&'a LogicalPlan),
    /// Pairs of the rows of two.
    Pairs(&'a LogicalPlan, &'a LogicalPlan),
}

impl Over<'_> {
    /// What each expression computes.
    pub fn all<'e>(self, exprs: impl IntoIterator<Item = &'e Expr>) -> Vec<Value> {
        exprs.into_iter().map(|expr| self.one(expr)).collect()
    }

    /// What each column is.
    pub fn columns(self) -> Vec<Value> {
        let n = match self {
            Self::Rows(plan) => plan.schema().fields().len(),
            Self::Pairs(left, right) => left.schema().fields().len() + right.schema().fields().len(),
        };
        (0..n).map(|at| self.column_at(at)).collect()
    }

    /// What `expr` computes.
    pub fn one(self, expr: &Expr) -> Value {
        let one = |e: &Expr| self.one(e);
        let of = |what: &str, e: &Expr| json!({ "op": what, "of": [one(e)] });
        match expr {
            Expr::Alias(alias) => one(&alias.expr),
            Expr::Column(column) => self.column(column),
            Expr::Literal(value, _) => literal_told(value),
            Expr::BinaryExpr(b) => json!({ "op": operator(b.op), "of": [one(&b.left), one(&b.right)] }),
            Expr::Not(e) => of("not", e),
            Expr::Negative(e) => of("negative", e),
            Expr::IsNull(e) => of("is null", e),
            Expr::IsNotNull(e) => of("is not null", e),
            Expr::IsTrue(e) => of("is true", e),
            Expr::IsNotTrue(e) => of("is not true", e),
            Expr::IsFalse(e) => of("is false", e),
            Expr::IsNotFalse(e) => of("is not false", e),
            Expr::IsUnknown(e) => of("is unknown", e),
            Expr::IsNotUnknown(e) => of("is not unknown", e),
            Expr::Like(like) | Expr::SimilarTo(like) => {
                let similar = if matches!(expr, Expr::SimilarTo(_)) { "similar to" } else { "like" };
                json!({
                    "op": similar, "of": [one(&like.expr), one(&like.pattern)], "not": like.negated,
                    "any case": like.case_insensitive, "escape": like.escape_char,
                })
            }
            Expr::Between(b) => {
                json!({ "op": "between", "of": [one(&b.expr), one(&b.low), one(&b.high)], "not": b.negated })
            }
            Expr::InList(list) => {
                json!({ "op": "in", "of": [one(&list.expr)], "list": self.all(&list.list), "not": list.negated })
            }
            Expr::Case(case) => {
                let branches: Vec<Value> =
                    case.when_then_expr.iter().map(|(when, then)| json!([one(when), one(then)])).collect();
                let (base, other) = (case.expr.as_deref().map(one), case.else_expr.as_deref().map(one));
                json!({ "op": "case", "of": base, "when": branches, "else": other })
            }
            Expr::Cast(cast) => json!({ "cast": type_told(cast.field.data_type()), "of": [one(&cast.expr)] }),
            Expr::TryCast(cast) => json!({ "try_cast": type_told(cast.field.data_type()), "of": [one(&cast.expr)] }),
            Expr::ScalarFunction(f) => {
                let plugin = (f.func.inner().as_ref() as &dyn Any).downcast_ref::<PluginScalar>();
                match plugin {
                    Some(plugin) => {
                        json!({ "plugin": f.func.name(), "config": plugin.config_digest(), "of": self.all(&f.args) })
                    }
                    None => json!({ "fn": f.func.name(), "of": self.all(&f.args) }),
                }
            }
            Expr::HigherOrderFunction(f) => json!({ "fn": f.func.name(), "of": self.all(&f.args) }),
            Expr::Lambda(lambda) => json!({ "lambda": lambda.params, "of": [one(&lambda.body)] }),
            Expr::LambdaVariable(variable) => json!({ "variable": variable.name }),
            Expr::AggregateFunction(f) => json!({
                "fn": f.func.name(), "of": self.arguments(f), "distinct": f.params.distinct,
                "where": f.params.filter.as_deref().map(one),
            }),
            Expr::Unnest(unnest) => json!({ "op": "unnest", "of": [one(&unnest.expr)], "outer": unnest.outer }),
            // No query that has any other can be run on a stream. Should one come to be allowed, its text at least is
            // that of no other expression.
            other => json!({ "other": other.to_string() }),
        }
    }

    /// What the arguments of an aggregate compute, and then what they are ordered by.
    pub fn arguments(self, call: &AggregateFunction) -> Vec<Value> {
        if let Self::Rows(plan) = self
            && is_of_integers(call, plan.schema())
        {
            // As the planner has it, and as it was told before averages of integers were made exact.
            return vec![json!({ "cast": type_told(&DataType::Float64), "of": self.all(&call.params.args) })];
        }
        let by = call.params.order_by.iter().map(|Sort { expr, .. }| expr);
        self.all(call.params.args.iter().chain(by))
    }

    fn column(self, column: &Column) -> Value {
        let at = match self {
            Self::Rows(plan) => plan.schema().maybe_index_of_column(column),
            Self::Pairs(left, right) => left
                .schema()
                .maybe_index_of_column(column)
                .or_else(|| right.schema().maybe_index_of_column(column).map(|at| left.schema().fields().len() + at)),
        };
        at.map_or_else(|| column_told(&column.name), |at| self.column_at(at))
    }

    /// What the column at this place is.
    fn column_at(self, at: usize) -> Value {
        let plan = match self {
            Self::Rows(plan) => plan,
            Self::Pairs(left, right) => {
                let of_left = left.schema().fields().len();
                return match at.checked_sub(of_left) {
                    None => json!({ "left": Over::Rows(left).column_at(at) }),
                    Some(at) => json!({ "right": Over::Rows(right).column_at(at) }),
                };
            }
        };
        match plan {
            LogicalPlan::Projection(p) if at < p.expr.len() => Over::Rows(&p.input).one(&p.expr[at]),
            LogicalPlan::SubqueryAlias(alias) => Over::Rows(&alias.input).column_at(at),
            LogicalPlan::Filter(filter) => Over::Rows(&filter.input).column_at(at),
            LogicalPlan::Sort(sort) => Over::Rows(&sort.input).column_at(at),
            LogicalPlan::Limit(limit) => Over::Rows(&limit.input).column_at(at),
            LogicalPlan::Distinct(Distinct::All(input)) => Over::Rows(input).column_at(at),
            LogicalPlan::Join(join) => Over::Pairs(&join.left, &join.right).column_at(at),
            LogicalPlan::Union(union) => united(union, at),
            LogicalPlan::Aggregate(aggregate) => {
                let from = Over::Rows(&aggregate.input);
                match at.checked_sub(aggregate.group_expr.len()) {
                    None => json!({ "group": from.one(&aggregate.group_expr[at]) }),
                    Some(at) => aggregate.aggr_expr.get(at).map_or(Value::Null, |e| from.one(e)),
                }
            }
            // Of a node's own rows all columns have names of their own.
            other => column_told(other.schema().field(at).name()),
        }
    }
}

/// Which rows a query reads, for where nothing else tells its rows from another's: of which nodes, and which of theirs. Nodes
/// may be renamed, and filters changed: it is compared with care ([`crate::operator::fingerprint::SIDES`]).
pub(super) fn rows_told(plan: &LogicalPlan) -> Value {
    let (mut nodes, mut filters) = (Vec::new(), Vec::new());
    let mut plans = vec![plan];
    while let Some(plan) = plans.pop() {
        match plan {
            LogicalPlan::TableScan(scan) => {
                nodes.push(scan.table_name.table());
                filters.extend(Over::Rows(plan).all(&scan.filters));
            }
            LogicalPlan::Filter(filter) => filters.push(Over::Rows(&filter.input).one(&filter.predicate)),
            _ => {}
        }
        plans.extend(plan.inputs());
    }
    json!({ "nodes": nodes, "where": filters })
}

/// The columns of several queries as one: where they are all the same, it is that one.
fn united(union: &Union, at: usize) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for input in &union.inputs {
        let column = Over::Rows(input).column_at(at);
        if !all.contains(&column) {
            all.push(column);
        }
    }
    if all.len() == 1 { all.swap_remove(0) } else { json!({ "one of": all }) }
}

/// The name of an operator.
fn operator(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::Plus => "+",
        Operator::Minus => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::Modulo => "%",
        Operator::And => "and",
        Operator::Or => "or",
        Operator::IsDistinctFrom => "is distinct from",
        Operator::IsNotDistinctFrom => "is not distinct from",
        Operator::RegexMatch => "~",
        Operator::RegexIMatch => "~*",
        Operator::RegexNotMatch => "!~",
        Operator::RegexNotIMatch => "!~*",
        Operator::LikeMatch => "~~",
        Operator::ILikeMatch => "~~*",
        Operator::NotLikeMatch => "!~~",
        Operator::NotILikeMatch => "!~~*",
        Operator::BitwiseAnd => "&",
        Operator::BitwiseOr => "|",
        Operator::BitwiseXor => "^",
        Operator::BitwiseShiftRight => ">>",
        Operator::BitwiseShiftLeft => "<<",
        Operator::StringConcat => "||",
        Operator::AtArrow => "@>",
        Operator::ArrowAt => "<@",
        Operator::Arrow => "->",
        Operator::LongArrow => "->>",
        Operator::HashArrow => "#>",
        Operator::HashLongArrow => "#>>",
        Operator::AtAt => "@@",
        Operator::IntegerDivide => "div",
        Operator::HashMinus => "#-",
        Operator::AtQuestion => "@?",
        Operator::Question => "?",
        Operator::QuestionAnd => "?&",
        Operator::QuestionPipe => "?|",
        Operator::Colon => ":",
    }
}
