//! Panics of the code that we build on, as errors: no input may end the process.
//!
//! A library panics where it finds no other word for "this is too much": an offset that does not fit its type, a length
//! that overflows. Whoever can go on after that (with fewer rows, or with an error that names the place) runs the
//! library inside [`catch`]. What the work had begun to change must be thrown away by the caller; everything that is
//! run so here keeps its results to itself until it is done.
//!
//! A panic that is caught is told once, as the error that it becomes. So that it is not also told by the process's
//! panic hook, a program's hook asks [`note`] first.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Mutex, MutexGuard};

use crate::{Error, Result};

thread_local! {
    /// How many [`catch`]es this thread is in.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic on this thread happened, as the hook has seen it.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    message: String,
    /// File and line in the sources, where a hook has noted them.
    place: Option<String>,
}

impl Panic {
    /// What it said.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it said that something does not fit: a smaller piece of work may go through.
    pub fn is_too_large(&self) -> bool {
        says_too_large(&self.message)
    }

    /// Goes on with it, on whatever thread: one that another thread has caught for this one.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(Box::new(self))
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.place {
            Some(place) => write!(f, ", at {place}"),
            None => Ok(()),
        }
    }
}

impl From<Panic> for Error {
    fn from(panic: Panic) -> Self {
        Self::internal(format!("the engine panicked: {panic}"))
    }
}

/// Whether a library's message says that something does not fit its type: offsets of columns are 32 bits wide.
pub fn says_too_large(message: &str) -> bool {
    ["overflow", "exceeds i32::MAX", "too large", "exceeds the capacity", "memory limit"]
        .iter()
        .any(|s| message.contains(s))
}

/// Runs `work`; a panic inside ends it, and nothing else.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    CATCHING.set(CATCHING.get() + 1);
    let done = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(CATCHING.get() - 1);
    done.map_err(|payload| {
        let payload = match payload.downcast::<Panic>() {
            Ok(panic) => return *panic,
            Err(payload) => payload,
        };
        let message = match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => payload.downcast_ref::<&str>().map_or("no word of why", |text| text).to_owned(),
        };
        Panic { message, place: PLACE.take() }
    })
}

/// Runs `work`; a panic inside becomes an [`ErrorKind::Internal`](crate::ErrorKind::Internal) error.
pub fn as_error<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch(work).unwrap_or_else(|panic| Err(panic.into()))
}

/// What is said where another thread's panic is in the way; that thread says what it was.
const OF_ANOTHER: &str = "another thread of this job panicked";

/// What threads of a job share; an error if one of them has panicked while it changed it.
pub(crate) fn locked<T>(shared: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    shared.lock().map_err(|_| of_another())
}

/// The error of a thread that finds what another has left behind in a panic.
pub(crate) fn of_another() -> Error {
    Error::internal(OF_ANOTHER)
}

/// Whether an error says no more than that another thread has panicked.
pub(crate) fn is_of_another(error: &Error) -> bool {
    error.message().contains(OF_ANOTHER)
}

/// For a program's panic hook: whether somebody catches the panic and tells it. Where it happened is kept for them. A
/// hook that is told `false` must tell it itself.
pub fn note(info: &PanicHookInfo<'_>) -> bool {
    let place = || info.location().map(|at| format!("{}:{}", at.file(), at.line()));
    let catches = CATCHING.get() > 0;
    if catches {
        PLACE.set(place());
    }
    catches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_words() {
        assert_eq!(catch(|| 7), Ok(7));
        let panic = catch(|| -> u8 { panic!("byte array offset overflow") }).unwrap_err();
        assert_eq!(panic.message(), "byte array offset overflow");
        assert!(panic.is_too_large());
        let again = catch(|| -> u8 { panic.clone().resume() }).unwrap_err();
        assert_eq!(again, panic);
        let inner = catch(|| catch(|| -> u8 { panic!("{} is odd", 3) }).unwrap_err().message().to_owned());
        assert_eq!(inner.unwrap(), "3 is odd");
        let error = as_error(|| -> Result<()> { std::panic::panic_any(3u8) }).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (crate::ErrorKind::Internal, "the engine panicked: no word of why")
        );
    }
}
