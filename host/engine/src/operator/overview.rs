//! What a state is and how much there is of it, by its fingerprint and its tables alone: also where its operator cannot be
//! made any more, because the job was changed or a plugin is gone.

use serde_json::Value;

use super::aggregate::sessions_in;
use super::join::rows_in;
use super::keyed::timers_in;
use crate::Result;
use crate::state::{State, Table};
use crate::time::shown_length;

/// A state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNode {
    /// Its name: the node's, of further ones of a query with a number.
    pub name: String,
    /// What it is, in words.
    pub what: String,
    /// What its rows are kept by.
    pub keys: Vec<String>,
    /// How many rows there are: groups, sessions, keys, rows that wait for partners.
    pub rows: u64,
    /// Bytes of all of its tables' entries.
    pub bytes: u64,
    /// The plugins that it keeps states of, each with the version of these.
    pub plugins: Vec<(String, u64)>,
    /// How many timers are set, of a keyed operator.
    pub timers: Option<u64>,
    /// How many entries its maps have together, of a keyed operator that keeps some.
    pub map_entries: Option<u64>,
    /// How many distinct values are kept apart, of an aggregation that does so.
    pub distinct: Option<u64>,
}

/// The state `name`, which was noted as `told`.
///
/// # Errors
/// What is stored is damaged.
pub fn stored_node(name: &str, told: &Value, state: &State) -> Result<StoredNode> {
    let nothing = Table::new(1);
    let table = |of: &str| match of {
        "" => state.table(name),
        of => state.table(&format!("{name}.{of}")),
    };
    let is_own = |table: &str| table.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let bytes = state.tables().filter(|(table, _)| is_own(table)).map(|(_, table)| table.bytes() as u64).sum();
    let first = table("").unwrap_or(&nothing);
    let kind = told.get("of").and_then(Value::as_str).unwrap_or_default();
    let is_session = told.get("time").is_some_and(|time| time.get("session of").is_some());
    let rows = match kind {
        "aggregate" if is_session => sessions_in(first, told.get("sets").is_some())?,
        "join" => rows_in(first)?,
        _ => first.len() as u64,
    };
    let mut timers = None;
    let mut rows = rows;
    if kind == "keyed" {
        let set = table("timers").unwrap_or(&nothing);
        let (count, alone) = timers_in(set, first)?;
        timers = Some(count);
        rows += alone;
    }
    Ok(StoredNode {
        name: name.to_owned(),
        what: what(kind, told),
        keys: keys(kind, told),
        rows,
        bytes,
        plugins: plugins(told),
        timers,
        map_entries: functions(told)
            .any(|of| of.get("maps").is_some())
            .then(|| table("maps").map_or(0, Table::len) as u64),
        distinct: table("distinct").map(|table| table.len() as u64),
    })
}

fn what(kind: &str, told: &Value) -> String {
    let time = told.get("time");
    let length = |of: Option<&Value>, part: &str| of?.get(part)?.as_i64();
    match kind {
        "aggregate" => match time {
            None => "groups".to_owned(),
            Some(of) if of.get("at").is_some() => "groups by event time".to_owned(),
            Some(_) => match (length(time, "size"), length(time, "slide"), length(time, "gap")) {
                (Some(size), Some(slide), _) if size != slide => {
                    format!("windows of {} every {}", shown_length(size), shown_length(slide))
                }
                (Some(size), ..) => format!("windows of {}", shown_length(size)),
                (.., Some(gap)) => format!("sessions with gaps of {}", shown_length(gap)),
                _ => "groups by time".to_owned(),
            },
        },
        "join" => {
            let join = told.get("join").and_then(Value::as_str).unwrap_or_default();
            format!("{join} join")
        }
        "dedup" => match told.get("remembers").and_then(Value::as_str) {
            Some(_) => "dedup, for ever".to_owned(),
            None => "dedup".to_owned(),
        },
        "throttle" => match told.get("per").and_then(Value::as_i64) {
            Some(per) => format!("throttle, windows of {}", shown_length(per)),
            None => "throttle".to_owned(),
        },
        "keyed" => match plugins(told).first() {
            Some((plugin, _)) => format!("keyed `{plugin}`"),
            None => "keyed".to_owned(),
        },
        "" => "noted by an older version of Millstream".to_owned(),
        other => other.to_owned(),
    }
}

/// What rows are kept by, where it has names.
fn keys(kind: &str, told: &Value) -> Vec<String> {
    if kind == "join" {
        let of = |side: &str| -> Vec<String> {
            let keys = told.get(side).and_then(|side| side.get("keys")).and_then(Value::as_array);
            keys.into_iter().flatten().map(shown).collect()
        };
        let pair = |(left, right): (String, String)| if left == right { left } else { format!("{left} = {right}") };
        return of("left").into_iter().zip(of("right")).map(pair).collect();
    }
    let keys = told.get("keys").and_then(Value::as_array);
    keys.into_iter().flatten().map(|key| shown(key.get(0).unwrap_or(key))).collect()
}

/// An expression as its fingerprint has it, for people: a column by its name, of others what they are made of.
fn shown(told: &Value) -> String {
    let list = |of: &Value| -> String {
        let of = of.as_array().map(|all| all.iter().map(shown).collect::<Vec<_>>().join(", "));
        of.unwrap_or_else(|| shown(told.get("of").unwrap_or(&Value::Null)))
    };
    let text = |part: &str| told.get(part).and_then(Value::as_str);
    if let Some(name) = text("col").or(text("variable")) {
        return name.to_owned();
    }
    if let Some(literal) = told.get("lit") {
        return literal.as_str().map_or_else(|| literal.to_string(), |text| format!("'{text}'"));
    }
    if let (Some(operator), Some([left, right])) =
        (text("op"), told.get("of").and_then(Value::as_array).map(Vec::as_slice))
        && !operator.starts_with(char::is_alphabetic)
    {
        return format!("{} {operator} {}", shown(left), shown(right));
    }
    let of = told.get("of").map(list).unwrap_or_default();
    match (text("fn").or(text("plugin")).or(text("op")), text("cast")) {
        (Some(name), _) => format!("{name}({of})"),
        (None, Some(_)) => of,
        _ => ["left", "right", "group"].iter().find_map(|part| told.get(*part)).map_or_else(|| "…".to_owned(), shown),
    }
}

/// The functions that states are kept of.
fn functions(told: &Value) -> impl Iterator<Item = &Value> {
    let of = |part: &str| told.get(part).and_then(Value::as_array);
    let functions = of("aggregates").into_iter().chain(of("function")).flatten();
    // Of DISTINCT the function itself is inside.
    functions.map(|function| function.get("distinct of").unwrap_or(function))
}

fn plugins(told: &Value) -> Vec<(String, u64)> {
    let plugin = |function: &Value| {
        let name = function.get("plugin")?.as_str()?;
        Some((name.to_owned(), function.get("state_version").and_then(Value::as_u64).unwrap_or_default()))
    };
    let mut plugins: Vec<(String, u64)> = functions(told).filter_map(plugin).collect();
    plugins.dedup();
    plugins
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_is_told_by_its_fingerprint_alone() {
        let col = |name: &str| json!({ "col": name });
        let sum = json!({ "op": "+", "of": [col("n"), { "lit": 1, "type": "int64" }] });
        let upper = json!({ "fn": "upper", "of": [{ "cast": "utf8", "of": [col("k")] }] });
        let windows = json!({ "window of": col("ts"), "size": 600_000_000i64, "slide": 60_000_000i64, "offset": 0 });
        let function = json!({ "plugin": "p", "state_version": 3, "maps": ["m"] });
        let mut state = State::new(2);
        state.table_mut("x").put(0, b"key", b"value");
        state.table_mut("x.maps").put(7, b"entry", b"");
        state.table_mut("xy").put(0, b"another state's", b"");
        for (told, what, keys) in [
            (
                json!({ "of": "aggregate", "keys": [[sum, "int64"], [upper, "utf8"]] }),
                "groups",
                &["n + 1", "upper(k)"][..],
            ),
            (json!({ "of": "aggregate", "keys": [], "time": windows }), "windows of 10 minutes every 1 minute", &[]),
            (json!({ "of": "keyed", "keys": [[col("k"), "utf8"]], "function": [function] }), "keyed `p`", &["k"]),
            (json!("an older version's words"), "noted by an older version of Millstream", &[]),
            (json!({ "of": "what is to come" }), "what is to come", &[]),
        ] {
            let node = stored_node("x", &told, &state).unwrap();
            assert_eq!((node.what.as_str(), node.rows), (what, 1), "{told}");
            assert_eq!(node.keys, keys, "{told}");
            let is_keyed = told["of"] == "keyed";
            assert_eq!(node.plugins, if is_keyed { vec![("p".to_owned(), 3)] } else { Vec::new() });
            assert_eq!((node.timers, node.map_entries), (is_keyed.then_some(0), is_keyed.then_some(1)));
        }
        let join =
            json!({ "of": "join", "join": "left", "left": { "keys": [col("a")] }, "right": { "keys": [col("b")] } });
        let empty = stored_node("y", &join, &state).unwrap();
        assert_eq!((empty.what.as_str(), empty.rows, empty.bytes), ("left join", 0, 0));
        assert_eq!(empty.keys, ["a = b"]);
    }
}
