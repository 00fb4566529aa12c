//! Flat-maps: in one piece or in many, and guests that never come to an end.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use millstream_plugin::{Bound, BoundFlatMap, Expanded, Limits, PluginError};

use super::{bind_with, numbers, plugin};

fn bound(mode: &str, piece: usize, limits: &Limits) -> BoundFlatMap {
    let config = format!("{{\"do\": \"{mode}\", \"piece\": \"{piece}\"}}");
    match bind_with(&plugin("flat-map"), &config, &numbers([]), limits) {
        Ok(Bound::FlatMap(flat_map)) => flat_map,
        other => panic!("{other:?}"),
    }
}

fn call(mode: &str, piece: usize, batch: &RecordBatch) -> Result<Expanded, PluginError> {
    bound(mode, piece, &Limits::default()).call(batch)
}

fn rows(expanded: &Expanded) -> (Vec<u32>, Vec<i64>) {
    (expanded.parents.values().to_vec(), expanded.columns[0].as_primitive::<Int64Type>().values().to_vec())
}

#[test]
fn pieces_make_the_same_whole() {
    let batch = numbers([2, 0, 3, 1]);
    let whole = rows(&call("", 1000, &batch).unwrap());
    assert_eq!(whole, (vec![0, 0, 2, 2, 2, 3], vec![0, 1, 0, 1, 2, 0]));
    for piece in 1..7 {
        assert_eq!(rows(&call("", piece, &batch).unwrap()), whole, "pieces of {piece}");
    }
    assert_eq!(rows(&call("", 1, &numbers([])).unwrap()), (vec![], vec![]));
    assert_eq!(rows(&call("", 1, &numbers([0, 0])).unwrap()), (vec![], vec![]));
}

#[test]
fn rows_of_a_rejected_parent_are_dropped() {
    let batch = numbers([2, 1, 3, 2]);
    for piece in [1, 2, 100] {
        let expanded = call("reject-odd", piece, &batch).unwrap();
        assert_eq!(rows(&expanded), (vec![0, 0, 3, 3], vec![0, 1, 0, 1]));
        let rejects: Vec<_> = expanded.rejects.iter().map(|r| (r.row, r.reason.as_str())).collect();
        assert_eq!(rejects, [(1, "1 is odd"), (2, "3 is odd")]);
    }
}

#[test]
fn a_guest_that_gets_nowhere_is_stopped() {
    let error = |mode| call(mode, 0, &numbers([1, 2, 3])).unwrap_err().to_string();
    assert!(error("stuck").ends_with("17 calls for one batch, and it is not getting anywhere"));
    assert!(error("forever").ends_with("17 calls for one batch, and it is not getting anywhere"));
    let limits = Limits { expanded_bytes: 4 << 20, ..Limits::default() };
    let flood = bound("flood", 0, &limits).call(&numbers([1, 2, 3])).unwrap_err().to_string();
    assert!(flood.ends_with("more than 4194304 bytes of output for one batch, its limit"), "{flood}");
}

#[test]
fn bad_results_are_named() {
    for (mode, expected) in [
        ("parents-down", "parent 1 goes down, from 1 to 0"),
        ("parents-beyond", "parent 0 is row 3, but only 3 rows are dealt with"),
        ("consumed-beyond", "`consumed` is 4 of 3 rows"),
        ("resume-at-end", "`resume` is given, but all 3 rows are consumed"),
    ] {
        let error = call(mode, 0, &numbers([1, 2, 3])).unwrap_err().to_string();
        assert_eq!(error, format!("the plugin returned bad data: {expected}"));
    }
}
