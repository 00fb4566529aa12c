//! The functions of the cases, as `function` in their `case.json` has them.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::super::super::Domain;
use super::super::native::One;
use super::{Spark, micros};

pub fn count(one: &mut One) -> Result<(), String> {
    Spark::call(one, false, |call| {
        let state = call.one.json().unwrap_or(json!([0, 0]));
        let bytes: i64 = call.one.rows.iter().filter_map(|row| row.data["bytes"].as_i64()).sum();
        let (n, sum) = (state[0].as_i64().unwrap() + call.one.rows.len() as i64, state[1].as_i64().unwrap() + bytes);
        call.update(&json!([n, sum]));
        call.emit(json!({ "user": call.user(), "n": n, "sum_bytes": sum }));
    })
}

fn iso(micros: i64) -> String {
    let text = DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339_opts(SecondsFormat::Micros, true);
    format!("{}Z", text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.'))
}

pub fn sessions(one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let row = |user: Value, [start, end, n]: [i64; 3], why: &str| json!({ "user": user, "start": iso(start), "end": iso(end), "n": n, "closed_by": why });
        let open: Option<[i64; 3]> = call.one.json().map(|state| serde_json::from_value(state).unwrap());
        if call.is_timed() {
            call.remove();
            return call.emit(row(call.user(), open.unwrap(), "time-out"));
        }
        let (mut times, mut open): (Vec<i64>, _) = (call.one.rows.iter().map(|row| row.time.unwrap()).collect(), open);
        times.sort_unstable();
        for t in times {
            if let Some(session) = open.filter(|session| t > session[1] + 40_000_000) {
                call.emit(row(call.user(), session, "next"));
                open = None;
            }
            open = Some(open.map_or([t, t, 1], |[start, end, n]| [start.min(t), end.max(t), n + 1]));
        }
        let open = open.unwrap();
        call.update(&json!(open));
        call.time_out(((open[1] + 40_000_000) / 1000).max(call.w));
    })
}

pub fn reset(one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let state = call.one.json().unwrap_or(json!([0, 0]));
        let timed = call.is_timed();
        let n = state[0].as_i64().unwrap() + call.one.rows.len() as i64;
        let calls = state[1].as_i64().unwrap() + i64::from(!timed);
        if timed {
            call.remove();
        } else {
            call.update(&json!([n, calls]));
            let last = call.one.rows.last().unwrap();
            let due = last.time.unwrap() / 1000 + last.data["ttl"].as_i64().unwrap() * 1000;
            call.time_out(due.max(call.w));
        }
        let what = if timed { "time-out" } else { "rows" };
        call.emit(json!({ "user": call.user(), "what": what, "n": n, "calls": calls, "w": call.w }));
    })
}

pub fn boundary(one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let mut n = call.one.json().map_or(0, |n| n.as_i64().unwrap());
        if call.is_timed() {
            call.remove();
            return call.emit(json!({ "key": call.user(), "what": "time-out", "n": n, "at": call.w }));
        }
        for row in call.one.rows.clone() {
            n += 1;
            let due = row.data["rel"].as_i64().map_or_else(|| micros(&row.data["at"]) / 1000, |rel| call.w + rel);
            let what = if call.time_out(due) { "set" } else { "refused" };
            call.emit(json!({ "key": call.user(), "what": what, "n": n, "at": due }));
        }
        call.update(&json!(n));
    })
}

fn late(one: &mut One, event: bool) -> Result<(), String> {
    Spark::call(one, event, |call| {
        let n = call.one.json().map_or(0, |n| n.as_i64().unwrap()) + call.one.rows.len() as i64;
        let timed = call.is_timed();
        if timed {
            call.remove();
        } else {
            call.update(&json!(n));
            if event {
                call.time_out(call.w + 45_000);
            }
        }
        let what = if timed { "time-out" } else { "rows" };
        call.emit(json!({ "user": call.user(), "what": what, "n": n, "ids": call.ids() }));
    })
}

pub fn late_event(one: &mut One) -> Result<(), String> {
    late(one, true)
}

pub fn late_none(one: &mut One) -> Result<(), String> {
    late(one, false)
}

pub fn commands(one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let state = call.one.json();
        let had = state.is_some();
        let (mut n, mut plan) = state.map_or((0, String::new()), |state| serde_json::from_value(state).unwrap());
        let (timed, mut refused) = (call.is_timed(), 0);
        let rows = call.one.rows.clone();
        let rows = if timed { vec![None] } else { rows.into_iter().map(Some).collect() };
        for row in rows {
            let todo = match &row {
                None => plan.clone(),
                Some(row) => {
                    n += 1;
                    if let Some(new) = row.data["plan"].as_str() {
                        plan = new.to_owned();
                    }
                    row.data["cmd"].as_str().unwrap().to_owned()
                }
            };
            for word in todo.split(';') {
                let due = match (word, &row) {
                    ("up", _) => {
                        call.update(&json!([n, plan]));
                        continue;
                    }
                    ("rm", _) => {
                        call.remove();
                        continue;
                    }
                    ("", _) => continue,
                    ("at", Some(row)) => row.time.unwrap() / 1000 + row.data["wait"].as_i64().unwrap(),
                    _ => call.w + word[1..].parse::<i64>().unwrap(),
                };
                refused += i64::from(!call.time_out(due));
            }
        }
        let shard: Value = call.one.key[1].as_ref().map_or(Value::Null, |text| text.parse().unwrap());
        let (what, has) = (if timed { "time-out" } else { "rows" }, call.one.value.is_some());
        call.emit(json!({ "user": call.user(), "shard": shard, "what": what, "had": had, "n": n, "ids": call.ids(), "refused": refused, "has": has }));
    })
}

/// The count that obeys its rows' commands, of case 24.
pub fn obey(one: &mut One) -> Result<(), String> {
    let drops_late = one.rows.iter().any(|row| row.data["timed"] == true);
    Spark::call(one, drops_late, |call| {
        let before = call.one.number_of_json();
        let (mut value, mut errors) = (before.unwrap_or(0), Vec::new());
        let timed = call.is_timed();
        let mut rows = call.one.rows.clone();
        rows.sort_by_key(|row| row.data["i"].as_i64());
        let mut todo: Vec<(String, Option<f64>)> = Vec::new();
        if timed && value % 2 == 0 {
            todo.push(("rm".to_owned(), None));
        }
        for row in &rows {
            let commands = row.data["cmd"].as_str().unwrap().split(',');
            todo.extend(commands.map(|command| (command.to_owned(), row.data["at"].as_f64())));
        }
        for (command, at) in todo {
            match command.as_str() {
                "up" => {
                    value += 1;
                    call.update(&json!(value));
                }
                "rm" => {
                    value = 0;
                    call.remove();
                }
                "to" => {
                    let due = 1_735_689_600_000 + (at.unwrap() * 1000.0).round() as i64;
                    if !call.time_out(due) {
                        errors.push("before-watermark");
                    }
                }
                _ => {}
            }
        }
        let mut ids: Vec<i64> = rows.iter().map(|row| row.data["i"].as_i64().unwrap()).collect();
        ids.sort_unstable();
        let ([k, j], after) = (call.one.key.clone(), call.one.number_of_json());
        let what = if timed { "timeout" } else { "rows" };
        call.emit(
            json!({ "k": k, "j": j, "call": what, "rows": ids, "before": before, "after": after, "errors": errors }),
        );
    })
}

/// A function with many timers of Spark's, which fire in the epoch in which they are set if they are due in it: it keeps
/// them in its state, and has one timer of ours for the first of them.
fn with_timers(
    one: &mut One,
    rows: impl Fn(&mut One, &mut Value, &mut Vec<i64>, i64),
    fires: impl Fn(&mut One, &mut Value, &mut Vec<i64>, i64, i64),
) -> Result<(), String> {
    let mut kept = one.json().unwrap_or(json!({ "state": null, "due": [] }));
    let mut due: Vec<i64> = serde_json::from_value(kept["due"].take()).unwrap();
    let mut state = kept["state"].take();
    let w = one.watermark.map_or(0, |w| w / 1000);
    let late = one.late_watermark;
    let is_late = |time: Option<i64>| late.is_some_and(|late| time.unwrap() <= late);
    one.late = (0..one.rows.len()).filter(|i| is_late(one.rows[*i].time)).collect();
    one.rows.retain(|row| !is_late(row.time));
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
        Some(first) => one.set(Domain::EventTime, 0, first * 1000),
        None => one.clear(Domain::EventTime, 0),
    }
    one.set_json(&json!({ "state": state, "due": due }));
    Ok(())
}

fn register(due: &mut Vec<i64>, at: i64) {
    due.push(at);
    due.sort_unstable();
    due.dedup();
}

pub fn timers(one: &mut One) -> Result<(), String> {
    let listed = |due: &[i64]| due.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let rows = |one: &mut One, state: &mut Value, due: &mut Vec<i64>, w: i64| {
        let mut n = state.as_i64().unwrap_or(0);
        for row in &one.rows {
            let (t, wait) = (row.time.unwrap() / 1000, row.data["wait"].as_i64().unwrap_or(0));
            n += 1;
            match row.data["cmd"].as_str().unwrap() {
                "cancel" => due.retain(|at| *at <= t),
                "w" => register(due, w + wait),
                _ => [t + 15_000, t + 45_000, t + wait].into_iter().for_each(|at| register(due, at)),
            }
        }
        *state = json!(n);
        let ids: Vec<String> = one.rows.iter().map(|row| row.data["id"].to_string()).collect();
        one.out.push(
            json!({ "user": one.key[0], "what": "rows", "n": n, "at": w, "timers": listed(due), "ids": ids.join(",") }),
        );
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
        one.out
            .push(json!({ "user": one.key[0], "what": "timer", "n": n, "at": at, "timers": listed(&left), "ids": "" }));
    };
    with_timers(one, rows, fires)
}

pub fn maps(one: &mut One) -> Result<(), String> {
    let rows = |one: &mut One, state: &mut Value, due: &mut Vec<i64>, w: i64| {
        if state.is_null() {
            *state = json!({ "n": 0, "rounds": 0, "pages": {} });
        }
        for row in &one.rows {
            state["n"] = json!(state["n"].as_i64().unwrap() + 1);
            let page = &mut state["pages"][row.data["url"].as_str().unwrap()];
            *page = json!([page[0].as_i64().unwrap_or(0) + 1, row.data["id"]]);
            if let Some(rel) = row.data["rel"].as_i64() {
                register(due, w + rel);
            }
        }
    };
    let fires = |one: &mut One, state: &mut Value, _: &mut Vec<i64>, _: i64, _: i64| {
        let (user, rounds) = (&one.key[0], state["rounds"].as_i64().unwrap());
        for (url, page) in state["pages"].as_object().unwrap() {
            one.out.push(
                json!({ "user": user, "what": "page", "url": url, "n": page[0], "last": page[1], "rounds": rounds }),
            );
        }
        one.out.push(
            json!({ "user": user, "what": "total", "url": null, "n": state["n"], "last": null, "rounds": rounds }),
        );
        state["pages"].as_object_mut().unwrap().retain(|_, page| page[0] == 1);
        state["rounds"] = json!(rounds + 1);
    };
    with_timers(one, rows, fires)
}
