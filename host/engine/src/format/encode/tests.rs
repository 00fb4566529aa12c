use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::{DateTime, SecondsFormat};
use proptest::prelude::*;

use super::*;

const CSV: FileFormat = FileFormat::Csv { header: true, delimiter: b',' };

fn encode(format: FileFormat, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let columns = FileColumns::new(format, schema).unwrap();
    let mut chunks = BatchCoalescer::new(columns.schema().clone(), CHUNK_ROWS);
    let mut encoder = encoder(format, columns.schema(), Vec::new()).unwrap();
    for batch in batches {
        chunks.push_batch(columns.convert(batch).unwrap()).unwrap();
        while let Some(chunk) = chunks.next_completed_batch() {
            encoder.write(&chunk).unwrap();
        }
    }
    chunks.finish_buffered_batch().unwrap();
    while let Some(chunk) = chunks.next_completed_batch() {
        encoder.write(&chunk).unwrap();
    }
    encoder.finish().unwrap()
}

fn text(format: FileFormat, batch: &RecordBatch) -> String {
    String::from_utf8(encode(format, &batch.schema(), std::slice::from_ref(batch))).unwrap()
}

fn window(start: Vec<i64>) -> ArrayRef {
    let end: Vec<i64> = start.iter().map(|s| s + 600_000_000).collect();
    let utc = |v: Vec<i64>| Arc::new(TimestampMicrosecondArray::from(v).with_timezone("UTC")) as ArrayRef;
    let (start, end) = (utc(start), utc(end));
    let field = |name: &str, a: &ArrayRef| Arc::new(Field::new(name, a.data_type().clone(), false));
    Arc::new(StructArray::from(vec![(field("start", &start), start), (field("end", &end), end)]))
}

#[test]
fn csv_tells_nulls_from_empty_strings_and_quotes_what_it_must() {
    let batch = RecordBatch::try_from_iter([
        (
            "a,b",
            Arc::new(StringArray::from(vec![Some("x"), None, Some(""), Some("1,2"), Some("say \"hi\"\nyes")]))
                as ArrayRef,
        ),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![0, 1_500_000, -1, 1_709_208_000_000_123, 5])) as ArrayRef),
        ("f", Arc::new(Float64Array::from(vec![1.0, 0.1, f64::NAN, f64::NEG_INFINITY, 1e300])) as ArrayRef),
    ])
    .unwrap();
    assert_eq!(
        text(CSV, &batch),
        "\"a,b\",at,f\nx,1970-01-01T00:00:00Z,1.0\n,1970-01-01T00:00:01.500Z,0.1\n\"\",1969-12-31T23:59:59.999999Z,NaN\n\
         \"1,2\",2024-02-29T12:00:00.000123Z,-Infinity\n\"say \"\"hi\"\"\nyes\",1970-01-01T00:00:00.000005Z,1e300\n"
    );
    let alone =
        RecordBatch::try_from_iter([("s", Arc::new(StringArray::from(vec![None, Some("x")])) as ArrayRef)]).unwrap();
    assert_eq!(text(CSV, &alone), "s\n\"\"\nx\n");
    assert_eq!(
        text(FileFormat::Csv { header: false, delimiter: b'-' }, &batch.slice(0, 1)),
        "x-\"1970-01-01T00:00:00Z\"-1.0\n"
    );
}

#[test]
fn json_leaves_nulls_out_nests_structs_and_keeps_nan() {
    let batch = RecordBatch::try_from_iter([
        ("window", window(vec![0, 300_000_000])),
        ("url", Arc::new(StringArray::from(vec![Some("/a\"b"), None])) as ArrayRef),
        ("f", Arc::new(Float64Array::from(vec![f64::NAN, 2.0])) as ArrayRef),
    ])
    .unwrap();
    assert_eq!(
        text(FileFormat::Json, &batch),
        "{\"window\":{\"start\":\"1970-01-01T00:00:00Z\",\"end\":\"1970-01-01T00:10:00Z\"},\"url\":\"/a\\\"b\",\"f\":\"NaN\"}\n\
         {\"window\":{\"start\":\"1970-01-01T00:05:00Z\",\"end\":\"1970-01-01T00:15:00Z\"},\"f\":2.0}\n"
    );
}

#[test]
fn parquet_holds_plain_types_and_no_arrow_schema() {
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let dictionary: arrow::array::DictionaryArray<arrow::datatypes::Int32Type> =
        vec!["a", "b", "a"].into_iter().collect();
    let batch = RecordBatch::try_from_iter([
        ("window", window(vec![0, 1, 2])),
        ("d", Arc::new(dictionary) as ArrayRef),
        (
            "v",
            Arc::new(arrow::array::StringViewArray::from(vec!["x", "y", "a string longer than twelve bytes"]))
                as ArrayRef,
        ),
        ("ns", Arc::new(arrow::array::TimestampNanosecondArray::from(vec![1_000, 2_000, 3_000])) as ArrayRef),
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])) as ArrayRef),
    ])
    .unwrap();
    let bytes = encode(FileFormat::Parquet, &batch.schema(), &[batch]);
    let builder = ParquetRecordBatchReaderBuilder::try_new(chunk(bytes)).unwrap();
    assert!(builder.metadata().file_metadata().key_value_metadata().is_none());
    let shown: Vec<String> = builder.schema().fields().iter().map(|f| f.data_type().to_string()).collect();
    assert_eq!(shown[1..], ["Utf8", "Utf8", "Timestamp(µs, \"UTC\")", "Int64"]);
    let read: Vec<RecordBatch> = builder.build().unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(
        read[0].column(2).as_ref(),
        &StringArray::from(vec!["x", "y", "a string longer than twelve bytes"]) as &dyn arrow::array::Array
    );
    assert_eq!(
        read[0].column(3).as_ref(),
        &TimestampMicrosecondArray::from(vec![1, 2, 3]).with_timezone("UTC") as &dyn arrow::array::Array
    );
    assert_eq!(read[0].column(4).null_count(), 1);
}

fn chunk(bytes: Vec<u8>) -> std::fs::File {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn no_rows_give_a_readable_file() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, false)]));
    assert_eq!(encode(CSV, &schema, &[]), b"a\n");
    assert_eq!(encode(FileFormat::Json, &schema, &[]), b"");
    let bytes = encode(FileFormat::Parquet, &schema, &[]);
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(chunk(bytes)).unwrap();
    assert_eq!(reader.schema().field(0).name(), "a");
}

#[test]
fn dates_of_any_year_are_written_as_dates() {
    let days = arrow::array::Date32Array::from(vec![Some(i32::MIN), Some(0), None, Some(i32::MAX)]);
    let batch = RecordBatch::try_from_iter([("d", Arc::new(days) as ArrayRef)]).unwrap();
    let written = "{\"d\":\"-5877641-06-23\"}\n{\"d\":\"1970-01-01\"}\n{}\n{\"d\":\"+5881580-07-11\"}\n";
    assert_eq!(text(FileFormat::Json, &batch), written);
}

#[test]
fn what_a_format_cannot_hold_is_refused_by_name() {
    let schema = |t: DataType| -> SchemaRef { Arc::new(Schema::new(vec![Field::new("c", t, true)])) };
    let nested = DataType::Struct(vec![Field::new("start", DataType::Date32, true)].into());
    let error = Error::from(FileColumns::new(CSV, &schema(nested)).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("\"c\"") && error.help().unwrap().contains("window.start"), "{error}");
    let inner = DataType::Struct(vec![Field::new("d", DataType::Duration(TimeUnit::Second), true)].into());
    let error = FileColumns::new(FileFormat::Parquet, &schema(inner)).unwrap_err();
    assert!(error.to_string().contains("\"c.d\" has type interval,"), "{error}");
    let twice: SchemaRef =
        Arc::new(Schema::new(vec![Field::new("c", DataType::Date32, true), Field::new("c", DataType::Utf8, true)]));
    assert!(matches!(FileColumns::new(FileFormat::Json, &twice), Err(EncodeError::Duplicate(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn times_are_what_chrono_writes(micros in -60_000_000_000_000_000i64..250_000_000_000_000_000) {
        let mut ours = Vec::new();
        super::text::timestamp(&mut ours, micros);
        let theirs = DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339_opts(SecondsFormat::AutoSi, true);
        prop_assert_eq!(String::from_utf8(ours).unwrap(), theirs);
    }

    #[test]
    fn the_cuts_of_batches_do_not_show(seed in 0u64..1000, cuts in prop::collection::vec(1usize..9000, 1..12)) {
        let rows: usize = 20_000;
        let mix = |i: u64| (i ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let whole = RecordBatch::try_from_iter([
            ("s", Arc::new((0..rows as u64).map(|i| (mix(i) % 7 != 0).then(|| format!("/page/{}", mix(i) % 500))).collect::<StringArray>()) as ArrayRef),
            ("n", Arc::new((0..rows as u64).map(|i| (mix(i) % 5 != 0).then_some(mix(i) as i64)).collect::<Int64Array>()) as ArrayRef),
            ("w", window((0..rows as i64).map(|i| i * 1000).collect())),
        ]).unwrap();
        let mut batches = Vec::new();
        let mut at = 0;
        for cut in cuts.iter().cycle() {
            let len = (*cut).min(rows - at);
            batches.push(whole.slice(at, len));
            at += len;
            if at == rows { break; }
        }
        for format in [FileFormat::Parquet, FileFormat::Json] {
            prop_assert!(encode(format, &whole.schema(), std::slice::from_ref(&whole)) == encode(format, &whole.schema(), &batches));
        }
    }
}
