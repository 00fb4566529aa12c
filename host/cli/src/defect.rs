//! Panics of the program: one message that says what to do, instead of a library's backtrace.
//!
//! What runs a job catches the panics of what it calls and goes on without the row, or ends with an error; those are
//! told as any other failure and not here. What is left is told once: a panic of the program itself, or of a thread that
//! nobody waits for.

use std::backtrace::Backtrace;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use millstream_engine::panics;

use crate::failure::{self, REPORT};

/// The stack of the thread that the command runs on: how deep a query may be nested is a matter of stack. It is address
/// space; memory is taken as far as it is used.
const STACK: usize = 256 << 20;

/// Runs `command` with room for deep recursion; a panic in it is told as a defect.
pub(crate) fn contain(command: impl FnOnce() -> ExitCode + Send + 'static) -> ExitCode {
    std::panic::set_hook(Box::new(hook));
    let caught = || panics::catch(command).unwrap_or_else(|panic| failure::report(&panic.into()));
    // With so little address space that the thread cannot be had, there is none for a job either.
    match std::thread::Builder::new().name("millstream".to_owned()).stack_size(STACK).spawn(caught) {
        Ok(thread) => thread.join().unwrap_or(ExitCode::FAILURE),
        Err(error) => failure::report(
            &millstream_engine::Error::new(
                millstream_engine::ErrorKind::Unavailable,
                format!("there is no room for a thread: {error}"),
            )
            .with_help("raise the limit of address space (`ulimit -v`)"),
        ),
    }
}

fn hook(info: &PanicHookInfo<'_>) {
    let told = panics::note(info);
    if wants_backtrace() {
        tell(&format!("{info}\n{}\n", Backtrace::force_capture()));
    } else if !told {
        let place = info.location().map(|at| format!(", at {}:{}", at.file(), at.line())).unwrap_or_default();
        let said = info.payload_as_str().unwrap_or("no word of why");
        tell(&format!(
            "error: a thread panicked: {said}{place}\nthis is a defect of Millstream: please report it at {REPORT}\n"
        ));
    }
}

/// Standard error may be closed, and a panic about that inside a panic would abort the process.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// `RUST_BACKTRACE` or `MILLSTREAM_BACKTRACE`, set to anything but 0.
fn wants_backtrace() -> bool {
    let asks = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    asks("RUST_BACKTRACE") || asks("MILLSTREAM_BACKTRACE")
}
