//! Keyed operators: a function of a plugin's, or of Rust's own, that is called with each key's rows, keeps state under the
//! key, and sets timers.
//!
//! A chunk's rows are put together by key ([`partial`]). At the epoch's end, partitions in parallel, each key with rows is
//! called once with all of them, then each key whose timers are due ([`close`]); many keys in one call ([`calls`]).
//! The function is pure and its outcome is checked before any of it is used ([`check`]): what it changes is put together
//! first ([`work`]) and stored then ([`apply`]), so a key that fails has what it had.
//!
//! It is public since functions come from outside: bound plugins, and those of whoever embeds the engine.
//!
//! # State
//! * The first table has a key's values, as a row of bytes columns; a key without any is not in it.
//! * `timers`: under the key, the list of its timers. It alone says what is set.
//! * `event-time` and `processing-time`: in the bucket of a slot of time, the keys that have had a timer there. A timer
//!   that is moved or cleared leaves its key in the slot; what a slot says is asked of the list ([`timers`], [`due`]).
//! * `overdue`: keys with timers that were set to a time which had passed. They are due in the next epoch, which runs
//!   without input if it must.
//! * `maps`, where the function keeps some: their entries, each by itself ([`maps`]).
//! * `expiry`, where states go after a while: the keys by slots of the time in which their states would go ([`expiry`]).
//!
//! What always holds: each timer fires once; in an epoch by time, then key. What comes out does not depend on how rows come
//! in chunks, how keys are cut into calls, or how many cores there are.

mod apply;
mod calls;
mod canary;
mod check;
mod close;
mod due;
mod expiry;
mod explain;
mod fingerprint;
mod function;
mod gather;
mod maps;
mod partial;
mod plugin;
mod read;
mod read_map;
mod silence;
mod timers;
mod work;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};

use partial::KeyedPartial;
use silence::Silence;
use timers::{event_slots, processing_slots};

pub use function::{
    Domain, KeyedBinding, KeyedError, KeyedFunction, LateInput, MapEntries, Needs, Outcome, Phase, Step, TimeToLive,
    Timer, ValueChanges,
};

pub use canary::{CanaryEpoch, KeyedCanary, keyed_of};
pub use plugin::PluginKeyed;
pub(super) use read::timers_in;

use super::fingerprint::{Fingerprint, Old};
use super::stored::check_stored;
use super::{Closed, Due, Effects, EpochEnd, Explanation, Expressions, Reading, Rows, Stateful, StoredColumns};
use crate::executor::Workers;
use crate::format::timestamp;
use crate::job::OutputMode;
use crate::record::WatermarkPair;
use crate::state::{Partition, Table, Timers};
use crate::{Error, Result};

/// Which watermark tells late rows, where they are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgedBy {
    /// That of this epoch, W(N), by which its timers fire: of rows that come from sources.
    ThisEpoch,
    /// That of the epoch before, W(N-1): of rows that come from a stateful operator, which gives in epoch N what W(N) has
    /// closed.
    EpochBefore,
}

impl JudgedBy {
    fn of(self, at: WatermarkPair) -> Option<i64> {
        match self {
            Self::ThisEpoch => at.close,
            Self::EpochBefore => at.late,
        }
    }
}

/// What a keyed operator is applied to.
#[derive(Debug)]
pub struct KeyedInput {
    /// The columns of the rows.
    pub schema: SchemaRef,
    /// The columns that make the key.
    pub keys: Vec<usize>,
    /// The event time, microseconds UTC; none = the rows have none.
    pub time: Option<Expressions>,
    /// Which rows are late.
    pub judged_by: JudgedBy,
}

/// A keyed operator.
#[derive(Debug, Clone)]
pub struct Keyed {
    name: Arc<str>,
    function: Arc<dyn KeyedFunction>,
    input: SchemaRef,
    keys: Vec<usize>,
    key_schema: SchemaRef,
    key_types: Vec<DataType>,
    time: Option<Expressions>,
    judged_by: JudgedBy,
    /// The columns that come out.
    schema: SchemaRef,
    /// The types of what is stored per key: its values, and when they were changed if they go after a while.
    state_types: Vec<DataType>,
    /// What a key without values would be stored as.
    no_state: Vec<u8>,
    partitions: u32,
    /// Of which keys nothing is said.
    silence: Option<Silence>,
}

/// One partition of the operator's tables.
#[derive(Debug)]
struct Tables<'a> {
    states: &'a mut Partition,
    timers: &'a mut Partition,
    event: &'a mut Partition,
    processing: &'a mut Partition,
    overdue: &'a mut Partition,
    /// Where the function keeps maps.
    maps: Option<&'a mut Partition>,
    /// Where the function lets states go after a while.
    expiry: Option<&'a mut Partition>,
}

impl Tables<'_> {
    /// The slots of timers by each clock.
    fn slots(&self) -> [(Domain, Timers, &Partition); 2] {
        [(Domain::EventTime, event_slots(), self.event), (Domain::ProcessingTime, processing_slots(), self.processing)]
    }

    /// Those of one clock.
    fn slots_of(&mut self, domain: Domain) -> &mut Partition {
        match domain {
            Domain::EventTime => self.event,
            Domain::ProcessingTime => self.processing,
        }
    }
}

impl Keyed {
    /// Node `name`: `function`, which was bound to the columns of `input` and to its keys.
    ///
    /// # Errors
    /// The mode is one in which a keyed operator gives nothing, there is no key, a key is of a type that cannot be one, or
    /// the function goes by an event time that there is none of.
    pub fn new(
        name: Arc<str>,
        input: KeyedInput,
        function: Arc<dyn KeyedFunction>,
        mode: OutputMode,
        partitions: u32,
    ) -> Result<Self> {
        let refused = |what: &str, help: &str| {
            Err(Error::invalid(format!("operator `{name}`: {what}")).with_help(help.to_owned()))
        };
        if mode == OutputMode::Complete {
            let what = "a keyed operator has no whole result to give in complete mode";
            return refused(what, "set output_mode to \"append\" or \"update\", or leave it out");
        }
        if input.keys.is_empty() {
            return refused("a keyed operator has no key", "name its columns, as in key_by = [\"user\"]");
        }
        check_stored(&name, input.keys.iter().map(|key| input.schema.field(*key).data_type()))?;
        let binding = function.binding();
        let by_time = [
            (binding.late == LateInput::SetAside, "sets late rows aside"),
            (binding.by_event_time, "takes rows by event time"),
        ];
        if let (Some((_, what)), None) = (by_time.iter().find(|(asks, _)| *asks), &input.time) {
            let help = "add `event_time` and `watermark` to the source or to this operator";
            return refused(&format!("its function {what}, and its input has no event time"), help);
        }
        let help = "this is the plugin's to mend";
        if let Some(read) = binding.reads.iter().find(|read| **read >= input.schema.fields().len()) {
            let columns = input.schema.fields().len();
            return refused(&format!("its function reads column {read}, and its input has {columns}"), help);
        }
        let names: Vec<&String> = binding.values.iter().chain(&binding.maps).collect();
        if let Some(twice) = (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
            return refused(&format!("its function keeps two states called `{}`", names[twice]), help);
        }
        match binding.event_time.map(|at| binding.output.get(at)) {
            None => {}
            Some(Some(field)) if *field.data_type() == timestamp() => {}
            Some(field) => {
                let is = field.map_or_else(|| "not there".to_owned(), |field| field.data_type().to_string());
                return refused(&format!("the event time of its function's output is {is}, not a timestamp"), help);
            }
        }
        let keys = input.keys.iter().map(|key| input.schema.field(*key).clone());
        let key_schema = Arc::new(Schema::new(keys.collect::<Vec<_>>()));
        let mut state_types = vec![DataType::Binary; binding.values.len()];
        state_types.extend(binding.time_to_live.map(|_| DataType::Int64));
        let count = state_types.len();
        let mut no_state = vec![0u8; count.div_ceil(8)];
        (0..count).for_each(|value| no_state[value / 8] |= 1 << (value % 8));
        Ok(Self {
            key_types: key_schema.fields().iter().map(|field| field.data_type().clone()).collect(),
            schema: Arc::new(Schema::new(binding.output.clone())),
            name,
            function,
            input: input.schema,
            keys: input.keys,
            key_schema,
            time: input.time,
            judged_by: input.judged_by,
            state_types,
            no_state,
            partitions,
            silence: None,
        })
    }

    /// What the job calls the plugin whose function it is.
    pub fn plugin(&self) -> Option<String> {
        let identity = self.function.identity();
        identity.get("plugin").and_then(serde_json::Value::as_str).map(str::to_owned)
    }

    /// How much later than they came rows may come out, microseconds: what the watermark that is passed on is less by.
    pub fn holds_back(&self) -> i64 {
        i64::try_from(self.function.binding().holds_back).unwrap_or(i64::MAX)
    }
}

impl Stateful for Keyed {
    type Partial = KeyedPartial;

    fn partial(&self, _: usize, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<KeyedPartial>> {
        self.by_key(rows, at, effects)
    }

    fn tables(&self) -> &'static [&'static str] {
        let binding = self.function.binding();
        match (binding.maps.is_empty(), binding.time_to_live.is_some()) {
            (true, false) => &["", "timers", "event-time", "processing-time", "overdue"],
            (false, false) => &["", "timers", "event-time", "processing-time", "overdue", "maps"],
            (true, true) => &["", "timers", "event-time", "processing-time", "overdue", "expiry"],
            (false, true) => &["", "timers", "event-time", "processing-time", "overdue", "maps", "expiry"],
        }
    }

    fn close(&self, end: &EpochEnd, partials: Vec<KeyedPartial>, tables: &mut [&mut Table]) -> Result<Closed> {
        self.end_epoch(end, &partials, tables)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        Keyed::fingerprint(self)
    }

    fn bring_over(&self, old: &Old, tables: &mut [&mut Table], workers: &Workers) -> Result<()> {
        self.bring_states_over(old, tables, workers)
    }

    fn explain(&self) -> Explanation {
        Keyed::explain(self)
    }

    fn late_by(&self, at: WatermarkPair) -> Option<i64> {
        self.judged_by.of(at)
    }

    fn stored_columns(&self, _: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        Some(Keyed::stored_columns(self))
    }

    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        Keyed::read(self, tables, reading)
    }

    fn next_due(&self, tables: &[&Table]) -> Option<Due> {
        let [_, _, _, processing, overdue, ..] = tables else { return Some(Due::Watermark) };
        if !overdue.is_empty() {
            return Some(Due::At(i64::MIN));
        }
        let slots = processing_slots();
        let first = |partition: &Partition| {
            let (bucket, _) = partition.buckets().next()?;
            // Once it is over all in it is due: an epoch before could find nothing.
            Some(slots.last_instant(slots.of_bucket(bucket).0))
        };
        let is_ever = |at: &i64| *at < slots.last_instant(slots.slot(i64::MAX));
        let first = processing.partitions().iter().filter_map(first).min().filter(is_ever);
        Some(first.map_or(Due::Watermark, Due::At))
    }
}
