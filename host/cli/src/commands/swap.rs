//! `millstream swap JOB PLUGIN [FILE]`

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use millstream_engine::job::parse_with_value;
use millstream_engine::run::Swapped;
use millstream_engine::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::print;
use crate::args::SwapArgs;
use crate::control::{self, Question, SwapRequest};

/// After this time it is said what is waited for.
const SOON: Duration = Duration::from_secs(2);

const WAITS: &str = "waiting for the new version and its first epoch: a job that is paused, or has nothing to do, makes none \
                     (Ctrl-C ends the waiting, not the swap)";

/// Swaps a running job to another version of a plugin, and waits for its first epoch.
pub(crate) fn swap(args: &SwapArgs) -> Result<()> {
    let request = request(args)?;
    let job = control::one(&args.job)?;
    let body = serde_json::to_value(request).map_err(|e| {
        Error::invalid("the path is no text, and cannot be sent").caused_by(e).with_help("rename the file")
    })?;
    let (done, waits) = channel::<()>();
    let say = move || {
        if waits.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
            eprintln!("{WAITS}");
        }
    };
    // Without the thread it is waited for in silence.
    drop(std::thread::Builder::new().spawn(say));
    let reply = job.ask(&Question { method: "POST", path: "/swap", body: Some(&body), lasts: true })?;
    drop(done);
    let swapped: Swapped = serde_json::from_value(reply).map_err(|e| {
        Error::new(ErrorKind::Unavailable, format!("{}: what it replies is not understood: {e}", job.label()))
    })?;
    print(&format!("{swapped}\n"))
}

fn request(args: &SwapArgs) -> Result<SwapRequest> {
    let path = match &args.file {
        Some(file) if !file.exists() => {
            return Err(Error::invalid(format!("{} does not exist", file.display()))
                .with_help("name a .wasm file, or the folder of a plugin's project"));
        }
        Some(file) => {
            let absolute = std::path::absolute(file);
            Some(absolute.map_err(|e| Error::invalid(format!("{} is no path", file.display())).caused_by(e))?)
        }
        None if args.with.is_empty() => {
            return Err(Error::invalid(format!("what plugin `{}` is to be swapped to is not said", args.plugin)).with_help(
                "name a .wasm file or the folder of a plugin's project, or set keys of its configuration by --with KEY=VALUE",
            ));
        }
        None => None,
    };
    let entry = |(key, value): &(String, String)| Ok((key.clone(), parse_with_value("--with", value)?));
    let with: Map<String, Value> = args.with.iter().map(entry).collect::<Result<_>>()?;
    Ok(SwapRequest { plugin: args.plugin.clone(), path, with })
}
