use std::fs::{self, FileTimes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::FileSource;
use crate::ErrorKind;
use crate::connector::file::FileSourceSpec;
use crate::connector::source::conformance::{conforms, keep, rows};
use crate::connector::source::{Known, NextLook, Notices, REST, Source};
use crate::error::{Error, Result};
use crate::format::{CsvReading, FileFormat, MAX_RECORD};
use crate::format::{RawChunk, RawContent, SHOWN_BYTES};
use crate::job::Limit::{self, At, Sensible, Unlimited};
use crate::job::{JobText, Spanned};
use crate::record::SourceRange;
use crate::state::Table;

mod discovered;
mod long;
mod packed;
mod seen;

const CSV: FileFormat = FileFormat::Csv { header: true, delimiter: b',' };

/// Nothing was read yet.
const NEW: Known<'static> = Known::of(None);

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn spec(&self, path: &str, format: FileFormat, columns: &[(&str, &str)]) -> FileSourceSpec {
        let columns: Vec<_> =
            columns.iter().map(|(n, t)| ((*n).into(), Spanned { value: (*t).into(), span: 3..4 })).collect();
        FileSourceSpec {
            path: Spanned { value: self.path().join(path).to_str().unwrap().into(), span: 1..2 },
            base: self.path().into(),
            format,
            csv: CsvReading::default(),
            schema: (!columns.is_empty()).then_some(columns),
            max_files_per_epoch: Limit::Sensible,
            max_bytes_per_epoch: Limit::Sensible,
            max_record: MAX_RECORD,
            json_over_lines: false,
        }
    }
}

fn open(spec: &FileSourceSpec) -> Result<FileSource> {
    FileSource::open(spec, &JobText { file: "job.toml".into(), text: "any text".into() })
}

fn names(range: Option<SourceRange>) -> Vec<String> {
    match range {
        Some(SourceRange::Files(files)) => files.into_iter().map(|f| f.path).collect(),
        None => Vec::new(),
        other => panic!("{other:?}"),
    }
}

fn read_error(source: &FileSource, range: &SourceRange) -> Error {
    source.read(range).unwrap().find_map(Result::err).expect("reading fails")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn conforms_for_each_format() {
    let folder = Folder::new();
    for i in 0..5 {
        let lines: Vec<String> = (0..40).map(|n| format!("line {n} of {i}")).collect();
        folder.write(&format!("text/{i}.log"), lines.join("\n"));
        folder.write(&format!("text/{i}b.log.gz"), gzip(lines.join("\r\n").as_bytes()));
        let csv: String = (0..40).map(|n| format!("{},{n}\n", if n == 7 { "x" } else { "5" })).collect();
        folder.write(&format!("csv/{i}.csv"), format!("\u{FEFF}{}\n{csv}", if i == 2 { "b,a" } else { "a,b" }));
        let json: String = (0..40).map(|n| format!("{{\"a\": {n}}}\n\n")).collect();
        folder.write(&format!("json/{i}.json"), json);
        let logfmt: String = (0..40).map(|n| format!("a={n} b=\"{n}{}\n\n", if n == 7 { "" } else { "\"" })).collect();
        folder.write(&format!("logfmt/{i}.logfmt"), logfmt);
    }
    for (path, format, columns) in [
        ("text", FileFormat::Text, &[][..]),
        ("csv/*.csv", CSV, &[("a", "int64"), ("b", "utf8")]),
        ("json", FileFormat::Json, &[("a", "int64")]),
        ("logfmt", FileFormat::Logfmt, &[("a", "int64"), ("b", "utf8")]),
    ] {
        for (files, bytes) in [(At(2), Sensible), (Sensible, At(300)), (Unlimited, At(1))] {
            let mut spec = folder.spec(path, format, columns);
            (spec.max_files_per_epoch, spec.max_bytes_per_epoch) = (files, bytes);
            conforms(|| {
                let mut source = open(&spec).unwrap();
                source.chunk = 100;
                Box::new(source)
            });
        }
    }
}

#[test]
fn conforms_for_parquet() {
    let folder = Folder::new();
    for i in 0..4i64 {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(i * 100..i * 100 + 50));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(20)).build();
        let file = fs::File::create(folder.path().join(format!("{i}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
    for columns in [&[][..], &[("n", "int32")]] {
        let mut spec = folder.spec("*.parquet", FileFormat::Parquet, columns);
        spec.max_files_per_epoch = At(3);
        conforms(|| Box::new(open(&spec).unwrap()));
    }
}

#[test]
fn lines_count_from_the_start_of_the_file_whatever_the_chunks() {
    let folder = Folder::new();
    let body: String = (0..100).map(|n| if n % 10 == 3 { "x,y,z\n".into() } else { format!("{n},{n}\r\n") }).collect();
    folder.write("a.csv", "\na,b\n".to_string() + &body);
    let spec = folder.spec("a.csv", CSV, &[("b", "int64")]);
    let mut seen = Vec::new();
    for chunk in [10, 64, 1 << 20] {
        let mut source = open(&spec).unwrap();
        source.chunk = chunk;
        let range = source.plan(0, NEW).unwrap().unwrap();
        seen.push(rows(&source, &range, &[0]));
    }
    for rows in &mut seen {
        assert_eq!(rows.len(), 100);
        rows.sort();
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
    assert!(seen[0].contains(&"a.csv:3 | 0 |".to_string()), "{:?}", &seen[0][..3]);
    assert!(seen[0].contains(&"a.csv:6 3 fields, 2 expected".to_string()));
}

#[test]
fn paths_and_schemas_are_checked_when_a_source_is_opened() {
    let folder = Folder::new();
    folder.write("a.csv", "a\n1\n");
    let error = |path: &str, format, columns: &[(&str, &str)]| {
        let error = open(&folder.spec(path, format, columns)).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let place = error.location().expect("it points into the job file").span.clone();
        (format!("{error}; {}", error.help().unwrap_or_default()), place)
    };
    let (text, place) = error("b.csv", CSV, &[("a", "int64")]);
    assert!(text.contains("b.csv` does not exist") && place == (1..2), "{text}");
    assert!(error("no/*.csv", CSV, &[("a", "int64")]).0.contains("there is no folder"));
    assert!(error("*.csv", CSV, &[]).0.contains("csv files need a `schema`"));
    let (text, place) = error("*.csv", CSV, &[("a", "nt64")]);
    assert!(text.contains("did you mean `int64`?") && place == (3..4), "{text}");
    assert!(error("*.csv", CSV, &[("a", "int64"), ("a", "utf8")]).0.contains("declared twice"));
    assert!(error("*.csv", CSV, &[("a", "list<utf8>")]).0.contains("csv cannot hold a list<utf8>"));
    assert!(error("*.log", FileFormat::Text, &[("a", "int64")]).0.contains("one column"));
    assert!(error("*.parquet", FileFormat::Parquet, &[]).0.contains("no file yet"));
    assert!(error("a[.csv", CSV, &[("a", "int64")]).0.contains("not a valid pattern"));
    // A pattern and a folder may be empty.
    assert!(open(&folder.spec("*.json", FileFormat::Json, &[("a", "int64")])).is_ok());
}

#[test]
fn files_that_do_not_stay_as_planned_are_errors() {
    let folder = Folder::new();
    let check = |change: &dyn Fn(&Path), kind: ErrorKind, says: &str| {
        let path = folder.write("f.log", "one\ntwo\n");
        let mut source = open(&folder.spec("f.log", FileFormat::Text, &[])).unwrap();
        let range = source.plan(0, NEW).unwrap().unwrap();
        change(&path);
        let error = read_error(&source, &range);
        assert_eq!(error.kind(), kind);
        assert!(error.message().starts_with("f.log: ") && error.message().contains(says), "{error}");
    };
    check(&|path| fs::remove_file(path).unwrap(), ErrorKind::Unavailable, "is gone");
    check(&|path| fs::write(path, "one\ntwo\nthree\n").unwrap(), ErrorKind::Data, "14 bytes, planned were 8");
    check(
        &|path| {
            let time = SystemTime::now() - Duration::from_secs(9);
            fs::File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
        },
        ErrorKind::Data,
        "another modification time",
    );
}

#[test]
fn a_file_that_grows_while_it_is_read_is_an_error() {
    let folder = Folder::new();
    let path = folder.write("f.log", "one\ntwo\nthree\n");
    let mut source = open(&folder.spec("f.log", FileFormat::Text, &[])).unwrap();
    source.chunk = 4;
    let range = source.plan(0, NEW).unwrap().unwrap();
    let mut chunks = source.read(&range).unwrap();
    assert!(chunks.next().unwrap().is_ok());
    fs::File::options().append(true).open(path).unwrap().write_all(b"four\n").unwrap();
    assert_eq!(chunks.find_map(Result::err).unwrap().kind(), ErrorKind::Data);
    assert!(chunks.next().is_none());
}

#[test]
fn a_csv_file_without_a_declared_column_is_named() {
    let folder = Folder::new();
    folder.write("in/1.csv", "a,b\n1,2\n");
    folder.write("in/2.csv", "a,c\n1,2\n");
    folder.write("in/0.csv", "");
    let mut source = open(&folder.spec("in", CSV, &[("b", "int64")])).unwrap();
    let range = source.plan(0, NEW).unwrap().unwrap();
    let error = read_error(&source, &range);
    assert_eq!(error.message(), "in/2.csv: there is no column `b`; the file has `a`, `c`");
    assert_eq!(error.kind(), ErrorKind::Data);
}

#[test]
fn a_file_that_is_no_parquet_is_named() {
    let folder = Folder::new();
    folder.write("x.parquet", "no");
    let error = open(&folder.spec("*.parquet", FileFormat::Parquet, &[])).map(|_| ()).unwrap_err();
    assert!(error.message().starts_with("x.parquet: not a Parquet file"), "{error}");
}

#[test]
fn a_record_that_is_too_long_is_bad_and_the_others_are_not() {
    let folder = Folder::new();
    let long = "é".repeat(2000);
    type Columns = &'static [(&'static str, &'static str)];
    let files: [(&str, FileFormat, Columns, String); 3] = [
        ("t", FileFormat::Text, &[], format!("a\n{long}\nb\n{long}")),
        ("c", CSV, &[("a", "utf8"), ("b", "int64")], format!("a,b\nx,1\n{long},2\ny,3\n")),
        ("j", FileFormat::Json, &[("a", "utf8")], format!("{{\"a\":\"x\"}}\n{{\"a\":\"{long}\"}}\n{{\"a\":\"y\"}}\n")),
    ];
    for (name, format, columns, text) in files {
        for (ending, bytes) in [("", text.clone().into_bytes()), (".GZ", gzip(text.as_bytes()))] {
            let name = format!("{name}{ending}");
            folder.write(&name, &bytes);
            let mut spec = folder.spec(&name, format, columns);
            spec.max_record = 3000;
            for chunk in [1, 50, 5000, 1 << 20] {
                let mut source = open(&spec).unwrap();
                source.chunk = chunk;
                let range = source.plan(0, NEW).unwrap().unwrap();
                let mut rows = rows(&source, &range, &[0]);
                rows.sort();
                let bad = rows.iter().filter(|row| row.contains("max_record allows 3000"));
                assert_eq!(
                    (rows.len(), bad.count()),
                    (if name.starts_with('t') { 4 } else { 3 }, rows.len() - 2),
                    "{rows:?}"
                );
                let decoder = source.decoder(&[]).unwrap();
                let decoded = source.read(&range).unwrap().map(|chunk| decoder.decode(&chunk.unwrap()).unwrap());
                let decoded: Vec<_> = decoded.collect();
                let header = if name.starts_with('c') { "a,b\n".len() } else { 0 };
                assert_eq!(decoded.iter().map(|d| d.bytes).sum::<u64>(), (text.len() - header) as u64);
                let shown = decoded.iter().flat_map(|d| &d.bad).map(|bad| bad.text.len());
                assert!(shown.max().unwrap() <= SHOWN_BYTES, "the beginning is shown");
            }
        }
    }
    let mut spec = folder.spec("c", CSV, &[("a", "utf8"), ("b", "int64")]);
    spec.max_record = 2;
    let mut source = open(&spec).unwrap();
    let range = source.plan(0, NEW).unwrap().unwrap();
    assert!(read_error(&source, &range).message().contains("the header is longer than max_record"));
}

#[test]
fn a_bomb_of_one_line_is_not_kept_in_memory() {
    let folder = Folder::new();
    folder.write("bomb.Gz", gzip(&vec![b'x'; 100 << 20]));
    let mut spec = folder.spec("bomb.Gz", FileFormat::Text, &[]);
    spec.max_record = 1 << 20;
    let mut source = open(&spec).unwrap();
    let range = source.plan(0, NEW).unwrap().unwrap();
    let chunks: Vec<RawChunk> = source.read(&range).unwrap().map(|c| c.unwrap()).collect();
    let RawContent::Lines { bytes, long, .. } = &chunks[0].content else { panic!("text has lines") };
    assert_eq!((chunks.len(), bytes.len(), long[0].bytes), (1, 1024, 100 << 20));
}

#[test]
fn an_epoch_is_bounded_unless_the_job_says_otherwise() {
    let folder = Folder::new();
    for name in ["a.log", "b.log", "c.log"] {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        file.set_len(super::BYTES / 2).unwrap();
    }
    let mut spec = folder.spec("*.log", FileFormat::Text, &[]);
    let planned = |spec: &FileSourceSpec, once: bool| {
        let mut source = open(spec).unwrap();
        if once {
            source.admit_all();
        }
        names(source.plan(0, NEW).unwrap()).len()
    };
    assert_eq!((planned(&spec, false), planned(&spec, true)), (2, 3));
    spec.max_bytes_per_epoch = Unlimited;
    assert_eq!(planned(&spec, false), 3);
    (spec.max_bytes_per_epoch, spec.max_files_per_epoch) = (At(1), Sensible);
    assert_eq!((planned(&spec, false), planned(&spec, true)), (1, 1), "a limit that is named holds");
}

#[cfg(unix)]
#[cfg(unix)]
#[test]
fn files_without_a_byte_are_passed_over_and_counted_where_they_should_have_some() {
    let folder = Folder::new();
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(0..3));
    let batch = RecordBatch::try_from_iter([("n", n)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let parquet = writer.into_inner().unwrap();
    for (format, name, content, empty) in [
        (FileFormat::Parquet, "parquet", parquet, 1),
        (FileFormat::Text, "gz", gzip(b"1\n2\n3\n"), 1),
        (FileFormat::Text, "log", b"1\n2\n3\n".to_vec(), 0),
    ] {
        folder.write(&format!("a.{name}"), "");
        folder.write(&format!("b.{name}"), content);
        let mut source = open(&folder.spec(&format!("*.{name}"), format, &[])).unwrap();
        let range = source.plan(0, NEW).unwrap().unwrap();
        assert_eq!(rows(&source, &range, &[0]).len(), 3);
        let notices = source.notices();
        assert_eq!((notices.empty, notices.messages.len()), (empty, empty as usize), "{notices:?}");
        assert!(notices.messages.iter().all(|m| m.starts_with(&format!("a.{name} has no bytes"))), "{notices:?}");
        assert_eq!(source.notices(), Notices::default(), "it is said once");
    }
}
