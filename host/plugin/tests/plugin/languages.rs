//! The contract as other languages see it: components written in C, Python and JavaScript against the WIT alone, with
//! the tools that there are. They are built by hand, as the README of each folder in `tests/languages` says, so the
//! tests are ignored; each takes what the environment names.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::*;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::*;
use millstream_plugin::{Bound, BoundMap, InputField, Limits, LogSink, Plugin, PluginError, Request};

use super::runtime;

struct Language {
    name: &'static str,
    plugin: Plugin,
    limits: Limits,
    /// The most nanoseconds that a float64 may cost in and out.
    cost: f64,
}

/// The languages whose components the environment names.
fn languages() -> Vec<Language> {
    let known = [("C", 64, 5.0), ("PYTHON", 128, 20.0), ("JAVASCRIPT", 64, 15.0)];
    let mut found = Vec::new();
    for (name, mib, cost) in known {
        let Some(path) = std::env::var_os(format!("MILLSTREAM_GUEST_{name}")) else { continue };
        let plugin = runtime().load_file(Path::new(&path)).unwrap();
        found.push(Language { name, plugin, limits: Limits { memory: mib << 20, ..Limits::default() }, cost });
    }
    assert!(!found.is_empty(), "MILLSTREAM_GUEST_C, _PYTHON and _JAVASCRIPT name no component");
    found
}

impl Language {
    fn bind(&self, operator: &str, config: &str, batch: &RecordBatch) -> Result<BoundMap, PluginError> {
        self.bind_logging(operator, config, batch, None)
    }

    fn bind_logging(
        &self,
        operator: &str,
        config: &str,
        batch: &RecordBatch,
        log: Option<LogSink>,
    ) -> Result<BoundMap, PluginError> {
        let input = InputField::of_schema(&batch.schema());
        let request = Request { operator: Some(operator), config, input: &input, log, ..Request::default() };
        match self.plugin.bind(&request, &self.limits)? {
            Bound::Map(map) => Ok(map),
            other => panic!("{}: {other:?}", self.name),
        }
    }
}

fn one(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("x", column, true)]).unwrap()
}

#[test]
#[ignore = "needs components that are built by hand"]
fn they_list_their_operators() {
    for language in languages() {
        let operators = language.plugin.operators(&language.limits).unwrap();
        assert_eq!(operators.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["echo", "double"]);
        let imports = &language.plugin.describe().imports;
        let denied: Vec<&str> = imports.iter().filter(|i| !i.granted).map(|i| i.name.as_str()).collect();
        eprintln!("{}: {} imports, of which trap: {denied:?}", language.name, imports.len());
    }
}

#[test]
#[ignore = "needs components that are built by hand"]
fn whole_numbers_stay_what_they_are() {
    let numbers = Int64Array::from(vec![Some(i64::MIN), Some((1 << 53) + 1), None, Some(i64::MAX), Some(-1)]);
    let batch = one(Arc::new(numbers.clone()));
    for language in languages() {
        let echoed = language.bind("echo", "{}", &batch).unwrap().call(&batch).unwrap();
        assert_eq!(echoed.columns[0].as_primitive::<Int64Type>(), &numbers, "{}", language.name);
        let doubled = language.bind("double", "{}", &batch).unwrap().call(&batch).unwrap();
        let expected = Int64Array::from(vec![Some(0), Some((1 << 54) + 2), None, Some(-2), Some(-2)]);
        assert_eq!(doubled.columns[0].as_primitive::<Int64Type>(), &expected, "{}", language.name);
    }
}

const ROWS: usize = 11;

/// Numbers with a null in every fourth row.
fn numbers<T: ArrowPrimitiveType>(number: impl Fn(i64) -> T::Native) -> ArrayRef {
    Arc::new((0..ROWS as i64).map(|row| (row % 4 != 1).then(|| number(row))).collect::<PrimitiveArray<T>>())
}

/// One column of every format of the contract, all with nulls.
fn all_formats() -> Vec<ArrayRef> {
    let words = ["one", "", "dreiß", "€", "five"];
    let texts = || (0..ROWS).map(|row| (row % 4 != 1).then(|| words[row % 5]));
    let wide = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        (0..ROWS).map(|row| (row % 4 != 1).then_some([row as u8; 3])),
        3,
    );
    let month = |i: i64| IntervalMonthDayNanoType::make_value(i as i32, -(i as i32), i << 40);
    vec![
        Arc::new(NullArray::new(ROWS)),
        Arc::new((0..ROWS).map(|row| (row % 4 != 1).then_some(row % 3 == 0)).collect::<BooleanArray>()),
        numbers::<Int8Type>(|i| i as i8 - 4),
        numbers::<Int16Type>(|i| i as i16 - 4),
        numbers::<Int32Type>(|i| i as i32 - 4),
        numbers::<Int64Type>(|i| i64::MIN + i),
        numbers::<UInt8Type>(|i| 255 - i as u8),
        numbers::<UInt16Type>(|i| 65535 - i as u16),
        numbers::<UInt32Type>(|i| u32::MAX - i as u32),
        numbers::<UInt64Type>(|i| u64::MAX - i as u64),
        arrow::compute::cast(&numbers::<Float32Type>(|i| i as f32 / 2.0), &DataType::Float16).unwrap(),
        numbers::<Float32Type>(|i| i as f32 / 3.0),
        numbers::<Float64Type>(|i| i as f64 / 3.0),
        Arc::new(texts().collect::<StringArray>()),
        Arc::new(texts().map(|text| text.map(str::as_bytes)).collect::<BinaryArray>()),
        Arc::new(wide.unwrap()),
        Arc::new(
            numbers::<Decimal128Type>(|i| i128::from(i) << 70)
                .as_primitive::<Decimal128Type>()
                .clone()
                .with_precision_and_scale(38, 4)
                .unwrap(),
        ),
        Arc::new(
            numbers::<Decimal256Type>(|i| arrow::datatypes::i256::from_i128(i128::from(i) << 90))
                .as_primitive::<Decimal256Type>()
                .clone()
                .with_precision_and_scale(60, 7)
                .unwrap(),
        ),
        numbers::<Date32Type>(|i| i as i32 - 4),
        numbers::<Time32SecondType>(|i| i as i32),
        numbers::<Time32MillisecondType>(|i| i as i32),
        numbers::<Time64MicrosecondType>(|i| i),
        numbers::<Time64NanosecondType>(|i| i),
        Arc::new(
            numbers::<TimestampMicrosecondType>(|i| (i - 4) * 1_000_000_007)
                .as_primitive::<TimestampMicrosecondType>()
                .clone()
                .with_timezone("UTC"),
        ),
        numbers::<DurationSecondType>(|i| i - 4),
        numbers::<DurationNanosecondType>(|i| i64::MAX - i),
        numbers::<IntervalYearMonthType>(|i| i as i32 - 4),
        numbers::<IntervalDayTimeType>(|i| IntervalDayTimeType::make_value(i as i32, -(i as i32))),
        numbers::<IntervalMonthDayNanoType>(month),
        three_deep(),
        a_map(),
    ]
}

/// Lists of structs of lists of text and of fixed-size lists of numbers, with nulls at every level.
fn three_deep() -> ArrayRef {
    let mut words = ListBuilder::new(StringBuilder::new());
    let mut places = FixedSizeListBuilder::new(Float32Builder::new(), 2);
    let mut present = Vec::new();
    let items = 17;
    for item in 0..items {
        for word in 0..item % 3 {
            words.values().append_option((word != 1).then_some("wörd"));
        }
        words.append(item % 5 != 2);
        places.values().append_option((item % 7 != 3).then_some(item as f32));
        places.values().append_value(-1.5);
        places.append(item % 6 != 4);
        present.push(item % 8 != 5);
    }
    let (words, places): (ArrayRef, ArrayRef) = (Arc::new(words.finish()), Arc::new(places.finish()));
    let field = |name: &str, array: &ArrayRef| Field::new(name, array.data_type().clone(), true);
    let fields = Fields::from(vec![field("words", &words), field("place", &places)]);
    let structs = StructArray::new(fields, vec![words, places], Some(present.into()));
    let lengths = [2, 0, 3, 1, 0, 4, 1, 2, 0, 1, 3];
    let item = Arc::new(Field::new("item", structs.data_type().clone(), true));
    let present: Vec<bool> = (0..ROWS).map(|row| row != 3 && row != 4).collect();
    Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), Arc::new(structs), Some(present.into())))
}

fn a_map() -> ArrayRef {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for row in 0..ROWS {
        for entry in 0..row % 3 {
            map.keys().append_value(format!("k{entry}"));
            map.values().append_option((entry == 0).then_some(row as i64));
        }
        map.append(row % 5 != 1).unwrap();
    }
    Arc::new(map.finish())
}

#[test]
#[ignore = "needs components that are built by hand"]
fn columns_of_all_formats_are_handed_back() {
    let columns = all_formats();
    let names: Vec<String> = columns.iter().map(|column| format!("{}", column.data_type())).collect();
    let batch = RecordBatch::try_from_iter_with_nullable(
        names.iter().zip(&columns).enumerate().map(|(i, (name, column))| (format!("{i} {name}"), column.clone(), true)),
    )
    .unwrap();
    for language in languages() {
        let map = language.bind("echo", "{}", &batch).unwrap();
        for (made, column) in map.output().iter().zip(&columns) {
            assert!(made.data_type().equals_datatype(column.data_type()), "{made}: {}", column.data_type());
        }
        for offset in 0..=ROWS {
            for length in 0..=ROWS - offset {
                let back = map.call(&batch.slice(offset, length)).unwrap().columns;
                for ((back, column), name) in back.iter().zip(&columns).zip(&names) {
                    let column = arrow::compute::cast(&column.slice(offset, length), back.data_type()).unwrap();
                    assert_eq!(back, &column, "{}: {name}, {offset}+{length}", language.name);
                    back.to_data().validate_full().unwrap();
                }
            }
        }
    }
}

#[test]
#[ignore = "needs components that are built by hand"]
fn dictionaries_are_handed_back() {
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
    let batch = one(texts);
    for language in languages() {
        let map = language.bind("echo", r#"{"dictionaries": true}"#, &batch).unwrap();
        for rows in [4, 0] {
            let back = map.call(&batch.slice(0, rows)).unwrap().columns;
            let expected = StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]).slice(0, rows);
            assert_eq!(back[0].as_string::<i32>(), &expected, "{}", language.name);
        }
    }
}

#[test]
#[ignore = "needs components that are built by hand"]
fn arrays_that_are_wrong_are_refused_with_their_path() {
    let nested = one(three_deep());
    let texts = one(Arc::new(arrow::compute::cast(&all_formats()[13], &DataType::Utf8).unwrap()));
    for language in languages() {
        for (how, batch, expected) in [
            ("no-array", &nested, "5 arrays, but `bind` promised 6, children counted"),
            ("rows", &nested, "column 0 `x.item.place.item`: 35 rows, but 34 are due"),
            (
                "validity",
                &nested,
                "column 0 `x.item.place.item`: validity of 0 bytes for 34 rows; a bitmap has a bit per row, 5 bytes",
            ),
            ("no-buffer", &nested, "column 0 `x.item.place.item`: 0 buffers, but a column of its format has 1"),
            ("short", &nested, "column 0 `x.item.place.item`: 135 bytes of values for 34 rows of 4 bytes each"),
            ("offsets", &texts, "column 0 `x`: offset 0 is -1; offsets start at 0"),
            ("text", &texts, "column 0 `x`: row 0: not UTF-8, at byte 0 of the value"),
        ] {
            let map = language.bind("echo", &format!("{{\"spoil\": \"{how}\"}}"), batch).unwrap();
            let error = map.call(batch).unwrap_err();
            assert!(error.is_call_failure());
            let told = format!("the plugin returned bad data: {expected}");
            assert_eq!(error.to_string(), told, "{}: {how}", language.name);
        }
        // The plugin is as good as before.
        let back = language.bind("echo", "{}", &nested).unwrap().call(&nested).unwrap();
        assert_eq!(back.columns[0].len(), ROWS);
    }
}

#[test]
#[ignore = "needs components that are built by hand"]
fn ten_thousand_calls_of_a_mebibyte_succeed() {
    let wide: Vec<(String, ArrayRef)> = (0..16)
        .map(|c| (format!("c{c}"), Arc::new(Float64Array::from_iter_values((0..8192).map(f64::from))) as ArrayRef))
        .collect();
    let wide = RecordBatch::try_from_iter(wide).unwrap();
    for language in languages() {
        let map = language.bind("echo", "{}", &wide).unwrap();
        let begun = Instant::now();
        let failed: Vec<String> =
            (0..10_000).filter_map(|call| map.call(&wide).err().map(|error| format!("call {call}: {error}"))).collect();
        eprintln!("{}: 10,000 calls of 1 MiB in {:?}", language.name, begun.elapsed());
        assert!(failed.is_empty(), "{}: {} failed, first {}", language.name, failed.len(), failed[0]);
    }
}

#[test]
#[ignore = "needs components that are built by hand"]
fn what_a_number_costs() {
    let floats = one(Arc::new(Float64Array::from_iter_values((0..8192).map(f64::from))));
    for language in languages() {
        for config in [r#"{"do": "nothing"}"#, "{}"] {
            let map = language.bind("double", config, &floats).unwrap();
            for _ in 0..50 {
                map.call(&floats).unwrap();
            }
            // The best of many, since a busy machine only ever adds.
            let best = (0..500).map(|_| {
                let begun = Instant::now();
                map.call(&floats).unwrap();
                begun.elapsed()
            });
            let per_value = best.min().unwrap().as_nanos() as f64 / 8192.0;
            eprintln!("{}, {config}: {per_value:.1} ns per float64 in and out", language.name);
            // In an unoptimised build it is the host that costs, and with work per value the language.
            let counts = !cfg!(debug_assertions) && config != "{}";
            assert!(!counts || per_value <= language.cost, "{}: {per_value} ns", language.name);
        }
    }
}

#[test]
#[ignore = "needs components that are built by hand"]
fn what_goes_wrong_is_told() {
    let batch = one(Arc::new(Int64Array::from(vec![1])));
    for language in languages() {
        let text = one(Arc::new(StringArray::from(vec!["a"])));
        let refused = language.bind("double", "{}", &text).unwrap_err().to_string();
        assert!(refused.contains("`x` has format u"), "{}: {refused}", language.name);
        let map = language.bind("double", r#"{"do": "fail"}"#, &batch).unwrap();
        let error = map.call(&batch).unwrap_err();
        assert_eq!(error.row(), Some(0), "{}: {error}", language.name);
        assert!(error.to_string().contains("there is none"), "{}: {error}", language.name);
        let map = language.bind("double", r#"{"do": "raise"}"#, &batch).unwrap();
        eprintln!("{} ends with: {:?}", language.name, map.call(&batch).unwrap_err());

        let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = lines.clone();
        let sink = LogSink::new(move |_, line: &str| kept.lock().unwrap().push(line.to_owned()));
        let map = language.bind_logging("double", r#"{"do": "log"}"#, &batch, Some(sink)).unwrap();
        map.call(&batch).unwrap();
        assert_eq!(*lines.lock().unwrap(), ["doubling ä  b"], "{}", language.name);
    }
}
