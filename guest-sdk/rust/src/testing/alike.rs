//! Results of sums in different orders are the same up to rounding.

use super::table::Table;
use crate::value::Value;

/// Whether two tables have the same values, floats up to rounding.
pub(super) fn alike(a: &Table, b: &Table) -> bool {
    let rows = |a: Vec<Value>, b: Vec<Value>| a.iter().zip(&b).all(|(a, b)| alike_values(a, b));
    a.rows() == b.rows() && (0..a.rows()).all(|row| rows(a.row(row), b.row(row)))
}

fn alike_values(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(x), Value::Float(y)) => {
            x.to_bits() == y.to_bits() || (x - y).abs() <= 1e-9 * x.abs().max(y.abs()) || (x.is_nan() && y.is_nan())
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike_values(a, b)),
        (Value::Struct(a), Value::Struct(b)) => a.iter().zip(b).all(|(a, b)| a.0 == b.0 && alike_values(&a.1, &b.1)),
        (Value::Map(a), Value::Map(b)) => {
            let pairs = || a.iter().zip(b);
            a.len() == b.len() && pairs().all(|(a, b)| alike_values(&a.0, &b.0) && alike_values(&a.1, &b.1))
        }
        (a, b) => a == b,
    }
}
