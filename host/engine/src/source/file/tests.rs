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
use crate::error::{Error, Result};
use crate::job::{CsvReading, FileFormat, FileSourceSpec, JobText, Spanned};
use crate::record::SourceRange;
use crate::source::Source;
use crate::source::conformance::{conforms, rows};

const CSV: FileFormat = FileFormat::Csv { header: true, delimiter: b',' };

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
            max_files_per_epoch: None,
            max_bytes_per_epoch: None,
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
    }
    for (path, format, columns) in [
        ("text", FileFormat::Text, &[][..]),
        ("csv/*.csv", CSV, &[("a", "int64"), ("b", "utf8")]),
        ("json", FileFormat::Json, &[("a", "int64")]),
    ] {
        for (files, bytes) in [(Some(2), None), (None, Some(300)), (None, Some(1))] {
            let mut spec = folder.spec(path, format, columns);
            (spec.max_files_per_epoch, spec.max_bytes_per_epoch) = (files, bytes);
            conforms(|| {
                let mut source = open(&spec).unwrap();
                source.chunk = 100;
                source
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
        spec.max_files_per_epoch = Some(3);
        conforms(|| open(&spec).unwrap());
    }
}

#[test]
fn what_comes_after_discovery_was_stopped_is_left_for_later() {
    let folder = Folder::new();
    folder.write("a.log", "1\n");
    folder.write("b.log", "2\n");
    let mut spec = folder.spec("*.log", FileFormat::Text, &[]);
    spec.max_files_per_epoch = Some(1);
    let mut source = open(&spec).unwrap();
    source.stop_discovery().unwrap();
    folder.write("c.log", "3\n");
    assert_eq!(names(source.plan(0).unwrap()), ["a.log"]);
    assert!(!source.exhausted());
    assert_eq!(names(source.plan(0).unwrap()), ["b.log"]);
    assert!(source.exhausted());
    assert_eq!(source.plan(0).unwrap(), None);
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
        let range = source.plan(0).unwrap().unwrap();
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
fn files_are_found_in_order_and_hidden_ones_are_not() {
    let folder = Folder::new();
    for name in ["d/b.log", "d/a.log", "d/_part.log", "d/.c.log", "d/sub/x.log", "d/_sub/x.log", "d/c.txt"] {
        folder.write(name, "x\n");
    }
    let found = |path: &str| names(open(&folder.spec(path, FileFormat::Text, &[])).unwrap().plan(0).unwrap());
    assert_eq!(found("d"), ["d/a.log", "d/b.log", "d/c.txt"]);
    assert_eq!(found("d/*.log"), ["d/a.log", "d/b.log"]);
    assert_eq!(found("d/**/*.log"), ["d/a.log", "d/b.log", "d/sub/x.log"]);
    assert_eq!(found("*/[bc]*"), ["d/b.log", "d/c.txt"]);
    assert_eq!(found("d/c.txt"), ["d/c.txt"]);

    let elsewhere = Folder::new();
    elsewhere.write("z.log", "x\n");
    let mut spec = elsewhere.spec("*.log", FileFormat::Text, &[]);
    spec.base = folder.path().into();
    let mut source = open(&spec).unwrap();
    let range = source.plan(0).unwrap();
    assert_eq!(names(range.clone()), [elsewhere.path().join("z.log").to_str().unwrap()]);
    assert_eq!(rows(&source, &range.unwrap(), &[0]).len(), 1);
}

#[test]
fn new_files_come_while_it_runs() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("in")).unwrap();
    let mut source = open(&folder.spec("in", FileFormat::Text, &[])).unwrap();
    assert_eq!(source.plan(0).unwrap(), None);
    // A folder that has long been quiet is not listed again, until its modification time moves.
    let quiet = fs::File::open(folder.path().join("in")).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(100);
    folder.write("in/a", "1\n");
    assert_eq!(names(source.plan(0).unwrap()), ["in/a"]);
    quiet.set_times(FileTimes::new().set_modified(long_ago)).unwrap();
    assert_eq!(source.plan(0).unwrap(), None);
    assert_eq!(source.plan(0).unwrap(), None);
    folder.write("in/c", "3\n");
    folder.write("in/b", "2\n");
    assert_eq!(names(source.plan(0).unwrap()), ["in/b", "in/c"]);
    assert_eq!(source.plan(0).unwrap(), None);
    assert!(!source.exhausted());
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
        let range = source.plan(0).unwrap().unwrap();
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
    let range = source.plan(0).unwrap().unwrap();
    let mut chunks = source.read(&range).unwrap();
    assert!(chunks.next().unwrap().is_ok());
    fs::File::options().append(true).open(path).unwrap().write_all(b"four\n").unwrap();
    assert_eq!(chunks.find_map(Result::err).unwrap().kind(), ErrorKind::Data);
    assert!(chunks.next().is_none());
}

#[test]
fn gzip_files_may_have_several_members_and_must_be_whole() {
    let folder = Folder::new();
    let whole = [gzip(b"one\ntw"), gzip(b"o\nthree")].concat();
    folder.write("a.gz", &whole);
    folder.write("b.gz", &whole[..whole.len() - 5]);
    let mut source = open(&folder.spec("a.gz", FileFormat::Text, &[])).unwrap();
    let range = source.plan(0).unwrap().unwrap();
    assert_eq!(rows(&source, &range, &[0]), ["a.gz:1 | one |", "a.gz:2 | two |", "a.gz:3 | three |"]);
    let mut source = open(&folder.spec("b.gz", FileFormat::Text, &[])).unwrap();
    let range = source.plan(0).unwrap().unwrap();
    let error = read_error(&source, &range);
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.message().starts_with("b.gz: not a complete gzip file"), "{error}");
}

#[test]
fn a_csv_file_without_a_declared_column_is_named() {
    let folder = Folder::new();
    folder.write("in/1.csv", "a,b\n1,2\n");
    folder.write("in/2.csv", "a,c\n1,2\n");
    folder.write("in/0.csv", "");
    let mut source = open(&folder.spec("in", CSV, &[("b", "int64")])).unwrap();
    let range = source.plan(0).unwrap().unwrap();
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
