//! Records to columns: what is in their values, by a format, and what came with them.
//!
//! Each record is a row. Its value is one row of the format: a JSON object, a line of CSV, a text. A record without a
//! value has nulls in the value's columns.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array, UInt64Array,
};
use arrow::buffer::Buffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::lines::{is_blank, shown};
use crate::error::{Error, Result};
use crate::format::types::timestamp;
use crate::format::{
    BadRow, Check, CsvReading, Decode, Decoded, FileFormat, FormatError, MAX_RECORD, RawChunk, RawContent, Records,
    RowLines, Unseen, headers_type,
};

/// What comes with a record's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// The key's bytes.
    Key,
    /// The key as text: a record whose key is no UTF-8 is a bad row.
    KeyText,
    /// The partition's name.
    Partition,
    /// Where the record stands in its partition.
    Offset,
    /// When it was made, or came.
    Time,
    /// Its headers.
    Headers,
}

impl Metadata {
    fn data_type(self) -> DataType {
        match self {
            Self::Key => DataType::Binary,
            Self::KeyText | Self::Partition => DataType::Utf8,
            Self::Offset => DataType::UInt64,
            Self::Time => timestamp(),
            Self::Headers => headers_type(),
        }
    }

    /// Of all records.
    fn column(self, records: &Records) -> ArrayRef {
        match self {
            Self::Key => Arc::new(records.keys().clone()),
            // Bad ones are not taken from it.
            Self::KeyText => Arc::new(text_of(records.keys())),
            Self::Partition => {
                let name = records.partition().map(|name| &**name);
                Arc::new((0..records.len()).map(|_| name).collect::<StringArray>())
            }
            Self::Offset => Arc::new(UInt64Array::from_iter_values(records.offsets().iter().copied())),
            Self::Time => Arc::new(records.times().clone()),
            Self::Headers => Arc::new(records.headers().clone()),
        }
    }
}

fn text_of(bytes: &BinaryArray) -> StringArray {
    bytes.iter().map(|bytes| bytes.and_then(|bytes| std::str::from_utf8(bytes).ok())).collect()
}

/// How the records of a source become columns: first those of their values, then what came with them.
#[derive(Debug, Clone)]
pub struct RecordFormat {
    format: FileFormat,
    ignore_surplus: bool,
    values: SchemaRef,
    metadata: Vec<Metadata>,
    schema: SchemaRef,
}

impl RecordFormat {
    /// Values of `format` with the columns `values` (of text there is one), and beside them `metadata`, each with the name of
    /// its column.
    ///
    /// # Errors
    /// A column that the format cannot hold, a format of whole files, or two columns with one name.
    pub fn new(
        format: FileFormat,
        reading: CsvReading,
        values: &SchemaRef,
        metadata: &[(&str, Metadata)],
    ) -> Result<Self, FormatError> {
        if format == FileFormat::Parquet {
            return Err(FormatError::NoRecords("parquet"));
        }
        let value = values.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        let beside = metadata.iter().map(|(name, what)| Field::new(*name, what.data_type(), true));
        let fields: Vec<Field> = value.chain(beside).collect();
        for (at, field) in fields.iter().enumerate() {
            if fields[..at].iter().any(|before| before.name() == field.name()) {
                return Err(FormatError::DuplicateColumn(field.name().clone()));
            }
        }
        let made = Self {
            format,
            ignore_surplus: reading.ignore_surplus,
            values: values.clone(),
            metadata: metadata.iter().map(|(_, what)| *what).collect(),
            schema: Arc::new(Schema::new(fields)),
        };
        made.decoder(&[], Check::Declared)?;
        Ok(made)
    }

    /// All columns.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The decoder of chunks of records for the columns `wanted`, indices into [`RecordFormat::schema`].
    ///
    /// # Errors
    /// [`FormatError::UnsupportedType`] if the format cannot hold a declared column.
    ///
    /// # Panics
    /// There is no such column.
    pub fn decoder(&self, wanted: &[usize], check: Check) -> Result<Arc<dyn Decode>, FormatError> {
        let many = self.values.fields().len();
        let of_values: Vec<usize> = wanted.iter().copied().filter(|column| *column < many).collect();
        let inner = match self.format {
            FileFormat::Text => None,
            FileFormat::Csv { delimiter, .. } => {
                let reading = CsvReading { multiline: false, ignore_surplus: self.ignore_surplus };
                let dialect = super::CsvDialect::new(delimiter, reading, MAX_RECORD);
                Some(super::csv_decoder(dialect, &self.values, &of_values, check)?)
            }
            format => Some(super::decoder(format, &self.values, &of_values, check)?),
        };
        let mut next = 0..;
        let columns = wanted.iter().map(|column| match column.checked_sub(many) {
            None => Wanted::Value(next.next().expect("it has no end")),
            Some(beside) => Wanted::Beside(self.metadata[beside]),
        });
        Ok(Arc::new(RecordsDecoder {
            columns: columns.collect(),
            keys_are_text: self.metadata.contains(&Metadata::KeyText),
            format: self.format,
            inner,
            schema: Arc::new(self.schema.project(wanted).expect("wanted columns are indices of the schema")),
        }))
    }
}

/// Where a column comes from.
enum Wanted {
    /// Of the value's columns, the one with this number.
    Value(usize),
    Beside(Metadata),
}

struct RecordsDecoder {
    columns: Vec<Wanted>,
    keys_are_text: bool,
    format: FileFormat,
    /// None: the value is the column.
    inner: Option<Arc<dyn Decode>>,
    schema: SchemaRef,
}

/// The rows that come of records, in their order.
struct Rowed {
    /// Each row's record.
    records: Vec<u32>,
    /// Each row's row of `values`; none = the record has no value.
    rows: Vec<Option<u32>>,
    values: Vec<ArrayRef>,
    bad: Vec<BadRow>,
}

impl RecordsDecoder {
    /// The records that have a value which may be read, each put into `bytes` as a line; those without a value; bad ones.
    fn lines(&self, records: &Records, bytes: &mut Vec<u8>) -> (Vec<u32>, Vec<u32>, Vec<BadRow>) {
        let (mut lines, mut none, mut bad) = (Vec::with_capacity(records.len()), Vec::new(), Vec::new());
        for ((number, value), key) in (0u32..).zip(records.values().iter()).zip(records.keys().iter()) {
            let is_text = !self.keys_are_text || key.is_none_or(|key| std::str::from_utf8(key).is_ok());
            let put = if !is_text {
                Err("its key is not UTF-8")
            } else if let Some(value) = value {
                self.line(value, bytes)
            } else {
                none.push(number);
                continue;
            };
            match put {
                Ok(()) => lines.push(number),
                Err(reason) => {
                    bad.push(BadRow { line: number, reason: reason.into(), text: shown(value.unwrap_or_default()) });
                }
            }
        }
        (lines, none, bad)
    }

    fn line(&self, value: &[u8], bytes: &mut Vec<u8>) -> Result<(), &'static str> {
        match self.format {
            FileFormat::Text if std::str::from_utf8(value).is_err() => return Err("not UTF-8"),
            FileFormat::Text => return Ok(()),
            _ if is_blank(value) => return Err("its value is empty"),
            FileFormat::Csv { .. } | FileFormat::Logfmt => {
                let line = value.strip_suffix(b"\n").unwrap_or(value);
                if line.contains(&b'\n') {
                    return Err("its value has several lines");
                }
                bytes.extend_from_slice(line);
            }
            // Between two tokens one is white space like the other, and inside a string neither may be.
            _ => bytes.extend(value.iter().map(|byte| if *byte == b'\n' { b'\r' } else { *byte })),
        }
        bytes.push(b'\n');
        Ok(())
    }

    fn rows(&self, chunk: &RawChunk, records: &Records) -> Result<Rowed> {
        let mut bytes = Vec::with_capacity(if self.inner.is_some() { records.bytes() + records.len() } else { 0 });
        let (lines, none, mut bad) = self.lines(records, &mut bytes);
        let (good, values) = match &self.inner {
            None => (lines, vec![Arc::new(text_of(records.values())) as ArrayRef]),
            Some(inner) => {
                let content =
                    RawContent::Lines { bytes: Buffer::from_vec(bytes), before: 0, layout: None, long: Vec::new() };
                let decoded = inner.decode(&RawChunk { content, ..*chunk })?;
                bad.extend(decoded.bad.into_iter().map(|row| BadRow { line: lines[row.line as usize], ..row }));
                let rows = 0..decoded.batch.num_rows();
                let good = rows.map(|row| lines[decoded.rows.line(row) as usize]).collect();
                (good, decoded.batch.columns().to_vec())
            }
        };
        bad.sort_by_key(|row| row.line);
        // Text is a column of all records, that of a format one of the good lines.
        let row = |(row, record): (u32, &u32)| (*record, Some(if self.inner.is_some() { row } else { *record }));
        let mut rows: Vec<(u32, Option<u32>)> = (0..).zip(&good).map(row).collect();
        rows.extend(none.into_iter().map(|record| (record, None)));
        rows.sort_unstable_by_key(|(record, _)| *record);
        let (records, rows) = rows.into_iter().unzip();
        Ok(Rowed { records, rows, values, bad })
    }
}

impl Decode for RecordsDecoder {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let RawContent::Records(records) = &chunk.content else {
            return Err(FormatError::WrongChunk("records").into());
        };
        let Rowed { records: of, rows, values, bad } = self.rows(chunk, records)?;
        let (len, of) = (of.len(), UInt32Array::from(of));
        let whole = of.values().iter().copied().eq(0..records.len() as u32);
        let rows = UInt32Array::from(rows);
        // Nothing is copied where nothing is missing.
        let chosen = |column: ArrayRef, rows: &UInt32Array| {
            let all =
                column.len() == rows.len() && rows.null_count() == 0 && rows.values().windows(2).all(|w| w[0] < w[1]);
            if all { Ok(column) } else { take(&column, rows, None) }
        };
        let columns = self.columns.iter().map(|column| match column {
            Wanted::Value(number) => chosen(values[*number].clone(), &rows),
            Wanted::Beside(what) => chosen(what.column(records), &of),
        });
        let failed = |e: ArrowError| Error::internal(format!("records do not make columns: {e}")).caused_by(e);
        let columns = columns.collect::<Result<Vec<_>, ArrowError>>().map_err(failed)?;
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        Ok(Decoded {
            batch: RecordBatch::try_new_with_options(self.schema.clone(), columns, &options).map_err(failed)?,
            rows: if whole { RowLines::Contiguous { first: 0 } } else { RowLines::At(of.values().to_vec()) },
            bad,
            lines: records.len() as u64,
            bytes: records.bytes() as u64,
        })
    }

    fn unseen(&self) -> Vec<Unseen> {
        self.inner.as_ref().map_or_else(Vec::new, |inner| inner.unseen())
    }
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;

    use super::*;
    use crate::format::{Header, Record, RecordsBuilder};

    const BESIDE: [(&str, Metadata); 5] = [
        ("key", Metadata::KeyText),
        ("partition", Metadata::Partition),
        ("offset", Metadata::Offset),
        ("at", Metadata::Time),
        ("headers", Metadata::Headers),
    ];

    fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
        Arc::new(Schema::new(columns.iter().map(|(n, t)| Field::new(*n, t.clone(), true)).collect::<Vec<_>>()))
    }

    /// Records with the offsets 10, 12, 14, …; those of odd numbers have a key.
    fn chunk(values: &[Option<&[u8]>]) -> RawChunk {
        let mut builder = RecordsBuilder::default();
        for (n, value) in values.iter().enumerate() {
            builder.push(Record {
                offset: 10 + 2 * n as u64,
                time: (n > 0).then_some(n as i64),
                key: (n % 2 == 1).then_some(b"k"),
                value: *value,
                headers: &[Header { name: "trace", value: Some(b"1") }][..n % 2],
            });
        }
        let content = RawContent::Records(builder.finish(Some("orders/0".into())));
        RawChunk { part: 0, index: 0, content }
    }

    fn decoded(
        format: &RecordFormat,
        columns: &[usize],
        values: &[Option<&[u8]>],
    ) -> (Vec<String>, Vec<(u32, String)>) {
        let decoded = format.decoder(columns, Check::Declared).unwrap().decode(&chunk(values)).unwrap();
        assert_eq!(decoded.lines, values.len() as u64);
        let table = pretty_format_batches(std::slice::from_ref(&decoded.batch)).unwrap().to_string();
        let rows = table.lines().skip(3).filter(|l| l.starts_with('|'));
        let rows = rows.enumerate().map(|(i, row)| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            format!("{}: {}", decoded.rows.line(i), cells.join(" "))
        });
        (rows.collect(), decoded.bad.into_iter().map(|b| (b.line, b.reason)).collect())
    }

    #[test]
    fn a_value_is_a_row_and_what_came_with_it_stands_beside() {
        let format = FileFormat::Json;
        let format = RecordFormat::new(
            format,
            CsvReading::default(),
            &schema(&[("a", DataType::Int64), ("b", DataType::Utf8)]),
            &BESIDE,
        )
        .unwrap();
        let values: [Option<&[u8]>; 7] = [
            Some(b"{\"a\": 1}"),
            None,
            Some(b"{\n  \"b\": \"x\",\n  \"a\": 3\n}\n"),
            Some(b"{\"b\": \"two\nlines\"}"),
            Some(b" "),
            Some(b"{\"a\": \"no number\"}"),
            Some(b"{\"a\": 7}"),
        ];
        let (rows, bad) = decoded(&format, &[4, 0, 2, 1], &values);
        assert_eq!(rows, ["0: 10 1  ", "1: 12  k ", "2: 14 3  x", "6: 22 7  "]);
        assert_eq!(bad.iter().map(|b| b.0).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(bad[0].1.contains("not valid JSON") && bad[1].1 == "its value is empty", "{bad:?}");
        // Which rows there are does not depend on what is wanted of them.
        let (some, same) = decoded(&format, &[3, 5], &values);
        assert_eq!(some[1], "1: orders/0 1970-01-01T00:00:00.000001Z");
        assert_eq!((some.len(), same), (rows.len(), bad));
        assert_eq!(decoded(&format, &[6], &values).0[1], "1: [{name: trace, value: 31}]");
    }

    #[test]
    fn text_may_have_lines_and_csv_has_one() {
        let text = schema(&[("value", DataType::Utf8)]);
        let text = RecordFormat::new(FileFormat::Text, CsvReading::default(), &text, &[]).unwrap();
        let values: [Option<&[u8]>; 4] = [Some(b"one"), Some(b""), None, Some(b"\xff")];
        let (rows, bad) = decoded(&text, &[0], &values);
        assert_eq!(rows, ["0: one", "1: ", "2: "]);
        assert_eq!(bad, [(3, "not UTF-8".to_owned())]);

        let csv = FileFormat::Csv { header: true, delimiter: b',' };
        let columns = schema(&[("a", DataType::Int64), ("b", DataType::Utf8)]);
        let csv = RecordFormat::new(csv, CsvReading::default(), &columns, &[]).unwrap();
        let values: [Option<&[u8]>; 4] = [Some(b"1,x\r\n"), Some(b"2,\"y"), Some(b"3,z\n4,z"), Some(b"5,w")];
        let (rows, bad) = decoded(&csv, &[1, 0], &values);
        assert_eq!(rows, ["0: x 1", "3: w 5"]);
        assert_eq!(bad.iter().map(|b| b.0).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_cannot_be_records_is_refused() {
        let columns = schema(&[("key", DataType::Int64)]);
        let made =
            |format| RecordFormat::new(format, CsvReading::default(), &columns, &BESIDE).unwrap_err().to_string();
        assert_eq!(made(FileFormat::Parquet), "parquet is a format of whole files, not of records");
        assert_eq!(made(FileFormat::Json), "the column `key` is declared twice");
    }
}
