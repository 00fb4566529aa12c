//! Each line format against a naive model that takes a whole file, one line after the other.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, LargeStringArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use proptest::prelude::*;
use serde_json::Value;

use super::{CsvLayout, ParquetFile, decoder, values};
use crate::format::{BadRow, Check, RawChunk, RawContent, SHOWN_BYTES, parse_type, timestamp};
use crate::job::FileFormat;

const CSV: FileFormat = FileFormat::Csv { header: true, delimiter: b',' };

fn schema(columns: &[(&str, &str)]) -> SchemaRef {
    Arc::new(Schema::new(
        columns.iter().map(|(name, text)| Field::new(*name, parse_type(text).unwrap(), true)).collect::<Vec<_>>(),
    ))
}

/// The rows of a file by line number (from 1), and its bad lines with reason and text.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    rows: Vec<(u64, Vec<Option<String>>)>,
    bad: Vec<(u64, String, String)>,
}

impl Outcome {
    fn without_reasons(mut self) -> Self {
        for (_, reason, _) in &mut self.bad {
            assert!(!reason.is_empty() && reason.len() < 200 && !reason.contains('\n'), "{reason}");
            reason.clear();
        }
        self
    }
}

fn shown(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(_, _) => column.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|i| shown(&items, i).unwrap_or("null".into())).collect::<Vec<_>>().join(",")
        }
        other => panic!("{other}"),
    })
}

/// Cuts `file` at newlines into pieces of at least `size` bytes.
fn cut(file: &[u8], size: usize) -> Vec<Buffer> {
    let mut pieces = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let from = size.min(rest.len()) - 1;
        let end = rest[from..].iter().position(|b| *b == b'\n').map_or(rest.len(), |at| from + at + 1);
        pieces.push(Buffer::from(&rest[..end]));
        rest = &rest[end..];
    }
    pieces
}

fn decode(format: FileFormat, schema: &SchemaRef, wanted: &[usize], check: Check, file: &[u8], size: usize) -> Outcome {
    let decoder = decoder(format, schema, wanted, check).unwrap();
    let (layout, before, body) = match format {
        FileFormat::Csv { header: true, delimiter } => {
            let end = file.iter().position(|b| *b == b'\n').unwrap();
            let header = std::str::from_utf8(&file[..end]).unwrap().trim_end_matches('\r');
            (Some(Arc::new(CsvLayout::by_header(header, delimiter, schema, "f").unwrap())), 1, &file[end + 1..])
        }
        _ => (None, 0, file),
    };
    let mut outcome = Outcome::default();
    let mut lines = 0;
    for (index, bytes) in (0u32..).zip(cut(body, size)) {
        let before = if index == 0 { before } else { 0 };
        let content = RawContent::Lines { bytes, before, layout: layout.clone() };
        let decoded = decoder.decode(&RawChunk { file: 0, index, content }).unwrap();
        assert_eq!(decoded.batch.schema(), decoder.schema());
        for row in 0..decoded.batch.num_rows() {
            let cells = decoded.batch.columns().iter().map(|column| shown(column, row)).collect();
            outcome.rows.push((lines + u64::from(decoded.rows.line(row)) + 1, cells));
        }
        for BadRow { line, reason, text } in decoded.bad {
            outcome.bad.push((lines + u64::from(line) + 1, reason, text));
        }
        lines += decoded.lines;
    }
    outcome
}

/// The lines of a file with their numbers, split and numbered in the most obvious way.
fn numbered(file: &[u8]) -> Vec<(u64, &[u8])> {
    let mut lines: Vec<&[u8]> = file.split(|b| *b == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    (1..).zip(lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line))).collect()
}

/// What `row` makes of each line of `file`: `None` = no row, `Some(None)` = a bad one.
fn model(file: &[u8], first: u64, row: impl Fn(&str) -> Option<Option<Vec<Option<String>>>>) -> Outcome {
    let mut outcome = Outcome::default();
    for (number, line) in numbered(file).into_iter().filter(|(number, _)| *number >= first) {
        match std::str::from_utf8(line).map_or(Some(None), &row) {
            Some(Some(cells)) => outcome.rows.push((number, cells)),
            Some(None) => outcome.bad.push((number, String::new(), String::from_utf8_lossy(line).into_owned())),
            None => {}
        }
    }
    outcome
}

fn json_schema() -> SchemaRef {
    schema(&[
        ("url", "utf8"),
        ("n", "int64"),
        ("x", "float64"),
        ("t", "timestamp"),
        ("flag", "boolean"),
        ("items", "list<int64>"),
    ])
}

fn json_row(line: &str) -> Option<Option<Vec<Option<String>>>> {
    if line.trim().is_empty() {
        return None;
    }
    let Ok(Value::Object(object)) = serde_json::from_str(line) else { return Some(None) };
    let get = |name: &str| object.get(name).filter(|value| !value.is_null());
    let cells: Option<Vec<Option<String>>> = [
        get("url").map(|v| v.as_str().map_or_else(|| Some(v.to_string()), |s| Some(s.into()))),
        get("n").map(|v| v.as_i64().map(|n| n.to_string())),
        get("x").map(|v| match v {
            Value::String(s) if s == "NaN" => Some("NaN".into()),
            v => v.as_f64().map(|x| format!("{x:?}")),
        }),
        get("t").map(|v| {
            // What a timestamp is has a test of its own.
            match v {
                Value::String(t) => values::timestamp(t),
                v => v.as_i64().and_then(|seconds| seconds.checked_mul(1_000_000)),
            }
            .map(|t| t.to_string())
        }),
        get("flag").map(|v| v.as_bool().map(|b| b.to_string())),
        get("items").map(|v| {
            // Inside nested values a number in a string is a number.
            let integer = |i: &Value| i.as_i64().or_else(|| i.as_str()?.parse().ok()).map(|n| n.to_string());
            let items = v.as_array()?.iter();
            let items = items.map(|i| if i.is_null() { Some("null".into()) } else { integer(i) });
            items.collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }),
    ]
    .into_iter()
    // A cell is absent, or it is of its type, or the row is bad.
    .map(|cell| match cell {
        None => Some(None),
        Some(Some(text)) => Some(Some(text)),
        Some(None) => None,
    })
    .collect();
    Some(cells)
}

fn json_line() -> impl Strategy<Value = Vec<u8>> {
    let string = prop_oneof!["[a-z/0-9-]{0,20}".prop_map(|s| s), "[a-zäß€😀\\\\\"\n\t\u{1} ]{0,12}".prop_map(|s| s),]
        .prop_map(|s| Value::String(s).to_string());
    let member = prop_oneof![
        4 => string.clone().prop_map(|s| format!("\"url\":{s}")),
        1 => Just("\"url\" : true".to_string()),
        1 => Just("\"u\\u0072l\":\"by escape \\ud83d\\ude00\"".to_string()),
        1 => Just("\"url\":\"half \\ud83d\"".to_string()),
        4 => (0i64..200_000).prop_map(|n| format!("\"n\":{n}")),
        1 => prop_oneof![Just("\"n\":\"5\""), Just("\"n\":1.0"), Just("\"n\": -7"), Just("\"n\":null"), Just("\"n\":01")]
            .prop_map(str::to_string),
        2 => prop_oneof![Just("1.5"), Just("0"), Just("-2.25"), Just("1e3"), Just("\"NaN\""), Just("\"x\""), Just("null"), Just("1.")]
            .prop_map(|x| format!("\"x\":{x}")),
        2 => prop_oneof![Just("2025-01-01T12:00:00"), Just("2025-01-01T12:00:00.125"), Just("yesterday")]
            .prop_map(|t| format!("\"t\":\"{t}\"")),
        2 => prop_oneof![Just("true"), Just("false"), Just("null"), Just("tru"), Just("\"true\"")].prop_map(|b| format!("\"flag\":{b}")),
        1 => prop_oneof![Just("[]"), Just("[1, 2,null]"), Just("[\"a\"]"), Just("[1"), Just("7")].prop_map(|l| format!("\"items\" :{l}")),
        1 => prop_oneof![Just("{\"a\": [ {}, [\"]\"] ]}"), Just("{\"a\" 1}"), Just("\"}\"")].prop_map(|l| format!("\"unknown\":{l}")),
    ];
    let object = (prop::collection::vec(member, 0..6), prop_oneof![Just(","), Just(" ,\t"), Just(",,")], 0..20u8)
        .prop_map(|(members, comma, broken)| {
            let mut line = format!("{{{}}}", members.join(if broken > 0 { "," } else { comma }));
            match broken {
                1 => line.push('x'),
                2 => line.insert(0, ' '),
                3 => line.push_str("{}"),
                4 => _ = line.pop(),
                _ => {}
            }
            line.into_bytes()
        });
    with_mutations(
        prop_oneof![8 => object, 1 => Just(b"  ".to_vec()), 1 => Just(Vec::new()), 1 => Just(b"[]".to_vec())],
    )
}

/// Lines of which a few have one byte changed, also into something that is no UTF-8.
fn with_mutations(line: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (line, 0u8..10, any::<prop::sample::Index>(), prop::sample::select(b"{}[]\",:\\ 7\x00\xff\xc3\n\r".to_vec()))
        .prop_map(|(mut line, how, place, byte)| {
            if !line.is_empty() {
                let place = place.index(line.len());
                match how {
                    0 => line[place] = byte,
                    1 => line.insert(place, byte),
                    2 => _ = line.remove(place),
                    _ => {}
                }
            }
            line
        })
}

fn file(line: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec((line, any::<bool>()), 0..40), any::<bool>()).prop_map(|(lines, ended)| {
        let mut file = Vec::new();
        for (line, crlf) in lines {
            file.extend(line);
            file.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
        }
        if !ended {
            file.pop();
        }
        file
    })
}

fn csv_schema() -> SchemaRef {
    schema(&[("url", "utf8"), ("n", "int64"), ("t", "timestamp")])
}

const CSV_HEADER: &[u8] = b"extra,t,\"url\",n\r\n";

fn csv_row(line: &str) -> Option<Option<Vec<Option<String>>>> {
    if line.trim_ascii().is_empty() {
        return None;
    }
    let mut fields: Vec<(String, bool)> = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        let mut field = String::new();
        let quoted = rest.next_if_eq(&'"').is_some();
        if quoted {
            loop {
                match rest.next() {
                    None => return Some(None),
                    Some('"') if rest.next_if_eq(&'"').is_some() => field.push('"'),
                    Some('"') => break,
                    Some(other) => field.push(other),
                }
            }
        } else {
            while let Some(other) = rest.next_if(|c| *c != ',') {
                field.push(other);
            }
        }
        fields.push((field, quoted));
        match rest.next() {
            None => break,
            Some(',') => {}
            Some(_) => return Some(None),
        }
    }
    let [_, (t, _), (url, url_quoted), (n, _)] = fields.as_slice() else { return Some(None) };
    let url = (!url.is_empty() || *url_quoted).then(|| url.clone());
    let n = if n.is_empty() { None } else { Some(n.parse::<i64>().ok().map(|n| n.to_string())) };
    let t = if t.is_empty() { None } else { Some(values::timestamp(t).map(|t| t.to_string())) };
    match (n, t) {
        (Some(None), _) | (_, Some(None)) => Some(None),
        (n, t) => Some(Some(vec![url, n.flatten(), t.flatten()])),
    }
}

fn csv_line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop_oneof![
        4 => "[a-z/é]{0,12}".prop_map(|s| s),
        2 => "[a-z,\" ]{0,8}".prop_map(|s| format!("\"{}\"", s.replace('"', "\"\""))),
        1 => Just("\"".to_string()),
        1 => Just("\"a\"b".to_string()),
        1 => Just("a\"b".to_string()),
    ];
    let number = prop_oneof![4 => (0i64..9999).prop_map(|n| n.to_string()), 1 => Just("x".into()), 1 => Just("\"\"".into()), 1 => Just(String::new())];
    let time = prop_oneof![4 => Just("2025-01-01 00:00:00".to_string()), 1 => Just(String::new()), 1 => Just("soon".to_string())];
    let line = (text.clone(), time, text, number, 0u8..12).prop_map(|(extra, t, url, n, broken)| match broken {
        0 => format!("{extra},{t},{url}").into_bytes(),
        1 => format!("{extra},{t},{url},{n},").into_bytes(),
        2 => Vec::new(),
        3 => b" \t".to_vec(),
        _ => format!("{extra},{t},{url},{n}").into_bytes(),
    });
    with_mutations(line)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_as_one_line_after_the_other(file in file(json_line()), size in 1usize..400) {
        let decoded = decode(FileFormat::Json, &json_schema(), &[0, 1, 2, 3, 4, 5], Check::Declared, &file, size);
        prop_assert_eq!(decoded.without_reasons(), model(&file, 1, json_row));
    }

    #[test]
    fn which_json_rows_are_bad_does_not_depend_on_what_is_wanted(file in file(json_line()), size in 1usize..400) {
        let some = decode(FileFormat::Json, &json_schema(), &[3, 0], Check::Declared, &file, size);
        let mut all = model(&file, 1, json_row);
        for (_, cells) in &mut all.rows {
            *cells = vec![cells[3].clone(), cells[0].clone()];
        }
        prop_assert_eq!(some.without_reasons(), all);
    }

    #[test]
    fn csv_as_one_line_after_the_other(body in file(csv_line()), size in 1usize..200) {
        let file = [CSV_HEADER, &body[..]].concat();
        let decoded = decode(CSV, &csv_schema(), &[0, 1, 2], Check::Declared, &file, size);
        prop_assert_eq!(decoded.without_reasons(), model(&file, 2, csv_row));
    }

    #[test]
    fn text_as_one_line_after_the_other(file in file(with_mutations("[a-zé \r]{0,20}".prop_map(String::into_bytes))), size in 1usize..100) {
        let schema = Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, false)]));
        let decoded = decode(FileFormat::Text, &schema, &[0], Check::Declared, &file, size);
        prop_assert_eq!(decoded.without_reasons(), model(&file, 1, |line| Some(Some(vec![Some(line.into())]))));
    }
}

fn reasons(format: FileFormat, schema: &SchemaRef, wanted: &[usize], check: Check, file: &str) -> Vec<String> {
    decode(format, schema, wanted, check, file.as_bytes(), 1 << 20)
        .bad
        .into_iter()
        .map(|(_, reason, _)| reason)
        .collect()
}

#[test]
fn reasons_name_the_column_and_the_place() {
    let file = "{\"n\": \"abc\"}\n{\"n\": 1.5}\n{\"n\": 1\n{\"n\" 1}\n[1]\n{\"items\": [\"a\"]}\n{\"url\": \"x}\n{\"a\": 1, \"a\": }\n";
    assert_eq!(
        reasons(FileFormat::Json, &json_schema(), &[0], Check::Declared, file),
        [
            "column `n`: `\"abc\"` is not an int64",
            "column `n`: `1.5` is not an int64",
            "not valid JSON at byte 8: `,` or `}` expected",
            "not valid JSON at byte 6: `:` expected",
            "not valid JSON at byte 1: an object expected",
            "column `items`: `[\"a\"]` is not a list<int64>",
            "not valid JSON at byte 12: the string has no end",
            "not valid JSON at byte 15: a value expected",
        ]
    );
    let file = "extra,t,url,n\na,b,c\n,soon,,\n,,\"open,1\n,,\"a\"b,1\n,,,99999999999999999999\n";
    assert_eq!(
        reasons(CSV, &csv_schema(), &[0], Check::Declared, file),
        [
            "3 fields, 4 expected",
            "column `t`: `soon` is not a timestamp",
            "no closing quote in field 3",
            "something follows the closing quote of field 3",
            "column `n`: `99999999999999999999` is not an int64",
        ]
    );
}

#[test]
fn unwanted_values_need_not_parse_if_only_wanted_ones_are_checked() {
    let file = "{\"n\": \"abc\", \"url\": \"/\"}\n{\"n\": 1, \"url\": \n";
    let decoded = decode(FileFormat::Json, &json_schema(), &[0], Check::Wanted, file.as_bytes(), 1000);
    assert_eq!(decoded.rows, [(1, vec![Some("/".into())])]);
    assert_eq!(decoded.bad.len(), 1);
}

#[test]
fn text_columns_keep_what_is_written() {
    let file =
        "{\"url\": 1.50}\n{\"url\": {\"a\": [1,  2]}}\n{\"url\": 1, \"url\": \"last\"}\n{\"url\": 1, \"url\": null}\n";
    let decoded = decode(FileFormat::Json, &json_schema(), &[0], Check::Declared, file.as_bytes(), 1000);
    let cells: Vec<_> = decoded.rows.into_iter().map(|(_, mut cells)| cells.remove(0)).collect();
    assert_eq!(cells, [Some("1.50".into()), Some("{\"a\": [1,  2]}".into()), Some("last".into()), None]);
}

#[test]
fn json_numbers_are_seconds_where_a_timestamp_is_declared() {
    let decoded = decode(FileFormat::Json, &json_schema(), &[3], Check::Declared, b"{\"t\": 1735689600}", 1000);
    assert_eq!(decoded.rows, [(1, vec![Some("1735689600000000".into())])]);
}

#[test]
fn deep_nesting_is_a_bad_row_and_no_stack_overflow() {
    let file = format!("{{\"a\": {}\n{{\"a\": {}", "[".repeat(1_000_000), "{\"a\":".repeat(100_000));
    let decoded = decode(FileFormat::Json, &json_schema(), &[0], Check::Declared, file.as_bytes(), 1 << 24);
    assert_eq!(decoded.bad.len(), 2);
    assert!(decoded.bad[0].1.contains("nested too deep"));
    assert_eq!(decoded.bad[0].2.len(), SHOWN_BYTES);
}

#[test]
fn no_columns_still_count_rows() {
    for (format, file) in [(FileFormat::Json, "{}\n{}\n\n{\"n\": \"x\"}\n"), (CSV, "t,url,n\n,,1\n,,2\n,,x\n")] {
        let decoded = decode(format, &json_or_csv(format), &[], Check::Declared, file.as_bytes(), 1000);
        assert_eq!((decoded.rows.len(), decoded.bad.len()), (2, 1));
    }
}

fn json_or_csv(format: FileFormat) -> SchemaRef {
    if format == FileFormat::Json { json_schema() } else { csv_schema() }
}

#[test]
fn csv_cannot_hold_nested_types() {
    assert!(decoder(CSV, &json_schema(), &[0], Check::Wanted).is_err());
}

#[test]
fn csv_headers_are_checked() {
    let layout = |header| CsvLayout::by_header(header, b',', &csv_schema(), "views.csv").map_err(|e| e.to_string());
    assert!(layout("n,url,t").is_ok());
    assert_eq!(layout("n,link,t").unwrap_err(), "views.csv: there is no column `url`; the file has `n`, `link`, `t`");
    assert_eq!(layout("n,url,t,n").unwrap_err(), "views.csv: line 1: the header names the column `n` twice");
    assert!(layout("n,\"url,t").is_err());
}

#[test]
fn parquet_columns_are_taken_by_name_and_normalised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let n: ArrayRef = Arc::new(Int32Array::from_iter(0..10));
    let t: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(0..10));
    let s: ArrayRef = Arc::new(LargeStringArray::from_iter_values((0..10).map(|i| format!("s{i}"))));
    let batch = RecordBatch::try_from_iter([("n", n), ("t", t), ("s", s)]).unwrap();
    let properties =
        parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(4)).build();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();

    let opened = Arc::new(ParquetFile::read(&std::fs::File::open(&path).unwrap(), &path, "a.parquet").unwrap());
    let declared = schema(&[("s", "utf8"), ("t", "timestamp"), ("n", "int64")]);
    opened.check(&declared).unwrap();
    assert!(opened.check(&schema(&[("m", "utf8")])).unwrap_err().to_string().contains("`n`, `t`, `s`"));
    assert!(opened.check(&schema(&[("n", "list<int64>"), ("t", "struct<a: int8>")])).is_err());
    let decoder = decoder(FileFormat::Parquet, &declared, &[2, 0, 1], Check::Declared).unwrap();
    let groups = opened.row_groups();
    assert_eq!(groups.len(), 3);
    let decoded = groups.into_iter().map(|group| {
        let chunk = RawChunk { file: 0, index: 0, content: RawContent::RowGroup(group) };
        decoder.decode(&chunk).unwrap()
    });
    let decoded: Vec<_> = decoded.collect();
    assert_eq!(decoded.iter().map(|d| d.lines).collect::<Vec<_>>(), [4, 4, 2]);
    let last = &decoded[2].batch;
    assert_eq!(last.schema(), decoder.schema());
    assert_eq!(last.column(0).as_primitive::<Int64Type>().values(), &[8, 9]);
    assert_eq!(last.column(1).as_ref(), &StringArray::from(vec!["s8", "s9"]) as &dyn Array);
    assert_eq!(last.column(2).data_type(), &timestamp());
    assert_eq!(last.column(2).as_primitive::<TimestampMicrosecondType>().values(), &[8_000, 9_000]);
}
