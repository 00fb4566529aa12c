//! What a join's condition says of the two sides' event times: bounds on how far they lie apart.

use arrow::datatypes::DataType;
use datafusion_common::{DFSchema, ScalarValue};
use datafusion_expr::{BinaryExpr, Expr, Operator};

use crate::sql::rewrite::bin::cut;
use crate::time::reach::Reach;
use crate::time::window::WindowSpec;

/// A column that is one side's event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeColumn {
    /// Its place among the side's columns.
    pub at: usize,
    /// It is a window: its time is the window's end.
    pub is_window: bool,
}

/// One side: its columns, and one of them as its event time.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeOf<'a> {
    pub schema: &'a DFSchema,
    pub column: TimeColumn,
}

impl TimeOf<'_> {
    fn is_column(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Column(c) if self.schema.maybe_index_of_column(c) == Some(self.column.at))
    }

    /// Whether `expr` is the side's event time.
    fn is(&self, expr: &Expr) -> bool {
        if !self.column.is_window {
            return self.is_column(expr);
        }
        let Expr::ScalarFunction(f) = expr else { return false };
        let is_end = |e: &Expr| matches!(e, Expr::Literal(name, _) if name.try_as_str().flatten() == Some("end"));
        f.func.name() == "get_field" && matches!(f.args.as_slice(), [of, field] if self.is_column(of) && is_end(field))
    }
}

/// What a condition's parts say, together.
#[derive(Debug)]
pub(super) struct Bounds {
    pub reach: Reach,
    /// Per part, whether the reach says all that it does.
    pub said: Vec<bool>,
}

/// The bounds that `parts`, all of which must hold, put on the event times.
pub(super) fn bounds(parts: &[Expr], left: TimeOf<'_>, right: TimeOf<'_>) -> Bounds {
    let (mut least, mut most, mut window): (Option<i64>, Option<i64>, Option<WindowSpec>) = (None, None, None);
    let mut said = Vec::with_capacity(parts.len());
    for part in parts {
        if let Some(bounds) = difference(part, left, right) {
            least = least.max(bounds.0);
            most = [most, bounds.1].into_iter().flatten().min();
            said.push(true);
        } else if let Some(same) = same_window(part, left, right).filter(|w| window.is_none_or(|other| other == *w)) {
            window = Some(same);
            said.push(true);
        } else {
            // Equal windows end together, and begin together too.
            if same_column(part, left, right) {
                (least, most) = (least.max(Some(0)), Some(most.map_or(0, |m| m.min(0))));
            }
            said.push(false);
        }
    }
    let reach = match window {
        Some(window) => Reach::in_window(window, least, most),
        None => Reach::between(least, most),
    };
    Bounds { reach, said }
}

/// The bounds of `right - left` that a comparison is, if it is one of event times.
fn difference(part: &Expr, left: TimeOf<'_>, right: TimeOf<'_>) -> Option<(Option<i64>, Option<i64>)> {
    if let Expr::Between(between) = part {
        if between.negated {
            return None;
        }
        let compare = |op, with: &Expr| {
            let whole = BinaryExpr::new(between.expr.clone(), op, Box::new(with.clone()));
            difference(&Expr::BinaryExpr(whole), left, right)
        };
        let (a, b) = (compare(Operator::GtEq, &between.low)?, compare(Operator::LtEq, &between.high)?);
        return Some((a.0.max(b.0), [a.1, b.1].into_iter().flatten().min()));
    }
    let Expr::BinaryExpr(BinaryExpr { left: a, op, right: b }) = part else { return None };
    let sum = linear(a, left, right)?.minus(linear(b, left, right)?)?;
    // Always `right - left + constant op 0`.
    let (constant, op) = match (sum.left, sum.right) {
        (-1, 1) => (sum.constant, *op),
        (1, -1) => (sum.constant.checked_neg()?, op.swap()?),
        _ => return None,
    };
    let bound = constant.checked_neg()?;
    Some(match op {
        Operator::Eq => (Some(bound), Some(bound)),
        Operator::GtEq => (Some(bound), None),
        Operator::Gt => (Some(bound.checked_add(1)?), None),
        Operator::LtEq => (None, Some(bound)),
        Operator::Lt => (None, Some(bound.checked_sub(1)?)),
        _ => return None,
    })
}

/// So many times the left time, so many times the right one, and so many microseconds.
#[derive(Debug, Clone, Copy)]
struct Linear {
    left: i64,
    right: i64,
    constant: i64,
}

impl Linear {
    fn plus(self, other: Self) -> Option<Self> {
        let constant = self.constant.checked_add(other.constant)?;
        Some(Self { left: self.left + other.left, right: self.right + other.right, constant })
    }

    fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self { left: -other.left, right: -other.right, constant: other.constant.checked_neg()? })
    }
}

fn linear(expr: &Expr, left: TimeOf<'_>, right: TimeOf<'_>) -> Option<Linear> {
    if left.is(expr) {
        return Some(Linear { left: 1, right: 0, constant: 0 });
    }
    if right.is(expr) {
        return Some(Linear { left: 0, right: 1, constant: 0 });
    }
    match expr {
        Expr::Alias(alias) => linear(&alias.expr, left, right),
        // Lengths of time of another type; a time of another unit may be a rounded one.
        Expr::Cast(cast) if is_length(cast.field.data_type()) => linear(&cast.expr, left, right),
        Expr::Literal(value, _) => Some(Linear { left: 0, right: 0, constant: length(value)? }),
        Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Plus, right: b }) => {
            linear(a, left, right)?.plus(linear(b, left, right)?)
        }
        Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Minus, right: b }) => {
            linear(a, left, right)?.minus(linear(b, left, right)?)
        }
        _ => None,
    }
}

fn is_length(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// Microseconds of a length of time; none where it has no fixed one, or none in whole microseconds.
fn length(value: &ScalarValue) -> Option<i64> {
    let whole = |ns: i64| (ns % 1000 == 0).then_some(ns / 1000);
    match value {
        ScalarValue::IntervalMonthDayNano(Some(i)) if i.months == 0 => {
            i64::from(i.days).checked_mul(86_400_000_000)?.checked_add(whole(i.nanoseconds)?)
        }
        ScalarValue::IntervalDayTime(Some(i)) => {
            i64::from(i.days).checked_mul(86_400_000_000)?.checked_add(i64::from(i.milliseconds) * 1000)
        }
        ScalarValue::DurationSecond(Some(s)) => s.checked_mul(1_000_000),
        ScalarValue::DurationMillisecond(Some(ms)) => ms.checked_mul(1000),
        ScalarValue::DurationMicrosecond(Some(us)) => Some(*us),
        ScalarValue::DurationNanosecond(Some(ns)) => whole(*ns),
        _ => None,
    }
}

/// Both sides' event times, or windows, are equal as they are.
fn same_column(part: &Expr, left: TimeOf<'_>, right: TimeOf<'_>) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Eq, right: b }) = part else { return false };
    (left.is_column(a) && right.is_column(b)) || (left.is_column(b) && right.is_column(a))
}

/// The tumbling windows that both event times must lie in together: `date_bin(…) = date_bin(…)`.
fn same_window(part: &Expr, left: TimeOf<'_>, right: TimeOf<'_>) -> Option<WindowSpec> {
    let Expr::BinaryExpr(BinaryExpr { left: a, op: Operator::Eq, right: b }) = part else { return None };
    let (of_a, of_b) = (cut(a)?, cut(b)?);
    let both = (left.is(of_a.1) && right.is(of_b.1)) || (left.is(of_b.1) && right.is(of_a.1));
    (both && of_a.0 == of_b.0).then_some(of_a.0)
}
