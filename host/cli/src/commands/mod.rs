//! What the commands do: each reads its options, calls the library that does the work, and shows the result.

pub(crate) mod check;
pub(crate) mod epochs;
pub(crate) mod generate;
pub(crate) mod plugin;
pub(crate) mod run;
pub(crate) mod sql;

use std::io::{self, Write};
use std::sync::Arc;

use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::{Runtime, RuntimeOptions};

/// Where plugins run; `notify` is told when one is built.
fn runtime(notify: impl Fn(&str) + Send + Sync + 'static) -> Result<Runtime> {
    Ok(Runtime::new(RuntimeOptions { notify: Arc::new(notify), ..RuntimeOptions::default() })?)
}

/// Prints on standard output; a reader that has gone away (`| head`) has seen enough.
fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Unavailable, "cannot write to standard output").caused_by(error))
        }
        _ => Ok(()),
    }
}
