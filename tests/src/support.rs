//! Running a job file and reading what came out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use arrow::json::LineDelimitedWriter;
use arrow::record_batch::RecordBatch;
use millstream_engine::connector::Connectors;
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::job::{Job, Trigger, parse_instant};
use millstream_engine::run::{Engine, RunOptions, Step, Summary, run};
use millstream_plugin::{Runtime, RuntimeOptions};
use serde_json::Value;

/// One runtime for all tests: its ticker and compiled plugins are shared.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(RuntimeOptions::default()).expect("a runtime can be made"));

/// The runtime of all tests.
pub fn runtime() -> Runtime {
    RUNTIME.clone()
}

/// One that counts what calls consume.
pub fn counting_runtime() -> Runtime {
    static COUNTING: LazyLock<Runtime> = LazyLock::new(|| {
        let options = RuntimeOptions { count_fuel: true, ..RuntimeOptions::default() };
        Runtime::new(options).expect("a runtime can be made")
    });
    COUNTING.clone()
}

/// The folder of this crate.
pub fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Components with their versions, by their guests'.
static VERSIONS: Mutex<BTreeMap<(&str, u8), Vec<u8>>> = Mutex::new(BTreeMap::new());

/// The component of the guest in this folder, with states of `version`.
pub fn component_of(guest: &'static str, version: u8) -> Vec<u8> {
    let mut versions = VERSIONS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let component = versions.entry((guest, version)).or_insert_with(|| {
        let mut component = runtime().build_project(&here().join(guest)).unwrap();
        let text = b"version of the stored states ";
        let places: Vec<usize> =
            component.windows(text.len()).enumerate().filter(|(_, w)| w == text).map(|(at, _)| at).collect();
        assert_eq!(places.len(), 1, "the version stands in it once");
        component[places[0] + text.len()] = b'0' + version;
        component
    });
    component.clone()
}

/// What a run gave.
pub struct Ran {
    pub summary: Summary,
    pub tables: MemoryTables,
}

impl Ran {
    /// The rows of memory sink `name` as JSON objects.
    pub fn rows(&self, name: &str) -> Vec<Value> {
        as_json(&self.tables.table(name).snapshot().unwrap())
    }
}

/// Runs the job file at `path` on all the input there is.
pub fn run_job(path: &Path, overrides: &[(String, String)], threads: usize) -> millstream_engine::Result<Ran> {
    let tables = MemoryTables::default();
    let options = RunOptions {
        trigger: Some(Trigger::AvailableNow),
        memory: tables.clone(),
        runtime: Some(runtime()),
        threads: Some(threads),
        ..RunOptions::default()
    };
    let summary = run(Job::load(path, &Connectors::built_in().keys(), overrides)?, options)?;
    Ok(Ran { summary, tables })
}

/// Rows as JSON objects.
pub fn as_json(batches: &[RecordBatch]) -> Vec<Value> {
    let mut bytes = Vec::new();
    let mut writer = LineDelimitedWriter::new(&mut bytes);
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    lines(&String::from_utf8(bytes).unwrap())
}

/// JSON lines.
pub fn lines(text: &str) -> Vec<Value> {
    text.lines().filter(|l| !l.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Compares rows whatever their order; numbers within `tolerance`, a column that is not there is null.
pub fn assert_same_rows(what: &str, have: Vec<Value>, want: Vec<Value>, tolerance: f64) {
    let (have, want) = (sorted(have, tolerance), sorted(want, tolerance));
    if have == want {
        return;
    }
    let missing: Vec<&String> = want.iter().filter(|r| !have.contains(r)).take(5).collect();
    let extra: Vec<&String> = have.iter().filter(|r| !want.contains(r)).take(5).collect();
    panic!("{what}: {} rows, {} expected\nmissing: {missing:#?}\ntoo many: {extra:#?}", have.len(), want.len());
}

/// Each row as text with its keys in order, floats rounded to the tolerance.
fn sorted(rows: Vec<Value>, tolerance: f64) -> Vec<String> {
    let digits = if tolerance > 0.0 { (-tolerance.log10()).round() as usize - 1 } else { 12 };
    let cell = |v: &Value| match v {
        Value::Number(n) if n.is_f64() => format!("{:.digits$}", n.as_f64().unwrap()),
        // Written with more zeros or fewer, it is the same instant.
        Value::String(text) => parse_instant(text).map_or_else(|| v.to_string(), |at| format!("instant {at}")),
        other => other.to_string(),
    };
    let row = |v: &Value| {
        let object = v.as_object().unwrap();
        let mut cells: Vec<String> =
            object.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| format!("{k}={}", cell(v))).collect();
        cells.sort();
        cells.join(" ")
    };
    let mut rows: Vec<String> = rows.iter().map(row).collect();
    rows.sort();
    rows
}

/// Steps until there is nothing to do for the moment.
pub fn settle(engine: &mut Engine) -> Step {
    loop {
        match engine.step().unwrap() {
            Step::Ready => {}
            rests => return rests,
        }
    }
}
