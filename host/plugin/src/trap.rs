//! Makes sense of a call that the engine ended: which limit or fault it was, and what the guest said about it.

use std::time::Duration;

use wasmtime::{Trap as Cause, WasmBacktrace};

use crate::error::{PluginError, Trap, TrapKind};
use crate::imports::WrongCall;
use crate::rejects::cut;
use crate::sandbox::Sandbox;

/// The most function names that are kept of a backtrace.
const FRAMES: usize = 16;
const MESSAGE_BYTES: usize = 4 << 10;

/// The error for `error`, which ended a call that was given `time`.
pub(crate) fn classify(error: &wasmtime::Error, sandbox: &Sandbox, time: Duration) -> PluginError {
    let output = sandbox.output();
    let root = error.root_cause().to_string();
    let trap = |kind, message: String| {
        let message = cut(message, MESSAGE_BYTES);
        PluginError::Trap(Box::new(Trap { kind, message, output: output.clone(), backtrace: backtrace(error) }))
    };

    // Whatever the guest did then.
    if let Some(why) = sandbox.no_room() {
        return PluginError::NoRoom(why.to_owned());
    }
    if let Some(code) = sandbox.exit() {
        return trap(TrapKind::Exit, format!("it called exit with code {code}"));
    }
    if let Some(cause) = error.downcast_ref::<Cause>() {
        return match cause {
            Cause::Interrupt => trap(TrapKind::TimeLimit, format!("it ran longer than {time:?}, its time limit")),
            Cause::StackOverflow => trap(TrapKind::StackOverflow, "its calls nest too deeply".to_owned()),
            Cause::MemoryOutOfBounds if fell_off_its_stack(error) => {
                trap(TrapKind::StackOverflow, "its calls nest too deeply".to_owned())
            }
            _ => match (panic_message(&output), sandbox.refused()) {
                (Some(message), _) => trap(TrapKind::Panic, message),
                (None, Some(refused)) => trap(TrapKind::OutOfMemory, refused.to_owned()),
                (None, None) => trap(TrapKind::Crash, root.trim_start_matches("wasm trap: ").to_owned()),
            },
        };
    }
    if let Some(import) = root.strip_prefix("unknown import: `").and_then(|rest| rest.split('`').next()) {
        return trap(TrapKind::Denied(import.to_owned()), root.clone());
    }
    if let Some(WrongCall(message)) = error.downcast_ref::<WrongCall>() {
        return trap(TrapKind::Crash, message.clone());
    }
    // The engine's error for this has no public type.
    if root.contains("fuel allocated for hostcalls") {
        return trap(TrapKind::TooMuchReturned, "more bytes in one call than its limit".to_owned());
    }
    if let Some(refused) = sandbox.refused() {
        return trap(TrapKind::OutOfMemory, refused.to_owned());
    }
    PluginError::BadOutput { message: format!("it breaks the component model's calling convention: {root}"), output }
}

/// Whether an access out of bounds was the end of the stack that Rust and C keep in a guest's memory for what has no
/// place on the engine's: it lies at the memory's start and grows down, so that the address wraps around, many calls
/// deep.
fn fell_off_its_stack(error: &wasmtime::Error) -> bool {
    let address = error.chain().find_map(|cause| {
        let text = cause.to_string();
        let (_, rest) = text.split_once("memory fault at wasm address 0x")?;
        u64::from_str_radix(rest.split(' ').next()?, 16).ok()
    });
    let deep = error.downcast_ref::<WasmBacktrace>().is_some_and(|trace| trace.frames().len() >= FRAMES);
    deep && address.is_some_and(|address| address >= 0xf000_0000)
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let named = trace.frames().iter().filter_map(|frame| frame.func_name());
    named.take(FRAMES).map(|name| rustc_name(name).to_owned()).collect()
}

/// A Rust function's name without the hash at its end.
fn rustc_name(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => path,
        _ => name,
    }
}

/// The message of a Rust panic in what a guest wrote, on one line with its place:
/// `thread '<unnamed>' (1) panicked at src/lib.rs:10:5:`, the message in lines, perhaps a note.
fn panic_message(output: &str) -> Option<String> {
    let (_, rest) = output.rsplit_once(" panicked at ")?;
    let (place, message) = rest.split_once(":\n")?;
    let message = message.split("\nnote: run with `RUST_BACKTRACE").next().unwrap_or(message);
    Some(format!("{}, at {place}", message.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_without_the_noise() {
        let stderr = "\nthread '<unnamed>' (1) panicked at src/lib.rs:10:5:\nindex out of bounds: the len is 0\nnote: run \
                      with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(panic_message(stderr).unwrap(), "index out of bounds: the len is 0, at src/lib.rs:10:5");
        assert_eq!(panic_message("hello"), None);
    }

    #[test]
    fn names_lose_their_hash() {
        assert_eq!(rustc_name("core::option::unwrap_failed::h0123456789abcdef"), "core::option::unwrap_failed");
        assert_eq!(rustc_name("a::hello"), "a::hello");
    }
}
