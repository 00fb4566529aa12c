//! Jobs with plugins of several versions, stepped by hand.

use std::sync::Arc;

use millstream_engine::Result;
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::job::{PluginChange, Trigger};
use millstream_engine::run::{Control, Engine, Environment, Pace, RunOptions, Step, Swapping};
use serde_json::Value;

use super::{COMPLETE, job, row, sql, write};
use crate::restart::Watch;
use crate::scratch::Scratch;
use crate::support::{Ran, as_json, component_of, runtime};

/// The guest of the aggregates.
pub(crate) const GUEST: &str = "guests/three-versions";

/// A job that is stepped, and commits each epoch before the next.
pub(crate) struct Live {
    pub engine: Engine,
    pub control: Control,
    watch: Arc<Watch>,
    tables: MemoryTables,
}

impl Live {
    pub fn open(scratch: &Scratch, text: &str) -> Self {
        Self::try_open(scratch, text, RunOptions::default()).unwrap()
    }

    /// What `options` say of where it begins holds.
    pub fn try_open(scratch: &Scratch, text: &str, options: RunOptions) -> Result<Self> {
        let watch = Arc::new(Watch::default());
        let (control, tables) = (Control::default(), MemoryTables::default());
        let options = RunOptions {
            trigger: Some(Trigger::AvailableNow),
            observer: watch.clone(),
            control: control.clone(),
            memory: tables.clone(),
            runtime: Some(runtime()),
            threads: Some(2),
            environment: Environment { pace: Pace::one_by_one(), ..options.environment },
            ..options
        };
        let engine = Engine::open(scratch.job(text).unwrap(), options)?;
        Ok(Self { engine, control, watch, tables })
    }

    pub fn epochs(&mut self, n: usize) {
        for _ in 0..n {
            assert!(matches!(self.engine.step().unwrap(), Step::Ready));
        }
    }

    pub fn swap(&self, scratch: &Scratch, file: &str, with: &Value) -> Swapping {
        let path = (!file.is_empty()).then(|| scratch.path().join(file));
        let with = with.as_object().unwrap().clone();
        let change = PluginChange { plugin: "p".into(), path, with, ..PluginChange::default() };
        self.control.swap(change).unwrap()
    }

    /// What a memory sink has up to now.
    pub fn rows(&self, sink: &str) -> Vec<Value> {
        as_json(&self.tables.table(sink).snapshot().unwrap())
    }

    /// To the input's end.
    pub fn end(mut self) -> (Ran, Vec<String>) {
        while !matches!(self.engine.step().unwrap(), Step::Done(_)) {}
        let summary = self.engine.close().unwrap();
        let told = self.watch.messages.lock().unwrap().clone();
        (Ran { summary, tables: self.tables }, told)
    }
}

/// An aggregate in all the ways in which its states are kept, and a keyed operator with timers.
pub(crate) fn jobs() -> Vec<(&'static str, &'static str, String)> {
    let grouped = |by: &str, more: &str| {
        let query = format!("SELECT k, count(*) AS n, p(v) AS sum, count(DISTINCT v) AS kinds FROM rows GROUP BY {by}");
        (GUEST, sql("x", &query, more))
    };
    let node = "[operator.x]\ninput = \"rows\"\nplugin = \"p\"\ngroup_by = [\"k\"]\noutput_mode = \"update\"\n";
    let keyed = "[operator.x]\ninput = \"rows\"\nplugin = \"p\"\nkey_by = [\"k\"]\n\
                 with = { do = \"visits\", data = \"v\", gap = 150000000 }\n";
    let all = [
        ("groups", grouped("k", COMPLETE)),
        ("windows", grouped("window(ts, '150 seconds'), k", "")),
        ("sessions", grouped("session_window(ts, '200 seconds'), k", COMPLETE)),
        ("a node", (GUEST, node.to_owned())),
        ("keyed", ("guests/keyed-state", keyed.to_owned())),
    ];
    let plugin = "[plugin.p]\npath = \"first.wasm\"\n";
    all.map(|(what, (guest, operators))| (what, guest, job(&format!("{plugin}{operators}")))).into()
}

/// A folder with the two versions, and this many files.
pub(crate) fn with_versions(guest: &'static str, files: i64) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("first.wasm", component_of(guest, 1));
    scratch.write("second.wasm", component_of(guest, 2));
    (0..files).for_each(|n| write_for(guest, &scratch, n));
    scratch
}

/// Writes file `n`. A keyed operator does what its rows say: these are counted, and the seventh's time is past all timers.
pub(crate) fn write_for(guest: &str, scratch: &Scratch, n: i64) {
    let rows = match (guest, n) {
        (GUEST, _) => return write(scratch, n),
        (_, 6) => vec![("c", "x", 46, 2000)],
        _ => vec![("a", "x", 23, 100 * n), ("a", "y", 46, 100 * n + 1), ("b", "y", 69, 100 * n + 2)],
    };
    let rows: String = rows.into_iter().map(|(k, j, v, second)| row(k, j, v, second)).collect();
    scratch.write(&format!("in/{n}.json"), rows);
}

pub(crate) fn sorted(ran: &Ran) -> Vec<Value> {
    let mut rows = ran.rows("x");
    rows.sort_by_key(Value::to_string);
    rows
}
