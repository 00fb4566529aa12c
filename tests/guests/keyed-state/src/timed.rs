//! Functions with many timers of Spark's, which fire in the epoch in which they are set if they are due in it: they keep
//! them in their state, and have one timer of ours for the first of them. One keeps a map beside, entry by entry.

use serde_json::{Value, json};

use crate::bound::{Bound, Wanted};
use crate::one::{Clock, One};
use crate::spark::{drop_late, ids, milliseconds, user};

/// The timers in a state.
fn due_of(one: &One) -> Vec<i64> {
    let due = one.value.as_ref().map(|kept| serde_json::from_value(kept["due"].clone()).unwrap());
    due.unwrap_or_default()
}

fn with_timers(
    one: &mut One,
    rows: impl Fn(&mut One, &mut Value, &mut Vec<i64>, i64),
    fires: impl Fn(&mut One, &mut Value, &mut Vec<i64>, i64, i64),
) -> Result<(), String> {
    let mut due = due_of(one);
    let mut state = one.value.as_mut().map_or(Value::Null, |kept| kept["state"].take());
    let w = milliseconds(one);
    drop_late(one);
    if one.timer.is_none() && !one.rows.is_empty() {
        rows(one, &mut state, &mut due, w);
    }
    if one.watermark.is_some() {
        for at in due.clone().into_iter().filter(|at| *at <= w) {
            fires(one, &mut state, &mut due, w, at);
            due.retain(|other| *other != at);
        }
    }
    match due.first() {
        Some(first) => one.set(Clock::EventTime, 0, first * 1000),
        None => one.clear(Clock::EventTime, 0),
    }
    one.value = Some(json!({ "state": state, "due": due }));
    Ok(())
}

fn register(due: &mut Vec<i64>, at: i64) {
    due.push(at);
    due.sort_unstable();
    due.dedup();
}

pub fn timers(_: &Bound, one: &mut One) -> Result<(), String> {
    let listed = |due: &[i64]| due.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let rows = |one: &mut One, state: &mut Value, due: &mut Vec<i64>, w: i64| {
        let mut n = state.as_i64().unwrap_or(0);
        for row in &one.rows {
            let (t, wait) = (row.time.unwrap().div_euclid(1000), row.data["wait"].as_i64().unwrap_or(0));
            n += 1;
            match row.data["cmd"].as_str().unwrap() {
                "cancel" => due.retain(|at| *at <= t),
                "w" => register(due, w + wait),
                _ => [t + 15_000, t + 45_000, t + wait].into_iter().for_each(|at| register(due, at)),
            }
        }
        *state = json!(n);
        let timers = listed(due);
        one.out.push(json!({ "user": user(one), "what": "rows", "n": n, "at": w, "timers": timers, "ids": ids(one) }));
    };
    let fires = |one: &mut One, state: &mut Value, due: &mut Vec<i64>, w: i64, at: i64| {
        let (n, left) = (state.as_i64().unwrap_or(0), due.clone());
        if n % 3 == 0 {
            due.retain(|at| *at <= w + 20_000);
        }
        if n % 4 == 1 {
            register(due, w + 5_000);
        }
        if left.len() == 1 {
            *state = Value::Null;
        }
        let timers = listed(&left);
        one.out.push(json!({ "user": user(one), "what": "timer", "n": n, "at": at, "timers": timers, "ids": "" }));
    };
    with_timers(one, rows, fires)
}

/// Pages are entries of the map: their number, and the last row's.
pub fn maps(_: &Bound, one: &mut One) -> Result<(), String> {
    let rows = |one: &mut One, state: &mut Value, due: &mut Vec<i64>, w: i64| {
        if state.is_null() {
            *state = json!({ "n": 0, "rounds": 0 });
        }
        for row in one.rows.clone() {
            state["n"] = json!(state["n"].as_i64().unwrap() + 1);
            let url = row.data["url"].as_str().unwrap();
            let n = one.entries.get(url).map_or(0, |page| page[0].as_i64().unwrap());
            one.put(url, json!([n + 1, row.data["id"]]));
            if let Some(rel) = row.data["rel"].as_i64() {
                register(due, w + rel);
            }
        }
    };
    let fires = |one: &mut One, state: &mut Value, _: &mut Vec<i64>, _: i64, _: i64| {
        let (user, rounds) = (user(one), state["rounds"].as_i64().unwrap());
        for (url, page) in one.entries.clone() {
            one.out.push(
                json!({ "user": user, "what": "page", "url": url, "n": page[0], "last": page[1], "rounds": rounds }),
            );
            if page[0] != 1 {
                one.take(&url);
            }
        }
        one.out.push(
            json!({ "user": user, "what": "total", "url": null, "n": state["n"], "last": null, "rounds": rounds }),
        );
        state["rounds"] = json!(rounds + 1);
    };
    with_timers(one, rows, fires)
}

/// The pages of the rows; all where a timer fires in the call.
pub fn wants(_: &Bound, one: &One) -> Wanted {
    let w = milliseconds(one);
    let is_due = |row: &crate::one::Row| row.data["rel"].as_i64().is_some_and(|rel| rel <= 0);
    if one.timer.is_some() || due_of(one).iter().any(|at| *at <= w) || one.rows.iter().any(is_due) {
        return Wanted::All;
    }
    Wanted::Entries(one.rows.iter().map(|row| row.data["url"].as_str().unwrap().to_owned()).collect())
}
