//! Types are told so that every value is read as what was written.

use arrow::datatypes::DataType;
use proptest::prelude::*;

use super::*;
use crate::format::{CsvDialect, CsvReading, MAX_RECORD, type_name};

fn of_json(lines: &[&str]) -> Vec<(String, String)> {
    let mut columns = Members::default();
    lines.iter().for_each(|line| json::walk(line, &mut columns));
    columns.iter().map(|(name, kinds)| (name.to_owned(), type_name(&kinds.data_type()))).collect()
}

fn of_fields(fields: &[&str]) -> String {
    let mut kinds = Kinds::default();
    fields.iter().filter(|f| !f.is_empty()).for_each(|field| kinds.field(field));
    type_name(&kinds.data_type())
}

#[test]
fn columns_of_json_hold_all_that_was_seen() {
    for (lines, want) in [
        (vec![r#"{"a": 1}"#, r#"{"a": -2}"#], "int64"),
        (vec![r#"{"a": 1}"#, r#"{"a": 2.5}"#], "float64"),
        (vec![r#"{"a": 1.5}"#, r#"{"a": "NaN"}"#], "float64"),
        (vec![r#"{"a": "NaN"}"#], "utf8"),
        (vec![r#"{"a": 9223372036854775807}"#], "int64"),
        (vec![r#"{"a": 9223372036854775808}"#], "decimal(38, 0)"),
        (vec![r#"{"a": 9007199254740993}"#, r#"{"a": 0.25}"#], "decimal(38, 2)"),
        (vec![r#"{"a": 9007199254740993}"#, r#"{"a": 1e3}"#], "utf8"),
        (vec![r#"{"a": 1e400}"#], "utf8"),
        (vec![r#"{"a": 123456789012345678901234567890123456789}"#], "utf8"),
        (vec![r#"{"a": true}"#, r#"{"a": null}"#], "boolean"),
        (vec![r#"{"a": true}"#, r#"{"a": 1}"#], "utf8"),
        (vec![r#"{"a": null}"#], "utf8"),
        (vec![r#"{"a": {}}"#, r#"{"a": []}"#], "utf8"),
        (vec![r#"{"a": []}"#], "list<utf8>"),
        (vec![r#"{"a": [1, null]}"#, r#"{"a": [2.5]}"#], "list<float64>"),
        (vec![r#"{"a": "x"}"#, r#"{"a": ["y"]}"#], "utf8"),
        (vec![r#"{"a": {"b": 1}}"#, r#"{"a": {"c": [true]}}"#], "struct<b: int64, c: list<boolean>>"),
        (vec![r#"{"a": {"b": null}}"#], "struct<b: utf8>"),
        (vec![r#"{"a": {}}"#, r#"{"a": {"b": {}}}"#], "struct<b: utf8>"),
        (vec![r#"{"a": "2026-03-01"}"#], "date"),
        (vec![r#"{"a": "2026-03-01T09:00:00Z"}"#, r#"{"a": "2026-03-01"}"#], "timestamp"),
        (vec![r#"{"a": "2026-03-01T09:00:00Z"}"#, r#"{"a": "soon"}"#], "utf8"),
        (vec![r#"{"a": "2026-13-01T09:00:00Z"}"#], "utf8"),
    ] {
        assert_eq!(of_json(&lines), [("a".to_owned(), want.to_owned())], "{lines:?}");
    }
}

#[test]
fn names_are_taken_as_they_are() {
    let told = of_json(&[
        r#"{"a:b": 1, "x, y": {"<p>": 1, "q r": 2}, "": 3, "\u00e9\"": 4}"#,
        r#" { "x, y" : { "q r" : [ ] } , "a:b" : 2 }"#,
    ]);
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a:b", "x, y", "", "é\""]);
    let mut columns = Members::default();
    json::walk(r#"{"x": {"<p>": 1, "q r": true}}"#, &mut columns);
    let DataType::Struct(fields) = columns.iter().next().unwrap().1.data_type() else { panic!("a struct") };
    let fields: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    assert_eq!(fields, ["<p>", "q r"]);
}

#[test]
fn fields_of_csv_are_numbers_only_where_nothing_is_lost() {
    for (fields, want) in [
        (vec!["1", "", "-2"], "int64"),
        (vec!["1", "2.5", "1e3"], "float64"),
        (vec!["0.5", "-0.5", ".5", "NaN"], "float64"),
        (vec!["007"], "utf8"),
        (vec!["0", "00"], "utf8"),
        (vec!["+49123"], "utf8"),
        (vec![" 1"], "utf8"),
        (vec!["1,5"], "utf8"),
        (vec!["12345678901234567890"], "decimal(38, 0)"),
        (vec!["TRUE", "false"], "boolean"),
        (vec!["2026-03-01", "2024-02-29"], "date"),
        (vec!["2026-03-01", "2026-03-01 10:00:00"], "timestamp"),
        (vec!["2026-02-30"], "utf8"),
        (vec!["nan", "inf"], "utf8"),
        (vec!["", ""], "utf8"),
    ] {
        assert_eq!(of_fields(&fields), want, "{fields:?}");
    }
}

#[test]
fn an_object_by_ids_is_text() {
    let rows: Vec<String> = (0..3000).map(|i| format!("{{\"a\": {{\"id{i}\": {i}}}}}")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(of_json(&rows), [("a".to_owned(), "utf8".to_owned())]);
}

#[test]
fn a_files_beginning_says_how_it_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let head = |bytes: &[u8]| {
        let path = folder.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        Head::read(&path).unwrap()
    };
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    assert!(head(&[b"\xFF\xFE".as_slice(), &wide("id,v\n")].concat()).wide_encoding().is_some());
    assert!(head(&wide("id,v\n1,2\n")).wide_encoding().is_some());
    assert!(
        head(b"id,v\n1,2\n").wide_encoding().is_none()
            && head(b"").wide_encoding().is_none()
            && head(b"\0\0\0\0").wide_encoding().is_none()
    );
    assert!(head(b" \n[\n {\"a\":1}\n]\n").json_over_lines());
    assert!(head(b"{\n  \"a\": 1\n}\n").json_over_lines());
    assert!(!head(b"{\"a\": 1}\n{\"a\": 2}\n").json_over_lines());
    assert!(!head(b"{\"a\": 1,\n{\"a\": 2}\n").json_over_lines(), "one bad row is a bad row");
    let dialect = |multiline| CsvDialect::new(b',', CsvReading { multiline, ..CsvReading::default() }, MAX_RECORD);
    assert_eq!(head(b"\xEF\xBB\xBF\n\r\nid,v\r\n1,2\r\n").header(dialect(false)), Some("id,v"));
    let broken = b"\n\"id\nof it\",v\n1,2\n";
    assert_eq!(head(broken).header(dialect(true)), Some("\"id\nof it\",v"));
    assert_eq!(head(broken).header(dialect(false)), Some("\"id"));
    assert!(head(b"id,v\r1,2\r").has_lone_returns() && !head(b"id,v\r\n").has_lone_returns());
    let long = format!("{}\n1\n", "x".repeat(200_000));
    assert_eq!(head(long.as_bytes()).header(dialect(false)).map(str::len), Some(200_000));
}

#[test]
fn formats_are_told_by_names() {
    assert_eq!(format_of(Path::new("a.xlsx")), None);
    assert_eq!(format_of(Path::new("A.CSV.gz")), Some(FileFormat::Csv { header: true, delimiter: b',' }));
    assert_eq!(format_of(Path::new("data.gz")), None);
}

/// Any JSON value, a few levels deep.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1e6..1e6f64).prop_map(Into::into),
        "[a-z\"\\\\,:{}\\[\\] é]{0,6}".prop_map(Into::into),
        Just("2026-03-01T09:00:00Z".into()),
        Just("NaN".into()),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("[ab:\" ]{0,2}", inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every value of a file fits the type that was told from all of its rows, and the order of its pieces does not count.
    #[test]
    fn what_was_told_is_what_is_read(values in prop::collection::vec(value(), 1..12), cut in 0usize..12) {
        let lines: Vec<String> = values.iter().map(|v| serde_json::json!({ "a": v }).to_string()).collect();
        let mut columns = Members::default();
        lines.iter().for_each(|line| json::walk(line, &mut columns));
        let cut = cut.min(lines.len());
        let (mut first, mut second) = (Members::default(), Members::default());
        lines[..cut].iter().for_each(|line| json::walk(line, &mut first));
        lines[cut..].iter().for_each(|line| json::walk(line, &mut second));
        first.merge(second);
        let data_type = columns.iter().next().unwrap().1.data_type();
        prop_assert_eq!(&first.iter().next().unwrap().1.data_type(), &data_type);
        for value in &values {
            prop_assert!(fits(value, &data_type), "{} is no {}", value, type_name(&data_type));
        }
    }
}

/// Whether a value is read as it was written: the slow way, on a parsed tree.
fn fits(value: &serde_json::Value, data_type: &DataType) -> bool {
    use serde_json::Value;
    match (value, data_type) {
        (Value::Null, _) | (_, DataType::Utf8) => true,
        (Value::Bool(_), DataType::Boolean) => true,
        (Value::Number(n), DataType::Int64) => n.is_i64(),
        (Value::Number(n), DataType::Float64) => n.is_f64() || n.as_i64().is_some_and(|i| i.unsigned_abs() <= 1 << 53),
        (Value::Number(_), DataType::Decimal128(..)) => true,
        (Value::String(s), DataType::Float64) => s == "NaN",
        (Value::String(s), DataType::Timestamp(..)) => s.starts_with("2026"),
        (Value::Array(items), DataType::List(item)) => items.iter().all(|i| fits(i, item.data_type())),
        (Value::Object(members), DataType::Struct(fields)) => members
            .iter()
            .all(|(name, value)| fields.iter().any(|field| field.name() == name && fits(value, field.data_type()))),
        _ => false,
    }
}
