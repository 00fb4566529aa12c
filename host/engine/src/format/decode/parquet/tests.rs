use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use parquet::data_type::{Int64Type as ParquetInt64, Int96, Int96Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::ParquetFile;
use crate::format::FileFormat;
use crate::format::decode::decoder;
use crate::format::{Check, Decoded, RawChunk, RawContent, parse_type};

const DAY: i64 = 86_400_000_000;

/// A day, counted from 1970, and the nanoseconds of it.
fn int96(day: i64, nanos: i64) -> Int96 {
    let mut time = Int96::new();
    time.set_data(nanos as u32, (nanos >> 32) as u32, (day + 2_440_588) as u32);
    time
}

fn schema(columns: &[(&str, &str)]) -> SchemaRef {
    let fields = columns.iter().map(|(name, text)| Field::new(*name, parse_type(text).unwrap(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn decode(path: &Path, declared: &SchemaRef) -> Decoded {
    let file = Arc::new(ParquetFile::read(&File::open(path).unwrap(), path, "a.parquet").unwrap());
    file.check(declared).unwrap();
    let every: Vec<usize> = (0..declared.fields().len()).collect();
    let decoder = decoder(FileFormat::Parquet, declared, &every, Check::Declared).unwrap();
    let mut groups = file.row_groups();
    assert_eq!(groups.len(), 1);
    let content = RawContent::RowGroup(groups.remove(0));
    decoder.decode(&RawChunk { part: 0, index: 0, content }).unwrap()
}

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn micros(array: &dyn Array) -> Vec<Option<i64>> {
    array.as_primitive::<TimestampMicrosecondType>().iter().collect()
}

/// Four rows, whose times stand at the top, in a list and in a struct: 9999, 1 and 1677; the last is far out of reach
/// in all three places, one place a row from the second on.
#[test]
fn int96_is_right_at_every_depth_and_what_is_out_of_reach_is_a_bad_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let message = "message m {
        REQUIRED INT64 id;
        OPTIONAL INT96 at;
        OPTIONAL group l (LIST) { REPEATED group list { OPTIONAL INT96 element; } }
        OPTIONAL group s { OPTIONAL INT96 at; REQUIRED INT64 n; }
    }";
    let message = Arc::new(parse_message_type(message).unwrap());
    let file = File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, message, Arc::new(WriterProperties::default())).unwrap();
    let far = int96(1_000_000_000, 5);
    let (y9999, y1) = (int96(2_932_896, 999), int96(-719_162, 1_999));
    let mut group = writer.next_row_group().unwrap();
    let times = |values: &[Int96],
                 levels: &[i16],
                 repeated: Option<&[i16]>,
                 group: &mut parquet::file::writer::SerializedRowGroupWriter<'_, File>| {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int96Type>().write_batch(values, Some(levels), repeated).unwrap();
        column.close().unwrap();
    };
    let numbers = |levels: Option<&[i16]>, group: &mut parquet::file::writer::SerializedRowGroupWriter<'_, File>| {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ParquetInt64>().write_batch(&[1, 2, 3, 4, 5], levels, None).unwrap();
        column.close().unwrap();
    };
    numbers(None, &mut group);
    times(&[y9999, far, y1, int96(-1, 86_399_999_999_999)], &[1, 1, 0, 1, 1], None, &mut group);
    // Two elements, none, one out of reach behind a null, null, one.
    times(&[y1, y9999, far, y1], &[3, 3, 1, 2, 3, 0, 3], Some(&[0, 1, 0, 0, 1, 0, 0]), &mut group);
    times(&[y9999, y1, y1, far], &[2, 2, 2, 1, 2], None, &mut group);
    numbers(Some(&[1; 5]), &mut group);
    group.close().unwrap();
    writer.close().unwrap();

    let declared = schema(&[
        ("id", "int64"),
        ("at", "timestamp"),
        ("l", "list<timestamp>"),
        ("s", "struct<at: timestamp, n: int64>"),
    ]);
    let decoded = decode(&path, &declared);
    let (t9999, t1) = (2_932_896 * DAY, -719_162 * DAY + 1);
    assert_eq!(decoded.batch.column(0).as_primitive::<Int64Type>().values(), &[1, 4]);
    assert_eq!(micros(decoded.batch.column(1)), [Some(t9999), Some(t1)]);
    let lists = decoded.batch.column(2).as_list::<i32>();
    assert_eq!(micros(&lists.value(0)), [Some(t1), Some(t9999)]);
    assert!(lists.is_null(1));
    assert_eq!(micros(decoded.batch.column(3).as_struct().column(0)), [Some(t9999), None]);
    let bad: Vec<_> = decoded.bad.iter().map(|b| (b.line, b.reason.as_str())).collect();
    let out = "lies outside what a timestamp can hold";
    assert_eq!(
        bad,
        [
            (1, &*format!("`at`: a time 86400000000000 seconds after 1970 {out}")),
            (2, &*format!("`l`: a time in it {out}")),
            (4, &*format!("`s`: a time in it {out}")),
        ]
    );
    assert!(
        decoded.bad[0].text.contains("\"id\":\"2\"") && !decoded.bad[0].text.contains("\"at\":"),
        "{:?}",
        decoded.bad
    );
    assert_eq!((decoded.lines, decoded.rows.line(1)), (5, 3));

    // One column of the file alone, and no time at all.
    let only = decode(&path, &schema(&[("s", "struct<at: timestamp, n: int64>")]));
    assert_eq!((only.batch.num_rows(), only.bad.len()), (4, 1));
    assert_eq!(decode(&path, &schema(&[("id", "int64")])).batch.num_rows(), 5);
}

/// The same column as INT96, nanoseconds, milliseconds and text in different files: one declared type.
#[test]
fn files_of_differing_types_give_the_same_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let declared = schema(&[("at", "timestamp")]);
    let nanos = [-1_000_001, -1, 0, 1_999];
    let expected = [Some(-1_001), Some(-1), Some(0), Some(1)];

    write(&path, vec![("at", Arc::new(TimestampNanosecondArray::from(nanos.to_vec())))]);
    assert_eq!(micros(decode(&path, &declared).batch.column(0)), expected);

    let message = Arc::new(parse_message_type("message m { REQUIRED INT96 at; }").unwrap());
    let mut writer =
        SerializedFileWriter::new(File::create(&path).unwrap(), message, Arc::new(WriterProperties::default()))
            .unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let day = 86_400_000_000_000i64;
    let values = nanos.map(|n| int96(n.div_euclid(day), n.rem_euclid(day)));
    column.typed::<Int96Type>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    assert_eq!(micros(decode(&path, &declared).batch.column(0)), expected);

    let text = [
        "1969-12-31T23:59:59.998999999",
        "1969-12-31T23:59:59.999999999",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00.000001999",
    ];
    write(&path, vec![("at", Arc::new(StringArray::from(text.to_vec())))]);
    assert_eq!(micros(decode(&path, &declared).batch.column(0)), expected);
}

#[test]
fn a_value_that_does_not_fit_spoils_its_row_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let decimals = Decimal128Array::from(vec![100, 200, 250, 300, 400]).with_precision_and_scale(5, 2).unwrap();
    write(
        &path,
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 300, 3, 4, 5]))),
            ("x", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.5]))),
            ("d", Arc::new(decimals)),
            ("t", Arc::new(TimestampSecondArray::from(vec![1, 2, 3, i64::MAX / 1000, 5]))),
        ],
    );
    let decoded = decode(&path, &schema(&[("id", "int8"), ("x", "int64"), ("d", "int32"), ("t", "timestamp")]));
    assert_eq!(decoded.batch.num_rows(), 1);
    let bad: Vec<_> = decoded.bad.iter().map(|b| (b.line, b.reason.as_str())).collect();
    assert_eq!(bad[..2], [(1, "`id`: 300 does not fit int8"), (2, "`d`: 2.50 does not fit int32")]);
    assert!(bad[2].0 == 3 && bad[2].1.starts_with("`t`: ") && bad[2].1.ends_with(" does not fit timestamp"), "{bad:?}");
    assert_eq!(bad[3], (4, "`x`: 5.5 does not fit int64"));
    assert_eq!(decoded.bad[0].text, "{\"d\":\"2.00\",\"id\":\"300\",\"t\":\"1970-01-01T00:00:02\",\"x\":\"2.0\"}");
}

#[test]
fn numbers_are_no_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, vec![("at", Arc::new(Int64Array::from(vec![1])))]);
    let file = ParquetFile::read(&File::open(&path).unwrap(), &path, "a.parquet").unwrap();
    let error = file.check(&schema(&[("at", "timestamp")])).unwrap_err().to_string();
    assert!(error.contains("the column `at` is a int64, which cannot be made a timestamp"), "{error}");
}

#[test]
fn a_file_that_is_cut_off_is_named_without_a_librarys_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, vec![("n", Arc::new(Int64Array::from(vec![1])))]);
    let whole = std::fs::read(&path).unwrap();
    for content in [&whole[..whole.len() - 3], &whole[..20], b"PAR1", b"id,n\n1,2\n3,4\n"] {
        std::fs::write(&path, content).unwrap();
        let error = ParquetFile::read(&File::open(&path).unwrap(), &path, "a.parquet").map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("a.parquet: not a Parquet file, or a damaged one: "), "{text}");
        assert!(!text.contains("error:") && !text.contains("Parquet error"), "{text}");
    }
}
