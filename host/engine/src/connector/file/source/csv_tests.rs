//! CSV files against a slow reader that goes by the byte and sees the whole file, at all sizes of chunks.

use std::fs;

use arrow::array::{Array, AsArray};
use proptest::prelude::*;
use tempfile::TempDir;

use super::FileSource;
use crate::connector::file::FileSourceSpec;
use crate::connector::source::{Known, Source};
use crate::format::CsvDialect;
use crate::format::{CsvReading, FileFormat, MAX_RECORD};
use crate::job::{JobText, Limit, Spanned};

/// What a file gives: rows and bad records, each with its first line, counted from 1.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    rows: Vec<(u64, [Option<String>; 2])>,
    bad: Vec<(u64, String)>,
}

#[derive(Debug)]
struct Reading {
    csv: CsvReading,
    reach: usize,
}

const HEADER: &str = "b,x,a\n";
/// Which fields of a record are the columns `a` and `b`, and how many there are.
const COLUMNS: ([usize; 2], usize) = ([2, 0], 3);

/// Reads the file at `path` in chunks of `size` bytes.
fn read(folder: &TempDir, reading: &Reading, size: u64) -> Outcome {
    let column = |name: &str| (name.to_owned(), Spanned { value: "utf8".to_owned(), span: 0..0 });
    let spec = FileSourceSpec {
        path: Spanned { value: folder.path().to_str().unwrap().into(), span: 0..0 },
        base: folder.path().into(),
        format: FileFormat::Csv { header: true, delimiter: b',' },
        csv: reading.csv,
        schema: Some(vec![column("a"), column("b")]),
        max_files_per_epoch: Limit::Unlimited,
        max_bytes_per_epoch: Limit::Unlimited,
        max_record: MAX_RECORD,
        json_over_lines: false,
    };
    let mut source = FileSource::open(&spec, &JobText { file: "job.toml".into(), text: "".into() }).unwrap();
    source.chunk = size;
    source.csv = Some(CsvDialect::new(b',', reading.csv, MAX_RECORD).with_reach(reading.reach));
    let range = source.plan(0, Known::default()).unwrap().unwrap();
    let decoder = source.decoder(&[0, 1]).unwrap();
    let mut outcome = Outcome::default();
    let mut lines = 0;
    for chunk in source.read(&range).unwrap() {
        let decoded = decoder.decode(&chunk.unwrap()).unwrap();
        for row in 0..decoded.batch.num_rows() {
            let cell = |column: usize| {
                let column = decoded.batch.column(column).as_string::<i32>();
                (!column.is_null(row)).then(|| column.value(row).to_owned())
            };
            outcome.rows.push((lines + u64::from(decoded.rows.line(row)) + 1, [cell(0), cell(1)]));
        }
        outcome.bad.extend(decoded.bad.into_iter().map(|bad| (lines + u64::from(bad.line) + 1, bad.text)));
        lines += decoded.lines;
    }
    outcome
}

/// Why a record cannot be split.
#[derive(PartialEq)]
enum Fault {
    Open,
    Other,
}

/// The fields of a record and whether they are quoted, one byte after the other.
fn fields(record: &[u8]) -> Result<Vec<(Vec<u8>, bool)>, Fault> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let mut field = Vec::new();
        let quoted = rest.first() == Some(&b'"');
        if quoted {
            rest = &rest[1..];
            loop {
                match rest {
                    [b'"', b'"', more @ ..] => (field.push(b'"'), rest = more),
                    [b'"', ..] => break,
                    [byte, more @ ..] => (field.push(*byte), rest = more),
                    [] => return Err(Fault::Open),
                };
            }
            rest = &rest[1..];
        } else {
            while let [byte, more @ ..] = rest
                && *byte != b','
            {
                if *byte == b'"' {
                    return Err(Fault::Other);
                }
                field.push(*byte);
                rest = more;
            }
        }
        fields.push((field, quoted));
        match rest {
            [] => return Ok(fields),
            [b',', more @ ..] => rest = more,
            _ => return Err(Fault::Other),
        }
    }
}

fn content(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The last line of what the open line `first` begins, and whether that is a record.
fn extent(lines: &[&[u8]], first: usize, reach: usize) -> (usize, bool) {
    let start_of = |line: usize| lines[..line].iter().map(|line| line.len() + 1).sum::<usize>();
    let (mut open, mut last) = (first, first);
    for (number, line) in lines.iter().enumerate().skip(first + 1) {
        let line = content(line);
        let mut lone = None;
        let mut at = 0;
        while at < line.len() && lone.is_none() {
            match (line[at], line.get(at + 1)) {
                (b'"', Some(b'"')) => at += 2,
                (b'"', _) => lone = Some(at),
                _ => at += 1,
            }
        }
        let Some(lone) = lone else { continue };
        if start_of(number) + lone >= start_of(open) + reach {
            break;
        }
        let rest = match line[lone + 1..].split_first() {
            None => return (number, true),
            Some((b',', rest)) => fields(rest).map(drop),
            Some(_) => Err(Fault::Other),
        };
        match rest {
            Ok(()) => return (number, true),
            Err(Fault::Open) => (open, last) = (number, number),
            Err(Fault::Other) => {
                let mut run = lone;
                while run > 0 && line[run - 1] == b'"' {
                    run -= 1;
                }
                let begins_a_field = run == 0 || line[run - 1] == b',';
                if begins_a_field && fields(line).map_or_else(|fault| fault == Fault::Open, |_| true) {
                    break;
                }
                return (number, false);
            }
        }
    }
    (last, false)
}

fn model(file: &[u8], reading: &Reading) -> Outcome {
    let mut outcome = Outcome::default();
    let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    let mut number = 1;
    while number < lines.len() {
        let mut last = number;
        let mut is_record = true;
        if fields(content(lines[number])).is_err_and(|fault| fault == Fault::Open) {
            (last, is_record) = extent(&lines, number, reading.reach);
            is_record &= reading.csv.multiline;
        }
        let record = lines[number..=last].join(&b'\n');
        let text = |record: &[u8]| String::from_utf8_lossy(content(record)).into_owned();
        if !is_record && !reading.csv.multiline {
            for (at, line) in (number as u64 + 1..).zip(&lines[number..=last]) {
                if !line.trim_ascii().is_empty() {
                    outcome.bad.push((at, text(line)));
                }
            }
        } else if !record.trim_ascii().is_empty() {
            let (columns, count) = COLUMNS;
            let right = |found: usize| found == count || (found > count && reading.csv.ignore_surplus);
            match fields(content(&record)) {
                Ok(fields) if is_record && right(fields.len()) && std::str::from_utf8(&record).is_ok() => {
                    let cell = |column: usize| {
                        let (text, quoted) = &fields[column];
                        (*quoted || !text.is_empty()).then(|| String::from_utf8(text.clone()).unwrap())
                    };
                    outcome.rows.push((number as u64 + 1, columns.map(cell)));
                }
                _ => outcome.bad.push((number as u64 + 1, text(&record))),
            }
        }
        number = last + 1;
    }
    outcome
}

/// Bytes of which most that can happen to CSV happens in a few of them.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(b"\"\"\"\"\"\",,,,ab\n\n\n\n\r \xc3".to_vec());
    let piece = prop_oneof![
        6 => prop::collection::vec(byte, 1..6),
        1 => Just(b"1,2,3\n".to_vec()),
        1 => Just(b"\"1\",\"\",\"x\"\n".to_vec()),
        1 => Just(b",\"q\n\",\"\"\"\"\r\n".to_vec()),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn reading() -> impl Strategy<Value = Reading> {
    let reach = prop_oneof![1usize..30, Just(1 << 20)];
    (any::<bool>(), any::<bool>(), reach)
        .prop_map(|(multiline, ignore_surplus, reach)| Reading { csv: CsvReading { multiline, ignore_surplus }, reach })
}

/// Records of three fields, some of them with line breaks and quotes.
fn records() -> impl Strategy<Value = Vec<Vec<String>>> {
    let field = "[ab,\"\n\r ]{0,6}";
    prop::collection::vec(prop::collection::vec(field, 3), 0..12)
}

/// As RFC 4180 says. A field that would be null without quotes has them.
fn written(records: &[Vec<String>], quote_all: bool, end: &str) -> String {
    let field = |field: &String| {
        let quoted = quote_all || field.is_empty() || field.contains([',', '"', '\n', '\r', ' ']);
        if quoted { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.clone() }
    };
    records.iter().map(|record| record.iter().map(field).collect::<Vec<_>>().join(",") + end).collect()
}

fn folder(file: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), file).unwrap();
    folder
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_as_by_the_slow_reader(body in anything(), reading in reading(), size in 1u64..60) {
        let file = [HEADER.as_bytes(), &body].concat();
        let folder = folder(&file);
        let want = model(&file, &reading);
        for size in [size, size + 60, 1 << 20] {
            prop_assert_eq!(&read(&folder, &reading, size), &want, "chunks of {}", size);
        }
    }

    #[test]
    fn of_a_well_formed_file_rows_are_its_records_and_nothing_else(
        records in records(), quote_all: bool, crlf: bool, multiline: bool, size in 1u64..40
    ) {
        let end = if crlf { "\r\n" } else { "\n" };
        let folder = folder(format!("{HEADER}{}", written(&records, quote_all, end)).as_bytes());
        let reading = Reading { csv: CsvReading { multiline, ignore_surplus: false }, reach: 1 << 20 };
        let found: Vec<_> = read(&folder, &reading, size).rows.into_iter().map(|(_, cells)| cells).collect();
        let has_break = |record: &Vec<String>| record.iter().any(|field| field.contains('\n'));
        let expected = records.iter().filter(|record| multiline || !has_break(record));
        let expected: Vec<_> = expected.map(|record| [Some(record[2].clone()), Some(record[0].clone())]).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_stray_quote_takes_no_more_with_it_than_its_reach() {
    let good = "1,2,3\n".repeat(100);
    // Far behind stands what would close it.
    let file = format!("{HEADER}1,2,\"stray\n{good}1,2,close\"\n");
    let folder = folder(file.as_bytes());
    for multiline in [false, true] {
        let csv = CsvReading { multiline, ..CsvReading::default() };
        let near = read(&folder, &Reading { csv, reach: 200 }, 50);
        assert_eq!((near.rows.len(), near.bad.len()), (100, 2));
        let far = read(&folder, &Reading { csv, reach: 10_000 }, 50);
        assert_eq!(far.rows.len(), usize::from(multiline));
        assert_eq!(far.bad.len(), if multiline { 0 } else { 102 });
    }
}

#[test]
fn the_middle_of_a_record_is_no_row_although_it_looks_like_one() {
    let file = format!("{HEADER}3,0,\"first\n4,0,second\nthird\"\n5,0,\"sixth\n6,0,x\n\"\n7,0,last\n");
    let folder = folder(file.as_bytes());
    for size in 1..file.len() as u64 + 2 {
        let lines = read(&folder, &Reading { csv: CsvReading::default(), reach: 1000 }, size);
        assert_eq!(lines.rows, [(8, [Some("last".into()), Some("7".into())])]);
        assert_eq!(lines.bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 7]);
        let csv = CsvReading { multiline: true, ..CsvReading::default() };
        let records = read(&folder, &Reading { csv, reach: 1000 }, size);
        assert_eq!(records.rows[0], (2, [Some("first\n4,0,second\nthird".into()), Some("3".into())]));
        assert_eq!((records.rows[1].0, records.rows.len(), records.bad.len()), (5, 3, 0));
    }
}
