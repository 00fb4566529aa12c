mod conformance;
mod console;
mod crash;
mod disk;

use std::io::{self, Write};
use std::path::Path;

use arrow::array::{Array, AsArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use proptest::prelude::*;

use self::disk::Disk;
use super::conformance::{rows, schema};
use super::*;
use crate::connector::{Committed, Connectors, SinkInput};
use crate::error::ErrorKind;
use crate::fault::point;
use crate::format::FileFormat;
use crate::job::{Job, OutputMode, SinkSpec};
use crate::record::{Held, OutputAction};

fn values(batch: &RecordBatch) -> Vec<i64> {
    batch.column_by_name("n").unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn read_values(format: FileFormat, bytes: Vec<u8>) -> Vec<i64> {
    match format {
        FileFormat::Parquet => {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            reader.build().unwrap().flat_map(|batch| values(&batch.unwrap())).collect()
        }
        FileFormat::Csv { .. } => {
            let text = String::from_utf8(bytes).unwrap();
            let at = text.lines().next().unwrap().split(',').position(|name| name == "n").unwrap();
            text.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().parse().unwrap()).collect()
        }
        _ => {
            let text = String::from_utf8(bytes).unwrap();
            let object = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
            text.lines().map(|line| object(line)["n"].as_i64().unwrap()).collect()
        }
    }
}

/// The sink or the dead letters of a job that says `keys` of it.
fn spec(table: &str, keys: &str) -> SinkSpec {
    let text = format!(
        "name = \"job\"\n[source.s]\npath = \"in\"\nformat = \"text\"\n[{table}]\n{keys}\n\
         [sink.other]\ninput = \"s\"\n"
    );
    let keys = Connectors::built_in().keys();
    let mut job = Job::parse(&text, Path::new("job.toml"), Path::new("/disk"), &keys, &[]).unwrap();
    if table == "dead_letters" { job.dead_letters } else { job.sinks.remove(0) }
}

fn sink_spec(name: &str, keys: &str) -> SinkSpec {
    spec(&format!("sink.{name}"), &format!("input = \"s\"\n{keys}"))
}

fn file_spec(format: FileFormat, mode: OutputMode) -> SinkSpec {
    file_spec_in("/disk", format, mode == OutputMode::Update)
}

fn file_spec_in(path: &str, format: FileFormat, changelog: bool) -> SinkSpec {
    let format = crate::format::encode::extension(format);
    let keys = format!("connector = \"file\"\npath = \"{path}\"\nformat = \"{format}\"\nchangelog = {changelog}");
    sink_spec("out", &keys)
}

fn dead_letter_spec() -> SinkSpec {
    spec("dead_letters", "path = \"/disk/job.dead-letters.json\"")
}

fn build(
    spec: &SinkSpec,
    mode: OutputMode,
    schema: SchemaRef,
    keys: &[String],
    context: &SinkContext,
) -> Result<Box<dyn Sink>> {
    Connectors::built_in().open_sink(spec, SinkInput { mode, schema, keys: keys.to_vec() }, context)
}

fn build_dead_letters(spec: &SinkSpec, schema: SchemaRef, context: &SinkContext) -> Result<Box<dyn Sink>> {
    let input = SinkInput { mode: OutputMode::Append, schema, keys: Vec::new() };
    Connectors::built_in().open_dead_letters(spec, input, context)
}

fn republish(output: &OutputRecord, epoch: u64, inline: &[u8], context: &SinkContext) -> Result<()> {
    let SinkContext { folders, faults, .. } = context;
    Connectors::built_in().republish(output, &Committed { epoch, inline, folders, faults })
}

/// All folders are the one disk.
fn context(disk: &Disk) -> SinkContext {
    let disk = disk.clone();
    SinkContext { folders: Arc::new(move |_| Arc::new(disk.clone())), ..SinkContext::new("job", "c1") }
}

fn commit(sink: &mut dyn Sink, epoch: u64, batches: &[RecordBatch]) -> Result<Vec<OutputRecord>> {
    for batch in batches {
        sink.write(batch)?;
    }
    let publisher = sink.publisher();
    let mut prepared = sink.finish(epoch)?;
    publisher.make_durable(&mut prepared)?;
    publisher.publish(epoch, &prepared.outputs, prepared.payload)?;
    publisher.sync()?;
    Ok(prepared.outputs)
}

const CSV: FileFormat = FileFormat::Csv { header: true, delimiter: b',' };

#[test]
fn names_say_checkpoint_sink_and_epoch() {
    let disk = Disk::default();
    let mut sink =
        build(&file_spec(CSV, OutputMode::Append), OutputMode::Append, schema(), &[], &context(&disk)).unwrap();
    let outputs = commit(&mut *sink, 7, &[rows(&[1])]).unwrap();
    assert_eq!(outputs[0].target, "part-out-c1-00000000000000000007.csv");
    assert_eq!((outputs[0].folder.as_str(), outputs[0].rows, outputs[0].len), ("/disk", 1, 15));
    let mut sink =
        build(&file_spec(CSV, OutputMode::Complete), OutputMode::Complete, schema(), &[], &context(&disk)).unwrap();
    let outputs = commit(&mut *sink, 8, &[]).unwrap();
    assert_eq!((outputs[0].target.as_str(), outputs[0].action), ("snapshot-out-c1.csv", OutputAction::Replace));
    assert_eq!(disk.visible()["snapshot-out-c1.csv"], b"n,text\n");
}

#[test]
fn a_change_log_carries_the_epoch_first() {
    let disk = Disk::default();
    let spec = file_spec(CSV, OutputMode::Update);
    let mut sink = build(&spec, OutputMode::Update, schema(), &[], &context(&disk)).unwrap();
    commit(&mut *sink, 3, &[rows(&[1]), rows(&[2])]).unwrap();
    let files: Vec<_> = disk.visible().into_values().collect();
    assert_eq!(String::from_utf8_lossy(&files[0]), "_epoch,n,text\n3,1,row 1\n3,2,row 2\n");
}

#[test]
fn what_cannot_be_done_is_told_at_check() {
    let check = |spec: &SinkSpec, mode, schema: &Schema| Connectors::built_in().sink(spec)?.check(spec, mode, schema);
    let told = |mode, changelog| {
        let spec = file_spec_in("/disk", CSV, changelog);
        check(&spec, mode, &schema()).map_err(|e| (e.kind(), e.help().unwrap().to_owned()))
    };
    let (kind, help) = told(OutputMode::Update, false).unwrap_err();
    assert!(kind == ErrorKind::Invalid && help.contains("changelog = true"), "{help}");
    assert!(told(OutputMode::Append, true).is_err() && told(OutputMode::Update, true).is_ok());
    let clash: Schema = Schema::new(vec![Field::new("_epoch", DataType::Int64, true)]);
    assert!(check(&file_spec(CSV, OutputMode::Update), OutputMode::Update, &clash).is_err());
    let letters = |spec: &SinkSpec| {
        Connectors::built_in().dead_letters(spec).and_then(|c| c.check(spec, OutputMode::Append, &schema()))
    };
    assert!(letters(&dead_letter_spec()).is_ok());
    assert!(letters(&file_spec(CSV, OutputMode::Append)).is_err());
}

#[test]
fn a_folder_belongs_to_one_checkpoint() {
    let disk = Disk::default();
    let spec = file_spec(CSV, OutputMode::Append);
    let mut sink = build(&spec, OutputMode::Append, schema(), &[], &context(&disk)).unwrap();
    commit(&mut *sink, 0, &[rows(&[1])]).unwrap();
    let other = SinkContext { checkpoint: "c2".into(), job: "other".into(), ..context(&disk) };
    let error = build(&spec, OutputMode::Append, schema(), &[], &other).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("job job, checkpoint c1"), "{error}");
    // The same where somebody has removed the sign but not the files; and what is nobody's is nobody's business.
    for path in disk.paths().iter().filter(|p| p.starts_with("_millstream")) {
        disk.remove(path).unwrap();
    }
    let error = build(&spec, OutputMode::Append, schema(), &[], &other).err().unwrap();
    assert!(error.message().contains("part-out-c1-00000000000000000000.csv"), "{error}");
    assert!(build(&spec, OutputMode::Append, schema(), &[], &context(&disk)).is_ok());
    let disk = Disk::default();
    disk.create("part-of-my-life.csv").unwrap();
    disk.create("_millstream/c1/other.0.aside").unwrap();
    disk.create("_millstream/c1/out.0.aside").unwrap();
    build(&spec, OutputMode::Append, schema(), &[], &context(&disk)).map(drop).unwrap();
    build(&spec, OutputMode::Append, schema(), &[], &context(&disk)).map(drop).unwrap();
    assert!(disk.paths().contains(&"_millstream/c1/other.0.aside".into()));
    assert!(!disk.paths().contains(&"_millstream/c1/out.0.aside".into()));
}

#[test]
fn of_jobs_that_start_at_once_one_gets_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/out");
    let spec = file_spec_in(path.to_str().unwrap(), FileFormat::Parquet, false);
    let start = &|n: usize| {
        let built = build(&spec, OutputMode::Append, schema(), &[], &SinkContext::new("job", format!("c{n}")));
        built.and_then(|mut sink| commit(&mut *sink, 0, &[rows(&[1, 2])])).map_err(|e| e.kind())
    };
    let started: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || start(n))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let outputs: Vec<_> = started.iter().flatten().collect();
    assert_eq!(outputs.len(), 1, "{started:?}");
    assert!(started.iter().filter_map(|s| s.as_ref().err()).all(|kind| *kind == ErrorKind::Conflict), "{started:?}");
    assert_eq!(read_values(FileFormat::Parquet, std::fs::read(path.join(&outputs[0][0].target)).unwrap()), [1, 2]);
}

#[test]
fn a_published_file_that_was_touched_is_told() {
    let disk = Disk::default();
    let context = context(&disk);
    let again = |o: &OutputRecord, inline: &[u8]| republish(o, 0, inline, &context);
    let mut sink = build(&file_spec(CSV, OutputMode::Append), OutputMode::Append, schema(), &[], &context).unwrap();
    let large = rows(&(0..20_000).collect::<Vec<_>>());
    let small = commit(&mut *sink, 0, &[rows(&[1])]).unwrap().remove(0);
    let aside = commit(&mut *sink, 1, &[large]).unwrap().remove(0);
    assert!(matches!(aside.held, Held::Aside { .. }) && matches!(small.held, Held::Inline { offset: 0 }));
    let text = disk.visible()[&small.target].clone();
    again(&small, &text).unwrap();
    again(&aside, &[]).unwrap();
    // Taken away: what the record holds is published again, what it does not hold is told.
    disk.remove(&small.target).unwrap();
    disk.remove(&aside.target).unwrap();
    again(&small, &text).unwrap();
    assert_eq!(disk.visible()[&small.target], text);
    let error = again(&aside, &[]).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.message().contains(&aside.target), "{error}");
    // Changed: never overwritten.
    disk.append(&small.target).unwrap().write_all(b"mine\n").unwrap();
    let error = again(&small, &text).unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.message().contains(&small.target), "{error}");
    // A flipped bit in the record or aside.
    let mut flipped = text.clone();
    flipped[3] ^= 4;
    assert_eq!(again(&small, &flipped).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(again(&small, &text[1..]).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_lower_snapshot_never_replaces_a_higher_one() {
    let disk = Disk::default();
    let context = context(&disk);
    let mut sink = build(&file_spec(CSV, OutputMode::Complete), OutputMode::Complete, schema(), &[], &context).unwrap();
    let low = commit(&mut *sink, 4, &[rows(&[4])]).unwrap().remove(0);
    let low_bytes = disk.visible()[&low.target].clone();
    let high = commit(&mut *sink, 5, &[rows(&[5])]).unwrap().remove(0);
    let high_bytes = disk.visible()[&high.target].clone();
    republish(&low, 4, &low_bytes, &context).unwrap();
    assert_eq!(disk.visible()[&high.target], high_bytes);
    republish(&high, 5, &high_bytes, &context).unwrap();
    assert_eq!(disk.visible()[&high.target], high_bytes);
}

#[test]
fn dead_letters_go_on_where_the_user_removed_or_edited_the_file() {
    let disk = Disk::default();
    let context = context(&disk);
    let mut sink = build_dead_letters(&dead_letter_spec(), schema(), &context).unwrap();
    commit(&mut *sink, 0, &[rows(&[1])]).unwrap();
    disk.remove("job.dead-letters.json").unwrap();
    let second = commit(&mut *sink, 1, &[rows(&[2])]).unwrap().remove(0);
    let bytes = disk.visible()["job.dead-letters.json"].clone();
    assert_eq!(String::from_utf8_lossy(&bytes), "{\"n\":2,\"text\":\"row 2\"}\n");
    republish(&second, 1, &bytes, &context).unwrap();
    assert_eq!(disk.visible()["job.dead-letters.json"], bytes, "not twice");
}

#[test]
fn a_failed_sync_is_fatal() {
    let disk = Disk::default();
    let mut sink =
        build(&file_spec(CSV, OutputMode::Append), OutputMode::Append, schema(), &[], &context(&disk)).unwrap();
    sink.write(&rows(&(0..20_000).collect::<Vec<_>>())).unwrap();
    let mut prepared = sink.finish(0).unwrap();
    disk.stop_after(1);
    let error = sink.publisher().make_durable(&mut prepared).unwrap_err();
    assert!(is_fatal(&error) && error.kind() == ErrorKind::Unavailable && !is_closed_pipe(&error));
}

#[test]
fn fault_points_come_in_order() {
    let disk = Disk::default();
    let passed = Arc::new(Mutex::new(Vec::new()));
    let hook = passed.clone();
    let context = SinkContext { faults: Faults::new(move |p| hook.lock().unwrap().push(p)), ..context(&disk) };
    let mut sink = build(&file_spec(CSV, OutputMode::Append), OutputMode::Append, schema(), &[], &context).unwrap();
    commit(&mut *sink, 0, &[rows(&(0..20_000).collect::<Vec<_>>())]).unwrap();
    let of = |from: &str, to: &str| {
        let place = |name| point::ALL.iter().position(|p| *p == name).unwrap();
        point::ALL[place(from)..=place(to)].to_vec()
    };
    let (claim, sync) =
        (of(point::CLAIM_BEFORE, point::CLAIM_AFTER), of(point::PUBLISH_FOLDER_BEFORE, point::PUBLISH_FOLDER_SYNCED));
    let aside = of(point::ASIDE_BEFORE, point::ASIDE_FOLDER_SYNCED);
    let rename = of(point::RENAME_BEFORE, point::RENAME_AFTER);
    let take = || std::mem::take(&mut *passed.lock().unwrap());
    assert_eq!(take(), [claim, aside, rename.clone(), sync.clone()].concat());
    commit(&mut *sink, 1, &[rows(&[1])]).unwrap();
    assert_eq!(take(), [vec![point::INLINE_WRITTEN], rename, sync.clone()].concat());
    let mut letters = build_dead_letters(&dead_letter_spec(), schema(), &context).unwrap();
    commit(&mut *letters, 2, &[rows(&[1])]).unwrap();
    assert_eq!(take(), [of(point::EXTEND_BEFORE, point::EXTEND_SYNCED), sync].concat());
}

#[test]
fn a_memory_table_updates_by_key() {
    let context = context(&Disk::default());
    let spec = sink_spec("t", "connector = \"memory\"");
    let mut sink = build(&spec, OutputMode::Update, schema(), &["n".into()], &context).unwrap();
    let numbered = |n: &[i64], text: &str| {
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(Int64Array::from(n.to_vec())), Arc::new(StringArray::from(vec![text; n.len()]))];
        RecordBatch::try_new(schema(), columns).unwrap()
    };
    commit(&mut *sink, 0, &[numbered(&[1, 2, 3], "a")]).unwrap();
    commit(&mut *sink, 1, &[numbered(&[2, 4], "b")]).unwrap();
    for epoch in 2..2000 {
        commit(&mut *sink, epoch, &[numbered(&[4, 1], "c")]).unwrap();
    }
    let table = context.memory.table("t").snapshot().unwrap();
    assert_eq!((table.len(), values(&table[0])), (1, vec![1, 2, 3, 4]));
    assert_eq!(table[0].column(1).as_string::<i32>().iter().flatten().collect::<String>(), "cbac");
    assert!(build(&spec, OutputMode::Update, schema(), &["gone".into()], &context).is_err());
}
