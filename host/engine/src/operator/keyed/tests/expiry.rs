//! States that go after a while, beside a naive model that looks at all of them in every epoch.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Domain, KeyedBinding, TimeToLive};
use super::native::{Native, One};
use super::{PARTITIONS, Row, Running, batch, operator, row};
use crate::operator::conformance::{EpochInput, conforms};
use crate::record::WatermarkPair;

/// Adds one per row that says so, and gives the number; the first row of all sets a timer that is never due.
fn count(one: &mut One) -> Result<(), String> {
    if one.value.is_none() {
        one.set(Domain::EventTime, 0, i64::MAX - 1);
    }
    let ups = one.rows.iter().filter(|row| row.data == json!("up")).count() as i64;
    if ups > 0 {
        one.set_number(one.number().unwrap_or(0) + ups);
    }
    one.out.push(json!([one.key[0], one.number()]));
    Ok(())
}

fn native(domain: Domain, microseconds: u64) -> Arc<Native> {
    let time_to_live = Some(TimeToLive { domain, microseconds });
    Arc::new(Native::new(KeyedBinding { time_to_live, ..KeyedBinding::default() }, count))
}

/// Rows, and how far the clocks go on before them.
type Epoch = (Vec<Row>, i64, i64);

fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
    let one =
        (0u8..4, any::<bool>()).prop_map(|(key, up)| row(&format!("k{key}"), 5, json!(if up { "up" } else { "get" })));
    let ahead = || prop_oneof![Just(0i64), 0i64..20_000_000, 0i64..200_000_000];
    prop::collection::vec((prop::collection::vec(one, 0..4), ahead(), ahead()), 1..15)
}

/// The epochs with their clocks; the first has no watermark.
fn laid_out(epochs: &[Epoch]) -> Vec<(Vec<Row>, i64, WatermarkPair)> {
    let (mut now, mut watermark, mut late) = (1_800_000_000_000_000, 1_700_000_000_000_000, None);
    let epochs = epochs.iter().enumerate().map(|(number, (rows, by_now, by_watermark))| {
        (now, watermark) = (now + by_now, watermark + by_watermark);
        let pair = WatermarkPair { late, close: (number > 0).then_some(watermark) };
        late = pair.close;
        (rows.clone(), now, pair)
    });
    epochs.collect()
}

proptest! {
    #[test]
    fn states_go_when_a_naive_model_lets_them_go(
        epochs in epochs(), by_event_time in any::<bool>(), microseconds in 1u64..100_000_000,
    ) {
        let domain = if by_event_time { Domain::EventTime } else { Domain::ProcessingTime };
        let mut running = Running::new(operator(native(domain, microseconds)).unwrap());
        // Per key: its number, and when it was changed.
        let mut has: BTreeMap<String, (i64, Option<i64>)> = BTreeMap::new();
        for (rows, now, pair) in laid_out(&epochs) {
            let clock = if by_event_time { pair.close } else { Some(now) };
            if let Some(clock) = clock {
                has.retain(|_, (_, changed)| changed.is_none_or(|changed| changed + microseconds as i64 > clock));
                has.values_mut().for_each(|(_, changed)| *changed = changed.or(Some(clock)));
            }
            let mut by_key: BTreeMap<String, i64> = BTreeMap::new();
            for row in &rows {
                *by_key.entry(row.key[0].clone().unwrap()).or_default() += i64::from(row.data == json!("up"));
            }
            let want = by_key.into_iter().map(|(key, ups)| {
                if ups > 0 {
                    let n = has.get(&key).map_or(0, |(n, _)| *n) + ups;
                    has.insert(key.clone(), (n, clock));
                }
                json!([key, has.get(&key).map(|(n, _)| n)])
            });
            let want: Vec<Value> = want.collect();
            let mut came = running.rows(&rows, now, pair).rows;
            came.sort_by_key(|row| row[0].to_string());
            prop_assert_eq!(came, want);
            prop_assert_eq!(running.len(""), has.len());
            // Timers go with the state; a key that was only looked at has one without.
            prop_assert!(running.len("timers") >= has.len() && running.len("timers") <= 4);
        }
    }

    #[test]
    fn an_operator_whose_states_go_conforms(epochs in epochs(), by_event_time in any::<bool>()) {
        let domain = if by_event_time { Domain::EventTime } else { Domain::ProcessingTime };
        let inputs: Vec<EpochInput> = laid_out(&epochs)
            .into_iter()
            .map(|(rows, now, watermarks)| EpochInput { rows: vec![(0, batch(&rows))], now, watermarks })
            .collect();
        conforms(&operator(native(domain, 30_000_000)).unwrap(), PARTITIONS, &inputs);
    }
}

#[test]
fn timers_go_with_the_state_and_one_that_is_used_stays() {
    let mut running = Running::new(operator(native(Domain::EventTime, 100)).unwrap());
    let at = |late: Option<i64>, close: i64| WatermarkPair { late, close: Some(close) };
    let up = |key: &str| row(key, 5, json!("up"));
    running.rows(&[up("a"), up("b")], 1, WatermarkPair { late: None, close: None });
    assert_eq!((running.len(""), running.len("timers"), running.len("expiry")), (2, 2, 2));
    // The first watermark counts as when they were changed.
    running.rows(&[up("a")], 2, at(None, 1_000));
    running.rows(&[up("a")], 3, at(Some(1_000), 1_099));
    let came = running.rows(&[row("b", 5, json!("get"))], 4, at(Some(1_099), 1_100));
    assert_eq!(came.rows, [json!(["b", null])]);
    assert_eq!((running.len(""), running.len("timers")), (1, 2));
    running.rows(&[], 5, at(Some(1_100), 1_199));
    // That of `b` was set without a state.
    assert_eq!((running.len(""), running.len("timers")), (0, 1));
    running.rows(&[], 6, at(Some(1_199), 100_000_000));
    assert_eq!(running.len("expiry"), 0);
}
