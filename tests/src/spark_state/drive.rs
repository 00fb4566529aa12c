//! A keyed operator taken through epochs as Spark would be: one file of input an epoch, and epochs without input while the
//! watermark moves. Watermarks are whole milliseconds, as Spark's.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use millstream_engine::executor::Workers;
use millstream_engine::operator::{AnyStateful, Effects, EpochEnd, Rows};
use millstream_engine::plan::Plan;
use millstream_engine::record::WatermarkPair;
use millstream_engine::run::check;
use millstream_engine::state::State;
use serde_json::{Value, json};

use super::native;
use crate::scratch::Scratch;
use crate::stateful::reach;
use crate::support::{here, runtime};

const PARTITIONS: u32 = 3;

/// A row: its key, its event time, and all of it as JSON.
#[derive(Debug, Clone)]
pub struct Row {
    pub key: [Option<String>; 2],
    pub time: i64,
    pub data: Value,
}

/// A case: its rows by epoch, and how the watermark goes.
#[derive(Debug, Clone)]
pub struct Case {
    pub function: String,
    pub epochs: Vec<Vec<Row>>,
    /// How far the watermark is behind, milliseconds; none = there is none.
    pub delay: Option<i64>,
    /// Epochs without input follow while the watermark moves.
    pub moves: bool,
}

impl Case {
    /// An epoch's rows.
    fn rows(&self, epoch: usize) -> &[Row] {
        self.epochs.get(epoch).map_or(&[], Vec::as_slice)
    }

    /// Those of all epochs that Spark runs.
    pub fn watermarks(&self) -> Vec<WatermarkPair> {
        let (mut all, mut at, mut greatest) = (Vec::new(), WatermarkPair { late: None, close: None }, None);
        while all.len() < self.epochs.len() || (self.moves && at.late != at.close) {
            greatest = greatest.max(self.rows(all.len()).iter().map(|row| row.time).max());
            all.push(at);
            let next = greatest.zip(self.delay).map(|(at, delay): (i64, i64)| (at.div_euclid(1000) - delay) * 1000);
            at = WatermarkPair { late: at.close, close: at.close.max(next) };
        }
        all
    }
}

fn batch(rows: &[Row]) -> RecordBatch {
    let key = |at: usize| -> ArrayRef { Arc::new(rows.iter().map(|r| r.key[at].clone()).collect::<StringArray>()) };
    let times: TimestampMicrosecondArray = rows.iter().map(|row| Some(row.time)).collect();
    let data: StringArray = rows.iter().map(|row| Some(row.data.to_string())).collect();
    let columns: [(&str, ArrayRef); 4] =
        [("k", key(0)), ("j", key(1)), ("ts", Arc::new(times.with_timezone("UTC"))), ("data", Arc::new(data))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn schema() -> SchemaRef {
    batch(&[]).schema()
}

fn config(function: &str) -> String {
    json!({ "do": function, "keep_timers": true }).to_string()
}

/// The job of a function as a component, over files of such rows.
pub fn job(function: &str, delay: Option<i64>, sink: &str) -> String {
    let plugin = here().join("guests/keyed-state");
    let time = delay.map_or(String::new(), |ms| format!("event_time = \"ts\"\nwatermark = \"{ms}ms\"\n"));
    format!(
        "name = \"spark\"\ncheckpoint = \"state\"\n[source.rows]\npath = \"in\"\nformat = \"json\"\nmax_files_per_epoch = 1\n\
         schema = {{ k = \"utf8\", j = \"utf8\", ts = \"timestamp\", data = \"utf8\" }}\n{time}\
         [plugin.p]\npath = {plugin:?}\n\
         [operator.x]\ninput = \"rows\"\nplugin = \"p\"\nkey_by = [\"k\", \"j\"]\nwith = {{ do = \"{function}\", keep_timers = true }}\n\
         [sink.out]\ninput = \"x\"\n{sink}"
    )
}

/// Runs a case natively: what comes out, each with its epoch.
pub fn natively(case: &Case) -> Vec<Value> {
    let keyed = native::operator(&config(&case.function), schema(), PARTITIONS);
    run(&keyed, PARTITIONS, case, Rows::new)
}

/// A function as a component, planned as in a job.
pub struct Component(Plan);

impl Component {
    pub fn of(function: &str) -> Self {
        let scratch = Scratch::new();
        scratch.write("in/0.json", "");
        let text = job(function, None, "connector = \"memory\"\n");
        Self(check(scratch.job(&text).unwrap(), Some(&runtime())).unwrap_or_else(|e| panic!("{function}: {e:?}")))
    }

    /// Runs a case of the function: what comes out, each with its epoch.
    pub fn run(&self, case: &Case) -> Vec<Value> {
        let source = self.0.sources.values().next().unwrap();
        let rows = |batch: RecordBatch| {
            let mut reached = Vec::new();
            reach(&source.flow, &Rows::new(batch.project(&source.columns).unwrap()), &mut reached);
            Rows::new(reached.remove(0).1)
        };
        run(&*self.0.stateful[&"x".into()].operator, self.0.partitions, case, rows)
    }
}

fn run(operator: &dyn AnyStateful, partitions: u32, case: &Case, rows_of: impl Fn(RecordBatch) -> Rows) -> Vec<Value> {
    let mut state = State::new(partitions);
    let names: Vec<String> = operator.tables().iter().map(|table| format!("it.{table}")).collect();
    let mut out = Vec::new();
    for (n, watermarks) in case.watermarks().into_iter().enumerate() {
        let mut effects = Effects::default();
        let partial = operator.partial(0, rows_of(batch(case.rows(n))), watermarks, &mut effects).unwrap();
        let now = 1_800_000_000_000_000 + n as i64;
        let end = EpochEnd { epoch: n as u64, now, watermarks, workers: Workers::alone() };
        let closed = operator.close(&end, partial.into_iter().collect(), &mut state.tables_named(&names)).unwrap();
        assert!(closed.rejects.is_empty() && effects.rejects.is_empty(), "{:?}", closed.rejects);
        for batch in &closed.batches {
            let texts = batch.column(0).as_string::<i32>().iter().flatten();
            out.extend(texts.map(|text| json!({ "epoch": n, "row": serde_json::from_str::<Value>(text).unwrap() })));
        }
    }
    out
}
