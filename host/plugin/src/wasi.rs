//! The little of WASI that every guest gets: a standard output and error that are captured, an empty environment, no
//! arguments, no files, clocks that count how often they are asked, and random numbers that are the same in every call.
//! Everything else that a component imports is a function that traps, naming the import, when it is called.
//!
//! Why even this much: without it a Rust guest's panic reports a missing environment instead of its message, its first
//! `HashMap` traps, and the runtimes of Go, Python and JavaScript do not start. None of it lets a guest see or change
//! anything outside, and none of it differs between runs.
//!
//! Functions are defined under the exact versions of the interfaces that the component imports (any 0.2.x).

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};

use crate::imports;
use crate::sandbox::{Caller, Sandbox};

/// The seed of every guest's hash maps: any number does, as long as it is always the same.
const HASH_SEED: (u64, u64) = (0x6d69_6c6c_7374_7265, 0x616d_2d73_6565_6400);
/// How much a guest may write at once: what the interface itself allows `blocking-write-and-flush`.
const WRITE_BYTES: u64 = 4096;

/// How many random bytes a guest may ask for at once.
const RANDOM_BYTES: u64 = 1 << 20;

struct OutputStream;
struct InputStream;
struct IoError;
struct Pollable;
struct Terminal;
struct Descriptor;

const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// `wasi:io/streams.stream-error`
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[allow(dead_code, reason = "the interface has it; nothing here fails that way")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// Whether the host answers calls of the import `name`, as the component names it. All others trap.
pub(crate) fn is_granted(name: &str) -> bool {
    interface(name).is_some()
}

/// A linker that gives `component` what every guest gets, and traps for the rest of its imports.
pub(crate) fn linker(component: &Component) -> wasmtime::Result<Linker<Sandbox>> {
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    let ty = component.component_type();
    for (name, import) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        let mut linker = linker.instance(name)?;
        // An interface that uses another one's resource exports it again, and both must be the same type.
        for (name, export) in instance.exports(engine) {
            if let (ComponentItem::Resource(_), Some(ty)) = (export.ty, resource(name)) {
                linker.resource(name, ty, |_, _| Ok(()))?;
            }
        }
        if let Some(define) = interface(name) {
            define(&mut linker)?;
        }
    }
    linker.define_unknown_imports_as_traps(component)?;
    Ok(linker)
}

type Define = fn(&mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()>;

fn interface(name: &str) -> Option<Define> {
    let (interface, version) = name.split_once('@')?;
    if !version.starts_with("0.2.") {
        return None;
    }
    Some(match interface {
        "wasi:io/error" => io_error,
        "wasi:io/poll" => io_poll,
        "wasi:io/streams" => io_streams,
        "wasi:cli/environment" => cli_environment,
        "wasi:cli/exit" => cli_exit,
        "wasi:cli/stdin" => cli_stdin,
        "wasi:cli/stdout" => cli_stdout,
        "wasi:cli/stderr" => cli_stderr,
        "wasi:cli/terminal-input" => resource_only,
        "wasi:cli/terminal-output" => resource_only,
        "wasi:cli/terminal-stdin" => terminal_stdin,
        "wasi:cli/terminal-stdout" => terminal_stdout,
        "wasi:cli/terminal-stderr" => terminal_stderr,
        "wasi:filesystem/preopens" => filesystem_preopens,
        "wasi:clocks/monotonic-clock" => monotonic_clock,
        "wasi:clocks/wall-clock" => wall_clock,
        "wasi:random/random" => random,
        "wasi:random/insecure" => insecure,
        "wasi:random/insecure-seed" => insecure_seed,
        "millstream:operator/log" => imports::log,
        "millstream:operator/text" => imports::text,
        _ => return None,
    })
}

/// The host's type of a resource that it knows. Their names are unique among the interfaces that are granted.
fn resource(name: &str) -> Option<ResourceType> {
    Some(match name {
        "error" => ResourceType::host::<IoError>(),
        "pollable" => ResourceType::host::<Pollable>(),
        "input-stream" => ResourceType::host::<InputStream>(),
        "output-stream" => ResourceType::host::<OutputStream>(),
        "terminal-input" | "terminal-output" => ResourceType::host::<Terminal>(),
        "descriptor" => ResourceType::host::<Descriptor>(),
        _ => return None,
    })
}

/// An interface of which the resource is all that is given.
fn resource_only(_: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    Ok(())
}

fn io_error(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("[method]error.to-debug-string", |_: Caller<'_>, (_,): (Resource<IoError>,)| {
        Ok(("not available".to_owned(),))
    })
}

fn io_poll(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    // Only streams can be waited for, and these never block.
    linker.func_wrap("[method]pollable.ready", |_: Caller<'_>, (_,): (Resource<Pollable>,)| Ok((true,)))?;
    linker.func_wrap("[method]pollable.block", |_: Caller<'_>, (_,): (Resource<Pollable>,)| Ok(()))?;
    linker.func_wrap("poll", |_: Caller<'_>, (all,): (Vec<Resource<Pollable>>,)| {
        Ok(((0..all.len() as u32).collect::<Vec<u32>>(),))
    })
}

fn io_streams(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    type Written = (Result<(), StreamError>,);
    fn write(mut caller: Caller<'_>, (stream, bytes): (Resource<OutputStream>, Vec<u8>)) -> wasmtime::Result<Written> {
        if matches!(stream.rep(), STDOUT | STDERR) {
            caller.data_mut().write(&bytes);
        }
        Ok((Ok(()),))
    }
    fn flush(_: Caller<'_>, (_,): (Resource<OutputStream>,)) -> wasmtime::Result<Written> {
        Ok((Ok(()),))
    }
    fn read(_: Caller<'_>, (_, _): (Resource<InputStream>, u64)) -> wasmtime::Result<(Result<Vec<u8>, StreamError>,)> {
        Ok((Err(StreamError::Closed),))
    }

    linker.func_wrap("[method]output-stream.check-write", |_: Caller<'_>, (_,): (Resource<OutputStream>,)| {
        Ok((Ok::<u64, StreamError>(WRITE_BYTES),))
    })?;
    linker.func_wrap("[method]output-stream.write", write)?;
    linker.func_wrap("[method]output-stream.blocking-write-and-flush", write)?;
    linker.func_wrap("[method]output-stream.flush", flush)?;
    linker.func_wrap("[method]output-stream.blocking-flush", flush)?;
    linker.func_wrap("[method]output-stream.subscribe", |_: Caller<'_>, (_,): (Resource<OutputStream>,)| {
        Ok((Resource::<Pollable>::new_own(0),))
    })?;
    linker.func_wrap("[method]input-stream.read", read)?;
    linker.func_wrap("[method]input-stream.blocking-read", read)?;
    linker.func_wrap("[method]input-stream.subscribe", |_: Caller<'_>, (_,): (Resource<InputStream>,)| {
        Ok((Resource::<Pollable>::new_own(0),))
    })
}

fn cli_environment(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-environment", |_: Caller<'_>, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    linker.func_wrap("get-arguments", |_: Caller<'_>, (): ()| Ok((Vec::<String>::new(),)))?;
    linker.func_wrap("initial-cwd", |_: Caller<'_>, (): ()| Ok((None::<String>,)))
}

fn cli_exit(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("exit", |mut caller: Caller<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        caller.data_mut().set_exit(u8::from(status.is_err()));
        Err(wasmtime::Error::msg("the guest ended its process"))
    })
}

fn cli_stdin(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-stdin", |_: Caller<'_>, (): ()| Ok((Resource::<InputStream>::new_own(0),)))
}

fn cli_stdout(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-stdout", |_: Caller<'_>, (): ()| Ok((Resource::<OutputStream>::new_own(STDOUT),)))
}

fn cli_stderr(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-stderr", |_: Caller<'_>, (): ()| Ok((Resource::<OutputStream>::new_own(STDERR),)))
}

fn no_terminal(linker: &mut LinkerInstance<'_, Sandbox>, name: &str) -> wasmtime::Result<()> {
    linker.func_wrap(name, |_: Caller<'_>, (): ()| Ok((None::<Resource<Terminal>>,)))
}

fn terminal_stdin(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    no_terminal(linker, "get-terminal-stdin")
}

fn terminal_stdout(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    no_terminal(linker, "get-terminal-stdout")
}

fn terminal_stderr(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    no_terminal(linker, "get-terminal-stderr")
}

fn filesystem_preopens(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("get-directories", |_: Caller<'_>, (): ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),)))
}

fn monotonic_clock(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |mut caller: Caller<'_>, (): ()| Ok((caller.data_mut().tick(),)))?;
    linker.func_wrap("resolution", |_: Caller<'_>, (): ()| Ok((1u64,)))?;
    // Whoever sleeps wakes at once.
    for name in ["subscribe-instant", "subscribe-duration"] {
        linker.func_wrap(name, |_: Caller<'_>, (_,): (u64,)| Ok((Resource::<Pollable>::new_own(0),)))?;
    }
    Ok(())
}

/// `wasi:clocks/wall-clock.datetime`
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    #[component(name = "seconds")]
    seconds: u64,
    #[component(name = "nanoseconds")]
    nanoseconds: u32,
}

fn wall_clock(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |mut caller: Caller<'_>, (): ()| {
        let ticks = caller.data_mut().tick();
        Ok((Datetime { seconds: ticks / 1_000_000_000, nanoseconds: (ticks % 1_000_000_000) as u32 },))
    })?;
    linker.func_wrap("resolution", |_: Caller<'_>, (): ()| Ok((Datetime { seconds: 0, nanoseconds: 1 },)))
}

/// `get-…-bytes` and `get-…-u64` of an interface of random numbers.
fn random_numbers(linker: &mut LinkerInstance<'_, Sandbox>, bytes: &str, number: &str) -> wasmtime::Result<()> {
    linker.func_wrap(bytes, |mut caller: Caller<'_>, (length,): (u64,)| -> wasmtime::Result<(Vec<u8>,)> {
        if length > RANDOM_BYTES {
            let message = format!("{length} random bytes at once; the most are {RANDOM_BYTES}");
            return Err(imports::WrongCall(message).into());
        }
        let sandbox = caller.data_mut();
        let words = (0..length.div_ceil(8)).flat_map(|_| sandbox.random().to_le_bytes());
        Ok((words.take(length as usize).collect(),))
    })?;
    linker.func_wrap(number, |mut caller: Caller<'_>, (): ()| Ok((caller.data_mut().random(),)))
}

fn random(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    random_numbers(linker, "get-random-bytes", "get-random-u64")
}

fn insecure(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    random_numbers(linker, "get-insecure-random-bytes", "get-insecure-random-u64")
}

fn insecure_seed(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("insecure-seed", |_: Caller<'_>, (): ()| Ok((HASH_SEED,)))
}
