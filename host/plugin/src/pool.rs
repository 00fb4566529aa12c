//! Live instances of a component: started, bound, pooled, timed, and thrown away after a fault. One instance may hold
//! several of the component's operators, each in a slot of its own, so that fifty functions of a dynamic language are
//! one runtime.
//!
//! What always holds: every instance that is called for a slot has given the same answer to its `bind` as the first
//! one; a call has the instance to itself; an instance that trapped or returned bad data is never called again, nor is
//! one whose calls have left more than three quarters of its memory in use.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::contract::{self, Failure, Problem, Subject};
use crate::error::{About, PluginError, Result};
use crate::fuel::Meter;
use crate::guests::{Guests, Indices, Kind};
use crate::limits::{CallOptions, Limits};
use crate::logging::LogSink;
use crate::rejects::cut;
use crate::request::Asked;
use crate::sandbox::{Sandbox, is_of_the_system};
use crate::ticker::Ticker;
use crate::trap;

/// The most bytes that are kept of an error's message that a guest returns.
const MESSAGE_BYTES: usize = 4 << 10;

/// The instances of one component under the same limits.
pub(crate) struct Pool {
    ticker: Arc<Ticker>,
    /// What is told how much calls consume, where the engine counts it.
    meter: Option<Arc<Meter>>,
    pre: InstancePre<Sandbox>,
    indices: Arc<Indices>,
    limits: Limits,
    /// The ticks of a call with the default options: counted once, since an empty call takes less than half a
    /// microsecond.
    usual_ticks: u64,
    #[allow(clippy::vec_box, reason = "an instance goes in and out at every call, and has some hundred bytes")]
    idle: Mutex<Vec<Box<Live>>>,
    slots: Mutex<Slots>,
}

/// Which slots are in use.
#[derive(Default)]
struct Slots {
    free: Vec<u32>,
    used: u32,
    /// Told to each use of a slot, so that an instance that has another use bound there is known.
    uses: u64,
}

struct Live {
    store: Store<Sandbox>,
    guests: Guests,
    /// By slot: the use of it that is bound, 0 for none.
    bound: Vec<u64>,
}

impl Pool {
    pub(crate) fn new(
        ticker: Arc<Ticker>,
        meter: Option<Arc<Meter>>,
        pre: InstancePre<Sandbox>,
        indices: Arc<Indices>,
        limits: &Limits,
    ) -> Arc<Self> {
        Arc::new(Self {
            ticker,
            meter,
            pre,
            indices,
            limits: limits.clone(),
            usual_ticks: Ticker::ticks(CallOptions::default().time_of(limits.call_time)),
            idle: Mutex::new(Vec::new()),
            slots: Mutex::new(Slots::default()),
        })
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What the component's catalog answers.
    pub(crate) fn catalog(&self) -> Result<Vec<contract::catalog::Operator>> {
        let mut live = match self.idle() {
            Some(live) => live,
            None => self.new_instance()?,
        };
        self.begin(&mut live.store, Ticker::ticks(self.limits.bind_time));
        let Live { store, guests, .. } = &mut *live;
        let operators = guests.catalog.call_operators(&mut *store);
        let operators = operators.map_err(|error| trap::classify(&error, store.data(), self.limits.bind_time))?;
        self.put_back(live);
        Ok(operators)
    }

    fn idle(&self) -> Option<Box<Live>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put_back(&self, live: Box<Live>) {
        if !live.store.data().is_nearly_full() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(live);
        }
    }

    fn begin(&self, store: &mut Store<Sandbox>, ticks: u64) {
        store.data_mut().begin_call();
        if self.meter.is_some() {
            Meter::fill(store);
        }
        store.set_epoch_deadline(ticks);
        self.ticker.call_begins(ticks);
    }

    fn new_instance(&self) -> Result<Box<Live>> {
        let time = self.limits.bind_time;
        let mut store = Store::new(self.pre.engine(), Sandbox::new(&self.limits));
        store.limiter(|sandbox| sandbox);
        store.set_hostcall_fuel(self.limits.returned_bytes);
        self.begin(&mut store, Ticker::ticks(time));
        let started = self.pre.instantiate(&mut store);
        let instance = started.map_err(|error| instantiation_error(&error, store.data(), time))?;
        let guests = Guests::load(&self.indices, &mut store, &instance).map_err(|e| PluginError::MissingExport {
            origin: "the plugin".to_owned(),
            message: format!("its functions have other types than the contract's: {e:#}"),
            hint: "build it with the SDK, or with the WIT, of this version".to_owned(),
        })?;
        Ok(Box::new(Live { store, guests, bound: Vec::new() }))
    }
}

/// How many there are in a call of what its failure can be about.
#[derive(Clone, Copy, Default)]
pub(crate) struct Subjects {
    /// Input rows.
    pub rows: u32,
    /// Keys of a keyed call.
    pub keys: u32,
    /// Stored states, or keys that may have one.
    pub states: u32,
}

impl Subjects {
    pub fn rows(rows: u32) -> Self {
        Self { rows, ..Self::default() }
    }

    pub fn states(states: u32) -> Self {
        Self { states, ..Self::default() }
    }

    /// What is wrong with a failure that is about something that the call does not have.
    fn refuse(self, about: Subject) -> Option<String> {
        let (what, number, there_are) = match about {
            Subject::Row(row) => ("row", row, self.rows),
            Subject::Key(key) => ("key", key, self.keys),
            Subject::State(state) => ("stored state", state, self.states),
        };
        (number >= there_are).then(|| format!("it failed with {what} {number} of {there_are}"))
    }
}

/// One operator of a component, bound in a slot of each instance that is called for it.
pub(crate) struct Slot<K: Kind> {
    pool: Arc<Pool>,
    slot: u32,
    this_use: u64,
    asked: Asked,
    log: Option<LogSink>,
    answer: OnceLock<K::Answer>,
}

impl<K: Kind> Slot<K> {
    /// Takes a slot and binds the operator in a first instance.
    pub(crate) fn bind(pool: &Arc<Pool>, asked: Asked, log: Option<LogSink>) -> Result<Self> {
        let (slot, this_use) = {
            let mut slots = pool.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.uses += 1;
            let slot = slots.free.pop().unwrap_or(slots.used);
            slots.used = slots.used.max(slot + 1);
            (slot, slots.uses)
        };
        let bound = Self { pool: pool.clone(), slot, this_use, asked, log, answer: OnceLock::new() };
        let first = bound.instance(false)?;
        pool.put_back(first);
        Ok(bound)
    }

    /// What `bind` answered.
    pub(crate) fn answer(&self) -> &K::Answer {
        self.answer.get().expect("the first instance's answer is set by `bind`")
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.pool.limits
    }

    /// Makes one call: `call` runs the guest, `check` makes of its result what the caller wants, or says what is wrong
    /// with it. `subjects`: what the guest is given that an error can name.
    pub(crate) fn call<R, T>(
        &self,
        options: CallOptions,
        subjects: Subjects,
        call: impl FnOnce(&Guests, &mut Store<Sandbox>, u32) -> wasmtime::Result<Result<R, Failure>>,
        check: impl FnOnce(R) -> Result<T, String>,
    ) -> Result<T> {
        let mut live = self.instance(options.fresh_instance).map_err(PluginError::at_start)?;
        let time = || options.time_of(self.limits().call_time);
        let ticks = if options == CallOptions::default() { self.pool.usual_ticks } else { Ticker::ticks(time()) };
        self.pool.begin(&mut live.store, ticks);
        let Live { store, guests, .. } = &mut *live;
        let called = call(guests, store, self.slot);
        if let Some(meter) = &self.pool.meter {
            meter.count(store);
        }
        self.hand_over_log(store);
        match called {
            Ok(Ok(result)) => match check(result) {
                Ok(value) => {
                    self.pool.put_back(live);
                    Ok(value)
                }
                Err(message) => Err(PluginError::BadOutput { message, output: live.store.data().output() }),
            },
            Ok(Err(Failure { message, about })) => {
                let output = live.store.data().output();
                let message = cut(message, MESSAGE_BYTES);
                if let Some(wrong) = about.and_then(|about| subjects.refuse(about)) {
                    return Err(PluginError::BadOutput { message: format!("{wrong}: {message}"), output });
                }
                self.pool.put_back(live);
                let about = match about {
                    Some(Subject::State(state)) => return Err(PluginError::State { message, state, output }),
                    Some(Subject::Row(row)) => Some(About::Row(row)),
                    Some(Subject::Key(key)) => Some(About::Key(key)),
                    None => None,
                };
                Err(PluginError::Returned { message, about, output })
            }
            Err(error) => Err(trap::classify(&error, live.store.data(), time())),
        }
    }

    /// An instance in which the operator is bound: an idle one, or a new one.
    fn instance(&self, fresh: bool) -> Result<Box<Live>> {
        // A fresh one takes the place of an idle one in the pool, which would grow with every such call otherwise.
        let mut live = match self.pool.idle().filter(|_| !fresh) {
            Some(live) => live,
            None => self.pool.new_instance()?,
        };
        let slot = self.slot as usize;
        if live.bound.get(slot) == Some(&self.this_use) {
            return Ok(live);
        }
        let time = self.limits().bind_time;
        self.pool.begin(&mut live.store, Ticker::ticks(time));
        let Live { store, guests, .. } = &mut *live;
        let answer = K::bind(guests, store, self.slot, &self.asked);
        self.hand_over_log(store);
        let answer = answer.map_err(|error| trap::classify(&error, store.data(), time))?;
        let answer = match answer {
            Ok(answer) => answer,
            Err(Problem { key, message }) => {
                self.pool.put_back(live);
                return Err(PluginError::Refused {
                    key: key.map(|key| cut(key, MESSAGE_BYTES)),
                    message: cut(message, MESSAGE_BYTES),
                });
            }
        };
        if !self.answer.is_or_becomes(answer) {
            return Err(PluginError::bad_output(
                "`bind` gave another answer than before for the same configuration and input; it must depend on nothing \
                 else",
            )
            .with_output(|| live.store.data().output()));
        }
        live.store.data_mut().is_bound();
        if live.bound.len() <= slot {
            live.bound.resize(slot + 1, 0);
        }
        live.bound[slot] = self.this_use;
        Ok(live)
    }

    fn hand_over_log(&self, store: &mut Store<Sandbox>) {
        let logged = store.data_mut().take_log();
        if let (Some(sink), false) = (&self.log, logged.is_empty()) {
            sink.take(logged);
        }
    }
}

impl<K: Kind> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut slots = self.pool.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.free.push(self.slot);
        if slots.free.len() == slots.used as usize {
            // Nothing is bound any more: what the instances hold is of no use.
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// Sets a value once; later ones must be equal.
trait IsOrBecomes<T> {
    fn is_or_becomes(&self, value: T) -> bool;
}

impl<T: PartialEq> IsOrBecomes<T> for OnceLock<T> {
    fn is_or_becomes(&self, value: T) -> bool {
        match self.set(value) {
            Ok(()) => true,
            Err(value) => self.get() == Some(&value),
        }
    }
}

/// A component that does not start: its own fault, a limit, or no room for it.
fn instantiation_error(error: &wasmtime::Error, sandbox: &Sandbox, time: Duration) -> PluginError {
    if error.is::<wasmtime::PoolConcurrencyLimitError>() || is_of_the_system(error) {
        return PluginError::NoRoom(format!("no other instance fits: {}", error.root_cause()));
    }
    match trap::classify(error, sandbox, time) {
        PluginError::BadOutput { .. } => PluginError::Engine(format!("the component does not start: {error:#}")),
        other => other,
    }
}
