//! Expressions as a person would write them. The planner's own texts leave out brackets, write types as Arrow does and
//! literals as it keeps them, and name the columns that an aggregation makes after all that was in the call.

use arrow::datatypes::DataType;
use arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{Column, DFSchema, ScalarValue};
use datafusion_expr::expr::InList;
use datafusion_expr::{BinaryExpr, Expr, Operator};

use super::rewrite::only_value::SUB_QUERY;
use crate::format::shown_type;
use crate::operator::readable;
use crate::time::shown_length;

/// `expr` with the names of columns alone.
pub(super) fn shown(expr: &Expr) -> String {
    Words { schema: None }.output(expr)
}

/// `expr` over rows of `schema`: a column whose name it has twice is shown with its table.
pub(super) fn shown_of(expr: &Expr, schema: &DFSchema) -> String {
    Words { schema: Some(schema) }.output(expr)
}

/// `exprs` over rows of `schema`.
pub(super) fn all_shown(exprs: &[Expr], schema: &DFSchema) -> Vec<String> {
    exprs.iter().map(|e| shown_of(e, schema)).collect()
}

struct Words<'a> {
    schema: Option<&'a DFSchema>,
}

impl Words<'_> {
    /// An expression as a column of the output.
    fn output(&self, expr: &Expr) -> String {
        let Expr::Alias(alias) = expr else { return self.text(expr) };
        // Of two names the outer one counts; the inner one is the planner's.
        let text = self.text(&alias.expr);
        let name = readable(&alias.name);
        if text == name { text } else { format!("{text} AS {name}") }
    }

    fn text(&self, expr: &Expr) -> String {
        match expr {
            Expr::Alias(alias) => self.text(&alias.expr),
            Expr::Column(column) => self.column(column),
            Expr::Literal(value, _) => literal(value),
            Expr::Cast(cast) => format!("CAST({} AS {})", self.text(&cast.expr), shown_type(cast.field.data_type())),
            Expr::TryCast(cast) => {
                format!("TRY_CAST({} AS {})", self.text(&cast.expr), shown_type(cast.field.data_type()))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                format!("{} {op} {}", self.operand(left, *op, false), self.operand(right, *op, true))
            }
            Expr::InList(InList { expr, list, negated }) => {
                let list: Vec<String> = list.iter().map(|e| self.text(e)).collect();
                format!("{}{} IN ({})", self.part(expr), if *negated { " NOT" } else { "" }, list.join(", "))
            }
            Expr::ScalarFunction(f) => match (f.func.name(), f.args.as_slice()) {
                ("get_field", [of, Expr::Literal(ScalarValue::Utf8(Some(field)), _)]) => {
                    format!("{}.{field}", self.text(of))
                }
                (SUB_QUERY, _) => "(SELECT …)".to_owned(),
                (name, args) => {
                    let args: Vec<String> = args.iter().map(|e| self.text(e)).collect();
                    format!("{name}({})", args.join(", "))
                }
            },
            // Brackets are there already.
            Expr::AggregateFunction(_) | Expr::Case(_) => self.with_parts(expr, &|e| self.text(e)),
            other => self.with_parts(other, &|e| self.part(e)),
        }
    }

    /// `expr` as it is shown elsewhere, with its parts shown by us.
    fn with_parts(&self, expr: &Expr, part: &dyn Fn(&Expr) -> String) -> String {
        let told = |e: Expr| Ok(Transformed::yes(Expr::Column(Column::new_unqualified(part(&e)))));
        let text =
            expr.clone().map_children(told).map_or_else(|_| expr.to_string(), |t| t.data.human_display().to_string());
        text.replace("count(1)", "count(*)")
    }

    /// A part that an operator stands before or behind.
    fn part(&self, expr: &Expr) -> String {
        let text = self.text(expr);
        if matches!(expr, Expr::BinaryExpr(_)) { format!("({text})") } else { text }
    }

    fn operand(&self, expr: &Expr, op: Operator, is_right: bool) -> String {
        let Expr::BinaryExpr(inner) = expr else { return self.text(expr) };
        let (outer, inner) = (op.precedence(), inner.op.precedence());
        let associative = matches!(op, Operator::And | Operator::Or);
        let loose = inner < outer || outer == 0 || (inner == outer && is_right && !associative);
        if loose { self.part(expr) } else { self.text(expr) }
    }

    fn column(&self, column: &Column) -> String {
        let name = readable(&column.name);
        let same = self.schema.map_or(0, |s| s.fields().iter().filter(|f| *f.name() == column.name).count());
        match &column.relation {
            Some(table) if same > 1 => format!("{}.{name}", table.table()),
            _ => name,
        }
    }
}

fn literal(value: &ScalarValue) -> String {
    let interval = |us: i64| format!("INTERVAL '{}{}'", if us < 0 { "-" } else { "" }, shown_length(us));
    match value {
        value if value.is_null() => "NULL".to_owned(),
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            format!("'{}'", text.replace('\'', "''"))
        }
        ScalarValue::IntervalMonthDayNano(Some(i)) if i.months == 0 => {
            interval(i64::from(i.days).saturating_mul(86_400_000_000).saturating_add(i.nanoseconds / 1000))
        }
        ScalarValue::IntervalMonthDayNano(Some(i)) if i.days == 0 && i.nanoseconds == 0 => {
            format!("INTERVAL '{} months'", i.months)
        }
        ScalarValue::IntervalMonthDayNano(Some(i)) => {
            format!("INTERVAL '{} months {} days {} nanoseconds'", i.months, i.days, i.nanoseconds)
        }
        ScalarValue::IntervalDayTime(Some(i)) => {
            interval(i64::from(i.days) * 86_400_000_000 + i64::from(i.milliseconds) * 1000)
        }
        ScalarValue::TimestampMicrosecond(Some(t), _) => match timestamp_us_to_datetime(*t) {
            Some(time) => format!("TIMESTAMP '{}Z'", time.format("%Y-%m-%dT%H:%M:%S%.f")),
            None => value.to_string(),
        },
        value if value.data_type() == DataType::Date32 => format!("DATE '{value}'"),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion_expr::{col, lit};

    use super::*;

    #[test]
    fn brackets_are_where_they_are_needed() {
        let (a, b, c) = (col("t.a"), col("t.b"), col("t.c"));
        assert_eq!(shown(&((a.clone() + b.clone()) * c.clone())), "(a + b) * c");
        assert_eq!(shown(&(a.clone() - (b.clone() - c.clone()))), "a - (b - c)");
        let or = a.clone().gt(lit(1i64)).or(b.clone().eq(lit("it's")));
        assert_eq!(shown(&or.clone().and(c.clone().is_null())), "(a > 1 OR b = 'it''s') AND c IS NULL");
        assert_eq!(shown(&datafusion_expr::not(or)), "NOT (a > 1 OR b = 'it''s')");
        assert_eq!(shown(&a.in_list(vec![lit(1i64), lit(2i64)], true)), "a NOT IN (1, 2)");
    }
}
