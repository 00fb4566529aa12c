//! `millstream check JOB`

use millstream_engine::connector::Connectors;
use millstream_engine::job::Job;
use millstream_engine::{Result, run};

use super::{print, runtime};
use crate::args::CheckArgs;
use crate::tree;

/// Checks the job and shows its plan.
pub(crate) fn check(args: &CheckArgs) -> Result<()> {
    let job = Job::load(&args.job.file, &Connectors::built_in().keys(), &args.job.set)?;
    let runtime = if job.plugins.is_empty() { None } else { Some(runtime(|line| eprintln!("{line}"))?) };
    let plan = run::check(job, runtime.as_ref())?;
    print(&tree::draw(&plan.explain(), args.explain))
}
