//! The runtime: one Wasm engine with its settings, its ticker and its caches, shared by all plugins of a process.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::component::Component;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::build;
use crate::cache::Cache;
use crate::error::{PluginError, Result};
use crate::fuel::Meter;
use crate::inspect::check_format;
use crate::plugin::Plugin;
use crate::ticker::Ticker;

/// The largest component that is loaded: an order of magnitude above a Python one.
const COMPONENT_BYTES: u64 = 256 << 20;

/// Where one-line notices go: that a plugin is being built, that a Rust target is added.
pub type Notify = Arc<dyn Fn(&str) + Send + Sync>;

/// Settings of a [`Runtime`].
#[derive(Clone)]
pub struct RuntimeOptions {
    /// The folder for compiled code and built plugins. Default: `millstream` in the user's cache folder
    /// (`$XDG_CACHE_HOME` or `~/.cache`).
    pub cache_dir: Option<PathBuf>,
    /// Bytes of stack that a call may use. Default 512 KiB: enough for a recursive parser, and calls run on threads
    /// that commonly have 2 MiB.
    pub stack: usize,
    /// Live instances of all plugins together. Default 1,000; they take address space (4 GiB each) until they are
    /// used, not memory.
    pub max_instances: u32,
    /// Whether the instructions that calls execute are counted ([`Runtime::fuel`]). Default: no, since calls take longer by it.
    pub count_fuel: bool,
    /// Where notices go. Default: lines on standard error.
    pub notify: Notify,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            stack: 512 << 10,
            max_instances: 1000,
            count_fuel: false,
            notify: Arc::new(|line| eprintln!("{line}")),
        }
    }
}

/// Loads plugins. Cloning it is cheap; a process needs one.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
    /// What its plugins count with, where they count.
    meter: Option<Arc<Meter>>,
}

struct Inner {
    engine: Engine,
    ticker: Arc<Ticker>,
    cache: Cache,
    notify: Notify,
}

impl Runtime {
    /// Starts an engine and its ticker thread, which ends with the last plugin and clone of this.
    pub fn new(options: RuntimeOptions) -> Result<Self> {
        let engine = Engine::new(&config(&options, true))
            // Where address space is limited, instances are allocated one by one, which costs some microseconds each.
            .or_else(|_| Engine::new(&config(&options, false)))
            .map_err(|e| PluginError::Engine(format!("{e:#}")))?;
        let ticker =
            Ticker::start(&engine).map_err(|e| PluginError::Engine(format!("starting the ticker thread: {e}")))?;
        let cache = Cache::open(options.cache_dir.as_deref())?;
        let inner = Inner { engine, ticker: Arc::new(ticker), cache, notify: options.notify };
        Ok(Self { inner: Arc::new(inner), meter: options.count_fuel.then(Arc::default) })
    }

    /// The same runtime, whose plugins are counted apart: [`fuel`](Self::fuel) begins at 0, for those that are loaded with what is
    /// returned and its clones.
    pub fn apart(&self) -> Self {
        Self { inner: self.inner.clone(), meter: self.meter.as_ref().map(|_| Arc::default()) }
    }

    /// What all calls of its plugins have consumed up to now; none where it is not counted. About one for each instruction of the
    /// component, and one for each byte that it copies or fills at once; not what the host does for a call, nor starting and binding
    /// instances, of which there are as many as calls come at once.
    pub fn fuel(&self) -> Option<u64> {
        self.meter.as_ref().map(|meter| meter.read())
    }

    /// Loads a plugin from a component file, or from a project folder, which is built first.
    pub fn load(&self, path: &Path) -> Result<Plugin> {
        self.load_named(&path.display().to_string(), &self.component(path)?)
    }

    /// The bytes of the component that [`Runtime::load`] loads from there.
    pub fn component(&self, path: &Path) -> Result<Vec<u8>> {
        let metadata = fs::metadata(path).map_err(|e| PluginError::io(path, e))?;
        if metadata.is_dir() { self.build_project(path) } else { read_component(path) }
    }

    /// Loads a plugin from a component file.
    pub fn load_file(&self, path: &Path) -> Result<Plugin> {
        self.load_named(&path.display().to_string(), &read_component(path)?)
    }

    /// Loads a plugin from the project folder of a Rust crate, which is built with cargo for wasm32-wasip2, unless it
    /// was before and none of its sources has changed.
    ///
    /// Cargo and the standard library for that target must be there; the latter is added with rustup where it is
    /// missing.
    pub fn load_project(&self, folder: &Path) -> Result<Plugin> {
        let bytes = build::build(&self.inner.cache, &*self.inner.notify, folder)?;
        self.load_named(&folder.display().to_string(), &bytes)
    }

    /// The component that the project in `folder` makes, for giving it away. Built as by [`Runtime::load_project`],
    /// and not a second time after it.
    pub fn build_project(&self, folder: &Path) -> Result<Vec<u8>> {
        build::build(&self.inner.cache, &*self.inner.notify, folder)
    }

    /// Loads a plugin from the bytes of a component.
    pub fn load_bytes(&self, bytes: &[u8]) -> Result<Plugin> {
        self.load_named("the given file", bytes)
    }

    /// Loads a plugin from the bytes of a component, which messages call `origin`: the file that they were read from.
    pub fn load_named(&self, origin: &str, bytes: &[u8]) -> Result<Plugin> {
        let not_a_component = |found: String| PluginError::NotAComponent {
            origin: origin.to_owned(),
            found,
            hint: "build it again, with a current toolchain".to_owned(),
        };
        if bytes.len() as u64 > COMPONENT_BYTES {
            return Err(not_a_component(format!("it is larger than {} MiB", COMPONENT_BYTES >> 20)));
        }
        check_format(origin, bytes)?;
        let digest = digest(bytes);
        let component = match self.inner.cache.load_compiled(&self.inner.engine, &digest) {
            Some(component) => component,
            None => {
                let component =
                    Component::from_binary(&self.inner.engine, bytes).map_err(|e| not_a_component(format!("{e:#}")))?;
                self.inner.cache.store_compiled(&self.inner.engine, &digest, &component);
                component
            }
        };
        let meter = self.meter.clone();
        Plugin::new(self.inner.ticker.clone(), meter, origin, digest, bytes.len(), &component)
    }
}

/// The digest that a plugin of these bytes has ([`Plugin::digest`]).
pub fn digest(component: &[u8]) -> String {
    blake3::hash(component).to_hex().to_string()
}

fn read_component(path: &Path) -> Result<Vec<u8>> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(COMPONENT_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|e| PluginError::io(path, e))
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

fn config(options: &RuntimeOptions, pooling: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // Not needed, and where the advisories are.
        .concurrency_support(false)
        .epoch_interruption(true)
        .consume_fuel(options.count_fuel)
        .max_wasm_stack(options.stack)
        // The same bytes on every machine. NaNs are made one form where columns come out, which costs less than after
        // every operation.
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    if pooling {
        // What a component takes of each: a Rust one has 3 core instances, 1 memory and 2 tables.
        let instances = options.max_instances;
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(instances)
            .total_core_instances(instances.saturating_mul(8))
            .total_memories(instances.saturating_mul(2))
            .total_tables(instances.saturating_mul(8))
            .total_gc_heaps(instances)
            .max_memories_per_module(4)
            .max_tables_per_module(16)
            .table_elements(100_000);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}
