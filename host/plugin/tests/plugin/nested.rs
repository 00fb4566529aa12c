//! Lists, structs, maps and dictionaries: there and back, and what is said of those that are none.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use millstream_plugin::{Bound, BoundMap, Limits, PluginError};

use super::{bind, numbers};

fn bound(mode: &str, batch: &RecordBatch) -> Result<BoundMap, PluginError> {
    match bind("map", mode, batch, &Limits::default())? {
        Bound::Map(map) => Ok(map),
        other => panic!("{other:?}"),
    }
}

fn bad(mode: &str) -> String {
    let batch = numbers([1, 2, 3]);
    let refused = bound(mode, &batch).and_then(|map| map.call(&batch)).unwrap_err().to_string();
    refused.strip_prefix("the plugin returned bad data: ").unwrap_or_else(|| panic!("{mode}: {refused}")).to_owned()
}

#[test]
fn a_guest_makes_columns_of_all_shapes() {
    let batch = numbers([1, 2, 3]);
    let map = bound("nested", &batch).unwrap();
    let made = RecordBatch::try_new(Arc::new(Schema::new(map.output().clone())), map.call(&batch).unwrap().columns);
    let made = arrow::util::pretty::pretty_format_batches(&[made.unwrap()]).unwrap().to_string();
    let expected = "\
+--------+------------+--------------+--------+------------+
| list   | fixed      | struct       | map    | dictionary |
+--------+------------+--------------+--------+------------+
| [a, b] | [1.5, 2.5] | {a: 1, b: a} | {a: 1} | z          |
| []     | [3.5, 4.5] |              | {b: 1} | y          |
| [c]    | [5.5, 6.5] | {a: 1, b: c} | {c: }  | z          |
+--------+------------+--------------+--------+------------+";
    assert_eq!(made, expected);
}

#[test]
fn columns_go_there_and_back_also_sliced() {
    let embeddings = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        [Some(vec![Some(1.0), None]), None, Some(vec![Some(2.0), Some(3.0)]), Some(vec![None, Some(4.0)])],
        2,
    );
    let words = LargeListArray::from_iter_primitive::<Int8Type, _, _>([
        None,
        Some(vec![Some(1), None, Some(3)]),
        Some(vec![]),
        Some(vec![Some(4)]),
    ]);
    let pair: StructArray = vec![
        (Arc::new(Field::new("embedding", embeddings.data_type().clone(), true)), Arc::new(embeddings) as ArrayRef),
        (Arc::new(Field::new("words", words.data_type().clone(), true)), Arc::new(words) as ArrayRef),
    ]
    .into();
    let batch = RecordBatch::try_from_iter([("pair", Arc::new(pair) as ArrayRef)]).unwrap();
    let map = bound("echo", &batch).unwrap();
    let expected = arrow::compute::cast(batch.column(0), map.output()[0].data_type()).unwrap();
    for offset in 0..=4 {
        for length in 0..=4 - offset {
            let back = map.call(&batch.slice(offset, length)).unwrap().columns;
            assert_eq!(back[0].as_ref(), expected.slice(offset, length).as_ref(), "{offset}+{length}");
        }
    }
}

#[test]
fn arrays_that_do_not_fit_are_named_with_their_path() {
    for (mode, expected) in [
        ("child-short", "column 0 `x`: offset 3 is 3, but there are only 2 rows of the child"),
        ("child-none", "1 arrays, but `bind` promised 2, children counted"),
        ("child-more", "3 arrays, but `bind` promised 2, children counted"),
        ("list-down", "column 0 `x`: offset 2 goes down, from 2 to 1"),
        ("list-start", "column 0 `x`: offset 0 is 1; offsets start at 0"),
        ("list-beyond", "column 0 `x`: offset 3 is 300, but there are only 3 rows of the child"),
        ("child-values", "column 0 `x.item`: 23 bytes of values for 3 rows of 8 bytes each"),
        ("child-validity", "column 0 `x.item`: validity of 0 bytes for 3 rows; a bitmap has a bit per row, 1 bytes"),
        ("child-not-utf8", "column 0 `x.item`: row 2: not UTF-8, at byte 0 of the value"),
        ("fixed-short", "column 0 `x.item`: 5 rows, but 6 are due"),
        ("fixed-long", "column 0 `x.item`: 7 rows, but 6 are due"),
        ("fixed-wide", "column 0 `x`: 8 bytes of values for 3 rows of 3 bytes each"),
        ("struct-short", "column 0 `x.a`: 2 rows, but 3 are due"),
        ("struct-long", "column 0 `x.a`: 4 rows, but 3 are due"),
        ("map-uneven", "column 0 `x.entries.value`: 2 rows, but 3 are due"),
        ("fixed-huge", "1 arrays, but `bind` promised 2, children counted"),
        ("children-missing", "`bind`: output column 0 `x`: it has 1 children, but only 0 fields follow"),
        ("children-beyond", "`bind`: output column 0 `x`: it has 4294967295 children, but only 1 fields follow"),
        ("children-many", "`bind`: output column 0 `x`: 2 children, but a column of format `+l` has one"),
        ("children-flat", "`bind`: output column 0 `x`: 1 children, but a column of format `l` has none"),
        ("no-format", "`bind`: output column 0 `x`: the contract has no format ``"),
        ("fixed-negative", "`bind`: output column 0 `x`: the contract has no format `+w:-1`"),
    ] {
        assert_eq!(bad(mode), expected, "{mode}");
    }
    for (mode, part) in [
        ("list-offsets", "12 bytes of offsets for 3 rows"),
        ("null-key", "`x.entries`: "),
        ("map-entries-null", "column 0 `x`: "),
        ("nested-200", "it nests deeper than 16"),
        ("index-beyond", "column 0 `x`: "),
        ("index-negative", "column 0 `x`: "),
        ("dictionary-none", "column 0 `x`: "),
        ("map-flat", "a map's child is a struct"),
        ("dictionary-float", "a dictionary's indices are whole numbers, not Float64"),
    ] {
        let told = bad(mode);
        assert!(told.contains(part), "{mode}: {told}");
    }
}

#[test]
fn a_guest_gets_what_it_asks_for() {
    let given = |mode: &str, column: ArrayRef| {
        let batch = RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap();
        bound(mode, &batch).and_then(|map| Ok(map.call(&batch)?.columns.remove(0)))
    };
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some((1 << 53) + 1), None, Some(-3)]));
    assert_eq!(given("as:l", numbers.clone()).unwrap().as_ref(), numbers.as_ref());
    let floats = given("as:g", numbers.clone()).unwrap();
    assert_eq!(
        floats.as_primitive::<Float64Type>(),
        &Float64Array::from(vec![Some(9007199254740992.0), None, Some(-3.0)])
    );
    let texts = given("as:u", numbers.clone()).unwrap();
    assert_eq!(texts.as_string::<i32>(), &StringArray::from(vec![Some("9007199254740993"), None, Some("-3")]));
    let error = given("as:s", numbers.clone()).unwrap_err();
    assert!(error.is_call_failure());
    assert_eq!(error.row(), Some(0));
    assert_eq!(
        error.to_string(),
        "the plugin cannot be given column `x`: 9007199254740993, which has no place in Int16"
    );
    let error = given("as:tdD", numbers).unwrap_err();
    assert_eq!(error.to_string(), "column `x`: a column of type Int64 cannot be handed over as Date32");

    let words: ArrayRef = Arc::new(StringViewArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
    let back = given("as:dictionary/u", words).unwrap();
    assert_eq!(back.as_string::<i32>(), &StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
    let prices: ArrayRef = Arc::new(Decimal128Array::from(vec![150, -5]).with_precision_and_scale(10, 2).unwrap());
    assert_eq!(given("as:u", prices).unwrap().as_string::<i32>(), &StringArray::from(vec!["1.50", "-0.05"]));
    let when: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1, -1]));
    assert_eq!(given("as:l", when).unwrap().as_primitive::<Int64Type>(), &Int64Array::from(vec![1000, -1000]));
}
