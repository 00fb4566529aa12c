//! What every sink must do, run by each of them.

use super::*;

/// Runs the suite on a sink that `build` makes; `seen` gives the values that a reader sees now.
fn conforms(mut sink: Box<dyn Sink>, mode: OutputMode, seen: impl Fn() -> Vec<i64>) {
    let publisher = sink.publisher();
    let commit = |epoch, mut prepared: Prepared| {
        publisher.make_durable(&mut prepared).unwrap();
        let before = seen();
        let outputs = prepared.outputs;
        publisher.publish(epoch, &outputs, prepared.payload).unwrap();
        publisher.sync().unwrap();
        before
    };
    sink.write(&rows(&[1, 2])).unwrap();
    sink.write(&rows(&[])).unwrap();
    sink.write(&rows(&[3])).unwrap();
    let first = sink.finish(0).unwrap();
    assert_eq!(first.rows, 3);
    // The next epoch begins before this one is published, and is not mixed with it.
    sink.write(&rows(&[4])).unwrap();
    assert_eq!(commit(0, first), [0i64; 0], "nothing is visible before it is published");
    assert_eq!(seen(), [1, 2, 3]);
    let second = sink.finish(1).unwrap();
    assert_eq!(commit(1, second), [1, 2, 3]);
    let both: &[i64] = if mode == OutputMode::Complete { &[4] } else { &[1, 2, 3, 4] };
    assert_eq!(seen(), both);
    // An epoch without rows is an epoch: it adds nothing, and a whole result is empty.
    let third = sink.finish(2).unwrap();
    assert_eq!(third.rows, 0);
    commit(2, third);
    assert_eq!(seen(), if mode == OutputMode::Complete { &[] } else { both });
    sink.write(&rows(&[5])).unwrap();
    let fourth = sink.finish(3).unwrap();
    commit(3, fourth);
    assert_eq!(seen().last(), Some(&5));
}

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
        let spec = spec("table", SinkConnector::Memory);
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
        let spec = spec("table", SinkConnector::Console { max_rows: 20 });
        let sink = build(&spec, mode, schema(), &[], &context).unwrap();
        conforms(sink, mode, || {
            let text = shown.text();
            let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next()?.trim().parse().ok());
            cells.collect()
        });
    }
}
