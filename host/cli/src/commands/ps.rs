//! `millstream ps`

use millstream_engine::{Error, Result};

use super::print;
use crate::args::PsArgs;
use crate::columns::{self, Column, Side};
use crate::control::{self, JobStatus, Running};
use crate::progress::epoch_json::EpochJson;
use crate::text;

/// Shows the jobs that run.
pub(crate) fn ps(args: &PsArgs) -> Result<()> {
    let running = control::all()?;
    if args.json {
        return print(&objects(&running)?);
    }
    if running.is_empty() {
        eprintln!("{NONE}");
        return Ok(());
    }
    let rows: Vec<_> = running.iter().map(cells).collect();
    print(&(columns::lines(&COLUMNS, &rows).join("\n") + "\n"))
}

/// What is said where there is nothing to show.
pub(super) const NONE: &str = "no job of yours is running";

/// An object per line. One that does not reply is one with its process id and `error`.
pub(super) fn objects(running: &[Running]) -> Result<String> {
    let object = |job: &Running| match &job.status {
        Ok(status) => serde_json::to_string(status),
        Err(why) => serde_json::to_string(&serde_json::json!({ "pid": job.pid, "error": why.to_string() })),
    };
    let lines: serde_json::Result<String> = running.iter().map(|job| object(job).map(|line| line + "\n")).collect();
    lines.map_err(|e| Error::internal(format!("a job's state is no JSON: {e}")))
}

const COLUMNS: [Column; 7] = [
    ("job", Side::Left),
    ("pid", Side::Right),
    ("state", Side::Left),
    ("epoch", Side::Right),
    ("rows in/s", Side::Right),
    ("watermark", Side::Left),
    ("checkpoint", Side::Left),
];

fn cells(job: &Running) -> [String; 7] {
    let pid = job.pid.to_string();
    let Ok(status) = &job.status else {
        return [nothing(), pid, NO_REPLY.to_owned(), nothing(), nothing(), nothing(), nothing()];
    };
    [
        status.job.clone(),
        pid,
        status.state.to_string(),
        epoch(status),
        text::count(status.rows_in_per_second),
        watermark(status),
        match (&status.checkpoint, status.temporary_checkpoint) {
            (_, true) => "none".to_owned(),
            (Some(checkpoint), false) => checkpoint.clone(),
            (None, false) => nothing(),
        },
    ]
}

/// The state of a job that does not reply.
pub(super) const NO_REPLY: &str = "no reply";

pub(super) fn nothing() -> String {
    "-".to_owned()
}

pub(super) fn epoch(status: &JobStatus) -> String {
    status.epoch().map_or_else(nothing, |epoch| epoch.to_string())
}

pub(super) fn watermark(status: &JobStatus) -> String {
    status.last_epoch.as_ref().map_or_else(nothing, EpochJson::shown_watermark)
}
