//! `connector = "log"`: records in partitions, as a broker has them. Test code for whatever a source with partitions,
//! offsets and records of its own meets.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use millstream_engine::connector::source::{Chunks, Known, Partition, Positions, Source, SourceError};
use millstream_engine::connector::{Connector, SourceConnector};
use millstream_engine::format::{
    Check, CsvReading, Decode, Decoded, FileFormat, Metadata, RawChunk, RawContent, Record, RecordFormat,
    RecordsBuilder, timestamp,
};
use millstream_engine::job::{JobText, Key, KeyKind, KeyTable, Options, SourceSpec};
use millstream_engine::record::{OffsetRange, SourceRange};
use millstream_engine::{Error, ErrorKind, Result};

/// One record of a partition.
#[derive(Debug, Clone)]
pub struct Line {
    pub offset: u64,
    pub time: i64,
    pub value: Option<String>,
}

/// What the world has of one log.
#[derive(Default)]
pub struct Content {
    /// By name; offsets grow, and may have gaps.
    pub partitions: BTreeMap<String, Vec<Line>>,
    /// How many of the next looks find that it is away.
    pub failing_plans: u32,
    /// How many of the next times it is to say what is there find that it is away.
    pub failing_stops: u32,
    /// Of the next reads, the chunks that each gives before it finds that it is away; none = all.
    pub failing_reads: VecDeque<Option<usize>>,
    /// What it says when it is away.
    pub again_after: Option<Duration>,
    /// Chunks that were decoded.
    pub decoded: Arc<AtomicUsize>,
    /// Reads give nothing before so many chunks of another log were decoded.
    pub waits_for: Option<(Arc<AtomicUsize>, usize)>,
    /// What it was told of committed epochs.
    pub told: Vec<(u64, Option<SourceRange>)>,
    /// How many of the next times it is told find that it is away.
    pub failing_commits: u32,
    /// Looks and reads so far.
    pub plans: u32,
    pub reads: u32,
}

impl Content {
    /// Adds a record at the end of a partition, which is made if it is not there.
    pub fn add(&mut self, partition: &str, time: i64, value: &str) {
        let lines = self.partitions.entry(partition.into()).or_default();
        let offset = lines.last().map_or(0, |line| line.offset + 1);
        lines.push(Line { offset, time, value: Some(value.into()) });
    }

    fn away(&self) -> Error {
        const MESSAGE: &str = "the broker does not answer";
        match self.again_after {
            Some(again_after) => Error::passing(MESSAGE, again_after),
            None => Error::new(ErrorKind::Unavailable, MESSAGE),
        }
    }
}

/// The connector: a log per source, by the source's name.
#[derive(Default)]
pub struct Logs(Mutex<BTreeMap<String, Arc<Mutex<Content>>>>);

impl Logs {
    pub fn log(&self, source: &str) -> Arc<Mutex<Content>> {
        self.0.lock().unwrap().entry(source.into()).or_default().clone()
    }
}

impl Connector for Logs {
    fn name(&self) -> &'static str {
        "log"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }
}

static SOURCE: KeyTable = KeyTable {
    about: "Records.",
    keys: &[
        Key::new("max_per_epoch", KeyKind::Count(1), "10", "How many an epoch admits.").or("5"),
        Key::new("chunk", KeyKind::Count(1), "10", "How many make a chunk.").or("2"),
    ],
    may_be_static: false,
    check: |_| Ok(()),
};

impl SourceConnector for Logs {
    fn keys(&self) -> &'static KeyTable {
        &SOURCE
    }

    fn open(&self, spec: &SourceSpec, _: &JobText) -> Result<Box<dyn Source>> {
        let columns = [("n", DataType::Int64), ("ts", timestamp())];
        let columns = columns.map(|(name, kind)| Field::new(name, kind, true));
        let beside = [("at", Metadata::Time), ("partition", Metadata::Partition), ("offset", Metadata::Offset)];
        let columns = Arc::new(Schema::new(columns.to_vec()));
        Ok(Box::new(LogSource {
            content: self.log(&spec.name.value),
            format: RecordFormat::new(FileFormat::Json, CsvReading::default(), &columns, &beside)?,
            positions: Positions::default(),
            most: spec.options.count("max_per_epoch").unwrap(),
            chunk: spec.options.count("chunk").unwrap() as usize,
            stopped: false,
        }))
    }

    fn describe(&self, _: &Options, _: &dyn Fn(&Path) -> String) -> String {
        "a log".into()
    }
}

struct LogSource {
    content: Arc<Mutex<Content>>,
    format: RecordFormat,
    positions: Positions,
    most: u64,
    chunk: usize,
    stopped: bool,
}

impl LogSource {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }
}

impl Source for LogSource {
    fn schema(&self) -> SchemaRef {
        self.format.schema()
    }

    fn plan(&mut self, _: i64, _: Known<'_>) -> Result<Option<SourceRange>> {
        let content = self.content.clone();
        let mut content = content.lock().unwrap();
        content.plans += 1;
        if content.failing_plans > 0 {
            content.failing_plans -= 1;
            return Err(content.away());
        }
        let end = |lines: &[Line]| lines.last().map_or(0, |line| line.offset + 1);
        let there = content.partitions.iter().map(|(name, lines)| {
            let from = lines.first().map_or(0, |line| line.offset);
            (name.as_str(), OffsetRange { from, to: end(lines) })
        });
        Ok(self.positions.plan(there, self.most))
    }

    fn stop_discovery(&mut self, _: i64, _: Known<'_>) -> Result<()> {
        let content = self.content.clone();
        let mut content = content.lock().unwrap();
        if content.failing_stops > 0 {
            content.failing_stops -= 1;
            return Err(content.away());
        }
        self.stopped = true;
        Ok(())
    }

    fn acknowledges(&self) -> bool {
        true
    }

    fn committed(&mut self, epoch: u64, range: Option<&SourceRange>) -> Result<()> {
        let mut content = self.content();
        if content.failing_commits > 0 {
            content.failing_commits -= 1;
            return Err(content.away());
        }
        content.told.push((epoch, range.cloned()));
        Ok(())
    }

    fn partitions(&self) -> Vec<Partition> {
        let content = self.content();
        let partition = |(name, lines): (&String, &Vec<Line>)| {
            let next = self.positions.get(name).unwrap_or(0);
            let is_read = lines.last().is_none_or(|last| last.offset < next);
            Partition { name: name.clone(), is_read }
        };
        content.partitions.iter().map(partition).collect()
    }

    fn may_go_away(&self) -> bool {
        true
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        Positions::entries(range)
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        self.positions = Positions::restore(entries, "log")?;
        Ok(())
    }

    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        let SourceRange::Offsets(partitions) = range else { return Err(SourceError::WrongRange("log").into()) };
        let mut content = self.content();
        content.reads += 1;
        let fails_after = content.failing_reads.pop_front().flatten();
        let mut chunks = Vec::new();
        for ((name, range), part) in partitions.iter().zip(0..) {
            let lines = content.partitions[name].iter();
            let lines: Vec<&Line> = lines.filter(|line| (range.from..range.to).contains(&line.offset)).collect();
            for (lines, index) in lines.chunks(self.chunk).zip(0..) {
                let mut builder = RecordsBuilder::default();
                for line in lines {
                    let value = line.value.as_ref().map(|value| value.as_bytes());
                    builder.push(Record { offset: line.offset, time: Some(line.time), value, ..Record::default() });
                }
                let content = RawContent::Records(builder.finish(Some(name.as_str().into())));
                chunks.push(RawChunk { part, index, content });
            }
        }
        let failed = fails_after.map(|_| Err(content.away()));
        let mut waits_for = content.waits_for.clone();
        let wait = move |_: &RawChunk| {
            if let Some((decoded, enough)) = waits_for.take() {
                let began = Instant::now();
                while decoded.load(SeqCst) < enough {
                    assert!(began.elapsed() < Duration::from_secs(60), "the other source is read meanwhile");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        };
        let chunks = chunks.into_iter().inspect(wait);
        Ok(Box::new(chunks.take(fails_after.unwrap_or(usize::MAX)).map(Ok).chain(failed)))
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        let inner = self.format.decoder(columns, Check::Declared)?;
        Ok(Arc::new(Counted { inner, decoded: self.content().decoded.clone() }))
    }

    fn exhausted(&self) -> bool {
        self.stopped
            && self.content().partitions.iter().all(|(name, lines)| {
                lines.last().is_none_or(|last| self.positions.get(name).is_some_and(|next| next > last.offset))
            })
    }

    fn part_name(&self, range: &SourceRange, part: u32) -> String {
        let SourceRange::Offsets(partitions) = range else { panic!("a range of somebody else") };
        partitions.keys().nth(part as usize).unwrap().clone()
    }
}

/// Counts what it decodes.
struct Counted {
    inner: Arc<dyn Decode>,
    decoded: Arc<AtomicUsize>,
}

impl Decode for Counted {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
        let decoded = self.inner.decode(chunk);
        self.decoded.fetch_add(1, SeqCst);
        decoded
    }
}
