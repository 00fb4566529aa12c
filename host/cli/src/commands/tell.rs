//! `millstream stop JOB`, `millstream pause JOB` and `millstream resume JOB`

use millstream_engine::Result;

use super::print;
use crate::control::{self, Question};

/// Tells a running job to stop.
pub(crate) fn stop(job: &str) -> Result<()> {
    tell(job, "/stop", "stops after the epoch that it is in", "was told to stop before")
}

/// Tells a running job to make no more epochs until it is told to go on.
pub(crate) fn pause(job: &str) -> Result<()> {
    tell(job, "/pause", "is paused", "was paused before")
}

/// Tells a paused job to go on.
pub(crate) fn resume(job: &str) -> Result<()> {
    tell(job, "/resume", "goes on", "was not paused")
}

fn tell(job: &str, path: &str, done: &str, before: &str) -> Result<()> {
    let job = control::one(job)?;
    let reply = job.ask(&Question { method: "POST", path, body: None, lasts: false })?;
    let has_changed = reply.get("changed").and_then(serde_json::Value::as_bool).unwrap_or(true);
    print(&format!("{} {}\n", job.label(), if has_changed { done } else { before }))
}
