//! Every kind of stateful operator passes the suite that there is for them, as the planner makes them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::record_batch::RecordBatch;
use millstream_engine::operator::conformance::{EpochInput, conforms};
use millstream_engine::operator::{Effects, Rows};
use millstream_engine::plan::{Edge, Flow, Plan};
use millstream_engine::record::WatermarkPair;
use millstream_engine::run::check;

use crate::scratch::Scratch;
use crate::simulation::Random;
use crate::support::{here, runtime};

const EPOCHS: i64 = 6;
const MINUTE: i64 = 60_000_000;

/// Sources `a` and `b` with one file of each column, and one operator `x`.
fn plan(scratch: &Scratch, operator: &str) -> Plan {
    let source = |name: &str| {
        format!(
            "[source.{name}]\npath = \"{name}\"\nformat = \"json\"\nevent_time = \"ts\"\nwatermark = \"1 minute\"\nschema = {{ k = \"utf8\", v = \"int64\", ts = \"timestamp\" }}\n"
        )
    };
    for name in ["a", "b"] {
        scratch.write(&format!("{name}/0.json"), "");
    }
    let plugin = here().join("../plugins/sum-and-max").display().to_string();
    let keyed = here().join("../host/plugin/tests/guest/keyed").display().to_string();
    let text = format!(
        "name = \"suite\"\n[plugin.sum_and_max]\npath = \"{plugin}\"\n[plugin.keyed]\npath = \"{keyed}\"\n{}{}[operator.x]\n{operator}\n[sink.x]\ninput = \"x\"\nconnector = \"memory\"\n",
        source("a"),
        source("b")
    );
    check(scratch.job(&text).unwrap(), Some(&runtime())).unwrap_or_else(|e| panic!("{operator}: {e:?}"))
}

/// Some rows of one epoch: keys and values that come again, times that are late, early and the same, nulls.
fn rows(random: &mut Random, epoch: i64) -> RecordBatch {
    let n = 20 + random.below(30) as usize;
    let one_of = |most: u64| move |random: &mut Random| random.below(most) as i64;
    let (key, value, time) = (one_of(7), one_of(10), one_of(240));
    let keys: StringArray = (0..n).map(|_| Some(key(random)).filter(|k| *k < 6).map(|k| format!("k{k}"))).collect();
    let values: Int64Array = (0..n).map(|_| Some(value(random) - 2).filter(|v| *v < 7)).collect();
    let at = |seconds: i64| epoch * MINUTE + (seconds - 120) * 1_000_000 + 100 * MINUTE;
    let times: TimestampMicrosecondArray = (0..n).map(|_| Some(at(time(random)))).collect();
    let columns: [(&str, ArrayRef); 3] =
        [("k", Arc::new(keys)), ("v", Arc::new(values)), ("ts", Arc::new(times.with_timezone("UTC")))];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

/// The rows that reach the stateful operator by `flow`.
pub fn reach(flow: &Flow, rows: &Rows, reached: &mut Vec<(usize, RecordBatch)>) {
    for edge in flow {
        match edge {
            Edge::Through(transform, rest) => {
                let rows = transform.apply(rows.clone(), &mut Effects::default()).unwrap();
                reach(rest, &rows, reached);
            }
            Edge::EventTime(_, rest) => reach(rest, rows, reached),
            Edge::State { operator, input } => {
                assert_eq!(&**operator, "x", "there is one stateful operator");
                reached.push((*input, rows.batch.clone()));
            }
            Edge::Sink(_) => {}
        }
    }
}

fn epochs(plan: &Plan, random: &mut Random) -> Vec<EpochInput> {
    let mut late = None;
    (0..EPOCHS)
        .map(|epoch| {
            let mut reached = Vec::new();
            for source in plan.sources.values().filter(|_| epoch != 3) {
                let rows = rows(random, epoch).project(&source.columns).unwrap();
                reach(&source.flow, &Rows::new(rows), &mut reached);
            }
            // In the end everything closes.
            let far = if epoch == EPOCHS - 1 { 1_000_000 * MINUTE } else { 0 };
            let close = Some((epoch + 98) * MINUTE + far).filter(|_| epoch > 0);
            let watermarks = WatermarkPair { late, close };
            late = close;
            EpochInput { rows: reached, now: (epoch + 1000) * MINUTE, watermarks }
        })
        .collect()
}

#[test]
fn every_kind_of_stateful_operator_conforms() {
    let query = |sql: &str, more: &str| format!("sql = \"\"\"{sql}\"\"\"\n{more}");
    let window = "window(ts, '2 minutes')";
    let sliding = "window(ts, '3 minutes', '1 minute')";
    let session = "session_window(ts, '40 seconds')";
    let grouped = |by: &str, mode: &str| {
        let sql = format!(
            "SELECT {}k, count(*) AS n, sum(v) AS s, min(v) AS least, avg(v) AS mean FROM a GROUP BY {by}k",
            by.split_once(',').map_or("", |(by, _)| if by.starts_with("ts") { "ts, " } else { "window.start, " })
        );
        let sql = if by.starts_with("session") { sql.replace("window.start", "session_window.start") } else { sql };
        query(&sql, &format!("output_mode = \"{mode}\"\nunbounded_state = true"))
    };
    let operators = [
        grouped("", "update"),
        grouped("", "complete"),
        grouped(&format!("{window}, "), "append"),
        grouped(&format!("{window}, "), "update"),
        grouped(&format!("{sliding}, "), "append"),
        grouped(&format!("{sliding}, "), "complete"),
        grouped(&format!("{session}, "), "append"),
        query(&format!("SELECT window.start, count(DISTINCT v) AS n FROM a GROUP BY {window}"), ""),
        query(&format!("SELECT k, count(DISTINCT v) AS n FROM a GROUP BY {session}, k"), ""),
        query(&format!("SELECT window.start, sum_and_max(v) AS both FROM a GROUP BY {window}"), ""),
        "input = \"a\"\ndedup = { keys = [\"k\", \"v\"], within = \"2 minutes\" }".to_owned(),
        "input = \"a\"\ndedup = { keys = [\"k\", \"ts\"] }".to_owned(),
        "input = \"a\"\nthrottle = { keys = [\"k\"], rows = 3, per = \"1 minute\" }".to_owned(),
        // With timers: `operator/keyed/tests`. One that is set when its time has passed is due without a new watermark.
        "input = \"a\"\nplugin = \"keyed\"\nkey_by = [\"k\"]".to_owned(),
        "input = \"a\"\nplugin = \"keyed\"\nkey_by = [\"k\"]\nwith = { do = \"map\" }".to_owned(),
        query(
            "SELECT a.k, a.v, b.v AS other FROM a JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 minute'",
            "",
        ),
        query(
            "SELECT a.k, a.v, b.v AS other FROM a LEFT JOIN b ON a.k = b.k AND a.v < b.v AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 minute'",
            "",
        ),
        query(
            "SELECT a.k, a.v FROM a LEFT SEMI JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 minute'",
            "",
        ),
    ];
    let mut random = Random::new(7);
    for operator in operators {
        let scratch = Scratch::new();
        let plan = plan(&scratch, &operator);
        assert_eq!(plan.stateful.len(), 1, "{operator}");
        for _ in 0..3 {
            let epochs = epochs(&plan, &mut random);
            let came = conforms(&*plan.stateful[&"x".into()].operator, plan.partitions, &epochs);
            assert!(came.iter().any(|came| !came.rows.is_empty()), "nothing came out of {operator}");
        }
    }
}
