//! A keyed operator with state, timers and a map: in the job as a component, and what its calls come to, as a slow program
//! that looks at all keys and all timers in every epoch. What the function does with one key is the component's own code,
//! run natively ([`keyed_state`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use keyed_state::bound::Bound;
use keyed_state::one::{Clock, One, Row as Given};
use millstream_engine::job::PluginChange;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::model::{Emitted, Row, object};
use super::query::{late_sink, sink};
use super::random::Random;
use super::scenario::Stream;
use super::time::SECOND;
use crate::support::{component_of, here};

/// What is asked of one stream.
#[derive(Debug, Clone)]
pub struct Visits {
    /// The number of the stream.
    pub of: usize,
    /// A session's timer is so far behind its last row, one by processing time so far from now.
    gap: i64,
    pause: i64,
    /// A state that is not changed goes after so long.
    time_to_live: Option<(Clock, i64)>,
    sets_late_aside: bool,
    by_event_time: bool,
    keep_timers: bool,
    has_map: bool,
    /// Some rows make it fail.
    fails: bool,
}

impl Visits {
    pub fn new(streams: &[Stream], random: &mut Random) -> Self {
        let clock = *random.pick(&[Clock::EventTime, Clock::EventTime, Clock::ProcessingTime]);
        let (has_map, time_to_live) = (random.one_in(3), random.one_in(3));
        Self {
            of: random.below(streams.len() as u64) as usize,
            gap: random.between(0, 60) * SECOND,
            pause: *random.pick(&[0, 7_000, 300_000, 5_000_000, 4_000_000_000]),
            time_to_live: time_to_live.then(|| (clock, random.between(1, 120_000) * SECOND / 1000)),
            sets_late_aside: random.one_in(2),
            by_event_time: random.one_in(3),
            // A key may be known to the operator for the sake of entries that are gone: its timers would go with them.
            keep_timers: random.one_in(3) || (has_map && time_to_live),
            has_map,
            fails: random.one_in(2),
        }
    }

    /// Sessions whose timers are so far behind their last rows, and nothing else.
    pub fn plain(gap: i64) -> Self {
        Self {
            of: 0,
            gap,
            pause: 0,
            time_to_live: None,
            sets_late_aside: false,
            by_event_time: false,
            keep_timers: false,
            has_map: false,
            fails: false,
        }
    }

    fn config(&self) -> Vec<(&'static str, Value)> {
        let mut config = vec![
            ("do", json!("visits")),
            ("time", json!("t")),
            ("data", json!("bytes")),
            ("gap", json!(self.gap)),
            ("pause", json!(self.pause)),
            ("fails", json!(i64::from(self.fails))),
            ("sets_late_aside", json!(self.sets_late_aside)),
            ("by_event_time", json!(self.by_event_time)),
            ("keep_timers", json!(self.keep_timers)),
            ("has_map", json!(self.has_map)),
        ];
        if let Some((clock, after)) = self.time_to_live {
            config.push(("time_to_live", json!(after)));
            config.push(("by", json!(if clock == Clock::EventTime { "event" } else { "processing" })));
        }
        config
    }

    /// Its part of the job file.
    pub fn job(&self, streams: &[Stream]) -> String {
        let with: Vec<String> = self.config().iter().map(|(key, value)| format!("{key} = {value}")).collect();
        format!(
            "[plugin.keyed]\npath = {:?}\n[operator.visits]\ninput = \"{}\"\nplugin = \"keyed\"\nkey_by = [\"url\"]\n\
             late = \"late_visits\"\nwith = {{ {} }}\n",
            here().join("guests/keyed-state"),
            streams[self.of].name,
            with.join(", ")
        ) + &sink("visits", "visits", "")
            + &late_sink("late_visits")
    }
}

/// The plugin as it is, with states of version 2, which those of version 1 are brought over to, and of version 3, which has
/// no way from any other.
static VERSIONS: LazyLock<(TempDir, [PathBuf; 3])> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let files = [1, 2, 3].map(|version| {
        let file = folder.path().join(format!("{version}.wasm"));
        std::fs::write(&file, component_of("guests/keyed-state", version)).unwrap();
        file
    });
    (folder, files)
});

/// Another version of the plugin.
pub fn swap_to(version: usize) -> PluginChange {
    PluginChange { plugin: "keyed".to_owned(), path: Some(VERSIONS.1[version].clone()), ..PluginChange::default() }
}

/// What a key has.
#[derive(Debug, Default)]
struct Has {
    value: Option<Value>,
    entries: BTreeMap<String, Value>,
    /// By the clock of the time to live; none = before there was a watermark.
    changed: Option<i64>,
    timers: BTreeMap<(Clock, u32), i64>,
}

/// Where the clocks stand in an epoch.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    pub now: i64,
    pub late: Option<i64>,
    pub close: Option<i64>,
}

impl Clocks {
    fn by(&self, clock: Clock) -> Option<i64> {
        if clock == Clock::EventTime { self.close } else { Some(self.now) }
    }
}

/// The operator as a slow program.
#[derive(Debug)]
pub struct Visiting {
    visits: Visits,
    bound: Bound,
    keys: BTreeMap<String, Has>,
}

impl Visiting {
    pub fn new(visits: &Visits) -> Self {
        let config: Value = object(visits.config());
        Self { visits: visits.clone(), bound: Bound::new(&config.to_string(), 1).unwrap(), keys: BTreeMap::new() }
    }

    /// Whether a key has something.
    pub fn has_states(&self) -> bool {
        self.keys.values().any(|has| has.value.is_some())
    }

    /// The timers that are due: time, key, which.
    fn due(&self, at: Clocks) -> Vec<(i64, String, (Clock, u32))> {
        let mut due = Vec::new();
        for (key, has) in &self.keys {
            let is_due = |((clock, _), time): &(&(Clock, u32), &i64)| at.by(*clock).is_some_and(|by| **time <= by);
            due.extend(has.timers.iter().filter(is_due).map(|(id, time)| (*time, key.clone(), *id)));
        }
        due.sort();
        due
    }

    /// Whether another epoch would fire a timer by event time that is set.
    pub fn waits_for_nothing(&self, close: Option<i64>) -> bool {
        self.due(Clocks { now: i64::MIN, late: close, close }).is_empty()
    }

    fn expire(&mut self, at: Clocks) {
        let Some((clock, after)) = self.visits.time_to_live else { return };
        let Some(reached) = at.by(clock) else { return };
        for has in self.keys.values_mut().filter(|has| has.value.is_some() || !has.entries.is_empty()) {
            if has.changed.is_some_and(|changed| changed + after <= reached) {
                let timers = if self.visits.keep_timers { std::mem::take(&mut has.timers) } else { BTreeMap::new() };
                *has = Has { timers, ..Has::default() };
            } else {
                has.changed = has.changed.or(Some(reached));
            }
        }
    }

    fn one(&self, key: &str, at: Clocks) -> One {
        let has = self.keys.get(key);
        One {
            key: vec![Some(key.to_owned())],
            now: at.now,
            watermark: at.close,
            previous_watermark: at.late,
            value: has.and_then(|has| has.value.clone()),
            entries: has.map_or(BTreeMap::new(), |has| has.entries.clone()),
            ..One::default()
        }
    }

    fn keep(&mut self, key: &str, one: One, at: Clocks) {
        let has = self.keys.entry(key.to_owned()).or_default();
        if one.removed || one.value != has.value || !one.changed.is_empty() {
            has.changed = self.visits.time_to_live.and_then(|(clock, _)| at.by(clock));
        }
        (has.value, has.entries) = (one.value, one.entries);
        if one.removed && !self.visits.keep_timers {
            has.timers.clear();
        }
        has.timers.retain(|id, _| !one.cleared.contains(id));
        has.timers.extend(one.set);
    }

    /// What comes of an epoch.
    pub fn epoch(&mut self, rows: &[Row], at: Clocks) -> Emitted {
        let (mut out, mut given) = (Emitted::default(), Vec::new());
        self.expire(at);
        let due = self.due(at);
        let mut by_key: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            let is_late = |time: i64| self.visits.sets_late_aside && at.close.is_some_and(|close| time <= close);
            match row.time {
                None if self.visits.sets_late_aside || self.visits.by_event_time => {
                    out.rejected.push((row.file.clone(), row.line));
                }
                Some(time) if is_late(time) => out.late.push((row.clone(), row.shown())),
                _ => by_key.entry(row.url.clone()).or_default().push(row),
            }
        }
        for (key, mut rows) in by_key {
            if self.visits.by_event_time {
                rows.sort_by_key(|row| row.time);
            }
            let mut one = self.one(&key, at);
            one.rows = rows.iter().map(|row| Given { time: row.time, data: json!(row.bytes) }).collect();
            // Of rows that come back from a call nobody knows the place any more.
            let placeless = |row: &Row| Row { file: String::new(), line: 0, ..row.clone() };
            let mut ones = [one];
            match self.bound.call(&mut ones, &[]) {
                Ok(came) => {
                    let [one] = ones;
                    given.extend(came.into_iter().map(|(_, row)| row));
                    out.rejected.extend(one.rejects.iter().map(|row| refused(rows[*row])));
                    out.late.extend(one.late.iter().map(|row| (placeless(rows[*row]), rows[*row].shown())));
                    self.keep(&key, one, at);
                }
                Err(_) => out.rejected.extend(rows.iter().map(|row| refused(row))),
            }
        }
        // Those that are set as they were.
        let is_set = |(time, key, id): &&(i64, String, (Clock, u32))| self.keys[key].timers.get(id) == Some(time);
        let due: Vec<_> = due.iter().filter(is_set).cloned().collect();
        for key in due.iter().map(|(_, key, _)| key.clone()).collect::<BTreeSet<_>>() {
            let of_key: Vec<_> = due.iter().filter(|(_, of, _)| *of == key).collect();
            let timers = &mut self.keys.get_mut(&key).unwrap().timers;
            timers.retain(|id, _| !of_key.iter().any(|(_, _, fires)| fires == id));
            let mut ones = [self.one(&key, at)];
            let of_key: Vec<_> = of_key.iter().map(|(time, _, (clock, tag))| (0, (*clock, *tag, *time))).collect();
            let came = self.bound.call(&mut ones, &of_key).expect("only rows make it fail");
            given.extend(came.into_iter().map(|(_, row)| row));
            let [one] = ones;
            self.keep(&key, one, at);
        }
        out.rows = given.into_iter().map(|row| json!({ "out": row.to_string() })).collect();
        out
    }
}

/// What a dead letter says of a row that a call refused: the row, since its place is not known any more.
fn refused(row: &Row) -> (String, u64) {
    (row.shown().to_string(), 0)
}
