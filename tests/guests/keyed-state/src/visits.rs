//! A function that does something of everything: it counts and sums up, sets, moves and clears timers by both clocks and in
//! the past, removes its state, refuses rows, calls them late, fails, and keeps a map. What it does with a row says the
//! row's number. Another one counts rows, and tells which version of it counts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bound::{Bound, Wanted};
use crate::one::{Clock, One};

/// What a row asks for.
const KINDS: i64 = 23;

fn counted(bound: &Bound, one: &One) -> (i64, i64) {
    let scale = scale(bound);
    one.value.as_ref().map_or((0, 0), |kept| (kept[0].as_i64().unwrap() / scale, kept[1].as_i64().unwrap() / scale))
}

/// From version 2 on states are kept in thousandths.
fn scale(bound: &Bound) -> i64 {
    if bound.version == 1 { 1 } else { 1000 }
}

fn keep(bound: &Bound, one: &mut One, (n, sum): (i64, i64)) {
    let scale = scale(bound);
    one.value = Some(json!([n * scale, sum * scale]));
}

/// The entry of the map that a row changes.
fn entry(number: i64) -> String {
    number.rem_euclid(3).to_string()
}

/// Gives a row: what it is, the key and what is kept of it, and `more`.
fn emit(bound: &Bound, one: &mut One, what: &str, more: Value) {
    let kept = one.value.as_ref().map(|_| counted(bound, one));
    let row = match bound.number("tells_version") {
        0 => json!([what, one.key, kept, more]),
        _ => json!([what, one.key, kept, more, bound.version]),
    };
    one.out.push(row);
}

pub fn visits(bound: &Bound, one: &mut One) -> Result<(), String> {
    if let Some((clock, tag, at)) = one.timer {
        let (n, sum) = counted(bound, one);
        match tag {
            0 => one.remove(),
            1 => keep(bound, one, (n + 100, sum)),
            // It fires in the next epoch.
            2 => one.set(clock, 3, at - 1),
            _ => {}
        }
        let clock = if clock == Clock::EventTime { "event time" } else { "processing time" };
        emit(bound, one, clock, json!([tag, at]));
        return Ok(());
    }
    let (gap, pause) = (bound.number("gap"), bound.number("pause"));
    let mut seen = Vec::new();
    for (i, row) in one.rows.clone().into_iter().enumerate() {
        let number = row.data.as_i64().unwrap_or(0);
        match number.rem_euclid(KINDS) {
            6 => drop(one.rejects.insert(i)),
            7 => drop(one.late.insert(i)),
            8 if bound.number("fails") > 0 && i64::from(bound.version) >= bound.number("fails") => {
                return Err(format!("it does not like {number}"));
            }
            kind => {
                seen.push(json!(number));
                let (n, sum) = counted(bound, one);
                keep(bound, one, (n + 1, sum + number));
                if let Some(time) = row.time {
                    one.set(Clock::EventTime, 0, time + gap);
                }
                match kind {
                    3 => one.remove(),
                    4 => one.set(Clock::EventTime, 1, one.watermark.or(row.time).unwrap_or(0) - 1_000_000),
                    5 => one.clear(Clock::EventTime, 0),
                    9 | 10 => one.set(Clock::ProcessingTime, 2, one.now + pause),
                    11 => one.clear(Clock::ProcessingTime, 2),
                    12 => one.set(Clock::ProcessingTime, 4, one.now),
                    _ => {}
                }
                if bound.has_map {
                    let entry = entry(number);
                    let n = one.entries.get(&entry).map_or(0, |n| n.as_i64().unwrap());
                    match kind {
                        13 => one.take(&entry),
                        _ => one.put(&entry, json!(n + 1)),
                    }
                }
            }
        }
    }
    let entries = lists(one).then(|| one.entries.iter().collect::<Vec<_>>());
    emit(bound, one, "rows", json!([seen, entries]));
    Ok(())
}

/// Counts rows: for each the version that counts it, its data, and how many there have been of its key.
pub fn tells(bound: &Bound, one: &mut One) -> Result<(), String> {
    for row in one.rows.clone() {
        let (n, sum) = counted(bound, one);
        keep(bound, one, (n + 1, sum));
        one.out.push(json!([bound.version, row.data, n + 1]));
    }
    Ok(())
}

/// Whether its rows ask for all entries.
fn lists(one: &One) -> bool {
    one.rows.iter().any(|row| matches!(row.data.as_i64().unwrap_or(0).rem_euclid(KINDS), 14 | 15))
}

pub fn wants(bound: &Bound, one: &One) -> Wanted {
    if one.timer.is_some() || !bound.has_map {
        return Wanted::Entries(BTreeSet::new());
    }
    if lists(one) {
        return Wanted::All;
    }
    Wanted::Entries(one.rows.iter().map(|row| entry(row.data.as_i64().unwrap_or(0))).collect())
}
