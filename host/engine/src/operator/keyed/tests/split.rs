//! Keys that come in several calls, and what timers and states do that a row or a call is too small to show.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, TimestampMicrosecondType};
use serde_json::{Map, Value, json};

use super::super::{
    Domain, KeyedBinding, KeyedError, KeyedFunction, LateInput, Outcome, Phase, Step, Timer, ValueChanges,
};
use super::native::One;
use super::{Row, Running, batch, operator, pair, row};
use crate::format::{UTC, timestamp};
use crate::operator::conformance::EpochInput;
use crate::operator::isolate::Attempt;
use crate::operator::{Effects, Rows, Stateful};
use crate::record::WatermarkPair;

/// Counts, sets a timer per row, and fails with a row that says so.
fn counting(one: &mut One) -> Result<(), String> {
    if let Some((_, tag, at)) = one.timer {
        one.out.push(json!([tag, at]));
        return if one.key[0].as_deref() == Some("fails") { Err("no timers, please".to_owned()) } else { Ok(()) };
    }
    if one.rows.iter().any(|row| row.data["fail"] == true) {
        return Err("it was told to".to_owned());
    }
    one.set_number(one.number().unwrap_or(0) + one.rows.len() as i64);
    for row in one.rows.clone() {
        if let Some(tag) = row.data["timer"].as_u64() {
            one.set(Domain::EventTime, tag as u32, row.time.unwrap());
        }
    }
    one.out.push(json!([one.key[0], one.rows.len(), one.number()]));
    Ok(())
}

#[test]
fn a_key_with_many_rows_comes_in_several_calls_and_counts_as_a_whole() {
    let mut running = Running::native(KeyedBinding::default(), counting);
    let mut rows: Vec<Row> = (0..20_000).map(|_| row("many", 5, json!({}))).collect();
    rows.insert(10_000, row("few", 5, json!({})));
    let came = running.rows(&rows, 10, pair(0, 1));
    let of = |key: &str, rows: &[Value]| rows.iter().filter(|row| row[0] == key).cloned().collect::<Vec<_>>();
    let want = [json!(["many", 8192, 8192]), json!(["many", 8192, 16_384]), json!(["many", 3616, 20_000])];
    assert_eq!(of("many", &came.rows), want);
    assert_eq!(of("few", &came.rows), [json!(["few", 1, 1])]);

    // One of its calls fails: nothing of the key has happened, all of its rows are dead letters.
    rows.push(row("many", 5, json!({ "fail": true })));
    let came = running.rows(&rows, 20, pair(1, 1));
    assert_eq!(came.rejects.len(), 20_001);
    assert!(came.rejects.iter().all(|(why, row)| why == "it was told to" && row.contains("many")));
    assert_eq!(came.rows, [json!(["few", 1, 2])]);
    let came = running.rows(&[row("many", 5, json!({}))], 30, pair(1, 1));
    assert_eq!(came.rows, [json!(["many", 1, 20_001])]);
}

#[test]
fn many_timers_of_a_key_fire_in_order_and_those_that_fail_are_gone() {
    let mut running = Running::native(KeyedBinding::default(), counting);
    let timer = |key: &str, tag: i64| row(key, 1_000 + tag, json!({ "timer": tag }));
    let mut rows: Vec<Row> = (0..20_000).map(|tag| timer("many", tag)).collect();
    rows.extend([timer("fails", 3), timer("fails", 4), timer("other", 5)]);
    running.rows(&rows, 10, pair(0, 1));
    assert_eq!(running.len("timers"), 3);
    let came = running.rows(&[], 20, pair(1, 15_000));
    let mut want: Vec<Value> = (0..=14_000).map(|tag| json!([tag, 1_000 + tag])).collect();
    want.insert(5, json!([5, 1_005]));
    assert_eq!(came.rows, want);
    let refused = json!({ "k": "fails" }).to_string();
    let why = |tag: u32| format!("its timer {tag} of 1970-01-01T00:00:00.00100{tag}Z by event time: no timers, please");
    assert_eq!(came.rejects, [(why(3), refused.clone()), (why(4), refused)]);
    assert_eq!(running.len("timers"), 1);
    let came = running.rows(&[], 20, pair(15_000, 100_000));
    // The slot in which the watermark stands has been looked through as well.
    assert_eq!((came.rows.len(), running.len("timers"), running.len("event-time")), (5_999, 0, 0));
}

/// Two values; each row says what becomes of them. Timers give the number of the key's timer as event time.
#[derive(Debug)]
struct Two(KeyedBinding);

impl KeyedFunction for Two {
    fn binding(&self) -> &KeyedBinding {
        &self.0
    }

    fn identity(&self) -> Map<String, Value> {
        [("fn".to_owned(), json!("two"))].into_iter().collect()
    }

    fn call(&self, step: &Step, _: Attempt) -> Result<Outcome, KeyedError> {
        let mut outcome = Outcome::default();
        let (mut numbers, mut times) = (Vec::new(), Vec::new());
        if step.phase == Phase::Timers {
            // The last one first: the host puts them in order.
            for (of, timer) in step.due.iter().enumerate().rev() {
                outcome.output_of.push(of as u32);
                numbers.push(i64::from(timer.tag));
                times.push(0);
            }
        }
        for key in 0..step.key_count() {
            for row in step.rows_of(key) {
                let data: Value = serde_json::from_str(step.rows.column(3).as_string::<i32>().value(row)).unwrap();
                for value in 0..2 {
                    let change = match &data["set"][value] {
                        Value::Null => continue,
                        Value::Bool(_) => None,
                        text => Some(text.to_string().into_bytes()),
                    };
                    let values: BinaryArray = [change.as_deref()].into_iter().collect();
                    outcome.values.push(ValueChanges { value, keys: vec![key as u32], values });
                }
                if data["remove"] == true {
                    outcome.removed.push(key as u32);
                }
                if let Some(tag) = data["timer"].as_u64() {
                    let (domain, at) = (Domain::EventTime, step.now);
                    outcome.set_timers.push(Timer { key: key as u32, domain, tag: tag as u32, at });
                }
                outcome.output_of.push(key as u32);
                let lens = [0, 1].map(|value| step.value(value, key).map_or(-1, |value| value.len() as i64));
                numbers.push(lens[0] * 100 + lens[1]);
                times.push(row as i64);
            }
        }
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone(UTC));
        outcome.output = vec![Arc::new(Int64Array::from(numbers)), times];
        Ok(outcome)
    }
}

#[test]
fn values_are_kept_by_name_and_timers_go_with_the_last_of_them() {
    for keep_timers in [false, true] {
        let function = Two(KeyedBinding {
            output: vec![
                Arc::new(Field::new("number", DataType::Int64, false)),
                Arc::new(Field::new("at", timestamp(), false)),
            ],
            values: vec!["one".to_owned(), "two".to_owned()],
            reads: vec![3],
            event_time: Some(1),
            keep_timers,
            ..KeyedBinding::default()
        });
        let mut running = Running::new(operator(Arc::new(function)).unwrap());
        let mut numbers = |data: Value, now: i64, close: i64| {
            let rows = if data.is_null() { Vec::new() } else { vec![(0, batch(&[row("k", 5, data)]))] };
            let input = EpochInput { rows, now, watermarks: pair(close, close) };
            let watermarks = input.watermarks;
            let mut effects = Effects::default();
            let partials = input.rows.into_iter().map(|(_, batch)| {
                running.operator.partial(0, Rows::new(batch), watermarks, &mut effects).unwrap().unwrap()
            });
            let partials = partials.collect();
            let workers = crate::executor::Workers::alone();
            let end = crate::operator::EpochEnd { epoch: 0, now, watermarks, workers };
            let names = running.names();
            let closed = running.operator.close(&end, partials, &mut running.state.tables_named(&names)).unwrap();
            let of = |batch: &arrow::record_batch::RecordBatch| -> Vec<(i64, i64)> {
                let numbers = batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().values().to_vec();
                let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
                numbers.into_iter().zip(times.values().iter().copied()).collect()
            };
            closed.batches.iter().flat_map(of).collect::<Vec<_>>()
        };
        // Neither, then each by itself; null takes one away, and leaves the other.
        assert_eq!(numbers(json!({ "set": [1234, null], "timer": 7 }), 100, 0), [(-101, 0)]);
        assert_eq!(numbers(json!({ "set": [null, 56], "timer": 8 }), 200, 0), [(399, 0)]);
        assert_eq!(numbers(json!({ "set": [false, null] }), 300, 0), [(402, 0)]);
        // The last one goes: so do the timers, but for those that the same call sets.
        assert_eq!(numbers(json!({ "set": [null, false], "timer": 9 }), 150, 0), [(-98, 0)]);
        let fired = numbers(Value::Null, 400, 1_000);
        let want: &[(i64, i64)] = if keep_timers { &[(7, 100), (9, 150), (8, 200)] } else { &[(9, 150)] };
        assert_eq!(fired, want);
        assert_eq!(numbers(json!({ "remove": true }), 500, 1_000), [(-101, 0)]);
    }
}

#[test]
fn rows_without_a_time_are_dead_letters_where_it_plays_a_part() {
    let binding = KeyedBinding { late: LateInput::SetAside, ..KeyedBinding::default() };
    let mut running = Running::native(binding, counting);
    let rows = [row("a", 9, json!(1)), row("a", 10, json!(2)), Row { time: None, ..row("b", 0, json!(3)) }];
    let at = WatermarkPair { late: Some(3), close: Some(9) };
    let came = running.rows(&rows, 10, at);
    assert_eq!((came.rows, came.late), (vec![json!(["a", 1, 1])], vec!["1".to_owned()]));
    assert_eq!(came.rejects[0].0, "its event time is null: its operator takes rows by event time");

    let mut running = Running::native(KeyedBinding::default(), counting);
    let came = running.rows(&rows, 10, at);
    assert_eq!((came.rows.len(), came.late.len(), came.rejects.len()), (2, 0, 0));
}

#[test]
fn a_timer_that_was_set_too_late_is_not_lost_where_the_clock_goes_back() {
    fn at_once(one: &mut One) -> Result<(), String> {
        match one.timer {
            Some((_, tag, at)) => one.out.push(json!([tag, at])),
            None => one.set(Domain::ProcessingTime, 7, one.now),
        }
        Ok(())
    }
    let mut running = Running::native(KeyedBinding::default(), at_once);
    let (hour, none) = (3_600_000_000, WatermarkPair { late: None, close: None });
    assert!(running.rows(&[row("k", 5, json!(0))], 2 * hour, none).rows.is_empty());
    // The epoch that it would have fired in begins an hour before.
    assert!(running.rows(&[], hour, none).rows.is_empty());
    assert!(!running.is_due(none, hour) && running.is_due(none, 2 * hour + 10_000));
    assert_eq!(running.rows(&[], 2 * hour, none).rows, [json!([7, 2 * hour])]);
    assert_eq!([running.len("timers"), running.len("overdue"), running.len("processing-time")], [0; 3]);
}

#[test]
fn timers_at_the_ends_of_time_fire_once_each() {
    fn far(one: &mut One) -> Result<(), String> {
        match one.timer {
            Some((domain, tag, _)) => one.out.push(json!([format!("{domain:?}"), tag])),
            None => {
                for domain in [Domain::EventTime, Domain::ProcessingTime] {
                    [i64::MIN, i64::MAX, i64::MAX - 1]
                        .into_iter()
                        .zip(0..)
                        .for_each(|(at, tag)| one.set(domain, tag, at));
                }
            }
        }
        Ok(())
    }
    let mut running = Running::native(KeyedBinding::default(), far);
    let none = WatermarkPair { late: None, close: None };
    assert_eq!(running.rows(&[row("k", 5, json!(0))], 10, none).rows, [] as [Value; 0]);
    // The processing time of an epoch is there from the first one on.
    assert!(running.is_due(none, 10));
    assert_eq!(running.rows(&[], 11, none).rows, [json!(["ProcessingTime", 0])]);
    assert!(!running.is_due(none, 1 << 62));
    assert_eq!(running.rows(&[], 12, pair(0, 1)).rows, [json!(["EventTime", 0])]);
    assert_eq!(running.rows(&[], 13, pair(1, i64::MAX)).rows, [json!(["EventTime", 2]), json!(["EventTime", 1])]);
    let processing = [json!(["ProcessingTime", 2]), json!(["ProcessingTime", 1])];
    assert_eq!(running.rows(&[], i64::MAX, pair(i64::MAX, i64::MAX)).rows, processing);
    assert_eq!(
        [running.len("timers"), running.len("overdue"), running.len("event-time"), running.len("processing-time")],
        [0; 4]
    );
}
