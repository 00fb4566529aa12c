//! A file source in memory: its files appear one after the other, its reads can fail, and it can be away for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use millstream_engine::connector::file::FileSourceSpec;
use millstream_engine::connector::source::{Chunks, EntryChange, Known, Source};
use millstream_engine::connector::{Committed, Connector, Connectors, SinkConnector, SourceConnector};
use millstream_engine::format::{Check, Decode, FileFormat, RawChunk, RawContent, declared_schema, decoder};
use millstream_engine::job::{JobText, KeyTable, Limit, Options, SourceSpec};
use millstream_engine::record::{FileRange, OutputRecord, SourceRange};
use millstream_engine::run::Control;
use millstream_engine::{Error, ErrorKind, Result};

use super::ledger::Ledger;
use super::random::Random;
use super::scenario::File;
use super::trouble::AWAY;
use super::weather::Weather;

/// What a source's outside world is: shared by all runs of the job.
#[derive(Debug)]
pub struct Feed {
    pub files: Arc<Vec<File>>,
    /// How many of them are there.
    pub visible: usize,
    /// Reads until one fails; none = none will.
    pub fails_after: Option<u64>,
    /// Looks that found nothing, one after the other.
    pub idle: u32,
    pub random: Random,
    /// What it has read in the epoch that is computed: which files.
    pub read: Vec<usize>,
    pub weather: Weather,
}

/// Asks for an end once nothing has come for so many looks.
const PATIENCE: u32 = 6;

/// The connector "file" with sources that are simulated.
pub struct SimulatedFiles {
    pub files: Connectors,
    /// By the source's name.
    pub feeds: BTreeMap<String, Arc<Mutex<Feed>>>,
    pub control: Control,
    pub ledger: Arc<Mutex<Ledger>>,
}

impl SimulatedFiles {
    fn real(&self) -> &dyn Connector {
        self.files.get("file").unwrap()
    }
}

impl Connector for SimulatedFiles {
    fn name(&self) -> &'static str {
        "file"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }

    fn sink(&self) -> Option<&dyn SinkConnector> {
        self.real().sink()
    }

    fn dead_letters(&self) -> Option<&dyn SinkConnector> {
        self.real().dead_letters()
    }

    fn republish(&self, output: &OutputRecord, committed: &Committed<'_>) -> Result<()> {
        self.real().republish(output, committed)
    }
}

impl SourceConnector for SimulatedFiles {
    fn keys(&self) -> &'static KeyTable {
        self.real().source().unwrap().keys()
    }

    fn open(&self, spec: &SourceSpec, _: &JobText) -> Result<Box<dyn Source>> {
        let spec_of_files = FileSourceSpec::of(&spec.options);
        let schema = declared_schema(spec_of_files.schema.as_ref().unwrap()).unwrap();
        let Limit::At(max_files) = spec_of_files.max_files_per_epoch else { panic!("a scenario says how many files") };
        Ok(Box::new(SimulatedSource {
            number: self.feeds.keys().position(|name| *name == spec.name.value).unwrap(),
            feed: self.feeds[&spec.name.value].clone(),
            schema,
            max_files: max_files as usize,
            seen: BTreeSet::new(),
            stopped: false,
            control: self.control.clone(),
            ledger: self.ledger.clone(),
        }))
    }

    fn describe(&self, options: &Options, shown: &dyn Fn(&Path) -> String) -> String {
        self.real().source().unwrap().describe(options, shown)
    }
}

struct SimulatedSource {
    /// Its place among the sources.
    number: usize,
    feed: Arc<Mutex<Feed>>,
    schema: SchemaRef,
    max_files: usize,
    seen: BTreeSet<String>,
    stopped: bool,
    control: Control,
    ledger: Arc<Mutex<Ledger>>,
}

impl SimulatedSource {
    fn new_files(&self, feed: &Feed) -> Vec<usize> {
        (0..feed.visible).filter(|n| !self.seen.contains(&feed.files[*n].name)).collect()
    }
}

impl Source for SimulatedSource {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn plan(&mut self, _: i64, _: Known<'_>) -> Result<Option<SourceRange>> {
        let shared = self.feed.clone();
        let mut feed = shared.lock().unwrap();
        feed.weather.strike(AWAY[0])?;
        if !self.stopped && feed.random.one_in(2) {
            feed.visible = (feed.visible + 1 + feed.random.below(3) as usize).min(feed.files.len());
        }
        let mut files = self.new_files(&feed);
        files.truncate(self.max_files);
        feed.idle = if files.is_empty() && feed.visible == feed.files.len() { feed.idle + 1 } else { 0 };
        if feed.idle > PATIENCE && !self.stopped {
            self.control.stop();
        }
        if files.is_empty() {
            feed.weather.is_away = false;
            return Ok(None);
        }
        self.seen.extend(files.iter().map(|n| feed.files[*n].name.clone()));
        let range = files.iter().map(|n| {
            let File { name, text, .. } = &feed.files[*n];
            FileRange { path: name.clone(), len: text.len() as u64, modified: 0 }
        });
        Ok(Some(SourceRange::Files(range.collect())))
    }

    fn stop_discovery(&mut self, _: i64, _: Known<'_>) -> Result<()> {
        self.feed.lock().unwrap().weather.strike(AWAY[1])?;
        self.stopped = true;
        Ok(())
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        let SourceRange::Files(files) = range else { panic!("this source plans files") };
        let mut feed = self.feed.lock().unwrap();
        let number = |file: &FileRange| feed.files.iter().position(|f| f.name == file.path).unwrap();
        feed.read = files.iter().map(number).collect();
        feed.weather.is_away = false;
        files.iter().map(|file| (file.path.clone().into_bytes(), b"seen".to_vec())).collect()
    }

    /// Asked of each source for each epoch that was computed, after what it has read.
    fn housekeeping(&mut self) -> Vec<EntryChange> {
        let read = std::mem::take(&mut self.feed.lock().unwrap().read);
        self.ledger.lock().unwrap().computed(self.number, read);
        Vec::new()
    }

    fn may_go_away(&self) -> bool {
        self.feed.lock().unwrap().weather.one_in.is_some()
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        self.seen = entries.map(|(path, _)| String::from_utf8(path.to_vec()).unwrap()).collect();
        Ok(())
    }

    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        let SourceRange::Files(files) = range else { panic!("this source plans files") };
        let shared = self.feed.clone();
        let mut feed = shared.lock().unwrap();
        let away = match feed.weather.strike(AWAY[2]) {
            Err(e) if !feed.weather.in_the_middle => return Err(e),
            away => away,
        };
        let mut chunks = Vec::new();
        for (number, planned) in files.iter().enumerate() {
            let left = feed.fails_after.map(|left| left.checked_sub(1));
            feed.fails_after = left.flatten();
            if left == Some(None) {
                chunks.push(Err(Error::new(ErrorKind::Unavailable, "the file cannot be read (on purpose)")));
                break;
            }
            let file = feed.files.iter().find(|f| f.name == planned.path).unwrap();
            let mut from = 0;
            for (index, to) in file.cuts.iter().copied().chain([file.text.len()]).filter(|to| *to > 0).enumerate() {
                let bytes = Buffer::from(file.text.as_bytes()[from..to].to_vec());
                let content = RawContent::Lines { bytes, before: 0, layout: None, long: Vec::new() };
                chunks.push(Ok(RawChunk { part: number as u32, index: index as u32, content }));
                from = to;
            }
        }
        if let Err(e) = away {
            chunks.truncate(feed.weather.random.below(chunks.len() as u64 + 1) as usize);
            chunks.push(Err(e));
        }
        Ok(Box::new(chunks.into_iter()))
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        Ok(decoder(FileFormat::Json, &self.schema, columns, Check::Declared)?)
    }

    fn exhausted(&self) -> bool {
        self.stopped && self.new_files(&self.feed.lock().unwrap()).is_empty()
    }

    fn part_name(&self, range: &SourceRange, file: u32) -> String {
        let SourceRange::Files(files) = range else { panic!("this source plans files") };
        files[file as usize].path.clone()
    }
}
