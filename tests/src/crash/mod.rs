//! Crashes: a process is killed (`kill -9`) at each named fault point, and started again; then the files of its sinks,
//! its dead letters and its state must be those of a run that nobody disturbed.
//!
//! | module | what it holds |
//! |---|---|
//! | `between` | what may be done to the job, its input and its output between crash and restart |
//! | `jobs` | the jobs and their input |
//! | `outcome` | what a job has left behind |
//! | `pairs` | killed again while it recovers, or later |
//! | `process` | one life of a process |
//! | `single` | killed once: every point of every job, the first, a middle and the last time it is passed |
//!
//! A selection runs always. The whole: `MILLSTREAM_CRASH=all cargo test --workspace --lib crash::`. Another
//! selection: `MILLSTREAM_CRASH_SEED=7`. A failure names the job, the lives and their seeds; it replays as it was.

mod between;
pub mod jobs;
pub mod outcome;
mod pairs;
pub mod process;
mod single;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use jobs::Case;
use outcome::Outcome;
use process::Life;
use tempfile::TempDir;

/// Whether everything is to be run.
fn all() -> bool {
    std::env::var("MILLSTREAM_CRASH").is_ok_and(|v| v == "all")
}

/// What the selection, and what is random, is made from.
fn seed() -> u64 {
    std::env::var("MILLSTREAM_CRASH_SEED").map_or(20_260_301, |text| text.parse().unwrap())
}

/// A job, and what it does undisturbed.
struct Known {
    case: Case,
    /// How often it passes each point, when it is stepped by `schedule`.
    passed: BTreeMap<&'static str, u64>,
    schedule: u64,
    /// How often it passes each other point on threads.
    on_threads: BTreeMap<&'static str, u64>,
    outcome: Outcome,
    scratch: TempDir,
    folders: AtomicUsize,
}

impl Known {
    fn new(case: Case, schedule: u64) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("undisturbed");
        jobs::lay_out(&folder, &case);
        let passed = Life::default().stepped(schedule).counted(&folder);
        // A stepped run leaves the last mark to the next one.
        let mut on_threads = Life::default().counted(&folder);
        on_threads.retain(|point, _| !passed.contains_key(point));
        let outcome = Outcome::of(&folder);
        assert!(outcome.files.len() > 2 && !outcome.state.is_empty(), "{}: nothing was done", case.name);
        Self { case, passed, schedule, on_threads, outcome, scratch, folders: AtomicUsize::new(0) }
    }

    /// How often a point is passed, if it is.
    fn times(&self, point: &str) -> Option<u64> {
        self.passed.get(point).or_else(|| self.on_threads.get(point)).copied()
    }

    /// A life that is sure to be killed at `point` the `n`-th time it is passed: by the very schedule that the passings
    /// were counted with.
    fn surely_killed_at(&self, point: &str, n: u64) -> Life {
        let life = Life::killed_at(point, n);
        if self.passed.contains_key(point) { life.stepped(self.schedule) } else { life }
    }

    /// A folder with the job and its input, not yet run.
    fn folder(&self) -> PathBuf {
        let folder = self.scratch.path().join(self.folders.fetch_add(1, Ordering::Relaxed).to_string());
        jobs::lay_out(&folder, &self.case);
        folder
    }

    /// Runs what is left and compares.
    fn finish(&self, what: &str, folder: &Path) {
        Life::default().here(folder).unwrap_or_else(|e| panic!("{what}: {e}, {:?}", e.help()));
        Outcome::of(folder).assert_same(what, &self.outcome);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// All jobs, run undisturbed.
fn known() -> Vec<Known> {
    let cases = jobs::cases().into_iter().zip(seed()..);
    cases.map(|(case, schedule)| Known::new(case, schedule)).collect()
}

/// Does `work` for each of `all`, a few at a time: most of the time is spent waiting for the disk.
fn each<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if failed.is_poisoned() {
                        return;
                    }
                    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(one)));
                    if let Err(panic) = ended {
                        let _poisoned = failed.lock();
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}
