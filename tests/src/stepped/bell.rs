//! A source that tells when it has something.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use millstream_engine::Result;
use millstream_engine::clock::Wake;
use millstream_engine::connector::source::{Chunks, Known, NextLook, Source};
use millstream_engine::connector::{Connector, Connectors, SourceConnector};
use millstream_engine::format::Decode;
use millstream_engine::job::{Job, JobText, KeyTable, Options, SourceSpec};
use millstream_engine::record::SourceRange;

use crate::scratch::Scratch;

/// The connector "bell": rows of the connector "generate", of which some come each time it rings.
pub struct Bell {
    built_in: Connectors,
    shared: Arc<Ring>,
}

#[derive(Default)]
pub struct Ring {
    waiting: AtomicU64,
    pub looks: AtomicU64,
    wake: Mutex<Option<Wake>>,
}

impl Ring {
    pub fn ring(&self) {
        self.waiting.fetch_add(1, SeqCst);
        self.wake.lock().unwrap().as_ref().unwrap().notify();
    }
}

impl Bell {
    fn generate(&self) -> &dyn SourceConnector {
        self.built_in.get("generate").unwrap().source().unwrap()
    }
}

impl Connector for Bell {
    fn name(&self) -> &'static str {
        "bell"
    }

    fn source(&self) -> Option<&dyn SourceConnector> {
        Some(self)
    }
}

impl SourceConnector for Bell {
    fn keys(&self) -> &'static KeyTable {
        self.generate().keys()
    }

    fn open(&self, spec: &SourceSpec, job: &JobText) -> Result<Box<dyn Source>> {
        Ok(Box::new(BellSource { inner: self.generate().open(spec, job)?, shared: self.shared.clone() }))
    }

    fn describe(&self, _: &Options, _: &dyn Fn(&Path) -> String) -> String {
        "a bell".into()
    }
}

struct BellSource {
    inner: Box<dyn Source>,
    shared: Arc<Ring>,
}

impl Source for BellSource {
    fn schema(&self) -> SchemaRef {
        self.inner.schema()
    }

    fn plan(&mut self, now: i64, known: Known<'_>) -> Result<Option<SourceRange>> {
        self.shared.looks.fetch_add(1, SeqCst);
        if self.shared.waiting.swap(0, SeqCst) == 0 { Ok(None) } else { self.inner.plan(now, known) }
    }

    fn next_look(&self, _: i64) -> NextLook {
        NextLook::WhenWoken
    }

    fn wake_with(&mut self, wake: &Wake) {
        *self.shared.wake.lock().unwrap() = Some(wake.clone());
    }

    fn stop_discovery(&mut self, now: i64, known: Known<'_>) -> Result<()> {
        self.inner.stop_discovery(now, known)
    }

    fn entries(&self, range: &SourceRange) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.inner.entries(range)
    }

    fn restore(&mut self, entries: &mut dyn Iterator<Item = (&[u8], &[u8])>) -> Result<()> {
        self.inner.restore(entries)
    }

    fn read(&self, range: &SourceRange) -> Result<Chunks> {
        self.inner.read(range)
    }

    fn decoder(&self, columns: &[usize]) -> Result<Arc<dyn Decode>> {
        self.inner.decoder(columns)
    }

    fn exhausted(&self) -> bool {
        self.inner.exhausted()
    }

    fn part_name(&self, range: &SourceRange, file: u32) -> String {
        self.inner.part_name(range, file)
    }
}

const RINGS: &str = r#"
name = "rings"
[source.s]
connector = "bell"
max_rows_per_epoch = 10
[sink.out]
input = "s"
connector = "memory"
"#;

pub fn bell() -> (Connectors, Arc<Ring>) {
    let (built_in, shared) = (Connectors::built_in(), Arc::new(Ring::default()));
    (built_in.with(Arc::new(Bell { built_in: built_in.clone(), shared: shared.clone() })), shared)
}

pub fn rings(scratch: &Scratch, connectors: &Connectors) -> Job {
    Job::parse(RINGS, Path::new("job.toml"), scratch.path(), &connectors.keys(), &[]).unwrap()
}
