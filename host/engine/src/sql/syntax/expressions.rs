//! What an expression has that nothing computes.

use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr as Ast, Spanned, Subscript, UnaryOperator, Value,
};

use super::Syntax;

impl Syntax<'_> {
    fn operator(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> ControlFlow<()> {
        use BinaryOperator as B;
        let known = matches!(
            op,
            B::Gt
                | B::GtEq
                | B::Lt
                | B::LtEq
                | B::Eq
                | B::NotEq
                | B::Plus
                | B::Minus
                | B::Multiply
                | B::Divide
                | B::Modulo
                | B::And
                | B::Or
                | B::PGRegexMatch
                | B::PGRegexIMatch
                | B::PGRegexNotMatch
                | B::PGRegexNotIMatch
                | B::PGLikeMatch
                | B::PGILikeMatch
                | B::PGNotLikeMatch
                | B::PGNotILikeMatch
                | B::BitwiseAnd
                | B::BitwiseOr
                | B::BitwiseXor
                | B::PGBitwiseXor
                | B::PGBitwiseShiftLeft
                | B::PGBitwiseShiftRight
                | B::StringConcat
                | B::PGExp
                | B::AtArrow
                | B::ArrowAt
        );
        if known {
            return ControlFlow::Continue(());
        }
        let between = self.text.range_of(left.span()).end..self.text.range_of(right.span()).start;
        let spelled = op.to_string();
        let place =
            self.text.sql().get(between.clone()).and_then(|gap| gap.find(&spelled)).map(|at| between.start + at);
        let place = place.map_or_else(|| self.text.find(&spelled), |at| at..at + spelled.len());
        let help = match op {
            B::Arrow | B::LongArrow | B::HashArrow | B::HashLongArrow => {
                "read JSON in a text with json_get_str(column, 'key'), and fields of a struct with column['field']"
            }
            B::Question | B::QuestionAnd | B::QuestionPipe => {
                "whether JSON in a text has a key says json_contains(column, 'key')"
            }
            B::Xor => "write (a OR b) AND NOT (a AND b)",
            B::PGStartsWith => "write starts_with(text, 'start')",
            _ => "",
        };
        self.at(place, format!("the operator `{spelled}` is not supported"), help)
    }

    pub(super) fn expression(&mut self, expr: &Ast) -> ControlFlow<()> {
        match expr {
            Ast::Subquery(_) | Ast::InSubquery { .. } | Ast::Exists { .. } => self.sub_query(),
            Ast::Function(f) => self.function(f),
            Ast::BinaryOp { left, op, right } => self.operator(left, op, right),
            Ast::Value(value) => match &value.value {
                Value::Placeholder(p) => self.span(
                    value.span,
                    format!("`{p}` stands for nothing: a query has no parameters"),
                    "write the value itself",
                ),
                _ => ControlFlow::Continue(()),
            },
            Ast::Identifier(ident) if ident.value.starts_with('@') && ident.quote_style.is_none() => self.span(
                ident.span,
                format!("there are no variables such as `{}`", ident.value),
                "write the value itself",
            ),
            Ast::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not, .. } => {
                ControlFlow::Continue(())
            }
            Ast::UnaryOp { op, expr } => self.span(
                expr.span(),
                format!("the operator `{op}` is not supported"),
                "of a whole number, -1 - x has the other bits",
            ),
            Ast::JsonAccess { value, .. } => {
                let help =
                    "read JSON in a text with json_get_str(column, 'key'), and fields of a struct with column['field']";
                self.span(value.span(), "`:` reads no JSON here", help)
            }
            Ast::CompoundFieldAccess { access_chain, .. } => {
                let half = |a: &&AccessExpr| matches!(a, AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) if lower_bound.is_none() || upper_bound.is_none());
                match access_chain.iter().find(half) {
                    Some(_) => self.span(expr.span(), "a part of a list needs both ends", "write list[1:3]"),
                    None => ControlFlow::Continue(()),
                }
            }
            Ast::Cast { format: Some(_), expr, .. } => self.span(
                expr.span(),
                "CAST with FORMAT is not supported",
                "write to_timestamp(text, '%Y-%m-%d'), or to_char(time, '%H:%M')",
            ),
            Ast::Cast { array: true, expr, .. } => {
                self.span(expr.span(), "CAST … AS … ARRAY is not supported", "write CAST(x AS BIGINT[])")
            }
            Ast::AnyOp { right, .. } | Ast::AllOp { right, .. } if matches!(right.as_ref(), Ast::Subquery(_)) => {
                self.sub_query()
            }
            Ast::Like { any: true, expr, .. } | Ast::ILike { any: true, expr, .. } => self.span(
                expr.span(),
                "LIKE takes one pattern",
                "write s LIKE 'a%' OR s LIKE 'b%', or regexp_like(s, '^(a|b)')",
            ),
            Ast::Interval(interval) if interval.last_field.is_some() => {
                self.span(interval.value.span(), "INTERVAL takes one unit", "write INTERVAL '1 year 2 months'")
            }
            Ast::Interval(interval) if !is_constant(&interval.value) => self.span(
                interval.value.span(),
                "INTERVAL takes a constant",
                "n hours behind ts are to_timestamp(date_part('epoch', ts) + n * 3600)",
            ),
            known if is_planned(known) => ControlFlow::Continue(()),
            other => {
                let said = other.to_string();
                let message = format!("`{}` is not supported", shortened(&said));
                let at = self.text.range_of(other.span());
                let words: String = said.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let at =
                    if at.len() == self.text.sql().len() && !words.is_empty() { self.text.find(&words) } else { at };
                self.at(at, message, "see docs/sql.md for what a query may say")
            }
        }
    }
}

/// Whether a value, or a sum of such, stands there.
fn is_constant(expr: &Ast) -> bool {
    match expr {
        Ast::Value(_) => true,
        Ast::UnaryOp { expr, .. } | Ast::Nested(expr) => is_constant(expr),
        Ast::BinaryOp { left, right, .. } => is_constant(left) && is_constant(right),
        _ => false,
    }
}

/// Expressions that the planner has a meaning for.
fn is_planned(expr: &Ast) -> bool {
    use Ast as A;
    matches!(
        expr,
        A::Identifier(_)
            | A::CompoundIdentifier(_)
            | A::IsFalse(_)
            | A::IsNotFalse(_)
            | A::IsTrue(_)
            | A::IsNotTrue(_)
            | A::IsNull(_)
            | A::IsNotNull(_)
            | A::IsUnknown(_)
            | A::IsNotUnknown(_)
            | A::IsDistinctFrom(..)
            | A::IsNotDistinctFrom(..)
            | A::InList { .. }
            | A::Between { .. }
            | A::Like { any: false, .. }
            | A::ILike { any: false, .. }
            | A::SimilarTo { .. }
            | A::AnyOp { .. }
            | A::AllOp { .. }
            | A::Cast { .. }
            | A::AtTimeZone { .. }
            | A::Extract { .. }
            | A::Ceil { .. }
            | A::Floor { .. }
            | A::Position { .. }
            | A::Substring { .. }
            | A::Trim { .. }
            | A::Overlay { .. }
            | A::Nested(_)
            | A::TypedString(_)
            | A::Case { .. }
            | A::GroupingSets(_)
            | A::Cube(_)
            | A::Rollup(_)
            | A::Tuple(_)
            | A::Struct { .. }
            | A::Dictionary(_)
            | A::Map(_)
            | A::Array(_)
            | A::Interval(_)
            | A::Wildcard(_)
            | A::QualifiedWildcard(..)
    )
}

/// As much of a query's text as a message can hold.
fn shortened(text: &str) -> String {
    const LETTERS: usize = 40;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
