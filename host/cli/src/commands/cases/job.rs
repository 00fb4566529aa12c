//! A case as a job: its rows through a source, its operator as a node, what comes of them in memory. So what a case shows is what
//! a job does: how columns are cast, which rows are dead letters, when timers are due.
//!
//! Each step is a run of the job, which goes on from the checkpoint of the one before: states and timers are stored and read
//! between them. To move the watermark a run gets one row more, which a query keeps from the operator.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use millstream_engine::checkpoint::read_at;
use millstream_engine::clock::ManualClock;
use millstream_engine::connector::Connectors;
use millstream_engine::connector::memory::MemoryTables;
use millstream_engine::executor::Executor;
use millstream_engine::format::encode::json_lines;
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{Environment, Pace, RunOptions, StoredRows, StoredRowsOptions, run as run_job};
use millstream_engine::storage::faulty::FaultyStorage;
use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::{Limits, OperatorInfo, Plugin, PluginKind, Runtime};
use serde_json::{Map, Value, json};
use toml::Table;

use super::case::{Case, FILE, Input, Step};
use crate::answer::stored_json;

/// Processing time of the first step, where a case says nothing else: the beginning of 2026.
const START: i64 = 1_767_225_600_000_000;
/// What the job calls the source, the node, and what comes out.
const INPUT: &str = "input";
const STEPS: &str = "steps";
const NODE: &str = "tested";
const LATE: &str = "late";
/// The mode of an aggregate, where a case says nothing else.
const COMPLETE: &str = "complete";
/// The column that tells a row which is none.
const MARK: &str = "__watermark";

/// The plugin that is tested.
pub(super) struct Tested {
    /// Its component or project.
    path: PathBuf,
    pub plugin: Plugin,
}

impl Tested {
    pub(super) fn new(runtime: &Runtime, path: &Path) -> Result<Self> {
        let absolute = std::path::absolute(path)
            .map_err(|e| Error::invalid(format!("{} is no path", path.display())).caused_by(e))?;
        let plugin = runtime.load(path)?;
        Ok(Self { path: absolute, plugin })
    }

    /// The operator of a case.
    pub(super) fn operator(&self, case: &Case) -> Result<&OperatorInfo> {
        Ok(self.plugin.operator(case.operator(), &Limits::default())?)
    }
}

/// What came of a case: rows as JSON objects, without what is null.
#[derive(Debug, Default)]
pub(super) struct Came {
    pub rows_in: u64,
    pub output: Vec<Value>,
    /// Whether the order of the output means something.
    pub is_ordered: bool,
    /// `reason` and `row`.
    pub rejected: Vec<Value>,
    pub late: Vec<Value>,
    /// What is kept of groups or keys at the end; none = of an operator without state.
    pub state: Option<Vec<Value>>,
}

/// Runs `case`.
///
/// # Errors
/// It is no job, or the job fails; or its rows cannot be read.
pub(super) fn run(case: &Case, tested: &Tested, runtime: &Runtime) -> Result<Came> {
    let kind = tested.operator(case)?.kind;
    let disk = FaultyStorage::new();
    let clock = Arc::new(ManualClock::new(START));
    let folder = temporary()?;
    if let Input::Steps(_) = &case.input {
        let steps = folder.path().join(STEPS);
        std::fs::create_dir(&steps).map_err(|e| Error::invalid(format!("{}: {e}", steps.display())))?;
    }
    let file = std::path::absolute(case.folder.join(FILE)).unwrap_or_else(|_| case.folder.join(FILE));
    let mut came = Came { is_ordered: !matches!(kind, PluginKind::Aggregate | PluginKind::Keyed), ..Came::default() };
    let once = [Step::default()];
    let steps = if let Input::Steps(steps) = &case.input { &steps[..] } else { &once };
    let environment = || {
        let disk = disk.clone();
        Environment {
            clock: clock.clone(),
            folders: Arc::new(move |folder| Arc::new(disk.at(&folder.display().to_string()))),
            executor: Executor::alone(),
            pace: Pace::one_by_one(),
            ..Environment::default()
        }
    };
    for (number, step) in steps.iter().enumerate() {
        if let Some(now) = step.now {
            clock.set(now);
        }
        let is_last = number + 1 == steps.len();
        if let Input::Steps(_) = &case.input {
            let path = folder.path().join(STEPS).join(format!("{number:06}.jsonl"));
            std::fs::write(&path, step_rows(case, step))
                .map_err(|e| Error::invalid(format!("{}: {e}", path.display())))?;
        }
        let text = text(case, tested, kind, folder.path(), is_last)?;
        let job = Job::parse(&text, &file, folder.path(), &Connectors::built_in().keys(), &[])?;
        let tables = MemoryTables::default();
        let options = RunOptions {
            trigger: Some(Trigger::AvailableNow),
            memory: tables.clone(),
            runtime: Some(runtime.clone()),
            threads: Some(1),
            environment: environment(),
            ..RunOptions::default()
        };
        came.rows_in += run_job(job, options)?.rows_in - u64::from(step.watermark.is_some());
        came.take(&tables, kind == PluginKind::Aggregate && output_mode(case) == COMPLETE)?;
    }
    let storage = environment().folders.clone()(&folder.path().join("state"));
    let at = read_at(&*storage, None, &Executor::alone().workers(Some(1)))?;
    if at.record.stateful.contains_key(NODE) {
        came.state = Some(state(at, &*storage, runtime, &environment())?);
    }
    Ok(came)
}

impl Came {
    /// Takes what came of a step.
    fn take(&mut self, tables: &MemoryTables, is_complete: bool) -> Result<()> {
        let rows = |table: &str| -> Result<Vec<Value>> { objects(&tables.table(table).snapshot()?) };
        for letter in rows("dead_letters")? {
            if letter["node"] == INPUT || letter["node"] == STEPS {
                let at = |key: &str| letter[key].to_string().replace('"', "");
                let message = format!("line {} of the input cannot be read: {}", at("line"), at("reason"));
                return Err(Error::invalid(message).with_help(format!("it is {}", at("row"))));
            }
            let row = letter["row"].as_str().unwrap_or_default();
            let row: Value = serde_json::from_str(row).unwrap_or_else(|_| row.into());
            self.rejected.push(without_nulls(json!({ "reason": letter["reason"], "row": row })));
        }
        // In complete mode each step has all of it.
        if is_complete {
            self.output.clear();
        }
        self.output.extend(rows(NODE)?);
        self.late.extend(rows(LATE)?.into_iter().map(without_place));
        Ok(())
    }
}

/// That of an aggregate.
fn output_mode(case: &Case) -> &str {
    case.told.operator.get("output_mode").and_then(toml::Value::as_str).unwrap_or(COMPLETE)
}

/// What is kept, as rows.
fn state(
    at: millstream_engine::checkpoint::AtEpoch,
    storage: &dyn millstream_engine::storage::Storage,
    runtime: &Runtime,
    environment: &Environment,
) -> Result<Vec<Value>> {
    let options = StoredRowsOptions { node: NODE, map: None, job: None, runtime: Some(runtime.clone()), environment };
    let stored = StoredRows::find(at, storage, options)?;
    let wanted = stored.wanted(&[])?;
    let mut rows = Vec::new();
    stored.read(&wanted, &mut |batch| {
        rows.extend(stored_json(stored.columns(), &batch)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(rows.into_iter().map(without_nulls).collect())
}

/// The rows of a step as its file has them, and behind them what moves the watermark.
fn step_rows(case: &Case, step: &Step) -> String {
    let mut rows = step.rows.clone();
    if let (Some(watermark), Some(column)) = (&step.watermark, event_time(case)) {
        let marked: Map<String, Value> =
            [(column.to_owned(), watermark.as_str().into()), (MARK.to_owned(), true.into())].into_iter().collect();
        rows.push_str(&Value::Object(marked).to_string());
        rows.push('\n');
    }
    rows
}

fn event_time(case: &Case) -> Option<&str> {
    case.told.input.get("event_time")?.as_str()
}

/// The job.
fn text(case: &Case, tested: &Tested, kind: PluginKind, folder: &Path, is_last: bool) -> Result<String> {
    let mut job = table(&[("name", "case"), ("checkpoint", "state")]);
    if case.told.final_watermark && is_last {
        job.insert("final_watermark".to_owned(), true.into());
    }
    let mut operators = Table::new();
    let (name, source) = match &case.input {
        Input::File { path, format } => (INPUT, source(case, path, format)),
        Input::Steps(_) => {
            let mut source = source(case, &folder.join(STEPS), "json");
            let Some(toml::Value::Table(schema)) = source.get_mut("schema") else {
                return Err(Error::invalid(format!(
                    "{}: it does not say which columns the rows have",
                    case.folder.join(FILE).display()
                ))
                .with_help("write them into [input]: schema = { user = \"utf8\", at = \"timestamp\" }"));
            };
            let quoted: Vec<String> = schema.keys().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
            schema.insert(MARK.to_owned(), "boolean".into());
            let sql = format!("SELECT {} FROM {STEPS} WHERE {MARK} IS NULL", quoted.join(", "));
            operators.insert(INPUT.to_owned(), table(&[("sql", &sql)]).into());
            (STEPS, source)
        }
    };
    job.insert("source".to_owned(), one(name, source));
    job.insert("plugin".to_owned(), one("plugin", table(&[("path", &tested.path.display().to_string())])));
    let mut node = case.told.operator.clone();
    node.remove("name");
    node.insert("input".to_owned(), INPUT.into());
    node.insert(
        "plugin".to_owned(),
        case.operator().map_or("plugin".to_owned(), |name| format!("plugin.{name}")).into(),
    );
    let mut sinks = Table::new();
    sinks.insert(NODE.to_owned(), table(&[("input", NODE), ("connector", "memory")]).into());
    match kind {
        PluginKind::Keyed => {
            node.insert("late".to_owned(), LATE.into());
            sinks.insert(LATE.to_owned(), table(&[("connector", "memory")]).into());
        }
        PluginKind::Aggregate => drop(node.entry("output_mode").or_insert(COMPLETE.into())),
        _ => {}
    }
    operators.insert(NODE.to_owned(), node.into());
    job.insert("operator".to_owned(), operators.into());
    job.insert("sink".to_owned(), sinks.into());
    job.insert("dead_letters".to_owned(), table(&[("connector", "memory")]).into());
    as_text(&job, case)
}

fn table(entries: &[(&str, &str)]) -> Table {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect()
}

/// A table with this one in it.
fn one(name: &str, table: Table) -> toml::Value {
    Table::from_iter([(name.to_owned(), toml::Value::from(table))]).into()
}

/// The case's source, whose rows are at `path`.
fn source(case: &Case, path: &Path, format: &str) -> Table {
    let mut source = case.told.input.clone();
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    source.insert("path".to_owned(), path.display().to_string().into());
    source.insert("format".to_owned(), format.into());
    if source.contains_key("event_time") {
        source.entry("watermark").or_insert("0 seconds".into());
    }
    source
}

fn as_text(job: &Table, case: &Case) -> Result<String> {
    toml::to_string(job).map_err(|e| Error::invalid(format!("{}: {e}", case.folder.join(FILE).display())))
}

/// A folder for the rows of a case, which goes afterwards.
fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|e| {
        Error::new(ErrorKind::Unavailable, format!("a folder for the rows of a case cannot be made: {e}")).caused_by(e)
    })
}

/// Rows as JSON objects, as a file of JSON lines has them.
fn objects(batches: &[RecordBatch]) -> Result<Vec<Value>> {
    let mut lines = json_lines(Vec::new());
    let failed = |e: &dyn std::fmt::Display| Error::invalid(format!("what comes out cannot be written as JSON: {e}"));
    for batch in batches {
        lines.write(batch).map_err(|e| failed(&e))?;
    }
    lines.finish().map_err(|e| failed(&e))?;
    let text = lines.into_inner();
    let rows = serde_json::Deserializer::from_slice(&text).into_iter::<Value>();
    rows.map(|row| row.map(without_nulls).map_err(|e| failed(&e))).collect()
}

/// A late row without where it came from, and by what it is late.
fn without_place(mut row: Value) -> Value {
    const ADDED: [&str; 6] = ["_epoch", "_file", "_line", "_node", "_reason", "_source"];
    if let Value::Object(columns) = &mut row {
        columns.retain(|name, _| !ADDED.contains(&name.as_str()));
    }
    row
}

/// A row without columns that are null: they may be left out.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(values) => {
            values.into_iter().map(|value| if value.is_null() { value } else { without_nulls(value) }).collect()
        }
        other => other,
    }
}

/// The rows of a case, as its operator gets them.
///
/// # Errors
/// They cannot be read.
pub(super) fn rows(case: &Case) -> Result<RecordBatch> {
    let folder = temporary()?;
    let source = match &case.input {
        Input::File { path, format } => source(case, path, format),
        Input::Steps(steps) => {
            let path = folder.path().join("rows.jsonl");
            let all: String = steps.iter().map(|step| step.rows.as_str()).collect();
            std::fs::write(&path, all).map_err(|e| Error::invalid(format!("{}: {e}", path.display())))?;
            source(case, &path, "json")
        }
    };
    let mut job = table(&[("name", "case")]);
    job.insert("source".to_owned(), one(INPUT, source));
    job.insert("sink".to_owned(), one(NODE, table(&[("input", INPUT), ("connector", "memory")])));
    job.insert("dead_letters".to_owned(), table(&[("connector", "null")]).into());
    let tables = MemoryTables::default();
    let options = RunOptions {
        trigger: Some(Trigger::AvailableNow),
        memory: tables.clone(),
        threads: Some(1),
        ..RunOptions::default()
    };
    let file = case.folder.join(FILE);
    run_job(Job::parse(&as_text(&job, case)?, &file, folder.path(), &Connectors::built_in().keys(), &[])?, options)?;
    let table = tables.table(NODE);
    let batches = table.snapshot()?;
    let schema = table.schema().or_else(|| Some(batches.first()?.schema()));
    let schema = schema.ok_or_else(|| Error::internal("a job's sink has no columns"))?;
    arrow::compute::concat_batches(&schema, &batches)
        .map_err(|e| Error::internal(format!("rows cannot be put together: {e}")).caused_by(e))
}
