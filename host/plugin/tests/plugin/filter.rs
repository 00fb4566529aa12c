//! Filters.

use arrow::array::RecordBatch;
use millstream_plugin::{Bound, BoundFilter, Limits};

use super::{bind, numbers};

fn bound(mode: &str, batch: &RecordBatch) -> BoundFilter {
    match bind("filter", mode, batch, &Limits::default()) {
        Ok(Bound::Filter(filter)) => filter,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_are_selected() {
    let batch = numbers(0..21);
    let filter = bound("even", &batch);
    let keep = filter.call(&batch).unwrap().keep;
    assert_eq!((keep.len(), keep.count_set_bits(), keep.value(20)), (21, 11, true));
    let keep = filter.call(&batch.slice(1, 9)).unwrap().keep;
    assert_eq!(keep.iter().collect::<Vec<_>>(), (1..10).map(|n| n % 2 == 0).collect::<Vec<_>>());
    assert_eq!(filter.call(&batch.slice(0, 0)).unwrap().keep.len(), 0);
}

#[test]
fn a_filter_may_read_nothing() {
    let batch = numbers(0..9);
    let filter = bound("nothing", &batch);
    assert_eq!((filter.reads().len(), filter.call(&batch).unwrap().keep.count_set_bits()), (0, 9));
}

#[test]
fn rejected_rows_are_not_kept() {
    let selection = bound("reject", &numbers(0..9)).call(&numbers(0..9)).unwrap();
    assert_eq!((selection.keep.count_set_bits(), selection.rejects.len()), (0, 5));
}

#[test]
fn a_bitmap_of_the_wrong_size_is_refused() {
    for mode in ["bytes", "short"] {
        let error = bound(mode, &numbers(0..100)).call(&numbers(0..100)).unwrap_err().to_string();
        assert!(error.contains("`keep` of") && error.contains("for 100 rows; a bitmap has a bit per row, 13 bytes"));
    }
    let error = bind("filter", "output", &numbers([]), &Limits::default()).unwrap_err().to_string();
    assert!(error.ends_with("`bind`: a filter makes no columns, but it promises `x`"), "{error}");
}
