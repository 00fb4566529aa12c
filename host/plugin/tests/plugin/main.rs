//! Whole plugins, built from their sources and called: what works, what is refused, and what a plugin that misbehaves
//! can do to its host (nothing).
//!
//! The guests are the crates of `tests/guest`; they are built once into cargo's folder for tests. Those of
//! `tests/languages` are built by hand, and asked for in tests that are ignored.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod aggregate;
mod contract;
mod filter;
mod flat_map;
mod fuel;
mod hints;
mod imports;
mod keyed;
mod languages;
mod loading;
mod map;
mod nested;
mod several;
mod traps;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use millstream_plugin::{Bound, InputField, Limits, Plugin, PluginError, Request, Runtime, RuntimeOptions};

/// One runtime for all tests, as in a program.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new(options(&cache_dir())).unwrap())
}

fn options(cache: &Path) -> RuntimeOptions {
    RuntimeOptions { cache_dir: Some(cache.to_owned()), ..RuntimeOptions::default() }
}

fn cache_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("millstream-plugin-cache")
}

fn guest_dir(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest").join(kind)
}

fn plugin(kind: &str) -> Plugin {
    runtime().load(&guest_dir(kind)).unwrap()
}

/// The guest of `kind`, told to `mode`, bound to the columns of `batch`.
fn bind(kind: &str, mode: &str, batch: &RecordBatch, limits: &Limits) -> Result<Bound, PluginError> {
    bind_with(&plugin(kind), &format!("{{\"do\": \"{mode}\"}}"), batch, limits)
}

/// `plugin` with this configuration, bound to the columns of `batch`.
fn bind_with(plugin: &Plugin, config: &str, batch: &RecordBatch, limits: &Limits) -> Result<Bound, PluginError> {
    let input = InputField::of_schema(&batch.schema());
    plugin.bind(&Request { config, input: &input, ..Request::default() }, limits)
}

fn ints(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// One column `n` of numbers.
fn numbers(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    RecordBatch::try_from_iter([("n", ints(values))]).unwrap()
}
