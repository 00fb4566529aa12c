//! Live instances of a bound plugin: started, bound, pooled, timed, and thrown away after a fault.
//!
//! What always holds: every instance that is called has given the same answer to `bind` as the first one; a call has
//! the instance to itself; an instance that trapped or returned bad data is never called again.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::binding::Input;
use crate::contract::{self, Problem};
use crate::error::{PluginError, Result};
use crate::limits::{CallOptions, Limits};
use crate::rejects::cut;
use crate::sandbox::{Sandbox, is_of_the_system};
use crate::ticker::Ticker;
use crate::trap;

/// The most bytes that are kept of an error's message that a guest returns.
const MESSAGE_BYTES: usize = 4 << 10;

/// A kind of operator: the exports of one of the contract's interfaces.
pub(crate) trait Guest: Sized + Send + 'static {
    /// Where the exports are, found once per component.
    type Indices: Send + Sync;
    /// What `bind` answers.
    type Answer: PartialEq + Send + Sync;

    fn indices(pre: &InstancePre<Sandbox>) -> wasmtime::Result<Self::Indices>;
    fn load(indices: &Self::Indices, store: &mut Store<Sandbox>, instance: &Instance) -> wasmtime::Result<Self>;
    fn bind(
        &self,
        store: &mut Store<Sandbox>,
        config: &str,
        input: &[contract::InputField<'_>],
    ) -> wasmtime::Result<Result<Self::Answer, Problem>>;
}

macro_rules! guest {
    ($module:ident, $answer:ty) => {
        impl Guest for contract::$module::Guest {
            type Indices = contract::$module::GuestIndices;
            type Answer = $answer;

            fn indices(pre: &InstancePre<Sandbox>) -> wasmtime::Result<Self::Indices> {
                contract::$module::GuestIndices::new(pre)
            }

            fn load(
                indices: &Self::Indices,
                store: &mut Store<Sandbox>,
                instance: &Instance,
            ) -> wasmtime::Result<Self> {
                indices.load(store, instance)
            }

            fn bind(
                &self,
                store: &mut Store<Sandbox>,
                config: &str,
                input: &[contract::InputField<'_>],
            ) -> wasmtime::Result<Result<Self::Answer, Problem>> {
                self.call_bind(store, config, input)
            }
        }
    };
}

guest!(filter, contract::Binding);
guest!(map, contract::Binding);
guest!(flat_map, contract::Binding);
guest!(aggregate, contract::aggregate::AggregateBinding);

/// The instances of one bound plugin.
pub(crate) struct Instances<G: Guest> {
    ticker: Arc<Ticker>,
    pre: InstancePre<Sandbox>,
    indices: G::Indices,
    config: String,
    input: Input,
    limits: Limits,
    /// The ticks of a call with the default options: counted once, since an empty call takes less than half a
    /// microsecond.
    usual_ticks: u64,
    answer: OnceLock<G::Answer>,
    idle: Mutex<Vec<Box<Live<G>>>>,
}

struct Live<G> {
    store: Store<Sandbox>,
    guest: G,
}

impl<G: Guest> Instances<G> {
    /// Starts the first instance and asks it to bind.
    pub(crate) fn start(
        ticker: Arc<Ticker>,
        pre: InstancePre<Sandbox>,
        config: &str,
        input: Input,
        limits: &Limits,
    ) -> Result<Self> {
        let indices = G::indices(&pre).map_err(|e| PluginError::Engine(format!("{e:#}")))?;
        let instances = Self {
            ticker,
            pre,
            indices,
            config: config.to_owned(),
            input,
            limits: limits.clone(),
            usual_ticks: Ticker::ticks(CallOptions::default().time_of(limits.call_time)),
            answer: OnceLock::new(),
            idle: Mutex::new(Vec::new()),
        };
        let first = instances.new_instance()?;
        instances.put_back(first);
        Ok(instances)
    }

    /// What `bind` answered.
    pub(crate) fn answer(&self) -> &G::Answer {
        self.answer.get().expect("the first instance's answer is set by `start`")
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes one call: `call` runs the guest, `check` makes of its result what the caller wants, or says what is wrong
    /// with it.
    pub(crate) fn call<R, T>(
        &self,
        options: CallOptions,
        call: impl FnOnce(&G, &mut Store<Sandbox>) -> wasmtime::Result<Result<R, String>>,
        check: impl FnOnce(R) -> Result<T, String>,
    ) -> Result<T> {
        let mut live = match self.idle(options) {
            Some(live) => live,
            None => self.new_instance().map_err(PluginError::at_start)?,
        };
        let time = || options.time_of(self.limits.call_time);
        let ticks = if options == CallOptions::default() { self.usual_ticks } else { Ticker::ticks(time()) };
        self.begin(&mut live.store, ticks);
        let Live { store, guest } = &mut *live;
        match call(guest, store) {
            Ok(Ok(result)) => match check(result) {
                Ok(value) => {
                    self.put_back(live);
                    Ok(value)
                }
                Err(message) => Err(PluginError::BadOutput { message, stderr: live.store.data().stderr() }),
            },
            Ok(Err(message)) => {
                let stderr = live.store.data().stderr();
                self.put_back(live);
                Err(PluginError::Returned { message: cut(message, MESSAGE_BYTES), stderr })
            }
            Err(error) => Err(trap::classify(&error, live.store.data(), time())),
        }
    }

    fn idle(&self, options: CallOptions) -> Option<Box<Live<G>>> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // The fresh one takes its place in the pool, which would grow with every such call otherwise.
        idle.filter(|_| !options.fresh_instance)
    }

    fn put_back(&self, live: Box<Live<G>>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(live);
    }

    fn begin(&self, store: &mut Store<Sandbox>, ticks: u64) {
        store.data_mut().begin_call();
        store.set_epoch_deadline(ticks);
        self.ticker.call_begins(ticks);
    }

    fn new_instance(&self) -> Result<Box<Live<G>>> {
        let time = self.limits.bind_time;
        let mut store = Store::new(self.pre.engine(), Sandbox::new(&self.limits));
        store.limiter(|sandbox| sandbox);
        store.set_hostcall_fuel(self.limits.returned_bytes);
        self.begin(&mut store, Ticker::ticks(time));
        let started = self.pre.instantiate(&mut store);
        let instance = started.map_err(|error| instantiation_error(&error, store.data(), time))?;
        let guest = G::load(&self.indices, &mut store, &instance).map_err(|e| PluginError::MissingExport {
            origin: "the plugin".to_owned(),
            message: format!("its functions have other types than the contract's: {e:#}"),
            hint: "build it with the SDK, or with the WIT, of this version".to_owned(),
        })?;

        self.begin(&mut store, Ticker::ticks(time));
        let answer = self.input.with_params(|input| guest.bind(&mut store, &self.config, input));
        let answer = answer.map_err(|error| trap::classify(&error, store.data(), time))?;
        let answer = answer.map_err(|problem| PluginError::Refused {
            key: problem.key.map(|key| cut(key, MESSAGE_BYTES)),
            message: cut(problem.message, MESSAGE_BYTES),
        })?;
        if self.answer.get_or_init_eq(answer) {
            Ok(Box::new(Live { store, guest }))
        } else {
            Err(PluginError::bad_output(
                "`bind` gave another answer than before for the same configuration and input; it must depend on nothing else",
            )
            .with_stderr(|| store.data().stderr()))
        }
    }
}

/// Sets a value once; later ones must be equal.
trait GetOrInitEq<T> {
    fn get_or_init_eq(&self, value: T) -> bool;
}

impl<T: PartialEq> GetOrInitEq<T> for OnceLock<T> {
    fn get_or_init_eq(&self, value: T) -> bool {
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
