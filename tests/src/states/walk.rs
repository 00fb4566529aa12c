//! A random walk over the edits of a job, with restarts and new input between them, beside a model that knows three
//! answers: an operator's state is kept, it is dropped, or the job is refused. What comes out tells which it was.

use std::collections::{BTreeMap, BTreeSet};

use millstream_engine::ErrorKind;
use millstream_engine::run::RunOptions;
use rayon::prelude::*;
use serde_json::Value;

use super::{job, steps};
use crate::scratch::Scratch;
use crate::simulation::Random;
use crate::support::here;

const WALKS: u64 = 24;
const STEPS: usize = 16;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// How an operator groups by time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Time {
    None,
    Window { size: i64, slide: i64 },
    Session { gap: i64 },
}

/// Some of them reach over several files, so that there is state to be mixed up.
const TIMES: [Time; 6] = [
    Time::None,
    Time::None,
    Time::Window { size: 300, slide: 300 },
    Time::Window { size: 200, slide: 100 },
    Time::Session { gap: 5 },
    Time::Session { gap: 60 },
];
const FUNCTIONS: [&str; 4] = ["sum", "max", "count", "p"];
const KEYS: [&str; 3] = ["k", "j", "upper(k)"];
const COLUMNS: [&str; 2] = ["v", "w"];

/// What one operator of the job does.
#[derive(Debug, Clone, PartialEq)]
struct Operator {
    key: &'static str,
    function: &'static str,
    column: &'static str,
    time: Time,
    mode: &'static str,
}

impl Operator {
    fn random(random: &mut Random) -> Self {
        let time = *random.pick(&TIMES);
        let [key, function, column] = [&KEYS[..], &FUNCTIONS, &COLUMNS].map(|all| *random.pick(all));
        Self { key, function, column, time, mode: *random.pick(modes(time)) }
    }

    /// Changes one thing; it may be to what it was.
    fn edit(&mut self, random: &mut Random) {
        match random.below(6) {
            0 => self.key = *random.pick(&KEYS),
            1 => self.function = *random.pick(&FUNCTIONS),
            2 => self.column = *random.pick(&COLUMNS),
            3 => self.time = *random.pick(&TIMES),
            _ => self.mode = *random.pick(modes(self.time)),
        }
        if !modes(self.time).contains(&self.mode) {
            self.mode = modes(self.time)[0];
        }
    }

    fn text(&self, name: &str) -> String {
        let Self { key, function, column, time, mode } = self;
        let (start, by) = match time {
            Time::None => (String::new(), String::new()),
            Time::Window { size, slide } => {
                ("window.start AS s, ".to_owned(), format!("window(ts, '{size} seconds', '{slide} seconds'), "))
            }
            Time::Session { gap } => {
                ("session_window.start AS s, ".to_owned(), format!("session_window(ts, '{gap} seconds'), "))
            }
        };
        format!(
            "[operator.{name}]\nsql = \"SELECT {start}{key} AS key, {function}({column}) AS value FROM rows GROUP BY {by}{key}\"\noutput_mode = \"{mode}\"\n"
        )
    }

    /// The groups of these rows, each with its start, end and rows.
    fn groups<'a>(&self, rows: &'a [Row]) -> Vec<Group<'a>> {
        let mut keyed: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            keyed.entry(row.key(self.key)).or_default().push(row);
        }
        let mut groups: Vec<Group<'a>> = Vec::new();
        for (key, mut rows) in keyed {
            rows.sort_by_key(|r| r.second);
            match self.time {
                Time::None => groups.push(Group { key, start: None, end: i64::MAX, rows }),
                Time::Window { size, slide } => {
                    let mut windows: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
                    for row in rows {
                        let last = row.second.div_euclid(slide) * slide;
                        for start in (0..).map(|n| last - n * slide).take_while(|start| start + size > row.second) {
                            windows.entry(start).or_default().push(row);
                        }
                    }
                    let group = |(start, rows)| Group { key: key.clone(), start: Some(start), end: start + size, rows };
                    groups.extend(windows.into_iter().map(group));
                }
                Time::Session { gap } => {
                    for rows in rows.chunk_by(|a, b| b.second <= a.second + gap) {
                        let (start, end) = (rows[0].second, rows[rows.len() - 1].second + gap);
                        groups.push(Group { key: key.clone(), start: Some(start), end, rows: rows.to_vec() });
                    }
                }
            }
        }
        groups
    }

    /// A group as a row that comes out.
    fn shown(&self, group: &Group<'_>, output: &str) -> (String, Option<i64>, i64) {
        let values = group.rows.iter().map(|r| if self.column == "v" { r.v } else { r.v * 10 });
        let value = match (self.function, output) {
            ("count", _) => values.count() as i64,
            ("sum", _) | ("p", "sum") => values.sum(),
            _ => values.max().unwrap(),
        };
        (group.key.clone(), group.start, value)
    }
}

fn modes(time: Time) -> &'static [&'static str] {
    match time {
        Time::None => &["complete", "update"],
        Time::Window { .. } => &["append", "update", "complete"],
        Time::Session { .. } => &["append", "complete"],
    }
}

/// A row of the input.
#[derive(Debug, Clone)]
struct Row {
    k: &'static str,
    j: &'static str,
    v: i64,
    second: i64,
    file: i64,
}

impl Row {
    fn key(&self, key: &str) -> String {
        match key {
            "k" => self.k.to_owned(),
            "j" => self.j.to_owned(),
            _ => self.k.to_uppercase(),
        }
    }
}

struct Group<'a> {
    key: String,
    start: Option<i64>,
    end: i64,
    rows: Vec<&'a Row>,
}

/// A job: its operators by name, what its plugin gives, and whether a sink wants columns that nobody else reads.
#[derive(Debug, Clone, PartialEq)]
struct Edited {
    operators: BTreeMap<&'static str, Operator>,
    output: &'static str,
    extra: bool,
}

impl Edited {
    fn edit(&mut self, random: &mut Random) {
        let names: Vec<&'static str> = self.operators.keys().copied().collect();
        let free: Vec<&'static str> = NAMES.into_iter().filter(|n| !names.contains(n)).collect();
        let name = *random.pick(&names);
        match random.below(9) {
            0 if !free.is_empty() => drop(self.operators.insert(*random.pick(&free), Operator::random(random))),
            1 | 2 if names.len() > 1 => drop(self.operators.remove(name)),
            3 | 4 if !free.is_empty() => {
                let operator = self.operators.remove(name).unwrap();
                self.operators.insert(*random.pick(&free), operator);
            }
            5 => self.output = *random.pick(&["sum", "max"]),
            6 => self.extra = !self.extra,
            _ => self.operators.get_mut(name).unwrap().edit(random),
        }
    }

    fn text(&self) -> String {
        let operators: String = self.operators.iter().map(|(name, operator)| operator.text(name)).collect();
        let path = here().join("../plugins/sum-and-max");
        let plugin = format!("[plugin.p]\npath = {path:?}\nwith = {{ output = \"{}\" }}\n", self.output);
        let extra = "[sink.extra]\ninput = \"rows\"\nconnector = \"memory\"\n";
        job(&format!("{plugin}{operators}")) + if self.extra { extra } else { "" }
    }
}

/// What the checkpoint holds of an operator: what it did when it last ran, and the rows since its state began.
#[derive(Debug, Clone)]
struct OperatorState {
    operator: Operator,
    output: &'static str,
    rows: Vec<Row>,
    /// Up to where groups have come out: the watermark of the last run.
    closed: i64,
}

impl OperatorState {
    /// Whether `operator` can go on with it.
    fn fits(&self, operator: &Operator, output: &str) -> bool {
        let Operator { key, function, column, time, mode } = operator;
        let before = &self.operator;
        let same = (&before.key, &before.function, &before.column, &before.time) == (key, function, column, time);
        // Without a time a mode only says what is shown; with one it says what is kept.
        let same_mode = before.mode == *mode || *time == Time::None;
        same && same_mode && (*function != "p" || self.output == output)
    }
}

#[derive(Default)]
struct Answers {
    kept: usize,
    dropped: usize,
    refused: usize,
}

/// One walk.
struct Walk {
    seed: u64,
    random: Random,
    scratch: Scratch,
    files: i64,
    /// Rows of files that no epoch has read yet.
    unread: Vec<Row>,
    all: Vec<Row>,
    state: BTreeMap<&'static str, OperatorState>,
    answers: Answers,
}

impl steps::Walk for Walk {
    type Job = Edited;

    fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn edit(job: &mut Edited, random: &mut Random) {
        job.edit(random);
    }

    fn write(&mut self) {
        let (base, n) = (100 * self.files, self.random.between(1, 12));
        let mut rows: Vec<Row> = (0..n)
            .map(|_| Row {
                k: ["a", "b", "c"][self.random.below(3) as usize],
                j: ["a", "B", "x"][self.random.below(3) as usize],
                v: self.random.between(-50, 50),
                second: base + self.random.between(0, 60),
                file: self.files,
            })
            .collect();
        let text: String = rows.iter().map(|r| super::row(r.k, r.j, r.v, r.second)).collect();
        self.scratch.write(&format!("in/{:03}.json", self.files), text);
        self.files += 1;
        self.all.extend(rows.iter().cloned());
        self.unread.append(&mut rows);
    }

    /// Runs the job; whether it was taken.
    fn run(&mut self, edited: &Edited, fresh: bool) -> bool {
        let text = edited.text();
        let told = format!("seed {}: {text}", self.seed);
        if fresh {
            self.state.clear();
            self.unread.clone_from(&self.all);
        }
        let misfit = |(name, operator): (&&'static str, &Operator)| {
            self.state.get(name).is_some_and(|kept| !kept.fits(operator, edited.output))
        };
        let misfits: Vec<&str> = edited.operators.iter().filter(|o| misfit(*o)).map(|o| *o.0).collect();
        let ran = self.scratch.run_with(&text, RunOptions { fresh, ..RunOptions::default() });
        let ran = match (ran, misfits.is_empty()) {
            (Ok(ran), true) => ran,
            (Err(e), true) => panic!("{told}\nrefused: {e:?}"),
            (Ok(_), false) => panic!("{told}\ntaken, with other states of {misfits:?}: {:?}", self.state),
            (Err(e), false) => {
                assert_eq!(e.kind(), ErrorKind::Conflict, "{told}\n{e}");
                assert!(misfits.iter().any(|name| e.message().contains(&format!("`{name}`"))), "{told}\n{e}");
                assert!(e.help().is_some_and(|h| h.contains("another name")), "{told}\n{e:?}");
                self.answers.refused += 1;
                return false;
            }
        };
        if ran.summary.epochs == 0 {
            assert!(self.unread.is_empty(), "{told}");
            return true;
        }
        let new = std::mem::take(&mut self.unread);
        let before = self.state.len();
        self.state.retain(|name, _| edited.operators.contains_key(name));
        self.answers.dropped += before - self.state.len();
        self.answers.kept += self.state.len();
        // A second before the greatest event time.
        let watermark = self.all.iter().map(|r| r.second).max().unwrap() - 1;
        for (name, operator) in &edited.operators {
            let begun =
                OperatorState { operator: operator.clone(), output: edited.output, rows: Vec::new(), closed: i64::MIN };
            let kept = self.state.entry(name).or_insert(begun);
            (kept.operator, kept.output) = (operator.clone(), edited.output);
            kept.rows.extend(new.iter().cloned());
            let groups = operator.groups(&kept.rows);
            let touched = |group: &Group<'_>| group.rows.iter().any(|r| new.iter().any(|n| n.file == r.file));
            let comes = |group: &&Group<'_>| match operator.mode {
                "append" => group.end > kept.closed && group.end <= watermark,
                "update" => touched(group),
                _ => true,
            };
            let mut want: Vec<_> = groups.iter().filter(comes).map(|g| operator.shown(g, edited.output)).collect();
            want.sort();
            let mut have: Vec<_> = ran.rows(name).iter().map(read).collect();
            have.sort();
            assert_eq!(have, want, "{told}\n`{name}`");
            kept.closed = watermark;
        }
        true
    }
}

fn read(row: &Value) -> (String, Option<i64>, i64) {
    let start = row.get("s").and_then(Value::as_str).map(|s| {
        let at = |from: usize| s[from..from + 2].parse::<i64>().unwrap();
        // Windows may begin on the day before.
        (at(8) - if s.starts_with("2026-02") { 29 } else { 1 }) * 86_400 + at(11) * 3600 + at(14) * 60 + at(17)
    });
    (row["key"].as_str().unwrap().to_owned(), start, row["value"].as_i64().unwrap())
}

fn walk(seed: u64) -> Answers {
    let mut random = Random::new(seed);
    let operators = NAMES[..2].iter().map(|name| (*name, Operator::random(&mut random))).collect();
    let job = Edited { operators, output: "sum", extra: false };
    let (scratch, files) = (Scratch::new(), 0);
    let (unread, all, state) = (Vec::new(), Vec::new(), BTreeMap::new());
    let mut walk = Walk { seed, random, scratch, files, unread, all, state, answers: Answers::default() };
    steps::go(&mut walk, job, STEPS, 20);
    walk.answers
}

#[test]
fn edits_restarts_and_input_in_any_order_keep_drop_or_refuse_and_never_mix() {
    let seeds: BTreeSet<u64> = match std::env::var("MILLSTREAM_SEED") {
        Ok(seed) => [seed.parse().unwrap()].into(),
        Err(_) => (0..WALKS).collect(),
    };
    let walks = seeds.len();
    let answers = seeds.into_par_iter().map(walk).reduce(Answers::default, |a, b| Answers {
        kept: a.kept + b.kept,
        dropped: a.dropped + b.dropped,
        refused: a.refused + b.refused,
    });
    let Answers { kept, dropped, refused } = answers;
    println!("kept {kept}, dropped {dropped}, refused {refused}");
    assert!(
        walks == 1 || (kept > 4 * walks && dropped > walks && refused > walks),
        "the walks do not try what they should"
    );
}
