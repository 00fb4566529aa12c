use std::fmt;

use arrow::array::{AsArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use datafusion_common::Result as PlanResult;
use datafusion_expr::ColumnarValue;

use super::*;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wrong {
    /// A panic over more than so many rows, as of a library whose offsets do not fit.
    MoreThan(usize),
    /// A panic over each row with this number.
    Over(i64),
    /// The host has no room for more than so many rows.
    NoRoomFor(usize),
    /// As many bytes for each row.
    Makes(usize),
}

/// Column 0 as text, but what is wrong with it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Touchy(Wrong);

impl fmt::Display for Touchy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("touchy(n)")
    }
}

impl PhysicalExpr for Touchy {
    fn data_type(&self, _: &Schema) -> PlanResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn nullable(&self, _: &Schema) -> PlanResult<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> PlanResult<ColumnarValue> {
        let numbers = batch.column(0).as_primitive::<Int64Type>().values();
        let mut bytes = 0;
        match self.0 {
            Wrong::MoreThan(rows) => assert!(numbers.len() <= rows, "byte array offset overflow"),
            Wrong::Over(bad) => assert!(!numbers.contains(&bad), "no number for it"),
            Wrong::NoRoomFor(rows) if numbers.len() > rows => {
                return Err(ArrowError::MemoryError("failed to allocate".to_owned()).into());
            }
            Wrong::NoRoomFor(_) => {}
            Wrong::Makes(more) => bytes = more,
        }
        let texts = numbers.iter().map(|n| format!("{n}{}", " ".repeat(bytes)));
        Ok(ColumnarValue::Array(Arc::new(StringArray::from_iter_values(texts))))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn PhysicalExpr>>) -> PlanResult<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Texts, and the rows without one, each with why.
type Evaluated = (Vec<String>, Vec<(u32, String)>);

fn evaluate(wrong: Wrong, rows: i64) -> Result<Evaluated> {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    let (arrays, rejected) = Expressions::new(vec![Arc::new(Touchy(wrong))], false).evaluate(&batch)?;
    let texts = arrays[0].as_string::<i32>().iter().map(|t| t.unwrap_or("(null)").to_owned()).collect();
    Ok((texts, rejected.into_iter().map(|r| (r.row, r.reason)).collect()))
}

#[test]
fn a_library_that_panics_is_given_fewer_rows_and_what_still_fails_is_told_in_our_words() {
    let all = || (0..100).map(|n| n.to_string());
    assert_eq!(evaluate(Wrong::MoreThan(7), 100).unwrap(), (all().collect(), vec![]));
    let (texts, rejected) = evaluate(Wrong::Over(42), 100).unwrap();
    assert_eq!(texts, all().map(|n| if n == "42" { "(null)".to_owned() } else { n }).collect::<Vec<_>>());
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].0, 42);
    assert!(
        rejected[0].1.starts_with("the engine failed on this row, at `touchy(n)`: no number for it"),
        "{rejected:?}"
    );
    let (_, rejected) = evaluate(Wrong::MoreThan(0), 3).unwrap();
    let too_large = |row| (row, "the result of `touchy(n)` is too large".to_owned());
    assert_eq!(rejected, [too_large(0), too_large(1), too_large(2)]);
}

#[test]
fn a_host_without_room_is_asked_for_less_and_no_row_is_blamed() {
    let (texts, rejected) = evaluate(Wrong::NoRoomFor(3), 100).unwrap();
    assert_eq!((texts.len(), rejected), (100, vec![]));
    let error = evaluate(Wrong::NoRoomFor(0), 100).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unavailable, "the machine has no memory for `touchy(n)`"));
}

#[test]
fn rows_that_make_too_much_together_go_through_in_smaller_numbers() {
    // 100 rows of 3 MB are more than may be made at once; where it is not all at once that fails, nobody counts.
    assert_eq!(evaluate(Wrong::Makes(3 << 20), 20).unwrap().0.len(), 20);
    let expr: Arc<dyn PhysicalExpr> = Arc::new(Touchy(Wrong::Makes(3 << 20)));
    let failing: Arc<dyn PhysicalExpr> = Arc::new(Touchy(Wrong::Over(0)));
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
    let many = Expressions::new(vec![failing, expr], false);
    assert_eq!(many.evaluate(&batch).unwrap_err().kind(), ErrorKind::Quota);
    assert_eq!(many.evaluate(&batch.slice(0, 10)).unwrap().1.len(), 1);
}
