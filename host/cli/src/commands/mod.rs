//! What the commands do: each reads its options, calls the library that does the work, and shows the result.

pub(crate) mod cases;
pub(crate) mod check;
pub(crate) mod epochs;
pub(crate) mod generate;
pub(crate) mod new;
pub(crate) mod plugin;
#[cfg(unix)]
pub(crate) mod ps;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod savepoint;
pub(crate) mod shadow;
pub(crate) mod sql;
pub(crate) mod state;
#[cfg(unix)]
pub(crate) mod swap;
#[cfg(unix)]
pub(crate) mod tell;
#[cfg(unix)]
pub(crate) mod top;
pub(crate) mod verify;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_engine::connector::Connectors;
use millstream_engine::connector::sink::is_closed_pipe;
use millstream_engine::job::{Job, parse_with_value};
use millstream_engine::{Error, ErrorKind, Result};
use millstream_plugin::{Runtime, RuntimeOptions};
use serde_json::{Map, Value};

/// Where plugins run; `notify` is told when one is built.
fn runtime(notify: impl Fn(&str) + Send + Sync + 'static) -> Result<Runtime> {
    Ok(Runtime::new(RuntimeOptions { notify: Arc::new(notify), ..RuntimeOptions::default() })?)
}

/// The checkpoint's folder that is named, or that of the job whose file is named, or of the running job that is called so.
fn checkpoint_folder(path: &Path) -> Result<PathBuf> {
    if !path.is_file() {
        return Ok(running_checkpoint(path).unwrap_or_else(|| path.to_owned()));
    }
    let job = Job::load(path, &Connectors::built_in().keys(), &[])?;
    job.checkpoint.ok_or_else(|| {
        Error::invalid(format!("job `{}` names no checkpoint: what it keeps is gone after each run", job.name))
            .with_help("write checkpoint = \"FOLDER\" into its file")
    })
}

/// The checkpoint of the running job that is called like this, where no folder is.
#[cfg(unix)]
fn running_checkpoint(word: &Path) -> Option<PathBuf> {
    let running = if word.exists() { None } else { crate::control::one(word.to_str()?).ok() }?;
    running.status.ok()?.checkpoint.map(PathBuf::from)
}

#[cfg(not(unix))]
fn running_checkpoint(_: &Path) -> Option<PathBuf> {
    None
}

/// Another version of `plugin` as a command line names it: the absolute path of its component or project, and keys of its `with`.
fn version(
    plugin: &str,
    file: Option<&Path>,
    with: &[(String, String)],
) -> Result<(Option<PathBuf>, Map<String, Value>)> {
    let path = match file {
        Some(file) if !file.exists() => {
            return Err(Error::invalid(format!("{} does not exist", file.display()))
                .with_help("name a .wasm file, or the folder of a plugin's project"));
        }
        Some(file) => {
            let absolute = std::path::absolute(file);
            Some(absolute.map_err(|e| Error::invalid(format!("{} is no path", file.display())).caused_by(e))?)
        }
        None if with.is_empty() => {
            let error = Error::invalid(format!("what other version of plugin `{plugin}` is meant is not said"));
            return Err(error.with_help(
                "name a .wasm file or the folder of a plugin's project, or set keys of its configuration by --with KEY=VALUE",
            ));
        }
        None => None,
    };
    let entry = |(key, value): &(String, String)| Ok((key.clone(), parse_with_value("--with", value)?));
    Ok((path, with.iter().map(entry).collect::<Result<_>>()?))
}

/// Prints on standard output; a reader that has gone away (`| head`) has seen enough.
fn print(text: &str) -> Result<()> {
    match print_to_reader(text) {
        Err(error) if is_closed_pipe(&error) => Ok(()),
        done => done,
    }
}

/// Prints on standard output, and says if nobody reads it any more: for who has more to come.
fn print_to_reader(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|e| Error::new(ErrorKind::Unavailable, "cannot write to standard output").caused_by(e))
}
