//! The functions that Spark was given, as `function` in the `case.json` of a golden case has them; each keeps one value.

use serde_json::{Value, json};

use crate::bound::Bound;
use crate::one::One;
use crate::spark::Spark;
use crate::time;

pub fn count(_: &Bound, one: &mut One) -> Result<(), String> {
    Spark::call(one, false, |call| {
        let state = call.one.value.clone().unwrap_or(json!([0, 0]));
        let bytes: i64 = call.one.rows.iter().filter_map(|row| row.data["bytes"].as_i64()).sum();
        let (n, sum) = (state[0].as_i64().unwrap() + call.one.rows.len() as i64, state[1].as_i64().unwrap() + bytes);
        call.update(json!([n, sum]));
        call.emit(json!({ "user": call.user(), "n": n, "sum_bytes": sum }));
    })
}

pub fn sessions(_: &Bound, one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let row = |user: Value, [start, end, n]: [i64; 3], why: &str| json!({ "user": user, "start": time::text(start), "end": time::text(end), "n": n, "closed_by": why });
        let open: Option<[i64; 3]> = call.one.value.clone().map(|state| serde_json::from_value(state).unwrap());
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
        call.update(json!(open));
        call.time_out(((open[1] + 40_000_000) / 1000).max(call.w));
    })
}

pub fn reset(_: &Bound, one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let state = call.one.value.clone().unwrap_or(json!([0, 0]));
        let timed = call.is_timed();
        let n = state[0].as_i64().unwrap() + call.one.rows.len() as i64;
        let calls = state[1].as_i64().unwrap() + i64::from(!timed);
        if timed {
            call.remove();
        } else {
            call.update(json!([n, calls]));
            let last = call.one.rows.last().unwrap();
            let due = last.time.unwrap() / 1000 + last.data["ttl"].as_i64().unwrap() * 1000;
            call.time_out(due.max(call.w));
        }
        let what = if timed { "time-out" } else { "rows" };
        call.emit(json!({ "user": call.user(), "what": what, "n": n, "calls": calls, "w": call.w }));
    })
}

pub fn boundary(_: &Bound, one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let mut n = call.one.value.clone().map_or(0, |n| n.as_i64().unwrap());
        if call.is_timed() {
            call.remove();
            return call.emit(json!({ "key": call.user(), "what": "time-out", "n": n, "at": call.w }));
        }
        for row in call.one.rows.clone() {
            n += 1;
            let due = row.data["rel"]
                .as_i64()
                .map_or_else(|| time::micros(row.data["at"].as_str().unwrap()).unwrap() / 1000, |rel| call.w + rel);
            let what = if call.time_out(due) { "set" } else { "refused" };
            call.emit(json!({ "key": call.user(), "what": what, "n": n, "at": due }));
        }
        call.update(json!(n));
    })
}

fn late_rows(one: &mut One, event: bool) -> Result<(), String> {
    Spark::call(one, event, |call| {
        let n = call.one.value.clone().map_or(0, |n| n.as_i64().unwrap()) + call.one.rows.len() as i64;
        let timed = call.is_timed();
        if timed {
            call.remove();
        } else {
            call.update(json!(n));
            if event {
                call.time_out(call.w + 45_000);
            }
        }
        let what = if timed { "time-out" } else { "rows" };
        call.emit(json!({ "user": call.user(), "what": what, "n": n, "ids": call.ids() }));
    })
}

pub fn late_event(_: &Bound, one: &mut One) -> Result<(), String> {
    late_rows(one, true)
}

pub fn late_none(_: &Bound, one: &mut One) -> Result<(), String> {
    late_rows(one, false)
}

pub fn commands(_: &Bound, one: &mut One) -> Result<(), String> {
    Spark::call(one, true, |call| {
        let state = call.one.value.clone();
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
                        call.update(json!([n, plan]));
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
pub fn obey(_: &Bound, one: &mut One) -> Result<(), String> {
    let drops_late = one.rows.iter().any(|row| row.data["timed"] == true);
    Spark::call(one, drops_late, |call| {
        let before = call.one.value.as_ref().and_then(Value::as_i64);
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
                    call.update(json!(value));
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
        let (k, j, after) = (&call.one.key[0], &call.one.key[1], call.one.value.as_ref().and_then(Value::as_i64));
        let what = if timed { "timeout" } else { "rows" };
        let row =
            json!({ "k": k, "j": j, "call": what, "rows": ids, "before": before, "after": after, "errors": errors });
        call.emit(row);
    })
}
