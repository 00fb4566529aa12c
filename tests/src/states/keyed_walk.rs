//! A random walk over the edits of a job of keyed operators, with restarts and new input between them, beside a model that
//! knows four answers: an operator's states and timers are kept, brought over to another version, dropped, or the job is
//! refused. What comes out, of timers that were set before an edit too, tells which it was.

use std::collections::BTreeMap;

use millstream_engine::run::RunOptions;
use rayon::prelude::*;
use serde_json::Value;

use super::plugins::write_version_of;
use super::{job, steps};
use crate::scratch::Scratch;
use crate::simulation::{Clocks, Random, Row, Visiting, Visits};

const WALKS: u64 = 8;
const STEPS: usize = 14;
const NAMES: [&str; 3] = ["a", "b", "c"];
const KEYS: [&str; 2] = ["k", "j"];
/// Some timers are due before the next file's rows are, some long after.
const GAPS: [i64; 3] = [20_000_000, 150_000_000, 400_000_000];
const SECOND: i64 = 1_000_000;
/// 2026-03-01T00:00:00Z.
const MIDNIGHT: i64 = 1_772_323_200 * SECOND;

/// What one operator of the job does.
#[derive(Debug, Clone, PartialEq)]
struct Operator {
    key: &'static str,
    gap: i64,
}

impl Operator {
    fn random(random: &mut Random) -> Self {
        Self { key: *random.pick(&KEYS), gap: *random.pick(&GAPS) }
    }
}

/// A job: its operators by name, what it calls its plugin, and which version that is.
#[derive(Debug, Clone, PartialEq)]
struct Edited {
    operators: BTreeMap<&'static str, Operator>,
    plugin: &'static str,
    version: u8,
}

impl Edited {
    fn edit(&mut self, random: &mut Random) {
        let names: Vec<&'static str> = self.operators.keys().copied().collect();
        let free: Vec<&'static str> = NAMES.into_iter().filter(|n| !names.contains(n)).collect();
        let name = *random.pick(&names);
        match random.below(10) {
            0 if !free.is_empty() => drop(self.operators.insert(*random.pick(&free), Operator::random(random))),
            1 if names.len() > 1 => drop(self.operators.remove(name)),
            2 | 3 if !free.is_empty() => {
                let operator = self.operators.remove(name).unwrap();
                self.operators.insert(*random.pick(&free), operator);
            }
            4 => self.plugin = *random.pick(&["p", "p", "q"]),
            5 | 6 => self.version = *random.pick(&[1, 2, 2, 3]),
            7 => self.operators.get_mut(name).unwrap().gap = *random.pick(&GAPS),
            8 => self.operators.get_mut(name).unwrap().key = *random.pick(&KEYS),
            _ => {}
        }
    }

    fn text(&self) -> String {
        let plugin = self.plugin;
        let operator = |(name, Operator { key, gap }): (&&str, &Operator)| {
            format!(
                "[operator.{name}]\ninput = \"rows\"\nplugin = \"{plugin}\"\nkey_by = [\"{key}\"]\n\
                 with = {{ do = \"visits\", data = \"v\", gap = {gap} }}\n"
            )
        };
        let operators: String = self.operators.iter().map(operator).collect();
        job(&format!("[plugin.{plugin}]\npath = \"versioned.wasm\"\n{operators}"))
    }
}

/// What the checkpoint holds of an operator.
#[derive(Debug)]
struct Kept {
    operator: Operator,
    plugin: &'static str,
    version: u8,
    visiting: Visiting,
}

/// What becomes of what is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Kept,
    BroughtOver,
    Refused,
}

impl Kept {
    fn answer(&self, operator: &Operator, edited: &Edited) -> Answer {
        match (self.version, edited.version) {
            _ if self.operator != *operator || self.plugin != edited.plugin => Answer::Refused,
            (before, now) if before == now => Answer::Kept,
            (before, now) if now < before => Answer::Refused,
            (1, 2) => Answer::BroughtOver,
            // It knows no other way, and is asked where there is something to be brought over.
            _ if self.visiting.has_states() => Answer::Refused,
            _ => Answer::BroughtOver,
        }
    }
}

#[derive(Default)]
struct Answers {
    kept: usize,
    brought_over: usize,
    dropped: usize,
    refused: usize,
    /// Rows of timers that came out in a run after the one that set them.
    fired_later: usize,
}

/// A row: columns `k` and `j`, what it says, and when.
#[derive(Debug, Clone)]
struct Input {
    k: &'static str,
    j: &'static str,
    v: i64,
    second: i64,
}

struct Walk {
    seed: u64,
    random: Random,
    scratch: Scratch,
    /// Per file its rows.
    files: Vec<Vec<Input>>,
    /// How many files epochs have read.
    read: usize,
    kept: BTreeMap<&'static str, Kept>,
    answers: Answers,
}

impl Walk {
    /// The watermark once so many files were read: a second before the greatest event time.
    fn watermark(&self, files: usize) -> Option<i64> {
        let seconds = self.files[..files].iter().flatten().map(|row| row.second);
        seconds.max().map(|second| MIDNIGHT + (second - 1) * SECOND)
    }

    /// What comes out of an operator that goes on with what it has.
    fn expected(&mut self, name: &'static str) -> Vec<String> {
        let mut out = Vec::new();
        let (from, to) = (self.read, self.files.len());
        for file in from..=to {
            let at = Clocks { now: 0, late: None, close: self.watermark(file) };
            let kept = self.kept.get_mut(name).unwrap();
            let key = |row: &Input| if kept.operator.key == "k" { row.k } else { row.j };
            let row = |row: &Input| {
                let time = Some(MIDNIGHT + row.second * SECOND);
                Row { url: key(row).to_owned(), time, bytes: Some(row.v), file: String::new(), line: 0 }
            };
            // Behind the last file an epoch without input fires what the watermark has passed.
            let rows: Vec<Row> = self.files.get(file).into_iter().flatten().map(row).collect();
            let came = kept.visiting.epoch(&rows, at);
            let came: Vec<&str> = came.rows.iter().map(|row| row["out"].as_str().unwrap()).collect();
            let before = MIDNIGHT + 100 * from as i64 * SECOND;
            self.answers.fired_later += came.iter().filter(|row| set_before(row, kept.operator.gap, before)).count();
            out.extend(came.into_iter().map(str::to_owned));
        }
        out.sort();
        out
    }
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
        let number = self.files.len();
        let row = |random: &mut Random| Input {
            k: ["a", "b", "c"][random.below(3) as usize],
            j: ["a", "x"][random.below(2) as usize],
            // Counted, removed, its timer cleared.
            v: 23 * random.between(-9, 9) + random.pick(&[0, 0, 1, 2, 3, 5]),
            second: 100 * number as i64 + random.between(0, 60),
        };
        let rows: Vec<Input> = (0..self.random.between(1, 12)).map(|_| row(&mut self.random)).collect();
        let text: String = rows.iter().map(|r| super::row(r.k, r.j, r.v, r.second)).collect();
        self.scratch.write(&format!("in/{number:03}.json"), text);
        self.files.push(rows);
    }

    /// Runs the job; whether it was taken.
    fn run(&mut self, edited: &Edited, fresh: bool) -> bool {
        let text = edited.text();
        let told = format!("seed {}: version {} of\n{text}", self.seed, edited.version);
        write_version_of("guests/keyed-state", &self.scratch, edited.version);
        if fresh {
            self.kept.clear();
            self.read = 0;
        }
        let answer = |name: &str| Some(self.kept.get(name)?.answer(&edited.operators[name], edited));
        let answers: Vec<(&str, Answer)> = edited.operators.keys().filter_map(|n| Some((*n, answer(n)?))).collect();
        let misfits: Vec<&str> = answers.iter().filter(|(_, a)| *a == Answer::Refused).map(|(name, _)| *name).collect();
        let ran = match self.scratch.run_with(&text, RunOptions { fresh, ..RunOptions::default() }) {
            Ok(ran) => ran,
            Err(e) => {
                assert!(misfits.iter().any(|name| e.message().contains(&format!("`{name}`"))), "{told}\n{e:?}");
                assert!(e.help().is_some_and(|help| help.contains("--fresh")), "{told}\n{e:?}");
                self.answers.refused += 1;
                return false;
            }
        };
        assert!(misfits.is_empty(), "{told}\ntaken, with other states of {misfits:?}: {:?}", self.kept);
        if ran.summary.epochs == 0 {
            assert_eq!(self.read, self.files.len(), "{told}");
            return true;
        }
        let before = self.kept.len();
        self.kept.retain(|name, _| edited.operators.contains_key(name));
        self.answers.dropped += before - self.kept.len();
        self.answers.kept += answers.iter().filter(|(_, a)| *a == Answer::Kept).count();
        self.answers.brought_over += answers.iter().filter(|(_, a)| *a == Answer::BroughtOver).count();
        for (name, operator) in &edited.operators {
            let (operator, plugin, version) = (operator.clone(), edited.plugin, edited.version);
            let visiting = || Visiting::new(&Visits::plain(operator.gap));
            let visiting = self.kept.remove(name).map_or_else(visiting, |kept| kept.visiting);
            self.kept.insert(name, Kept { operator, plugin, version, visiting });
            let want = self.expected(name);
            let mut have: Vec<String> =
                ran.rows(name).iter().map(|row| row["out"].as_str().unwrap().to_owned()).collect();
            have.sort();
            assert_eq!(have, want, "{told}\n`{name}`");
        }
        self.read = self.files.len();
        true
    }
}

/// Whether a row is of a timer that was set by a row before this time.
fn set_before(row: &str, gap: i64, time: i64) -> bool {
    let row: Value = serde_json::from_str(row).unwrap();
    row[0] == "event time" && row[3][1].as_i64().unwrap() - gap < time
}

fn walk(seed: u64) -> Answers {
    let mut random = Random::new(seed);
    let operators = NAMES[..2].iter().map(|name| (*name, Operator::random(&mut random))).collect();
    let job = Edited { operators, plugin: "p", version: 1 };
    let (scratch, answers) = (Scratch::new(), Answers::default());
    let mut walk = Walk { seed, random, scratch, files: Vec::new(), read: 0, kept: BTreeMap::new(), answers };
    steps::go(&mut walk, job, STEPS, 12);
    walk.answers
}

#[test]
fn keyed_states_and_timers_are_kept_brought_over_dropped_or_refused_and_never_mix() {
    let seeds = match std::env::var("MILLSTREAM_SEED") {
        Ok(seed) => seed.parse().unwrap()..seed.parse::<u64>().unwrap() + 1,
        Err(_) => 0..std::env::var("MILLSTREAM_WALKS").map_or(WALKS, |walks| walks.parse().unwrap()),
    };
    let walks = (seeds.end - seeds.start) as usize;
    let answers = seeds.into_par_iter().map(walk).reduce(Answers::default, |a, b| Answers {
        kept: a.kept + b.kept,
        brought_over: a.brought_over + b.brought_over,
        dropped: a.dropped + b.dropped,
        refused: a.refused + b.refused,
        fired_later: a.fired_later + b.fired_later,
    });
    let Answers { kept, brought_over, dropped, refused, fired_later } = answers;
    println!(
        "kept {kept}, brought over {brought_over}, dropped {dropped}, refused {refused}, fired later {fired_later}"
    );
    let all = [kept > 4 * walks, brought_over > 1, dropped > walks, refused > walks, fired_later > walks / 2];
    assert!(walks < 8 || all == [true; 5], "the walks do not try what they should: {all:?}");
}
