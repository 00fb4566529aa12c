//! Keyed operators beside a naive model, and with functions that return what cannot be.

mod expiry;
mod hostile;
mod maps;
mod model;
mod native;
mod read;
mod split;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use serde_json::Value;

use self::native::{Logic, Native};
use super::{Domain, JudgedBy, Keyed, KeyedBinding, KeyedFunction, KeyedInput};
use crate::executor::Workers;
use crate::format::{UTC, timestamp};
use crate::job::OutputMode;
use crate::operator::conformance::EpochInput;
use crate::operator::{Effects, EpochEnd, Expressions, Reject, Rows, Stateful};
use crate::record::WatermarkPair;
use crate::state::{State, Table};
use crate::{ErrorKind, Result};

const PARTITIONS: u32 = 3;

/// A row: two columns that make its key, its event time, and what else there is as JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub key: [Option<String>; 2],
    pub time: Option<i64>,
    pub data: Value,
}

/// Rows as they come to the operator.
pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    let key = |at: usize| -> ArrayRef { Arc::new(rows.iter().map(|r| r.key[at].clone()).collect::<StringArray>()) };
    let times: TimestampMicrosecondArray = rows.iter().map(|row| row.time).collect();
    let data: StringArray = rows.iter().map(|row| Some(row.data.to_string())).collect();
    let columns: [(&str, ArrayRef); 4] =
        [("k", key(0)), ("j", key(1)), ("ts", Arc::new(times.with_timezone(UTC))), ("data", Arc::new(data))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn event_time() -> Expressions {
    use datafusion_physical_expr::expressions::Column;
    Expressions::new(vec![Arc::new(Column::new("ts", 2))], false)
}

/// The operator of a function over such rows.
pub(super) fn operator(function: Arc<dyn KeyedFunction>) -> Result<Keyed> {
    let input = KeyedInput {
        schema: batch(&[]).schema(),
        keys: vec![0, 1],
        time: Some(event_time()),
        judged_by: JudgedBy::ThisEpoch,
    };
    Keyed::new("x".into(), input, function, OutputMode::Append, PARTITIONS)
}

/// What came of an epoch.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Came {
    /// The rows that came out, in their order.
    pub rows: Vec<Value>,
    pub rejects: Vec<(String, String)>,
    pub late: Vec<String>,
}

/// An operator with its state.
pub(super) struct Running {
    pub operator: Keyed,
    pub state: State,
    pub workers: Workers,
    epoch: u64,
}

impl Running {
    pub fn new(operator: Keyed) -> Self {
        Self { operator, state: State::new(PARTITIONS), workers: Workers::alone(), epoch: 0 }
    }

    pub fn native(binding: KeyedBinding, logic: Logic) -> Self {
        Self::new(operator(Arc::new(Native::new(binding, logic))).unwrap())
    }

    /// Runs an epoch.
    pub fn epoch(&mut self, input: &EpochInput) -> Result<Came> {
        let mut effects = Effects::default();
        let partials = input
            .rows
            .iter()
            .map(|(_, batch)| self.operator.partial(0, Rows::new(batch.clone()), input.watermarks, &mut effects));
        let partials: Vec<_> = partials.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        let end =
            EpochEnd { epoch: self.epoch, now: input.now, watermarks: input.watermarks, workers: self.workers.clone() };
        self.epoch += 1;
        let names = self.names();
        let closed = self.operator.close(&end, partials, &mut self.state.tables_named(&names))?;
        let told = |reject: &Reject| (reject.reason.clone(), reject.row.clone());
        let late = effects.late.iter().chain(&closed.late).map(|late| &late.rows.batch);
        Ok(Came {
            rows: closed.batches.iter().flat_map(json_rows).collect(),
            rejects: effects.rejects.iter().chain(&closed.rejects).map(told).collect(),
            late: late
                .flat_map(|b| (0..b.num_rows()).map(|row| b.column(3).as_string::<i32>().value(row).to_owned()))
                .collect(),
        })
    }

    /// Rows of one epoch in one chunk.
    pub fn rows(&mut self, rows: &[Row], now: i64, watermarks: WatermarkPair) -> Came {
        let rows = if rows.is_empty() { Vec::new() } else { vec![(0, batch(rows))] };
        self.epoch(&EpochInput { rows, now, watermarks }).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.operator.tables().iter().map(|table| format!("it.{table}")).collect()
    }

    /// Whether an epoch without input would do something.
    pub fn is_due(&mut self, watermarks: WatermarkPair, now: i64) -> bool {
        let names = self.names();
        let tables = self.state.tables_named(&names);
        let tables: Vec<&Table> = tables.iter().map(|table| &**table).collect();
        self.operator.next_due(&tables).unwrap().is_due(watermarks, now)
    }

    /// How many keys a table has.
    pub fn len(&self, table: &str) -> usize {
        self.state.table(&format!("it.{table}")).map_or(0, Table::len)
    }
}

/// Rows of a text column of JSON.
fn json_rows(batch: &RecordBatch) -> Vec<Value> {
    let rows = batch.column(0).as_string::<i32>();
    rows.iter().map(|row| serde_json::from_str(row.unwrap()).unwrap()).collect()
}

fn pair(late: i64, close: i64) -> WatermarkPair {
    WatermarkPair { late: Some(late), close: Some(close) }
}

fn row(key: &str, time: i64, data: Value) -> Row {
    Row { key: [Some(key.to_owned()), None], time: Some(time), data }
}

/// The rows of a multiset, counted.
pub(super) fn counted(rows: impl IntoIterator<Item = Value>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    rows.into_iter().for_each(|row| *counts.entry(sorted(row).to_string()).or_default() += 1);
    counts
}

/// The same with the keys of objects in order, however objects are kept.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(parts) => {
            let parts: BTreeMap<String, Value> = parts.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(parts.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[test]
fn what_cannot_be_is_refused_before_a_row_is_read() {
    let refused = |binding: KeyedBinding, mode: OutputMode, keys: Vec<usize>, timed: bool| {
        let time = timed.then(event_time);
        let input = KeyedInput { schema: batch(&[]).schema(), keys, time, judged_by: JudgedBy::ThisEpoch };
        let function = Arc::new(Native::new(binding, |_| Ok(())));
        let e = Keyed::new("x".into(), input, function, mode, 1).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Invalid);
        assert!(e.help().is_some(), "{e}");
        e.message().to_owned()
    };
    let plain = KeyedBinding::default;
    assert!(refused(plain(), OutputMode::Complete, vec![0], true).contains("complete mode"));
    assert!(refused(plain(), OutputMode::Append, vec![], true).contains("no key"));
    let late = KeyedBinding { late: super::LateInput::SetAside, ..plain() };
    assert!(refused(late, OutputMode::Update, vec![0], false).contains("sets late rows aside"));
    let sorted = KeyedBinding { by_event_time: true, ..plain() };
    assert!(refused(sorted, OutputMode::Update, vec![0], false).contains("no event time"));
    let twice = KeyedBinding { values: vec!["a".into(), "b".into(), "a".into()], ..plain() };
    assert!(refused(twice, OutputMode::Append, vec![0], true).contains("two states called `a`"));
    let timed = KeyedBinding { event_time: Some(3), ..plain() };
    assert!(refused(timed, OutputMode::Append, vec![0], true).contains("not there"));
    let far = Arc::new(hostile::reading(vec![3, 4]));
    let input = KeyedInput { schema: batch(&[]).schema(), keys: vec![0], time: None, judged_by: JudgedBy::ThisEpoch };
    let e = Keyed::new("x".into(), input, far, OutputMode::Append, 1).unwrap_err();
    assert!(e.message().contains("reads column 4, and its input has 4"), "{e}");
    assert_eq!(timestamp(), *batch(&[]).schema().field(2).data_type());
    assert_eq!(Domain::EventTime.min(Domain::ProcessingTime), Domain::EventTime);
}

#[test]
fn it_is_refused_after_rows_that_replace_earlier_ones_and_says_what_carries_its_keys() {
    use crate::relation::{Emits, PluginUse, Relation, build};
    let keyed = |emits: Emits, mode: OutputMode| {
        let function = Arc::new(hostile::reading(vec![]));
        let input = build::rows_of("t", batch(&[]).schema(), emits);
        let called = PluginUse { plugin: "words".to_owned(), reads: Vec::new(), hints: None };
        build::keyed("x".into(), input, vec![0, 1], None, (function, called), mode, PARTITIONS)
    };
    let e = keyed(Emits::Updates, OutputMode::Append).unwrap_err();
    assert!(e.message().contains("cannot follow a node whose rows replace earlier ones"), "{e}");
    let Relation::Stateful { keys, waits, mode, .. } = keyed(Emits::Rows, OutputMode::Update).unwrap() else {
        panic!("it is stateful")
    };
    // The only column that comes out is called otherwise.
    assert_eq!((keys, waits, mode), (vec![vec![], vec![]], 0, OutputMode::Update));
}
