//! One life of a process that runs the job in a folder: to its end, or until it is killed (`kill -9`) at a fault point.
//!
//! The process is this test binary, told by environment variables which folder it is for. Everything that could
//! differ from life to life is fixed: the clock, the checkpoint's id, when snapshots are written.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_engine::Result;
use millstream_engine::checkpoint::SnapshotSizes;
use millstream_engine::clock::ManualClock;
use millstream_engine::connector::Connectors;
use millstream_engine::fault::Faults;
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{Environment, Observer, Pace, RunOptions, Turn, run};

use crate::support::runtime;

const FOLDER: &str = "MILLSTREAM_CRASH_FOLDER";
const LIFE: &str = "MILLSTREAM_CRASH_LIFE";

/// The checkpoint's id in all folders, so that the names of published files are the same.
const ID: u64 = 0xC4A5_4C4A_54C4_A54C;

/// A seeded source of choices (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// How a process lives: where it is killed, and how committing goes along with computing.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// Killed when it passes this point the n-th time (from 1).
    pub fault: Option<(String, u64)>,
    /// On the loop's own thread by a schedule from this seed, the same each time; else on threads.
    pub stepped: Option<u64>,
    /// There it is not killed but stopped, as a process that hangs.
    pub stalls: bool,
    /// Begins anew.
    pub fresh: bool,
    /// A new checkpoint gets an id of its own.
    pub other_id: bool,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (point, n) = self.fault.as_ref().map_or(("", 0), |(point, n)| (point, *n));
        let stepped = self.stepped.map_or(String::new(), |seed| seed.to_string());
        let fresh = if self.fresh { "fresh" } else { "" };
        write!(f, "{point}@{n}@{stepped}@{fresh}@{}", if self.stalls { "stalls" } else { "" })
    }
}

impl Life {
    pub fn killed_at(point: &str, n: u64) -> Self {
        Self { fault: Some((point.to_owned(), n)), ..Self::default() }
    }

    #[must_use]
    pub fn stepped(self, seed: u64) -> Self {
        Self { stepped: Some(seed), ..self }
    }

    fn parse(text: &str) -> Self {
        let [point, n, stepped, fresh, stalls] = text.split('@').collect::<Vec<_>>()[..] else { panic!("{text}") };
        Self {
            fault: (!point.is_empty()).then(|| (point.to_owned(), n.parse().unwrap())),
            stepped: stepped.parse().ok(),
            stalls: stalls == "stalls",
            fresh: fresh == "fresh",
            other_id: false,
        }
    }

    /// Begins in a process of its own.
    pub fn start(&self, folder: &Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["crash::process::child", "--exact", "--quiet"])
            .env(FOLDER, folder)
            .env(LIFE, self.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Lives in a process of its own; whether it was killed. Any other end than that and success is a failure.
    pub fn in_a_process(&self, folder: &Path) -> bool {
        let ended = self.start(folder).wait_with_output().unwrap();
        if ended.status.success() {
            return false;
        }
        let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.status.code(), None, "{self}: the process was not killed, it failed\n{said}");
        true
    }

    /// Lives in this process.
    pub fn here(&self, folder: &Path) -> Result<()> {
        self.watched(folder, Faults::default()).0
    }

    /// The same, with the fault points given, and what was told meanwhile.
    pub fn watched(&self, folder: &Path, faults: Faults) -> (Result<()>, Vec<String>) {
        let told = Arc::new(Told::default());
        let ran = patiently(|| self.run(folder, faults.clone(), told.clone()));
        let told = told.0.lock().unwrap().clone();
        (ran, told)
    }

    fn run(&self, folder: &Path, faults: Faults, told: Arc<Told>) -> Result<()> {
        let pace = self.stepped.map_or(Pace::Threads, |seed| {
            let mut random = Random(seed);
            Pace::Stepped(Box::new(move || *random.of(&[Turn::Compute, Turn::Commit, Turn::Publish])))
        });
        let options = RunOptions {
            fresh: self.fresh,
            trigger: Some(Trigger::AvailableNow),
            environment: Environment {
                clock: Arc::new(ManualClock::new(1_700_000_000_000_000)),
                pace,
                snapshots: SnapshotSizes { least: 1, most: 64 << 10 },
                checkpoint_id: (!self.other_id).then_some(ID),
                faults,
                ..Environment::default()
            },
            runtime: Some(runtime()),
            threads: Some(if self.stepped.is_some() { 1 } else { 2 }),
            observer: told,
            ..RunOptions::default()
        };
        run(Job::load(&folder.join("job.toml"), &Connectors::built_in().keys(), &[])?, options).map(|_| ())
    }

    /// Lives undisturbed in this process: how often it passes each point.
    pub fn counted(&self, folder: &Path) -> BTreeMap<&'static str, u64> {
        let passed: Arc<Mutex<BTreeMap<&'static str, u64>>> = Arc::default();
        let count = passed.clone();
        let faults = Faults::new(move |point| *count.lock().unwrap().entry(point).or_default() += 1);
        self.watched(folder, faults).0.unwrap();
        passed.lock().unwrap().clone()
    }
}

/// Opens what this very process has just let go of. While another test starts a process, that one has for a moment all
/// files of this one, and its locks with them.
pub fn patiently<T>(open: impl Fn() -> Result<T>) -> Result<T> {
    let own = format!("is in use by process {} ", std::process::id());
    for _ in 0..500 {
        match open() {
            Err(e) if e.message().contains(&own) => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened,
        }
    }
    open()
}

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn message(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

/// Lets a process go on that has stalled.
pub fn wake(folder: &Path, process: &Child) {
    std::fs::write(awake(folder), []).unwrap();
    signal("CONT", process.id());
}

/// Once this file is there, the process that has stalled goes on.
fn awake(folder: &Path) -> PathBuf {
    folder.with_extension("awake")
}

/// Sends a signal to a process that this test has started, or to itself.
fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
    assert!(sent.success(), "process {process} is not there to be told {name}");
}

/// Not a test of its own: what a process that is killed runs.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let life = Life::parse(&std::env::var(LIFE).unwrap());
    let faults = life.fault.clone().map_or(Faults::default(), |(name, nth)| {
        let (life, folder) = (life.clone(), folder.clone());
        let passed = Mutex::new(0);
        Faults::new(move |point| {
            if point != name {
                return;
            }
            let mut passed = passed.lock().unwrap();
            *passed += 1;
            if *passed == nth {
                // No other thread passes this point while the lock is held, and this one goes nowhere.
                // The signal needs a while.
                signal(if life.stalls { "STOP" } else { "KILL" }, std::process::id());
                while !life.stalls || !awake(&folder).exists() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        })
    });
    life.watched(&folder, faults).0.unwrap();
}
