//! What queries give where a golden job cannot say it: aggregates that are approximate, formats of input, `on_error`.

use std::sync::Arc;

use arrow::array::{Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use millstream_engine::ErrorKind;
use serde_json::json;

use crate::scratch::Scratch;
use crate::support::assert_same_rows;

#[test]
fn approximate_aggregates_come_near_over_several_epochs() {
    let scratch = Scratch::new();
    for part in 0..4i64 {
        let rows: String = (0..5000)
            .map(|i| {
                let n = part * 5000 + i;
                // A permutation of 0..20,000, so that each epoch sees the whole range.
                format!("{{\"k\":\"{}\",\"v\":{}}}\n", ["a", "b"][(n % 2) as usize], n * 7919 % 20_000)
            })
            .collect();
        scratch.write(&format!("in/{part}.json"), rows);
    }
    let ran = scratch
        .run(
            r#"
name = "near"
[source.s]
path = "in"
format = "json"
schema = { k = "utf8", v = "int64" }
max_files_per_epoch = 1
[operator.x]
sql = """
SELECT k, approx_distinct(v) AS kinds, approx_percentile_cont(v, 0.5) AS half, approx_percentile_cont(0.9) WITHIN GROUP (ORDER BY v) AS most
FROM s GROUP BY k
"""
output_mode = "complete"
[sink.out]
input = "x"
connector = "memory"
"#,
        )
        .unwrap();
    let rows = ran.rows("out");
    assert_eq!(rows.len(), 2);
    for row in rows {
        let near = |column: &str, want: f64, off: f64| {
            let have = row[column].as_f64().unwrap();
            assert!((have - want).abs() <= off, "{column} is {have}, not about {want}: {row}");
        };
        near("kinds", 10_000.0, 500.0);
        near("half", 10_000.0, 400.0);
        near("most", 18_000.0, 400.0);
    }
}

#[test]
fn parquet_comes_in_with_the_columns_that_its_files_name() {
    let scratch = Scratch::new();
    for part in 0..2i64 {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), true),
            Field::new("url", DataType::Utf8, true),
        ]));
        let ids: Vec<i64> = (part * 100..part * 100 + 100).collect();
        let columns: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(Int64Array::from(ids.clone())),
            Arc::new(TimestampMillisecondArray::from_iter_values(ids.iter().map(|i| i * 1000))),
            Arc::new(StringArray::from_iter(ids.iter().map(|i| (i % 5 > 0).then(|| format!("/{}", i % 5))))),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let mut bytes = Vec::new();
        let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        scratch.write(&format!("in/{part}.parquet"), bytes);
    }
    let ran = scratch
        .run(
            r#"
name = "columns"
final_watermark = true
[source.s]
path = "in/*.parquet"
format = "parquet"
max_files_per_epoch = 1
event_time = "at"
watermark = "10s"
[operator.x]
sql = "SELECT window.start, count(url) AS urls, max(id) AS last FROM s GROUP BY window(at, '100 seconds')"
[sink.out]
input = "x"
connector = "memory"
"#,
        )
        .unwrap();
    let want = vec![
        json!({"start": "1970-01-01T00:00:00Z", "urls": 80, "last": 99}),
        json!({"start": "1970-01-01T00:01:40Z", "urls": 80, "last": 199}),
    ];
    assert_same_rows("parquet", ran.rows("out"), want, 0.0);
}

#[test]
fn on_error_fail_stops_at_the_last_committed_epoch_and_says_where() {
    let scratch = Scratch::new();
    scratch.write("in/a.json", "{\"id\":1}\n{\"id\":2}\n");
    scratch.write("in/b.json", "{\"id\":3}\n\n{\"id\":4\n");
    let job = |on_error: &str| {
        format!(
            r#"
name = "strict"
checkpoint = "state"
on_error = "{on_error}"
[source.s]
path = "in"
format = "json"
schema = {{ id = "int64" }}
max_files_per_epoch = 1
[sink.out]
input = "s"
connector = "file"
path = "out"
format = "json"
"#
        )
    };
    let error = scratch.run(&job("fail")).err().expect("there is a bad row");
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.message().contains("epoch 1"), "{error}");
    assert!(error.message().contains("in/b.json, line 3"), "{error}");
    assert!(error.help().is_some_and(|h| h.contains("dead-letter")), "{error:?}");
    assert_eq!(scratch.published("out").len(), 1, "the first epoch is there, and nothing of the second");
    assert_eq!(scratch.lines("strict.dead-letters.jsonl").len(), 0);

    // Mended, it goes on where it was.
    let ran = scratch.run(&job("dead-letter")).unwrap();
    assert_eq!((ran.summary.resumed_from, ran.summary.rows_in, ran.summary.rejected), (Some(0), 2, 1));
    let text: Vec<u8> = scratch.published("out").into_iter().flat_map(|f| f.1).collect();
    assert_eq!(String::from_utf8(text).unwrap(), "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
    let letters = scratch.lines("strict.dead-letters.jsonl");
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (&letters[0]["line"], &letters[0]["row"], &letters[0]["epoch"]),
        (&json!(3), &json!("{\"id\":4"), &json!(1))
    );
}

#[test]
fn a_query_reads_the_windows_that_another_has_closed() {
    let scratch = Scratch::new();
    // One event every ten seconds for an hour, in three files.
    for part in 0..3 {
        let rows: String = (part * 120..part * 120 + 120)
            .map(|i| format!("{{\"t\":\"2026-03-01T{:02}:{:02}:{:02}Z\"}}\n", 9 + i / 360, i / 6 % 60, i % 6 * 10))
            .collect();
        scratch.write(&format!("in/{part}.json"), rows);
    }
    let ran = scratch
        .run(
            r#"
name = "twice"
[source.s]
path = "in"
format = "json"
schema = { t = "timestamp" }
max_files_per_epoch = 1
event_time = "t"
watermark = "0s"
[operator.minutes]
sql = "SELECT window.start, window.end, window, count(*) AS n FROM s GROUP BY window(t, '1 minute')"
[operator.all]
sql = "SELECT start, n FROM minutes WHERE n <> 6"
[sink.odd]
input = "all"
connector = "memory"
[sink.out]
input = "minutes"
connector = "memory"
"#,
        )
        .unwrap();
    assert_eq!(ran.rows("odd").len(), 0);
    let minutes = ran.rows("out");
    assert_eq!(minutes.len(), 59, "the last minute is still open");
    assert_eq!(minutes[58]["window"], json!({"start": "2026-03-01T09:58:00Z", "end": "2026-03-01T09:59:00Z"}));
}

#[test]
fn a_query_may_name_columns_that_it_does_nothing_with() {
    let scratch = Scratch::new();
    scratch.write("in/1.json", "{\"id\":1,\"k\":\"a\",\"ts\":\"2026-03-01T09:00:00Z\"}\n");
    for sql in [
        "SELECT id FROM (SELECT id, k FROM s) z",
        "WITH c AS (SELECT * FROM s) SELECT id FROM c",
        "SELECT * EXCEPT (k, ts) FROM s",
        "SELECT id FROM (SELECT k, id FROM s UNION ALL SELECT 'b', id FROM s WHERE id > 1) z",
        "SELECT a.id FROM (SELECT * FROM s) a JOIN (SELECT id, k, ts FROM s) b ON a.id = b.id AND a.ts = b.ts",
    ] {
        let job = format!(
            "name = \"x\"\n[source.s]\npath = \"in\"\nformat = \"json\"\n\
             schema = {{ unused = \"utf8\", id = \"int64\", k = \"utf8\", ts = \"timestamp\" }}\n\
             event_time = \"ts\"\nwatermark = \"0s\"\n\
             [operator.x]\nsql = \"\"\"{sql}\"\"\"\n[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n"
        );
        let ran = scratch.run(&job).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_eq!(ran.rows("out"), [json!({"id": 1})], "{sql}");
    }
}

#[test]
fn what_does_not_fit_a_number_is_a_dead_letter_and_no_other_number() {
    let scratch = Scratch::new();
    scratch.write("in/1.json", "{\"n\":9223372036854775807}\n{\"n\":4}\n");
    for sql in
        ["SELECT n + 1 AS m FROM s", "SELECT 5 * (n - 3) AS m FROM s WHERE n * 2 > 0", "SELECT n - -1 AS m FROM s"]
    {
        let job = format!(
            "name = \"x\"\n[source.s]\npath = \"in\"\nformat = \"json\"\nschema = {{ n = \"int64\" }}\n\
             [operator.x]\nsql = \"{sql}\"\n[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n"
        );
        let ran = scratch.run(&job).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_eq!((ran.rows("out"), ran.summary.rejected), (vec![json!({"m": 5})], 1), "{sql}");
    }
}
