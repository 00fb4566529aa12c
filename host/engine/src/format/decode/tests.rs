//! Each line format against a naive model that takes a whole file, one line after the other; CSV, whose records may be
//! several lines, where chunks are cut, with the file source.

mod json;
mod logfmt;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, LargeStringArray, RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::buffer::Buffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float64Type, Int8Type, Int64Type, Schema, SchemaRef,
    TimestampMicrosecondType,
};
use proptest::prelude::*;

use self::json::json_schema;
use super::{CsvLayout, ParquetFile, decoder};
use crate::format::FileFormat;
use crate::format::{BadRow, Check, RawChunk, RawContent, SHOWN_BYTES, parse_type, timestamp};

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
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Date32 => column.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Decimal128(_, _) => column.as_primitive::<Decimal128Type>().value(row).to_string(),
        DataType::Binary => column.as_binary::<i32>().value(row).iter().map(|byte| format!("{byte:02x}")).collect(),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            let items: Vec<_> = (0..items.len()).map(|i| shown(&items, i).unwrap_or("null".into())).collect();
            format!("[{}]", items.join(","))
        }
        DataType::Struct(_) => {
            let fields = column.as_struct().columns().iter();
            let fields: Vec<_> = fields.map(|field| shown(field, row).unwrap_or("null".into())).collect();
            format!("{{{}}}", fields.join(","))
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
            (Some(Arc::new(CsvLayout::by_header(header, 1, delimiter, schema, "f").unwrap())), 1, &file[end + 1..])
        }
        _ => (None, 0, file),
    };
    let mut outcome = Outcome::default();
    let mut lines = 0;
    for (index, bytes) in (0u32..).zip(cut(body, size)) {
        let before = if index == 0 { before } else { 0 };
        let content = RawContent::Lines { bytes, before, layout: layout.clone(), long: Vec::new() };
        let decoded = decoder.decode(&RawChunk { part: 0, index, content }).unwrap();
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

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
            "column `items[1]`: `\"a\"` is not an int64",
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
            "no closing quote in field 3, and the line below may be part of it",
            "something follows the closing quote of field 3",
            "column `n`: `99999999999999999999` is not an int64",
        ]
    );
}

#[test]
fn a_number_where_csv_has_a_time_is_told_with_its_unit_and_what_to_write() {
    let file = "t,url,n\n1767225600,,\n1767225600000,,\n1767225600000000,,\n1767225600000000000,,\n1767225600.25,,\n1767225600000.5,,\n20260101,,\n";
    let whole = |unit: &str, function: &str| {
        format!("if these are {unit} since 1970, declare `t` as int64 and write to_timestamp_{function}(t)")
    };
    let float = |unit: &str, function: &str| {
        format!("if these are {unit} since 1970, declare `t` as float64 and write to_timestamp_{function}(t)")
    };
    let told = reasons(CSV, &csv_schema(), &[0, 1, 2], Check::Declared, file);
    let want = [
        whole("seconds", "seconds"),
        whole("milliseconds", "millis"),
        whole("microseconds", "micros"),
        whole("nanoseconds", "nanos"),
        float("seconds", "seconds"),
        float("milliseconds", "millis"),
        "to_timestamp(t, '%Y%m%d')".to_owned(),
    ];
    assert_eq!(told.len(), want.len(), "{told:?}");
    for (told, want) in told.iter().zip(want) {
        assert!(told.contains(" is a number, and not the text of a timestamp") && told.ends_with(&want), "{told}");
    }
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
    let layout = |header| CsvLayout::by_header(header, 1, b',', &csv_schema(), "views.csv").map_err(|e| e.to_string());
    assert!(layout("n,url,t").is_ok());
    assert_eq!(layout("n,link,t").unwrap_err(), "views.csv: there is no column `url`; the file has `n`, `link`, `t`");
    assert_eq!(layout("n,url,t,n").unwrap_err(), "views.csv: line 1: the header names the column `n` twice");
    assert!(layout("n,\"url,t").is_err());
    // Names that no column has may be doubled or empty; blanks around a name are not part of it, unless it is declared so.
    assert!(layout(",n,x,url,x,t,,").is_ok());
    assert_eq!(layout(" n , \turl,\"t\"").unwrap(), layout("n,url,t").unwrap());
    assert_eq!(layout("n,url,t, n").unwrap(), layout("n,url,t,x").unwrap());
    assert_eq!(layout("n ,url,t, n").unwrap_err(), "views.csv: line 1: the header names the column `n` twice");
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
        let chunk = RawChunk { part: 0, index: 0, content: RawContent::RowGroup(group) };
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
