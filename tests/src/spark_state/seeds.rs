//! Cases from seeds, beside the model.

use serde_json::{Value, json};

use super::drive::{Case, Component, Row, natively};
use super::model::{Asked, Said, calls};
use crate::simulation::Random;

/// Where the times of the cases begin, milliseconds since 1970: 2025-01-01T00:00:00Z.
pub const BASE: i64 = 1_735_689_600_000;

/// A case of the function that obeys; its times are counted from [`BASE`].
#[derive(Debug, Clone)]
pub struct Obeyed {
    pub asked: Asked,
    pub epochs: Vec<Vec<Said>>,
}

fn milliseconds(seconds: &Value) -> Option<i64> {
    seconds.as_f64().map(|seconds| (seconds * 1000.0).round() as i64)
}

impl Obeyed {
    /// Of a line of the golden cases.
    pub fn read(case: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let said = |row: &Value| Said {
            key: [text(&row["k"]), text(&row["j"])],
            number: row["i"].as_i64().unwrap(),
            time: milliseconds(&row["s"]).unwrap(),
            commands: text(&row["cmd"]).unwrap(),
            at: milliseconds(&row["at"]),
        };
        let epochs = case["epochs"].as_array().unwrap().iter();
        let delay = case["watermark"].as_str().map(|delay| delay.split(' ').next().unwrap().parse::<f64>().unwrap());
        Self {
            asked: Asked { timed: case["timeout"] == "event-time", delay: delay.map(|s| (s * 1000.0) as i64) },
            epochs: epochs.map(|rows| rows.as_array().unwrap().iter().map(said).collect()).collect(),
        }
    }

    /// As the golden cases are drawn, with more keys, nulls among them, and rows at the very watermark.
    fn draw(random: &mut Random) -> Self {
        let asked = match random.below(8) {
            0 => Asked { timed: false, delay: None },
            1 => Asked { timed: false, delay: Some(2000) },
            _ => Asked { timed: true, delay: Some(*random.pick(&[0, 1, 2000, 5000])) },
        };
        let (mut now, mut number, mut watermark) = (100_000, 0, 0);
        let mut epochs = Vec::new();
        for _ in 0..random.between(1, 12) {
            let mut rows: Vec<Said> = Vec::new();
            for _ in 0..random.between(1, 8) {
                now += *random.pick(&[0, 1, 1000, 2000, 5000]);
                number += 1;
                let back = *random.pick(&[0, 0, 0, 1000, 4000, 9000]);
                // Beside the watermark now and then, which is where the signs of comparisons are.
                let beside = |random: &mut Random| watermark + random.between(-1, 2);
                let near = watermark > 0 && random.one_in(4);
                let time = if near { beside(random) } else { now - back };
                let at = if watermark > 0 && random.one_in(3) {
                    beside(random)
                } else {
                    now + *random.pick(&[-1000, 0, 1, 3000, 8000])
                };
                let key =
                    [*random.pick(&[Some("a"), Some("b"), Some("c"), None]), *random.pick(&[None, None, Some("x")])];
                let commands = *random.pick(&[
                    "up",
                    "up,to",
                    "up,to",
                    "to",
                    "rm",
                    "get",
                    "up,rm,up,to",
                    "rm,to",
                    "to,rm",
                    "up,up",
                ]);
                // Without time-outs none can be set.
                let commands = if asked.timed { commands } else { *random.pick(&["up", "rm", "get", "up,rm,up"]) };
                let commands = commands.to_owned();
                rows.push(Said { key: key.map(|k| k.map(str::to_owned)), number, time, commands, at: Some(at) });
            }
            let newest = rows.iter().map(|row| row.time).max().unwrap_or(0);
            watermark = watermark.max(newest - asked.delay.unwrap_or(0));
            epochs.push(rows);
        }
        Self { asked, epochs }
    }

    /// As the operator is given it.
    pub fn case(&self) -> Case {
        let row = |said: &Said| {
            let at = said.at.map(|at| at as f64 / 1000.0);
            let data = json!({ "i": said.number, "cmd": said.commands, "at": at, "timed": self.asked.timed });
            Row { key: said.key.clone(), time: (BASE + said.time) * 1000, data }
        };
        Case {
            function: "obey".to_owned(),
            epochs: self.epochs.iter().map(|rows| rows.iter().map(row).collect()).collect(),
            delay: self.asked.delay,
            moves: self.asked.timed,
        }
    }
}

/// Rows as text with their keys in order, sorted.
fn sorted(rows: Vec<Value>) -> Vec<String> {
    let mut rows: Vec<String> = rows.into_iter().map(|row| in_order(row).to_string()).collect();
    rows.sort();
    rows
}

/// The same with the keys of objects in order, however objects are kept.
fn in_order(value: Value) -> Value {
    match value {
        Value::Object(parts) => {
            let mut parts: Vec<(String, Value)> =
                parts.into_iter().map(|(key, value)| (key, in_order(value))).collect();
            parts.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(parts.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        other => other,
    }
}

/// Compares rows with their epochs, whatever their order in one.
pub fn same(what: &str, have: Vec<Value>, want: Vec<Value>) {
    let (have, want) = (sorted(have), sorted(want));
    let only = |in_these: &[String], not: &[String]| -> Vec<String> {
        in_these.iter().filter(|row| !not.contains(row)).take(5).cloned().collect()
    };
    let (missing, extra) = (only(&want, &have), only(&have, &want));
    assert!(
        have == want,
        "{what}: {} rows for {}\nmissing: {missing:#?}\ntoo many: {extra:#?}",
        have.len(),
        want.len()
    );
}

/// Seeds: those of an ordinary run, or as `MILLSTREAM_SEEDS` says.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("MILLSTREAM_SEEDS").ok();
    let asked = asked.and_then(|range| range.split_once("..").map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())));
    asked.map_or(0..usual, |(from, to): (u64, u64)| from..to)
}

#[test]
fn calls_are_those_of_the_model_natively() {
    for seed in seeds(400) {
        let obeyed = Obeyed::draw(&mut Random::new(seed));
        same(&format!("seed {seed}"), natively(&obeyed.case()), calls(obeyed.asked, &obeyed.epochs));
    }
}

#[test]
fn calls_are_those_of_the_model_as_a_component() {
    let component = Component::of("obey");
    for seed in seeds(60) {
        let obeyed = Obeyed::draw(&mut Random::new(seed));
        same(&format!("seed {seed}"), component.run(&obeyed.case()), calls(obeyed.asked, &obeyed.epochs));
    }
}
