//! Aggregates: the three steps, and states of an older version.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Fields, Int64Type};
use millstream_plugin::{Bound, BoundAggregate, Limits};

use super::{bind, ints, numbers};

fn bound(mode: &str) -> BoundAggregate {
    match bind("aggregate", mode, &numbers([]), &Limits::default()) {
        Ok(Bound::Aggregate(aggregate)) => aggregate,
        other => panic!("{other:?}"),
    }
}

fn values(columns: &[ArrayRef]) -> Vec<Vec<i64>> {
    columns.iter().map(|column| column.as_primitive::<Int64Type>().values().to_vec()).collect()
}

#[test]
fn rows_become_states_and_states_results() {
    let aggregate = bound("");
    assert_eq!(aggregate.state_fields().len(), 2);
    assert_eq!((aggregate.state_version(), aggregate.adjustable()), (2, &["unit".to_owned()][..]));
    let one = aggregate.partial(&[0, 1, 0], 3, &numbers([5, 7, -1])).unwrap();
    assert_eq!(values(&one), [vec![4, 7, 0], vec![5, 7, i64::MIN]]);
    let two = aggregate.partial(&[0], 1, &numbers([100])).unwrap();
    let both: Vec<ArrayRef> = one.iter().zip(&two).map(|(a, b)| arrow::compute::concat(&[a, b]).unwrap()).collect();
    let merged = aggregate.merge(&[0, 1, 2, 0], 3, &both).unwrap();
    assert_eq!(values(&merged), [vec![104, 7, 0], vec![100, 7, i64::MIN]]);
    // States may be slices.
    let last: Vec<ArrayRef> = merged.iter().map(|column| column.slice(1, 2)).collect();
    assert_eq!(values(&aggregate.finish(&last).unwrap()), [vec![7, 0], vec![7, i64::MIN]]);
    // The aggregate of nothing.
    assert_eq!(values(&aggregate.partial(&[], 1, &numbers([])).unwrap()), [vec![0], vec![i64::MIN]]);
    assert_eq!(values(&aggregate.partial(&[], 0, &numbers([])).unwrap()), [vec![], vec![]] as [Vec<i64>; 2]);
}

#[test]
fn states_of_an_older_version_are_brought_over() {
    let old = Fields::from(vec![Arc::new(Field::new("sum", DataType::Int64, false))]);
    let aggregate = bound("");
    assert_eq!(values(&aggregate.migrate(1, &old, &[ints([3, 4])]).unwrap()), [vec![3, 4], vec![i64::MIN; 2]]);
    let error = aggregate.migrate(0, &old, &[ints([3])]).unwrap_err().to_string();
    assert_eq!(error, "the plugin failed: no way from version 0 with 1 columns");
}

#[test]
fn what_does_not_fit_is_refused() {
    let aggregate = bound("");
    let error = |result: Result<Vec<ArrayRef>, _>| result.map_err(|e: millstream_plugin::PluginError| e.to_string());
    assert_eq!(error(aggregate.partial(&[0], 1, &numbers([1, 2]))).unwrap_err(), "1 group ids for 2 rows");
    assert_eq!(error(aggregate.partial(&[0, 1], 1, &numbers([1, 2]))).unwrap_err(), "group 1 of 1 groups");
    assert_eq!(error(aggregate.finish(&[ints([1])])).unwrap_err(), "states: 1 columns, but a state has 2");
    let bad = error(bound("rows").partial(&[0], 1, &numbers([1]))).unwrap_err();
    assert!(bad.ends_with("2 rows, but 1 are due"), "{bad}");
    let panicked = error(bound("merge-panic").merge(&[0], 1, &[ints([1]), ints([1])])).unwrap_err();
    assert!(panicked.starts_with("the plugin panicked: states do not mix, at aggregate/src/lib.rs:"), "{panicked}");
    let none = bind("aggregate", "no-state", &numbers([]), &Limits::default()).unwrap_err().to_string();
    assert!(none.contains("keeps at least one state column"), "{none}");
}
