//! JSON lines against a slow reader of its own, and what a user is told of values that are none of their column.

mod random;
mod reader;
mod slow;

use arrow::datatypes::SchemaRef;
use proptest::prelude::*;

use self::random::{line, value};
use self::slow::json_row;
use super::{Outcome, decode, decoder, file, model, schema};
use crate::format::FileFormat;
use crate::format::{Check, RawChunk, RawContent, Unseen, type_name};

pub(super) fn json_schema() -> SchemaRef {
    schema(&[
        ("url", "utf8"),
        ("n", "int64"),
        ("x", "float64"),
        ("t", "timestamp"),
        ("flag", "boolean"),
        ("items", "list<int64>"),
        ("deep", DEEP),
    ])
}

const DEEP: &str = "struct<n: int8, x: float64, t: timestamp, url: utf8, flag: boolean, day: date, cost: decimal(6, 2), \
                    raw: binary, items: list<struct<n: int64, t: timestamp, url: utf8, items: list<list<utf8>>>>>";

const EVERY: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_as_by_the_slow_reader(file in file(line()), size in 1usize..400) {
        let decoded = decode(FileFormat::Json, &json_schema(), &EVERY, Check::Declared, &file, size);
        prop_assert_eq!(decoded.without_reasons(), model(&file, 1, json_row));
    }

    #[test]
    fn which_json_rows_are_bad_does_not_depend_on_what_is_wanted(file in file(line()), size in 1usize..400) {
        let some = decode(FileFormat::Json, &json_schema(), &[3, 0], Check::Declared, &file, size);
        let mut all = model(&file, 1, json_row);
        for (_, cells) in &mut all.rows {
            *cells = vec![cells[3].clone(), cells[0].clone()];
        }
        prop_assert_eq!(some.without_reasons(), all);
    }

    #[test]
    fn a_type_takes_the_same_values_at_every_depth(value in value(2)) {
        // Where there is no value a list is empty, and an object is none.
        prop_assume!(!value.is_empty());
        for name in ["utf8", "int8", "int64", "float64", "boolean", "date", "timestamp", "decimal(6, 2)", "binary"] {
            let mut taken = Vec::new();
            for (column, text) in [
                (name.to_owned(), format!("{{\"c\": {value}}}")),
                (format!("list<{name}>"), format!("{{\"c\": [ {value} ]}}")),
                (format!("struct<c: {name}>"), format!("{{\"c\": {{\"c\": {value}}}}}")),
                (format!("list<struct<c: list<{name}>>>"), format!("{{\"c\": [{{\"c\": [{value} ]}}]}}")),
            ] {
                let schema = schema(&[("c", &column)]);
                let Outcome { rows, .. } = decode(FileFormat::Json, &schema, &[0], Check::Declared, text.as_bytes(), 1000);
                let strip = |text: &str| text.trim_matches(['[', ']', '{', '}']).to_owned();
                let is_nested = value.starts_with(['[', '{']);
                taken.push(rows.into_iter().map(|(_, cells)| {
                    let cell = cells[0].clone().unwrap_or("null".into());
                    if is_nested { String::new() } else { strip(&cell) }
                }).collect::<Vec<_>>());
            }
            let strip: Vec<_> = taken[0].clone();
            prop_assert!(taken.iter().all(|other| *other == strip), "{}: {:?}", name, taken);
        }
    }
}

fn cells(column: &str, text: &str) -> Result<String, String> {
    let schema = schema(&[("c", column)]);
    let outcome = decode(FileFormat::Json, &schema, &[0], Check::Declared, text.as_bytes(), 1 << 20);
    match (outcome.rows.as_slice(), outcome.bad.as_slice()) {
        ([(_, cells)], []) => Ok(cells[0].clone().unwrap_or("null".into())),
        ([], [(_, reason, _)]) => Err(reason.clone()),
        other => panic!("{}: {other:?}", type_name(schema.field(0).data_type())),
    }
}

#[test]
fn numbers_in_a_timestamp_are_seconds_at_every_depth() {
    assert_eq!(cells("timestamp", r#"{"c": 1772355605}"#).unwrap(), "1772355605000000");
    assert_eq!(cells("list<timestamp>", r#"{"c": [1772355605.25, -0.0000001]}"#).unwrap(), "[1772355605250000,-1]");
    let of = "struct<a: struct<at: timestamp, n: int64>>";
    assert_eq!(cells(of, r#"{"c": {"a": {"n": 7, "at": 1772355600}}}"#).unwrap(), "{{1772355600000000,7}}");
    assert_eq!(
        cells("timestamp", r#"{"c": 1772355725000}"#).unwrap_err(),
        "column `c`: `1772355725000` seconds since 1970 are in the year 58133: are these milliseconds?"
    );
    assert_eq!(
        cells("list<struct<at: timestamp>>", r#"{"c": [{}, {"at": 1772355725000000}]}"#).unwrap_err(),
        "column `c[2].at`: `1772355725000000` seconds since 1970 are in the year 56165687: are these microseconds?"
    );
    let after_9999 = cells("timestamp", r#"{"c": 253402300800}"#).unwrap_err();
    assert!(after_9999.contains("in the year 10000"), "{after_9999}");
    assert!(cells("timestamp", r#"{"c": 1e15}"#).unwrap_err().contains("microseconds?"));
    assert!(
        cells("timestamp", r#"{"c": -99999999999999}"#).unwrap_err().ends_with("lies outside the years 0001 to 9999")
    );
    let year_0 = cells("timestamp", r#"{"c": "0000-12-31T00:00:00Z"}"#).unwrap_err();
    assert!(year_0.ends_with("lies outside the years 0001 to 9999"), "{year_0}");
}

#[test]
fn fractions_are_not_cut_and_texts_are_no_numbers_at_any_depth() {
    for (column, text, reason) in [
        ("list<int64>", r#"{"c": [1, 1.5]}"#, "column `c[2]`: `1.5` is not an int64"),
        ("list<int64>", r#"{"c": ["7"]}"#, "column `c[1]`: `\"7\"` is not an int64"),
        ("struct<a: struct<b: int8>>", r#"{"c": {"a": {"b": 300}}}"#, "column `c.a.b`: `300` is not an int8"),
        ("struct<a: list<boolean>>", r#"{"c": {"a": [null, "true"]}}"#, "column `c.a[2]`: `\"true\"` is not a boolean"),
        ("struct<a: int64>", r#"{"c": [1]}"#, "column `c`: `[1]` is not a struct<a: int64>"),
        ("list<list<date>>", r#"{"c": [[], [null, {}]]}"#, "column `c[2][2]`: `{}` is not a date"),
    ] {
        assert_eq!(cells(column, text).unwrap_err(), reason);
    }
}

#[test]
fn a_text_takes_what_is_written_at_every_depth() {
    let of = "list<struct<name: utf8, args: utf8>>";
    let text = r#"{"c": [{"name": "a", "args": {"b" : [1,  2]}}, {"args": null}, {"args": "é\n"}, {"args": 1.50}]}"#;
    assert_eq!(cells(of, text).unwrap(), "[{a,{\"b\" : [1,  2]}},{null,null},{null,é\n},{null,1.50}]");
}

#[test]
fn unknown_fields_are_ignored_and_of_a_doubled_one_the_last_counts() {
    let of = "struct<a: int64, b: utf8>";
    assert_eq!(cells(of, r#"{"c": {"a": 1, "z": [{}], "a": 2}}"#).unwrap(), "{2,null}");
    assert_eq!(cells(of, r#"{"c": {"a": "x", "a": null}}"#).unwrap(), "{null,null}");
    assert_eq!(cells(of, r#"{"c": {}}"#).unwrap(), "{null,null}");
}

#[test]
fn a_column_that_no_row_had_is_told_with_the_key_that_looks_like_it() {
    let schema = schema(&[("userName", "utf8"), ("Id", "int64"), ("ID", "int64"), ("Größe", "int64")]);
    let decoder = decoder(FileFormat::Json, &schema, &[1], Check::Declared).unwrap();
    let unseen = || {
        let unseen = decoder.unseen().into_iter();
        unseen.map(|Unseen { column, near }| (column, near.unwrap_or_default())).collect::<Vec<_>>()
    };
    let feed = |lines: &str| {
        let content = RawContent::Lines { bytes: lines.as_bytes().into(), before: 0, layout: None, long: Vec::new() };
        decoder.decode(&RawChunk { part: 0, index: 0, content }).unwrap();
    };
    feed("no row\n");
    assert!(unseen().is_empty(), "nothing is missing where there is no row");
    feed(
        "{\"USERNAME\": null, \"Id\": null, \"x\": {\"ID\": 1}}\n{\"username\": 1, \"id\": 1, \"GRÖSSE\": 1, \"gRÖßE\": 1}\n",
    );
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(unseen(), [pair("userName", "USERNAME"), pair("ID", "id"), pair("Größe", "gRÖßE")]);
    feed("{\"I\\u0044\": 2, \"userName\": \"ann\"}\n");
    assert_eq!(unseen(), [pair("Größe", "gRÖßE")]);
}

#[test]
fn a_number_beyond_the_range_of_floats_is_no_infinity() {
    for (column, text) in
        [("float64", r#"{"c": 1e400}"#), ("float32", r#"{"c": -1e39}"#), ("list<float64>", r#"{"c": [1, 1e400]}"#)]
    {
        assert!(cells(column, text).unwrap_err().contains(" is not a float"), "{text}");
    }
    assert_eq!(cells("float64", r#"{"c": "Infinity"}"#).unwrap(), "inf");
    let schema = schema(&[("a", "float64"), ("b", "float64")]);
    let csv = FileFormat::Csv { header: false, delimiter: b',' };
    let outcome = decode(csv, &schema, &[0, 1], Check::Declared, b"1e400,1\n1,-1e309\ninf,-infinity\n", 1 << 20);
    assert_eq!((outcome.rows.len(), outcome.bad.len()), (1, 2));
}
