//! What a configuration asks for, and what a call makes of its keys.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::one::{Clock, One, Row};
use crate::{functions, timed, visits};

/// What a function does for one key: with its rows, or with one of its timers that is due.
pub type Logic = fn(&Bound, &mut One) -> Result<(), String>;

/// Which entries of a key's map a function needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// These.
    Entries(BTreeSet<String>),
    /// All there are.
    All,
}

/// A configuration that was understood.
#[derive(Debug, Clone)]
pub struct Bound {
    logic: Logic,
    wants: fn(&Self, &One) -> Wanted,
    /// The function's own numbers, by name.
    numbers: Value,
    /// The column with the event time.
    pub time: String,
    /// The column with what else there is: JSON as text, or an integer.
    pub data: String,
    /// Timers stay when the state is removed.
    pub keep_timers: bool,
    /// The host sets late rows aside.
    pub sets_late_aside: bool,
    /// Rows come by event time.
    pub by_event_time: bool,
    /// States go after so many microseconds.
    pub time_to_live: Option<(Clock, u64)>,
    /// There is a column `at` behind `out`, the event time of what comes out.
    pub has_event_time: bool,
    /// How far event times that come out may lie behind the watermark.
    pub holds_back: u64,
    /// There is a map.
    pub has_map: bool,
    /// States do not depend on `gap`.
    pub may_adjust_gap: bool,
    /// The version of the states.
    pub version: u32,
}

/// A timer that is due: its key's number in the call, and which one it is.
pub type Due = (usize, (Clock, u32, i64));

/// A key with which a call failed, and why.
pub type Failed = (usize, String);

fn nothing(_: &Bound, _: &One) -> Wanted {
    Wanted::Entries(BTreeSet::new())
}

impl Bound {
    /// By a configuration's text and the version that the states shall be of.
    ///
    /// # Errors
    /// There is no such function.
    pub fn new(config: &str, version: u32) -> Result<Self, String> {
        let config: Value = serde_json::from_str(config).map_err(|e| e.to_string())?;
        let text = |key: &str, otherwise: &str| config[key].as_str().unwrap_or(otherwise).to_owned();
        let flag = |key: &str| config[key] == true;
        let name = text("do", "");
        let logic: Logic = match name.as_str() {
            "count" => functions::count,
            "sessions" => functions::sessions,
            "reset" => functions::reset,
            "boundary" => functions::boundary,
            "late-event" => functions::late_event,
            "late-none" => functions::late_none,
            "commands" => functions::commands,
            "obey" => functions::obey,
            "timers" => timed::timers,
            "maps" => timed::maps,
            "visits" => visits::visits,
            "tells" => visits::tells,
            other => return Err(format!("there is no function {other}")),
        };
        let wants = match name.as_str() {
            "maps" => timed::wants,
            "visits" => visits::wants,
            _ => nothing,
        };
        let clock = if text("by", "") == "processing" { Clock::ProcessingTime } else { Clock::EventTime };
        Ok(Self {
            logic,
            wants,
            time: text("time", "ts"),
            data: text("data", "data"),
            keep_timers: flag("keep_timers"),
            sets_late_aside: flag("sets_late_aside"),
            by_event_time: flag("by_event_time"),
            time_to_live: config["time_to_live"].as_u64().map(|micros| (clock, micros)),
            has_event_time: flag("has_event_time"),
            holds_back: config["holds_back"].as_u64().unwrap_or(0),
            has_map: name == "maps" || flag("has_map"),
            may_adjust_gap: flag("may_adjust_gap"),
            numbers: config,
            version,
        })
    }

    /// One of the function's own numbers.
    pub fn number(&self, name: &str) -> i64 {
        self.numbers[name].as_i64().unwrap_or(0)
    }

    /// Which entries of its map a key needs.
    pub fn wants(&self, one: &One) -> Wanted {
        (self.wants)(self, one)
    }

    /// Calls the function with keys' rows, or with those of their timers that are due: what comes out, each with the number
    /// of its key or of its timer.
    ///
    /// # Errors
    /// It failed with a key.
    pub fn call(&self, ones: &mut [One], due: &[Due]) -> Result<Vec<(u32, Value)>, Failed> {
        let mut out = Vec::new();
        for (number, one) in ones.iter_mut().enumerate().filter(|_| due.is_empty()) {
            (self.logic)(self, one).map_err(|why| (number, why))?;
            out.extend(one.out.drain(..).map(|row| (number as u32, row)));
        }
        for (number, (key, timer)) in due.iter().enumerate() {
            let one = &mut ones[*key];
            one.timer = Some(*timer);
            (self.logic)(self, one).map_err(|why| (*key, why))?;
            out.extend(one.out.drain(..).map(|row| (number as u32, row)));
        }
        Ok(out)
    }
}

/// A row of a text of JSON.
pub fn row(time: Option<i64>, data: Option<&str>) -> Row {
    let data = data.map_or(Value::Null, |data| serde_json::from_str(data).unwrap_or(Value::Null));
    Row { time, data }
}
