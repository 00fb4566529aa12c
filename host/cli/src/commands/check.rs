//! `millstream check JOB`

use millstream_engine::job::Job;
use millstream_engine::{Result, run};

use super::{print, runtime};
use crate::args::CheckArgs;

/// Checks the job and prints what it would do.
pub(crate) fn check(args: &CheckArgs) -> Result<()> {
    let job = Job::load(&args.job.file, &args.job.set)?;
    let runtime = if job.plugins.is_empty() { None } else { Some(runtime(|line| eprintln!("{line}"))?) };
    let plan = run::check(job, runtime.as_ref())?;
    print(&plan.explain().to_string())
}
