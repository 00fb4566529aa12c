//! Decoders on one core: bytes and rows a second, all columns and two of them, JSON beside arrow-json:
//! `cargo bench --bench decode`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros write public functions; a benchmark may panic"
)]

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use millstream_engine::connector::generate::{AccessLogs, GenerateSpec, LogForm};
use millstream_engine::format::FileFormat;
use millstream_engine::format::{Check, RawChunk, RawContent, decoder};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: u64 = 20_000;

criterion_group!(benches, json, csv, text, generate);
criterion_main!(benches);

fn logs() -> AccessLogs {
    AccessLogs::new(&GenerateSpec { urls: 2000, seed: 42, ..GenerateSpec::default() }).unwrap()
}

fn lines(form: LogForm) -> Vec<u8> {
    let mut text = Vec::new();
    logs().write_lines(form, 0, ROWS, &mut text);
    text
}

/// Once by bytes and once by rows: criterion shows one throughput at a time.
fn decode(
    c: &mut Criterion,
    name: &str,
    form: LogForm,
    format: FileFormat,
    schema: &Arc<Schema>,
    columns: &[&[usize]],
) {
    let text = lines(form);
    let bytes = text.len() as u64;
    let content = RawContent::Lines { bytes: text.into(), before: 0, layout: None, long: Vec::new() };
    let chunk = RawChunk { part: 0, index: 0, content };
    for (unit, throughput) in [("rows", Throughput::Elements(ROWS)), ("bytes", Throughput::Bytes(bytes))] {
        let mut group = c.benchmark_group(format!("{name}, {unit}"));
        group.throughput(throughput);
        for columns in columns {
            let decoder = decoder(format, schema, columns, Check::Wanted).unwrap();
            assert_eq!(decoder.decode(&chunk).unwrap().batch.num_rows() as u64, ROWS);
            let title = if columns.len() == 1 { "one column".to_owned() } else { format!("{} columns", columns.len()) };
            group.bench_function(title, |b| b.iter(|| decoder.decode(&chunk).unwrap()));
        }
        if form == LogForm::Json {
            let RawContent::Lines { bytes, .. } = &chunk.content else { unreachable!() };
            group.bench_function("arrow-json, 5 columns", |b| {
                b.iter(|| {
                    let reader = arrow::json::ReaderBuilder::new(schema.clone()).with_batch_size(ROWS as usize);
                    let mut decoder = reader.build_decoder().unwrap();
                    decoder.decode(bytes).unwrap();
                    decoder.flush().unwrap().unwrap()
                });
            });
        }
        group.finish();
    }
}

fn json(c: &mut Criterion) {
    decode(c, "json", LogForm::Json, FileFormat::Json, &AccessLogs::schema(), &[&[0, 1, 2, 3, 4], &[0, 1]]);
}

fn csv(c: &mut Criterion) {
    let format = FileFormat::Csv { header: false, delimiter: b',' };
    decode(c, "csv", LogForm::Csv, format, &AccessLogs::schema(), &[&[0, 1, 2, 3, 4], &[0, 1]]);
}

fn text(c: &mut Criterion) {
    let value = Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, false)]));
    decode(c, "text", LogForm::Text, FileFormat::Text, &value, &[&[0]]);
}

/// What the data of the other benchmarks and of `connector = "generate"` costs to make.
fn generate(c: &mut Criterion) {
    let logs = logs();
    let mut group = c.benchmark_group("generate");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("batches", |b| b.iter(|| logs.batch(0, ROWS)));
    group.bench_function("json lines", |b| b.iter(|| lines(LogForm::Json)));
    group.finish();
}
