//! How to mend a constant that nothing can be made of.

use arrow::datatypes::DataType;
use datafusion_expr::{Expr, Operator};

/// How to mend a constant in `expr`, in general.
pub(super) fn help(expr: &Expr) -> String {
    let name = if let Expr::ScalarFunction(f) = expr { f.func.name() } else { "" };
    match name {
        "date_trunc" => {
            "units are year, quarter, month, week, day, hour, minute, second, millisecond, microsecond".to_owned()
        }
        "date_part" => {
            "parts are year, quarter, month, week, day, doy, dow, hour, minute, second, millisecond, microsecond, epoch"
                .to_owned()
        }
        "date_bin" => LENGTHS.to_owned(),
        "to_timestamp" | "to_timestamp_seconds" | "to_timestamp_millis" | "to_timestamp_micros" | "to_timestamp_nanos" => {
            "write to_timestamp_millis(x) where x counts milliseconds, and to_timestamp_seconds, _micros or _nanos for others"
                .to_owned()
        }
        name if name.starts_with("regexp") => PATTERNS.to_owned(),
        _ if matches!(expr, Expr::SimilarTo(_)) => PATTERNS.to_owned(),
        _ if matches!(expr, Expr::BinaryExpr(b) if is_pattern(b.op)) => PATTERNS.to_owned(),
        _ => match of_text(expr) {
            Some((text, DataType::Timestamp(..))) if text.contains('%') => {
                format!("the time stands first, and behind it the format: to_char(ts, '{text}')")
            }
            Some((_, DataType::Timestamp(..))) => "write a time as in '2026-03-01 09:00:00', or a date".to_owned(),
            Some((_, DataType::Date32)) => "write a date as in '2026-03-01'".to_owned(),
            Some((_, DataType::Interval(_))) => LENGTHS.to_owned(),
            _ => "it would fail for every row: write another constant".to_owned(),
        },
    }
}

/// Whether the right side of `op` is a pattern.
pub(super) fn is_pattern(op: Operator) -> bool {
    use Operator as O;
    matches!(op, O::RegexMatch | O::RegexIMatch | O::RegexNotMatch | O::RegexNotIMatch)
}

/// The text that `expr` makes something else of, and of which type that is.
fn of_text(expr: &Expr) -> Option<(&str, &DataType)> {
    let Expr::Cast(cast) = expr else { return None };
    let Expr::Literal(text, _) = cast.expr.as_ref() else { return None };
    Some((text.try_as_str()??, cast.field.data_type()))
}

const LENGTHS: &str = "write a length of time as in INTERVAL '1 hour', or '90 minutes'";

const PATTERNS: &str = "brackets and other signs that are meant as they are have a backslash before them: '\\('";
