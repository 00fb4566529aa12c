//! What columns a file has, where nobody says: for one-off queries. A job declares its schema, since a guess from the
//! first rows can turn out wrong in the middle of the night.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Schema};
use flate2::read::MultiGzDecoder;

use super::type_name;
use crate::job::FileFormat;
use crate::{Error, ErrorKind, Result};

/// Rows that are looked at.
const ROWS: usize = 1000;

/// The format that a file's name says it has, and whether it is compressed.
pub fn format_of(path: &Path) -> Option<FileFormat> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    Some(match name.rsplit_once('.')?.1 {
        "csv" => FileFormat::Csv { header: true, delimiter: b',' },
        "tsv" => FileFormat::Csv { header: true, delimiter: b'\t' },
        "json" | "jsonl" | "ndjson" => FileFormat::Json,
        "parquet" => FileFormat::Parquet,
        "txt" | "log" | "text" => FileFormat::Text,
        _ => return None,
    })
}

/// The columns of a CSV or JSON file, from its first rows: name and type text, as a job file has them. None for formats
/// that need no schema.
///
/// # Errors
/// The file cannot be read, or its first rows have no common columns.
pub fn infer_schema(path: &Path, format: FileFormat) -> Result<Option<Vec<(String, String)>>> {
    let failed = |e: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Data,
            format!("the columns of {} cannot be told from its first rows: {e}", path.display()),
        )
    };
    let open = || -> Result<Box<dyn BufRead>> {
        let file = File::open(path)
            .map_err(|e| Error::invalid(format!("{} cannot be read: {e}", path.display())).caused_by(e))?;
        let gzip = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        let plain: Box<dyn Read> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Box::new(BufReader::new(plain)))
    };
    let mut found = match format {
        FileFormat::Text | FileFormat::Parquet => return Ok(None),
        FileFormat::Csv { delimiter, header } => {
            let format = Format::default().with_header(header).with_delimiter(delimiter);
            let (schema, _) = format.infer_schema(open()?, Some(ROWS)).map_err(|e| failed(&e))?;
            columns(&schema)
        }
        FileFormat::Json => {
            let mut reader = open()?;
            let (schema, _) =
                arrow::json::reader::infer_json_schema(&mut reader, Some(ROWS)).map_err(|e| failed(&e))?;
            columns(&schema)
        }
    };
    if format == FileFormat::Json {
        let times = time_columns(open()?);
        for (name, text) in &mut found {
            if text == "utf8" && times.get(name) == Some(&true) {
                "timestamp".clone_into(text);
            }
        }
    }
    if found.is_empty() {
        return Err(failed(&"it has no rows").with_help("name a file that has some"));
    }
    Ok(Some(found))
}

fn columns(schema: &Schema) -> Vec<(String, String)> {
    let text = |data_type: &DataType| match data_type {
        DataType::Timestamp(..) => "timestamp".to_owned(),
        // Null in all rows that were looked at.
        DataType::Null => "utf8".to_owned(),
        other => type_name(other),
    };
    schema.fields().iter().map(|f| (f.name().clone(), text(f.data_type()))).collect()
}

/// Per column of strings, whether all that were looked at are times.
fn time_columns(reader: Box<dyn BufRead>) -> BTreeMap<String, bool> {
    let mut times: BTreeMap<String, bool> = BTreeMap::new();
    for line in reader.lines().map_while(std::io::Result::ok).take(ROWS) {
        let Ok(serde_json::Value::Object(row)) = serde_json::from_str(&line) else { continue };
        for (name, value) in row {
            let Some(text) = value.as_str() else { continue };
            let is_time = text.len() >= 19
                && (chrono::DateTime::parse_from_rfc3339(text).is_ok()
                    || text.parse::<chrono::NaiveDateTime>().is_ok());
            *times.entry(name).or_insert(true) &= is_time;
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_told_from_the_first_rows() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let named = |path: &Path| infer_schema(path, format_of(path).unwrap());
        let csv = write("a.csv", "url,n,x,at\n/a,1,0.5,2026-01-01T00:00:00\n/b,2,1,2026-01-01T00:00:01\n");
        let want = [("url", "utf8"), ("n", "int64"), ("x", "float64"), ("at", "timestamp")];
        assert_eq!(named(&csv).unwrap().unwrap(), want.map(|(n, t)| (n.to_owned(), t.to_owned())));
        let json = write("a.jsonl", "{\"at\":\"2026-01-01T00:00:00Z\",\"l\":[1],\"s\":{\"a\":true},\"z\":null}\n");
        let want = [("at", "timestamp"), ("l", "list<int64>"), ("s", "struct<a: boolean>"), ("z", "utf8")];
        assert_eq!(named(&json).unwrap().unwrap(), want.map(|(n, t)| (n.to_owned(), t.to_owned())));
        assert_eq!(named(&write("a.log", "x")).unwrap(), None);
        assert!(named(&write("b.json", "")).unwrap_err().message().contains("no rows"));
        assert!(named(&write("c.json", "{oops")).is_err());
        assert_eq!(format_of(Path::new("a.xlsx")), None);
        assert_eq!(format_of(Path::new("A.CSV.gz")), Some(FileFormat::Csv { header: true, delimiter: b',' }));
    }
}
