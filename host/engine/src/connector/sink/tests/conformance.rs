//! The suite of sinks, run by each of them.

use super::console::Shown;
use super::*;
use crate::connector::sink::conformance::conforms;

#[test]
fn files() {
    for format in [FileFormat::Json, FileFormat::Csv { header: true, delimiter: b',' }, FileFormat::Parquet] {
        for mode in [OutputMode::Append, OutputMode::Update, OutputMode::Complete] {
            let disk = Disk::default();
            let sink = build(&file_spec(format, mode), mode, schema(), &[], &context(&disk)).unwrap();
            let seen = || {
                let files = disk.visible().into_values();
                files.flat_map(|bytes| read_values(format, bytes)).collect()
            };
            conforms(sink, mode, seen);
        }
    }
}

#[test]
fn dead_letters() {
    let disk = Disk::default();
    let sink = build_dead_letters(&dead_letter_spec(), schema(), &context(&disk)).unwrap();
    conforms(sink, OutputMode::Append, || {
        disk.visible().into_values().flat_map(|bytes| read_values(FileFormat::Json, bytes)).collect()
    });
}

#[test]
fn memory() {
    for mode in [OutputMode::Append, OutputMode::Update, OutputMode::Complete] {
        let context = context(&Disk::default());
        let spec = sink_spec("table", "connector = \"memory\"");
        let sink = build(&spec, mode, schema(), &["n".into()], &context).unwrap();
        let table = context.memory.table("table");
        conforms(sink, mode, || table.snapshot().unwrap().iter().flat_map(values).collect());
        assert_eq!((table.schema(), table.epoch()), (Some(schema()), Some(3)));
    }
}

#[test]
fn console() {
    for mode in [OutputMode::Append, OutputMode::Update] {
        let mut context = context(&Disk::default());
        let shown = Shown::default();
        context.console = Arc::new(Mutex::new(Box::new(shown.clone())));
        let spec = sink_spec("table", "connector = \"console\"");
        let sink = build(&spec, mode, schema(), &[], &context).unwrap();
        conforms(sink, mode, || {
            let text = shown.text();
            let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next()?.trim().parse().ok());
            cells.collect()
        });
    }
}
