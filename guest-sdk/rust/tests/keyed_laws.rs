//! What must hold of every keyed operator, and that each breach is found and told.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
};

use millstream_guest::{
    prelude::*,
    testing::{self, Table, TestError},
};

thread_local! {
    static BOUND: Cell<u32> = const { Cell::new(0) };
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

/// What is kept of a user: rows by word, in a value and in a map, and what a broken one keeps.
#[derive(Default, KeyedState)]
struct Kept {
    words: State<BTreeMap<String, u64>>,
    counts: MapState<String, u64>,
    unordered: State<HashMap<String, u64>>,
}

/// Counts words, tells the count of each row, and all of them a minute after the last; or breaks the law that the configuration
/// names.
struct Words {
    at: Input<Timestamp>,
    word: Input<Utf8>,
    breaks: String,
    number: u32,
}

impl Keyed for Words {
    type State = Kept;
    type Output = String;

    fn bind(config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let (at, word) = (input.column("at")?.timestamp()?, input.column("word")?.utf8()?);
        let breaks = config.text_or("breaks", "")?;
        let number = BOUND.with(|bound| bound.replace(bound.get() + 1));
        let output = KeyedOutput::of(Fields::new().utf8("said")).late_rows_aside().rows_by_event_time();
        Ok((Self { at, word, breaks, number }, output))
    }

    fn needs(&self, _key: &Key, rows: &Rows, state: &Kept, wanted: &mut Wanted) -> Result<(), Failure> {
        rows.get(self.word).iter().flatten().for_each(|word| wanted.entry(&state.counts, word));
        Ok(())
    }

    fn needs_for_timer(&self, _: &Key, _: &Timer, state: &Kept, wanted: &mut Wanted) -> Result<(), Failure> {
        wanted.all(&state.counts);
        Ok(())
    }

    fn on_rows(
        &self,
        key: &Key,
        rows: &Rows,
        state: &mut Kept,
        out: &mut Out<String>,
        timers: &mut Timers,
    ) -> Result<(), Failure> {
        let calls = CALLS.with(|calls| calls.replace(calls.get() + 1));
        for (row, (at, word)) in rows.get(self.at).iter().zip(rows.get(self.word).iter()).enumerate() {
            let Some(word) = word else {
                out.reject(row, "no word");
                continue;
            };
            if word == "fail" {
                return Err("it fails".into());
            }
            let count = state.counts.get_or_default(word)?;
            *count += 1;
            out.push(format!("{word} {count}"));
            *state.words.get_or_default().entry(word.into()).or_default() += 1;
            timers.set(0, at.unwrap_or(0) + 60);
            if self.breaks == "written" {
                *state.unordered.get_or_default().entry(word.into()).or_default() += 1;
            }
        }
        match self.breaks.as_str() {
            "instances" => out.push(self.number.to_string()),
            "order" | "alone" if key.get::<Utf8>(0) == Some("ann") => out.push(format!("call {calls}")),
            "calls" => out.push(format!("{} rows", rows.len())),
            _ => {}
        }
        Ok(())
    }

    fn on_timer(
        &self,
        _key: &Key,
        timer: &Timer,
        state: &mut Kept,
        out: &mut Out<String>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        out.push(format!("{} {:?}", timer.at, state.counts.all()?.collect::<Vec<_>>()));
        state.remove_all();
        Ok(())
    }
}

fn rows() -> Table {
    let rows = (0..36i64).map(|n| (n * 7 % 5, n * 11 % 4, n * 10));
    let word = |n: i64| ["to", "be", "or", "not", "fail"].get(n as usize).copied();
    let words: Vec<_> = rows
        .clone()
        .map(|(n, user, at)| if at == 120 { None } else { word(n % if user == 3 { 5 } else { 4 }) })
        .collect();
    Table::new()
        .utf8("user", rows.clone().map(|(_, user, _)| ["ann", "bob", "eve", "zoe"][user as usize]))
        .timestamp("at", rows.map(|(.., at)| at - at % 7))
        .utf8("word", words)
}

fn laws(breaks: &str) -> Result<(), TestError> {
    let config = format!(r#"{{"breaks": "{breaks}"}}"#);
    testing::keyed_laws::<Words>(&config, &["user"], Some("at"), &rows())
}

#[test]
fn what_keeps_the_laws_passes() {
    laws("").unwrap();
}

#[test]
fn each_breach_is_found() {
    for (breaks, law) in [
        ("instances", "two instances bound alike do not give the same"),
        ("written", "a state that is read and written again has other bytes"),
        ("calls", "a key's rows in several calls do not give what they give in one"),
    ] {
        let error = laws(breaks).unwrap_err();
        let TestError::Law(broken) = &error else { panic!("{breaks}: {error}") };
        assert!(broken.law.starts_with(law), "{breaks}: {error}");
    }
}

/// Leaks from one key to the next, within a call.
struct Leaks {
    word: Input<Utf8>,
    last: Cell<u64>,
}

impl Keyed for Leaks {
    type State = ();
    type Output = u64;

    fn bind(_config: &Config, input: &Schema, _key: &Fields) -> Result<(Self, KeyedOutput), Problem> {
        let bound = Self { word: input.column("word")?.utf8()?, last: Cell::new(0) };
        Ok((bound, KeyedOutput::of(Fields::new().uint64("n"))))
    }

    fn on_rows(
        &self,
        _key: &Key,
        rows: &Rows,
        _state: &mut State<()>,
        out: &mut Out<u64>,
        _timers: &mut Timers,
    ) -> Result<(), Failure> {
        let letters: usize = rows.get(self.word).iter().flatten().map(str::len).sum();
        out.push(self.last.replace(letters as u64));
        Ok(())
    }
}

#[test]
fn what_one_key_leaves_to_the_next_is_found() {
    let rows =
        Table::new().utf8("user", ["ann", "bob", "eve"]).utf8("word", ["a", "bb", "ccc"]).take(&[0, 1, 2, 0, 1, 2]);
    let error = testing::keyed_laws::<Leaks>("{}", &["user"], None, &rows).unwrap_err().to_string();
    assert!(
        error.starts_with("the order of keys makes a difference:\none order, epoch 0, what comes out gives"),
        "{error}"
    );
}
