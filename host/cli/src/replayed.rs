//! How epochs that were computed again are shown: a line each, with examples of what differs; or as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use millstream_engine::run::{Counts, ReplayedEpoch, SinkDifference};
use serde_json::{Map, Value, json};

/// What was shown so far.
pub(crate) struct Shown {
    json: bool,
    /// By sink, the columns that tell which row an example is.
    keys: BTreeMap<String, Vec<String>>,
    has_head: bool,
}

impl Shown {
    pub(crate) fn new(json: bool, keys: &[(String, Vec<String>)]) -> Self {
        Self { json, keys: keys.iter().cloned().collect(), has_head: false }
    }

    /// The lines of an epoch, with a head before the first.
    pub(crate) fn epoch(&mut self, epoch: &ReplayedEpoch) -> String {
        if self.json {
            return format!("{}\n", as_json(epoch));
        }
        let head = if self.has_head { String::new() } else { head(epoch.after.is_some()) };
        self.has_head = true;
        head + &self.lines(epoch)
    }

    fn lines(&self, epoch: &ReplayedEpoch) -> String {
        let Counts { rows_in, rows_out, late, rejected } = epoch.committed;
        let mut out = format!("{:>8}{rows_in:>12}{rows_out:>12}{late:>8}{rejected:>10}", epoch.epoch);
        if let Some(after) = epoch.after {
            let sum = |of: fn(&SinkDifference) -> u64| epoch.differences.iter().map(of).sum::<u64>();
            put(
                &mut out,
                format_args!("{:>13}{:>12}{:>9}", sum(|d| d.only_before), sum(|d| d.only_after), sum(|d| d.changed)),
            );
            let micros = |took: Duration| match rows_in {
                0 => String::new(),
                rows => format!("{:.2}", took.as_secs_f64() * 1e6 / rows as f64),
            };
            put(&mut out, format_args!("{:>10}{:>8}", micros(epoch.took), micros(epoch.took_after)));
            let before = epoch.committed;
            for (what, before, now) in
                [("late", before.late, after.late), ("rejected", before.rejected, after.rejected)]
            {
                if before != now {
                    put(&mut out, format_args!("  {what} {now} instead of {before}"));
                }
            }
        }
        out = out.trim_end().to_owned() + "\n";
        for unlike in &epoch.unlike {
            put(&mut out, format_args!("{:>8}  not as it was written: {unlike}\n", ""));
        }
        for difference in &epoch.differences {
            let none = Vec::new();
            let keys = self.keys.get(&difference.sink).unwrap_or(&none);
            for example in &difference.examples {
                put(&mut out, format_args!("{:>8}  {}: {}\n", "", difference.sink, shown(example, keys)));
            }
        }
        out
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes all text");
}

fn head(is_compared: bool) -> String {
    let after = if is_compared { "  only before  only after  changed    µs/row   after" } else { "" };
    format!("{:>8}{:>12}{:>12}{:>8}{:>10}{after}\n", "epoch", "in", "out", "late", "rejected")
}

/// What a row was and is: of one that is changed its key, and the columns that differ.
fn shown((before, after): &(Option<Value>, Option<Value>), keys: &[String]) -> String {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let is_key = |name: &String| keys.contains(name);
            let columns = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
            let mut same = Map::new();
            let mut changed = Vec::new();
            for name in columns {
                let of = |row: &Map<String, Value>| row.get(name).cloned().unwrap_or_default();
                let (was, is) = (of(before), of(after));
                match was == is {
                    true if keys.is_empty() || is_key(name) => drop(same.insert(name.clone(), was)),
                    true => {}
                    false => changed.push(format!("{name} {was} -> {is}")),
                }
            }
            format!("{} {}", Value::Object(same), changed.join(", "))
        }
        (Some(before), _) => format!("only before {before}"),
        (None, Some(after)) => format!("only after  {after}"),
        (None, None) => String::new(),
    }
}

fn counts(counts: Counts) -> Value {
    let Counts { rows_in, rows_out, late, rejected } = counts;
    json!({ "in": rows_in, "out": rows_out, "late": late, "rejected": rejected })
}

fn as_json(epoch: &ReplayedEpoch) -> Value {
    let differences = epoch.differences.iter().map(|difference| {
        let examples = difference.examples.iter().map(|(before, after)| json!({ "before": before, "after": after }));
        json!({
            "sink": difference.sink,
            "only_before": difference.only_before,
            "only_after": difference.only_after,
            "changed": difference.changed,
            "examples": examples.collect::<Vec<_>>(),
        })
    });
    let mut line = json!({
        "epoch": epoch.epoch,
        "committed": counts(epoch.committed),
        "as_written": epoch.unlike.is_empty(),
        "unlike": epoch.unlike,
        "seconds": epoch.took.as_secs_f64(),
    });
    if let Some(after) = epoch.after {
        line["after"] = counts(after);
        line["seconds_after"] = epoch.took_after.as_secs_f64().into();
        line["differences"] = differences.collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_changed_row_its_key_and_what_differs_is_shown() {
        let row = |v: i64| Some(json!({ "k": "a", "other": 1, "v": v }));
        assert_eq!(shown(&(row(1), row(2)), &["k".into()]), r#"{"k":"a"} v 1 -> 2"#);
        assert_eq!(shown(&(row(1), row(2)), &[]), r#"{"k":"a","other":1} v 1 -> 2"#);
        assert_eq!(shown(&(row(1), None), &[]), r#"only before {"k":"a","other":1,"v":1}"#);
    }
}
