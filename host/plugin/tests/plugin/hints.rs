//! What operators wish: rows with nulls left out, no more than so many rows at once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_plugin::{Bound, BoundMap, InputField, Limits, Request};

use super::{bind, numbers, plugin};

fn bound(mode: &str, batch: &RecordBatch) -> BoundMap {
    match bind("map", mode, batch, &Limits::default()) {
        Ok(Bound::Map(map)) => map,
        other => panic!("{other:?}"),
    }
}

fn with_nulls() -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(1), None, Some(3), Some(4)]));
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

#[test]
fn rows_with_nulls_are_left_out() {
    let map = bound("skip-nulls", &with_nulls());
    assert!(map.hints().skip_nulls);
    let made = map.call(&with_nulls()).unwrap().columns.remove(0);
    assert_eq!(made.as_primitive::<Int64Type>(), &Int64Array::from(vec![None, Some(2), None, Some(6), Some(8)]));
    let none = with_nulls().slice(0, 1);
    assert_eq!(map.call(&none).unwrap().columns[0].null_count(), 1);

    let input = InputField::of_schema(&with_nulls().schema());
    let request = Request { operator: Some("above"), config: r#"{"above": 1}"#, input: &input, ..Request::default() };
    let Ok(Bound::Filter(above)) = plugin("several").bind(&request, &Limits::default()) else { panic!() };
    let kept: Vec<bool> = above.call(&with_nulls()).unwrap().keep.iter().collect();
    assert_eq!(kept, [false, false, false, true, true]);
}

#[test]
fn calls_have_no_more_rows_than_wished_for() {
    let map = bound("three-rows", &numbers([]));
    let rows = |n: i64| map.call(&numbers(0..n)).unwrap().columns.remove(0);
    assert_eq!(rows(7).as_primitive::<Int64Type>().values(), &[3, 3, 3, 3, 3, 3, 1]);
    assert_eq!((rows(3).len(), rows(0).len()), (3, 0));
    let refused = bind("map", "no-rows", &numbers([]), &Limits::default()).unwrap_err().to_string();
    assert!(refused.ends_with("`bind`: it wishes for calls of 0 rows"), "{refused}");
}
