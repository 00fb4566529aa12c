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
    /// Whether there is a column for what calls of plugins consume.
    has_fuel: bool,
}

impl Shown {
    pub(crate) fn new(json: bool, keys: &[(String, Vec<String>)]) -> Self {
        Self { json, keys: keys.iter().cloned().collect(), has_head: false, has_fuel: false }
    }

    /// The lines of an epoch, with a head before the first.
    pub(crate) fn epoch(&mut self, epoch: &ReplayedEpoch) -> String {
        if self.json {
            return format!("{}\n", as_json(epoch));
        }
        let mut head = String::new();
        if !self.has_head {
            self.has_head = true;
            self.has_fuel = epoch.fuel.or(epoch.fuel_after).is_some();
            head = self.head(epoch.after.is_some());
        }
        head + &self.lines(epoch)
    }

    fn head(&self, is_compared: bool) -> String {
        let mut out = format!("{:>8}{:>12}{:>12}{:>8}{:>10}", "epoch", "in", "out", "late", "rejected");
        if is_compared {
            out += "  only before  only after  changed   µs/row   after";
            out += if self.has_fuel { "  fuel/row   after" } else { "" };
        }
        out + "\n"
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
            put(&mut out, format_args!("{:>9}{:>8}", micros(epoch.took), micros(epoch.took_after)));
            if self.has_fuel {
                let fuel = |fuel: Option<u64>| match (fuel, rows_in) {
                    (None, _) | (_, 0) => String::new(),
                    (Some(fuel), rows) => format!("{:.0}", fuel as f64 / rows as f64),
                };
                put(&mut out, format_args!("{:>10}{:>8}", fuel(epoch.fuel), fuel(epoch.fuel_after)));
            }
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
    put_fuel(&mut line, epoch.fuel, epoch.fuel_after);
    line
}

/// What calls of plugins have consumed, where it was counted.
pub(crate) fn put_fuel(of: &mut Value, fuel: Option<u64>, after: Option<u64>) {
    for (name, fuel) in [("fuel", fuel), ("fuel_after", after)] {
        if let Some(fuel) = fuel {
            of[name] = fuel.into();
        }
    }
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

    #[test]
    fn fuel_per_row_has_columns_where_it_was_counted() {
        let counts = Counts { rows_in: 2000, rows_out: 10, ..Counts::default() };
        let took = Duration::from_millis(20);
        let epoch = |fuel, fuel_after| ReplayedEpoch {
            epoch: 7,
            committed: counts,
            again: counts,
            unlike: Vec::new(),
            after: Some(counts),
            differences: Vec::new(),
            took,
            took_after: took * 2,
            fuel,
            fuel_after,
        };
        let shown = |epochs: &[ReplayedEpoch]| {
            let mut shown = Shown::new(false, &[]);
            epochs.iter().map(|epoch| shown.epoch(epoch)).collect::<String>()
        };
        let lines = shown(&[epoch(Some(11_000_000), Some(11_500_900)), epoch(Some(0), None)]);
        let lines: Vec<&str> = lines.lines().map(|line| &line[line.len().min(84)..]).collect();
        assert_eq!(
            lines,
            [
                "   µs/row   after  fuel/row   after",
                "    10.00   20.00      5500    5750",
                "    10.00   20.00         0",
            ]
        );
        assert!(shown(&[epoch(None, None)]).lines().all(|line| line.chars().count() == 101));
        let told = |epoch: &ReplayedEpoch| as_json(epoch).as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let of_fuel =
            |names: Vec<String>| names.into_iter().filter(|name| name.starts_with("fuel")).collect::<Vec<_>>();
        assert_eq!(of_fuel(told(&epoch(Some(1), Some(2)))), ["fuel", "fuel_after"]);
        assert!(of_fuel(told(&epoch(None, None))).is_empty());
    }
}
