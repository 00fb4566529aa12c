//! Maps: columns there and back, what is refused at bind, what is refused of a result.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use millstream_plugin::{
    Bound, BoundMap, CallOptions, InputField, Limits, Mapped, PluginError, REASON_BYTES, REASON_DROPPED, Reject,
    Request,
};

use super::{bind, numbers, plugin};

fn bound(mode: &str, batch: &RecordBatch) -> BoundMap {
    match bind("map", mode, batch, &Limits::default()) {
        Ok(Bound::Map(map)) => map,
        other => panic!("{other:?}"),
    }
}

fn call(mode: &str, batch: &RecordBatch) -> Result<Mapped, PluginError> {
    bound(mode, batch).call(batch)
}

fn refused(mode: &str) -> String {
    bind("map", mode, &numbers([1]), &Limits::default()).unwrap_err().to_string()
}

#[test]
fn a_column_is_computed() {
    let batch = RecordBatch::try_from_iter([
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(-3)])) as ArrayRef),
        ("unused", Arc::new(StringArray::from(vec!["a", "b", "c"])) as ArrayRef),
    ])
    .unwrap();
    let map = bound("double", &batch);
    assert_eq!(map.reads(), [0]);
    assert_eq!(map.output()[0].name(), "x");
    let mapped = map.call(&batch).unwrap();
    assert_eq!(mapped.columns[0].as_primitive::<Int64Type>(), &Int64Array::from(vec![Some(2), None, Some(-6)]));
    assert_eq!(mapped.rejects, []);
    // Slices and empty batches, on the same instance.
    let mapped = map.call(&batch.slice(1, 2)).unwrap();
    assert_eq!(mapped.columns[0].as_primitive::<Int64Type>(), &Int64Array::from(vec![None, Some(-6)]));
    assert_eq!(map.call(&batch.slice(1, 0)).unwrap().columns[0].len(), 0);
}

/// Columns of all types that a plugin can read, in all layouts, with what they come back as.
fn all_types() -> Vec<(ArrayRef, ArrayRef)> {
    let same = |array: ArrayRef| (array.clone(), array);
    let text = vec![Some("one"), None, Some("dreiß"), Some(""), Some("five"), None, Some("seven"), Some("eight"), None];
    let bytes: Vec<Option<&[u8]>> = text.iter().map(|t| t.map(str::as_bytes)).collect();
    let micros = || Int64Array::from_iter((0..9).map(|i| (i != 4).then_some(i * 1_000_000_007 - 3_000_000_000)));
    let utc = |array: PrimitiveArray<TimestampMicrosecondType>| Arc::new(array.with_timezone("UTC")) as ArrayRef;
    let timestamp = utc(micros().reinterpret_cast());
    vec![
        same(Arc::new(BooleanArray::from_iter((0..9).map(|i| (i % 4 != 0).then_some(i % 3 == 0))))),
        same(Arc::new(Int8Array::from_iter_values(-4..5))),
        same(Arc::new(Int16Array::from_iter_values(-4..5))),
        same(Arc::new(Int32Array::from_iter((0..9).map(|i| (i % 2 == 0).then_some(i << 20))))),
        same(Arc::new(Int64Array::from_iter_values((0..9).map(|i| i << 40)))),
        same(Arc::new(UInt8Array::from_iter_values(247..=255))),
        same(Arc::new(UInt16Array::from_iter_values(0..9))),
        same(Arc::new(UInt32Array::from_iter_values(0..9))),
        same(Arc::new(UInt64Array::from_iter_values(u64::MAX - 8..=u64::MAX))),
        same(Arc::new(Float32Array::from_iter_values((0..9).map(|i| i as f32 / 3.0)))),
        same(Arc::new(Float64Array::from_iter((0..9).map(|i| (i != 8).then_some(f64::from(i) / 3.0))))),
        same(Arc::new(Date32Array::from_iter_values(-4..5))),
        same(Arc::new(
            Decimal128Array::from_iter((0..9).map(|i| (i != 2).then_some(i * i128::from(i64::MIN))))
                .with_precision_and_scale(38, 4)
                .unwrap(),
        )),
        same(timestamp.clone()),
        same(Arc::new(StringArray::from(text.clone()))),
        same(Arc::new(BinaryArray::from(bytes.clone()))),
        // Normalised on the way in.
        (Arc::new(LargeStringArray::from(text.clone())), Arc::new(StringArray::from(text.clone()))),
        (Arc::new(StringViewArray::from(text.clone())), Arc::new(StringArray::from(text.clone()))),
        (
            Arc::new(text.iter().copied().collect::<DictionaryArray<Int8Type>>()),
            Arc::new(StringArray::from(text.clone())),
        ),
        (Arc::new(LargeBinaryArray::from(bytes.clone())), Arc::new(BinaryArray::from(bytes.clone()))),
        (Arc::new(BinaryViewArray::from_iter(bytes.clone())), Arc::new(BinaryArray::from(bytes))),
        (Arc::new(micros().reinterpret_cast::<TimestampMicrosecondType>()), timestamp.clone()),
        (Arc::new(micros().reinterpret_cast::<TimestampMicrosecondType>().with_timezone("+02:00")), timestamp.clone()),
        (Arc::new(micros().unary::<_, TimestampNanosecondType>(|t| t * 1000 + 999)), timestamp),
        (
            Arc::new(TimestampSecondArray::from(vec![Some(-1), None, Some(2), Some(3), None, None, None, None, None])),
            utc(TimestampMicrosecondArray::from(vec![
                Some(-1_000_000),
                None,
                Some(2_000_000),
                Some(3_000_000),
                None,
                None,
                None,
                None,
                None,
            ])),
        ),
        (
            Arc::new(Date64Array::from_iter_values((-4..5).map(|day| day * 86_400_000 + 1))),
            Arc::new(Date32Array::from_iter_values(-4..5)),
        ),
    ]
}

#[test]
fn all_types_go_there_and_back_also_sliced() {
    let (given, expected): (Vec<_>, Vec<_>) = all_types().into_iter().unzip();
    let names: Vec<String> = (0..given.len()).map(|i| format!("c{i}")).collect();
    let batch = RecordBatch::try_from_iter_with_nullable(
        names.iter().zip(&given).map(|(name, array)| (name, array.clone(), true)),
    )
    .unwrap();
    let map = bound("echo", &batch);
    for (field, expected) in map.output().iter().zip(&expected) {
        assert_eq!(field.data_type(), expected.data_type());
    }
    for offset in 0..=9 {
        for length in 0..=9 - offset {
            let back = map.call(&batch.slice(offset, length)).unwrap().columns;
            for (column, (back, expected)) in back.iter().zip(&expected).enumerate() {
                assert_eq!(back, &expected.slice(offset, length), "column {column}, {offset}+{length}");
                back.to_data().validate_full().unwrap();
            }
        }
    }
}

/// A type that the contract has no format for.
fn union_type() -> DataType {
    DataType::Union(UnionFields::from_fields([Field::new("a", DataType::Int32, true)]), UnionMode::Sparse)
}

#[test]
fn a_constant_and_a_strange_type_reach_bind() {
    let input = [
        InputField {
            field: Arc::new(Field::new("pattern", DataType::Utf8View, false)),
            constant: Some(Arc::new(StringViewArray::from(vec!["/*"]))),
        },
        InputField::from(Arc::new(Field::new("span", union_type(), true))),
        InputField::from(Arc::new(Field::new("price", DataType::Decimal128(12, 2), true))),
    ];
    let request = Request { config: r#"{"do": "describe"}"#, input: &input, ..Request::default() };
    let bound = plugin("map").bind(&request, &Limits::default()).unwrap();
    let told = bound.output()[0].name().clone();
    for part in ["\"pattern\", format: \"u\"", "buffers: [[0, 0, 0, 0, 2, 0, 0, 0], [47, 42]]", "\"d:12,2\""] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(told.contains("\"span\", format: \"Union(") && told.contains("readable: false"), "{told}");

    let site = Request { config: r#"{"do": "site"}"#, node: "clean", sql: Some("f(x)"), ..request };
    let told = plugin("map").bind(&site, &Limits::default()).unwrap().output()[0].name().clone();
    for part in ["\"clean\"", "f(x)", "millstream:operator/log@0.2.0", "guest-map"] {
        assert!(told.contains(part), "{part} in {told}");
    }
}

#[test]
fn bad_answers_to_bind_are_refused() {
    assert_eq!(refused("refuse"), "the plugin refused `do` of its configuration: not like this");
    assert!(refused("read-twice").ends_with("`bind`: it reads column 0 `n` twice"));
    assert!(refused("read-beyond").ends_with("`bind`: it reads column 99 of an input of 1 columns"));
    assert!(refused("same-names").ends_with("`bind`: output column 1 `x`: this name is given twice"));
    assert!(refused("no-name").ends_with("`bind`: output column 0 has no name"));
    assert!(refused("no-output").contains("a map makes at least one column"));
    assert!(refused("other-output").ends_with("`bind`: output column 0 `x`: the contract has no format `Interval`"));
    assert!(refused("bad-decimal").contains("decimal(39, 2) is no type"));
    assert!(refused("bind-panic").starts_with("the plugin panicked: no binding today, at map/src/lib.rs:"));

    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true), Field::new("wait", union_type(), true)]);
    let batch = RecordBatch::new_empty(Arc::new(schema));
    let error = bind("map", "read-all", &batch, &Limits::default()).unwrap_err();
    assert!(error.to_string().starts_with("column `wait`: plugins cannot read columns of type Union("), "{error}");
    // It may be there, as long as it is not read.
    bind("map", "double", &batch, &Limits::default()).unwrap();
}

#[test]
fn bad_results_are_named() {
    for (mode, expected) in [
        ("offsets-down", "column 0 `x`: offset 2 goes down, from 2 to 1"),
        ("offsets-start", "column 0 `x`: offset 0 is 1; offsets start at 0"),
        ("offsets-beyond", "column 0 `x`: offset 3 is 4, but there are only 3 bytes of data"),
        (
            "offsets-short",
            "column 0 `x`: 12 bytes of offsets for 3 rows; there is one more offset than rows, of 4 bytes each",
        ),
        (
            "offsets-half",
            "column 0 `x`: 15 bytes of offsets for 3 rows; there is one more offset than rows, of 4 bytes each",
        ),
        ("not-utf8", "column 0 `x`: row 2: not UTF-8, at byte 0 of the value"),
        ("half-character", "column 0 `x`: row 0: not UTF-8, at byte 0 of the value"),
        ("one-buffer", "column 0 `x`: 1 buffers, but a column of its format has 2"),
        ("three-buffers", "column 0 `x`: 3 buffers, but a column of its format has 2"),
        ("short", "column 0 `x`: 2 rows, but 3 are due"),
        ("long", "column 0 `x`: 4 rows, but 3 are due"),
        ("values-short", "column 0 `x`: 16 bytes of values for 3 rows of 8 bytes each"),
        ("values-long", "column 0 `x`: 32 bytes of values for 3 rows of 8 bytes each"),
        ("values-half", "column 0 `x`: 23 bytes of values for 3 rows of 8 bytes each"),
        ("wrong-type", "column 0 `x`: 2 buffers, but a column of its format has 1"),
        ("no-columns", "0 arrays, but `bind` promised 1"),
        ("two-columns", "2 arrays, but `bind` promised 1"),
        ("batch-rows", "4 rows, but 3 are due"),
        ("validity-short", "column 0 `x`: validity of 0 bytes for 3 rows; a bitmap has a bit per row, 1 bytes"),
        ("not-null", "column 0 `x`: row 1: null in a column that `bind` promised to have none"),
        ("decimal", "column 0 `x`: row 0: the value has more than 3 digits"),
        ("reject-beyond", "reject 0: row 3 of a batch of 3 rows"),
        ("reject-order", "reject 1: row 0 comes after row 1; rejected rows ascend"),
        ("reject-twice", "reject 1: row 1 comes after row 1; rejected rows ascend"),
        ("reject-half", "rejects: the rows of 3 bytes; they are of 4 bytes each"),
        (
            "reject-offsets",
            "rejects: 8 bytes of offsets for 2 rows; there is one more offset than rows, of 4 bytes each",
        ),
        (
            "reject-no-offsets",
            "rejects: 0 bytes of offsets for 2 rows; there is one more offset than rows, of 4 bytes each",
        ),
        ("reject-offsets-down", "rejects: offset 2 goes down, from 9 to 5"),
        ("reject-offsets-beyond", "rejects: offset 2 is 11, but there are only 10 bytes of reasons"),
        ("reject-not-utf8", "reject 0: its reason is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"),
    ] {
        let error = call(mode, &numbers([1, 2, 3])).unwrap_err();
        assert!(error.is_call_failure());
        assert_eq!(error.to_string(), format!("the plugin returned bad data: {expected}"), "{mode}");
    }
    // A byte a row instead of a bit, the commonest of mistakes.
    let error = call("validity", &numbers(0..100)).unwrap_err();
    assert!(error.to_string().ends_with("validity of 100 bytes for 100 rows; a bitmap has a bit per row, 13 bytes"));
    let error = call("wild", &numbers([1])).unwrap_err().to_string();
    assert!(error.contains("calling convention: list pointer/length out of bounds"), "{error}");
}

#[test]
fn rejected_rows_come_with_their_reasons() {
    let mapped = call("reject", &numbers([1, 2, 3])).unwrap();
    let reject = |row, reason: &str| Reject { row, reason: reason.to_owned() };
    assert_eq!(mapped.rejects, [reject(0, "first"), reject(2, "third")]);
    assert_eq!(mapped.columns[0].len(), 3);
    // A null that only a rejected row has is no fault, and is gone.
    assert_eq!(call("reject-null", &numbers([1, 2, 3])).unwrap().columns[0].null_count(), 0);

    let rejects = call("reject-much", &numbers(0..1000)).unwrap().rejects;
    assert_eq!(rejects.len(), 1000);
    assert!(rejects[0].reason.len() <= REASON_BYTES && rejects[0].reason.ends_with("ä…"));
    assert_eq!(rejects[999].reason, REASON_DROPPED);
    assert!(rejects.iter().map(|r| r.reason.len()).sum::<usize>() < 1100 << 10);
}

#[test]
fn a_batch_of_another_schema_is_refused() {
    let map = bound("double", &numbers([1]));
    let text = RecordBatch::try_from_iter([("n", Arc::new(StringArray::from(vec!["1"])) as ArrayRef)]).unwrap();
    let error = map.call(&text).unwrap_err();
    assert!(!error.is_call_failure());
    assert_eq!(error.to_string(), "column 0 `n` is of type Utf8, but the plugin was bound to Int64");
}

#[test]
fn a_time_out_of_range_is_an_error_not_a_null() {
    let seconds = Arc::new(TimestampSecondArray::from(vec![i64::MAX])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("t", seconds)]).unwrap();
    let error = call("echo", &batch).unwrap_err();
    assert!(error.is_call_failure(), "the row is to blame");
    assert_eq!(error.to_string(), "the plugin cannot be given column `t`: a timestamp is out of range");
}

#[test]
fn instances_are_used_again_unless_a_fresh_one_is_wanted() {
    let batch = numbers([1]);
    let map = bound("calls", &batch);
    let calls = |options| map.call_with(&batch, options).unwrap().columns[0].as_primitive::<Int64Type>().value(0);
    assert_eq!([calls(CallOptions::default()), calls(CallOptions::default())], [1, 2]);
    assert_eq!(calls(CallOptions::RETRY), 1);
    // It is the one in the pool now; fresh ones do not pile up.
    assert_eq!(calls(CallOptions::default()), 2);
    for _ in 0..1200 {
        assert_eq!(calls(CallOptions::RETRY), 1);
    }
}
