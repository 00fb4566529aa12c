//! `millstream swap JOB PLUGIN [FILE]`

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use millstream_engine::run::{CanaryTerms, Swapped};
use millstream_engine::{Error, ErrorKind, Result};

use super::{print, version};
use crate::args::SwapArgs;
use crate::control::{self, Question, Running, SwapRequest};

/// After this time it is said what is waited for.
const SOON: Duration = Duration::from_secs(2);

const WAITS: &str = "waiting for the new version and its first epoch: a job that is paused, or has nothing to do, makes none \
                     (Ctrl-C ends the waiting, not the swap)";

/// Swaps a running job to another version of a plugin, and waits for its first epoch.
pub(crate) fn swap(args: &SwapArgs) -> Result<()> {
    if args.abort {
        return abort(&control::one(&args.job)?, &args.plugin);
    }
    // What is wrong with the command line is told first.
    let mut request = request(&args.plugin, args.file.as_deref(), &args.with)?;
    request.canary = args.canary.map(|share| CanaryTerms { share, promote_after: args.promote_after });
    swap_running(&control::one(&args.job)?, request)
}

/// Ends the canary of `plugin`.
fn abort(job: &Running, plugin: &str) -> Result<()> {
    let canary = job.status.as_ref().ok().and_then(|status| status.canary.as_ref());
    if canary.is_none_or(|canary| canary.plugin != plugin) {
        return Err(Error::invalid(format!("plugin `{plugin}` of {} has no canary", job.label()))
            .with_help("`millstream top` shows what a job uses"));
    }
    job.ask(&Question { method: "POST", path: "/abort", body: None, lasts: true })?;
    print(&format!("plugin `{plugin}`: its canary has ended, the version before answers for all keys\n"))
}

/// Swaps `job` as `request` says, and waits for the first epoch.
pub(super) fn swap_running(job: &Running, request: SwapRequest) -> Result<()> {
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

/// What a job is asked for another version of `plugin`, as a command line names it.
pub(super) fn request(plugin: &str, file: Option<&Path>, with: &[(String, String)]) -> Result<SwapRequest> {
    let (path, with) = version(plugin, file, with)?;
    Ok(SwapRequest { plugin: plugin.to_owned(), path, with, canary: None })
}
