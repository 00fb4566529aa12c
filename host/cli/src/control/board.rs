//! What is known of the job that this process runs: noted as the run tells it, and handed on to how progress is shown.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use millstream_engine::job::Job;
use millstream_engine::run::Control;
use millstream_engine::run::report::{
    CanaryReport, EpochReport, LogLine, Observer, SourceChange, Started, Swapped, UsedPlugin,
};

use super::status::{JobState, JobStatus};
use crate::progress::Progress;
use crate::progress::epoch_json::millis;
use crate::progress::rate::Rate;
use crate::progress::totals::Totals;
use crate::text;

/// Watches a run for those who ask.
pub(crate) struct Board {
    progress: Arc<dyn Progress>,
    job: String,
    file: String,
    began: Instant,
    started: String,
    noted: Mutex<Noted>,
}

struct Noted {
    /// None until the checkpoint is open.
    started: Option<Started>,
    plugins: BTreeMap<String, UsedPlugin>,
    away: BTreeMap<String, String>,
    canary: Option<CanaryReport>,
    totals: Totals,
    rate_in: Rate,
    rate_out: Rate,
}

impl Board {
    /// Of `job`, whose progress is shown by `progress`.
    pub(crate) fn new(job: &Job, progress: Arc<dyn Progress>) -> Arc<Self> {
        let began = Instant::now();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_1970.as_millis()).unwrap_or_default();
        let noted = Noted {
            started: None,
            plugins: BTreeMap::new(),
            away: BTreeMap::new(),
            canary: None,
            totals: Totals::default(),
            rate_in: Rate::new(began),
            rate_out: Rate::new(began),
        };
        Arc::new(Self {
            progress,
            job: job.name.clone(),
            file: absolute(&job.text.file),
            began,
            started: text::instant(millis * 1000).unwrap_or_default(),
            noted: Mutex::new(noted),
        })
    }

    /// What is to be said of the job, which `control` steers.
    pub(super) fn status(&self, control: &Control) -> JobStatus {
        let noted = &mut *self.noted();
        let now = Instant::now();
        let Noted { started, plugins, away, canary, totals, rate_in, rate_out } = noted;
        let is_open = started.is_some();
        JobStatus {
            job: self.job.clone(),
            pid: std::process::id(),
            file: self.file.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: match () {
                () if control.is_stopped() => JobState::Stopping,
                () if !is_open => JobState::Starting,
                () if control.is_paused() => JobState::Paused,
                () => JobState::Running,
            },
            started: self.started.clone(),
            elapsed_ms: millis(now.duration_since(self.began)),
            checkpoint: started.as_ref().map(|started| started.checkpoint.clone()),
            temporary_checkpoint: started.as_ref().is_some_and(|started| started.temporary_checkpoint),
            resumed_from: started.as_ref().and_then(|started| started.resumed_from),
            plugins: plugins.clone(),
            away: away.clone(),
            canary: canary.clone(),
            rows_in_per_second: rate_in.at(now, totals.rows_in),
            rows_out_per_second: rate_out.at(now, totals.rows_out),
            totals: (&*totals).into(),
            last_epoch: (totals.epochs > 0).then(|| (&totals.last).into()),
        }
    }

    /// Whether the job has taken up its checkpoint: before, it looks after nothing that it is told.
    pub(super) fn has_begun(&self) -> bool {
        self.noted().started.is_some()
    }

    /// Tells whoever looks at the run. That may take as long as a reader of its output does: nobody waits for it.
    pub(super) fn say(&self, line: &'static str) {
        let progress = self.progress.clone();
        drop(std::thread::Builder::new().spawn(move || progress.message(line)));
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        // A panic while it was held leaves at worst a number that is off by an epoch.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A path that says the same in any folder.
fn absolute(path: &Path) -> String {
    let absolute = path.canonicalize().or_else(|_| std::path::absolute(path));
    absolute.as_deref().unwrap_or(path).display().to_string()
}

impl Observer for Board {
    fn started(&self, started: &Started) {
        let mut noted = self.noted();
        noted.plugins.clone_from(&started.plugins);
        noted.started = Some(started.clone());
        drop(noted);
        self.progress.started(started);
    }

    fn epoch(&self, report: &EpochReport) {
        let now = Instant::now();
        let mut noted = self.noted();
        noted.totals.add(report);
        let (rows_in, rows_out) = (noted.totals.rows_in, noted.totals.rows_out);
        noted.rate_in.at(now, rows_in);
        noted.rate_out.at(now, rows_out);
        drop(noted);
        self.progress.epoch(report);
    }

    fn message(&self, message: &str) {
        self.progress.message(message);
    }

    fn canary(&self, canary: Option<&CanaryReport>) {
        self.noted().canary = canary.cloned();
        self.progress.canary(canary);
    }

    fn logged(&self, epoch: u64, line: &LogLine) {
        self.progress.logged(epoch, line);
    }

    fn swapped(&self, swapped: &Swapped) {
        // A canary has not taken its place.
        if swapped.share.is_none() {
            let used = UsedPlugin { digest: swapped.digest.clone(), swapped_since: Some(swapped.epoch) };
            self.noted().plugins.insert(swapped.plugin.clone(), used);
        }
        self.progress.swapped(swapped);
    }

    fn source(&self, change: &SourceChange) {
        match change {
            SourceChange::Away { source, why } => drop(self.noted().away.insert(source.clone(), why.clone())),
            SourceChange::Back { source, .. } => drop(self.noted().away.remove(source)),
        }
        self.progress.source(change);
    }
}
