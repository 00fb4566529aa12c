//! The world around the engine: a [clock](super::clock) that jumps, a disk that fails and forgets, input that comes bit by
//! bit; and the [ledger](super::ledger) of what was planned and promised.
//!
//! A job is run again and again, each time until it ends or something breaks; what must hold at every moment is checked
//! on the way, what must hold at the end by [`super::compare`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use millstream_engine::connector::Connectors;
use millstream_engine::executor::Executor;
use millstream_engine::fault::{Faults, point};
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{
    CanaryTerms, Control, Environment, Pace, Replay, RunOptions, Summary, Turn, replay, replayable, run,
};
use millstream_engine::storage::faulty::{Fault, FaultyStorage, Survives};
use millstream_engine::{Error, ErrorKind, Result};

use super::clock::JumpingClock;
use super::damage::Damage;
use super::ledger::{Ledger, Planned, REPLAYED, Watch};
use super::random::Random;
use super::scenario::Scenario;
use super::source::{Feed, SimulatedFiles};
use super::trouble::Trouble;
use super::visits::swap_to;
use super::weather::Weather;
use crate::support::runtime;

/// The folder in which the job file would stand.
pub const BASE: &str = "/simulated";

/// Everything about one simulated job.
pub struct World {
    seed: u64,
    pub scenario: Scenario,
    pub text: String,
    pub disk: FaultyStorage,
    pub ledger: Arc<Mutex<Ledger>>,
    feeds: BTreeMap<String, Arc<Mutex<Feed>>>,
    clock: Arc<JumpingClock>,
    random: Random,
    /// Sources go away for a while, in some runs: how often.
    weather: Option<Random>,
    /// The keyed plugin is swapped while the job runs, or has a canary, in some runs: when, and to what.
    swaps: Random,
    inline_limit: usize,
    snapshot_least: u64,
    on_threads: bool,
    /// Published files that never change again, as they were first seen.
    published: BTreeMap<String, Vec<u8>>,
    /// What happened, for whoever replays.
    pub story: Vec<String>,
    /// The kinds of trouble that ended a run.
    pub met: BTreeSet<String>,
    /// The process of this run was killed at a fault point; where that is its very last step, nobody is told.
    killed: Arc<AtomicBool>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let scenario = Scenario::new(seed, &mut random);
        let feeds = scenario.streams.iter().zip(0xA3A1_A3A1..).map(|(stream, number)| {
            let feed = Feed {
                files: Arc::new(stream.files.clone()),
                visible: 0,
                fails_after: None,
                idle: 0,
                random: random.fork(),
                read: Vec::new(),
                // From numbers of its own: what else a seed draws does not move.
                weather: Weather::new(Random::new(seed ^ number), scenario.streams.len() == 1),
            };
            (stream.name.clone(), Arc::new(Mutex::new(feed)))
        });
        Self {
            seed,
            feeds: feeds.collect(),
            text: scenario.job(),
            scenario,
            disk: FaultyStorage::new(),
            ledger: Arc::default(),
            clock: Arc::new(JumpingClock::new(random.fork())),
            inline_limit: *random.pick(&[0, 100, 1000, 100_000]),
            snapshot_least: *random.pick(&[1, 1, 1, 3000, 1 << 20]),
            random,
            weather: None,
            swaps: Random::new(seed ^ 0x54A9_54A9),
            on_threads: false,
            published: BTreeMap::new(),
            story: Vec::new(),
            met: BTreeSet::new(),
            killed: Arc::default(),
        }
    }

    /// Runs the job, with trouble a few times and then without, until its input is used up.
    pub fn live(&mut self) -> Result<(), String> {
        self.weather = Some(Random::new(self.seed ^ 0xB4B2_B4B2));
        for _ in 0..1 + self.random.below(5) {
            // Every fault point has its turn, the rest is left to chance.
            let trouble = match self.story.is_empty() {
                true => Trouble::Point(point::ALL[(self.seed % point::ALL.len() as u64) as usize], 1),
                false => Trouble::draw(&mut self.random),
            };
            self.run(trouble)?;
            self.check_published()?;
            let survives = match self.random.below(5) {
                0 => Survives::Everything,
                1 => Survives::Cached,
                2 => Survives::Nothing,
                _ => Survives::Some(self.random.next()),
            };
            // Who asks for a stop, or has a broken disk, still has a machine that runs.
            self.story.push(format!("crash: {survives:?} survives"));
            self.disk = self.disk.crash(survives);
            self.check_published()?;
        }
        self.come_to_the_end()?;
        self.compute_again().map_err(|e| format!("replay: {e:?}"))
    }

    /// Runs the job, without trouble, on all the input there is.
    fn come_to_the_end(&mut self) -> Result<(), String> {
        self.show_everything();
        self.start(Trigger::AvailableNow, Trouble::Nothing).map_err(|e| format!("undisturbed: {e:?}"))?;
        self.check_published()
    }

    /// What the checkpoint has kept of its epochs gives again what was written.
    fn compute_again(&mut self) -> Result<()> {
        // One in three is enough: it costs as much as the life did.
        if self.scenario.keep == 0 || !self.seed.is_multiple_of(3) {
            return Ok(());
        }
        let environment = self.environment(Trouble::Nothing, &Control::default());
        let storage = (environment.folders)(&Path::new(BASE).join("state"));
        let workers = environment.executor.workers(Some(1));
        let Some(epochs) = replayable(&*storage, &workers)?.filter(|epochs| !epochs.is_empty()) else { return Ok(()) };
        for feed in self.feeds.values() {
            feed.lock().unwrap().weather.turn(None);
        }
        let again = Replay {
            epochs,
            changed: None,
            keys: BTreeMap::new(),
            runtime: Some(runtime()),
            threads: Some(1),
            environment,
        };
        let replayed = replay(&*storage, again, &|_| {}, |epoch| match epoch.unlike.first() {
            Some(unlike) => Err(Error::internal(format!("epoch {}: {unlike}", epoch.epoch))),
            None => Ok(()),
        })?;
        assert_eq!(replayed.same, replayed.epochs);
        self.met.insert(REPLAYED.to_owned());
        Ok(())
    }

    fn show_everything(&self) {
        for feed in self.feeds.values() {
            let mut feed = feed.lock().unwrap();
            feed.visible = feed.files.len();
        }
    }

    /// Runs the job on all the input there is, once with a fault at a call to the disk, and after the crash to its end.
    /// Whether the run was long enough for the fault.
    pub fn fail_at(&mut self, call: u64, fault: Fault, survives: Survives) -> Result<bool, String> {
        self.show_everything();
        let ended = self.start(Trigger::AvailableNow, Trouble::Disk(call, fault));
        if let Err(e) = &ended
            && e.kind() != ErrorKind::Unavailable
        {
            return Err(format!("a disk that fails is said to be: {e:?}"));
        }
        self.check_published()?;
        self.disk = self.disk.crash(survives);
        self.come_to_the_end()?;
        Ok(ended.is_err())
    }

    /// Runs the job on threads, on a disk that takes its time.
    pub fn take_time(&mut self, each: Duration) -> Result<(), String> {
        self.on_threads = true;
        self.disk.slow(each);
        self.come_to_the_end()
    }

    /// One run, with trouble.
    fn run(&mut self, trouble: Trouble) -> Result<(), String> {
        let trigger = match self.random.below(3) {
            0 => Trigger::AvailableNow,
            1 => Trigger::Continuous,
            _ => Trigger::Every(Duration::from_millis(self.random.below(5000))),
        };
        let damage = match trouble {
            Trouble::Bit(seed) => Damage::flip(&self.disk, seed),
            _ => None,
        };
        self.story.extend(damage.iter().map(Damage::to_string));
        self.ledger.lock().unwrap().damaged = damage.is_some();
        let ended = self.start(trigger, trouble);
        let told = match &ended {
            Ok(summary) => format!("{} epochs", summary.epochs),
            Err(e) => e.to_string(),
        };
        self.story.push(format!("run: {trigger:?}, {trouble:?}: {told}"));
        let killed = self.killed.swap(false, Ordering::Relaxed);
        if ended.is_err() || killed {
            self.met.insert(trouble.kind());
        }
        if let Some(damage) = &damage {
            damage.mend(&self.disk);
        }
        match (ended, trouble, damage) {
            (Ok(_), ..) => Ok(()),
            (Err(e), Trouble::Disk(..) | Trouble::Point(..) | Trouble::Read(_), _)
                if e.kind() != ErrorKind::Internal =>
            {
                Ok(())
            }
            (Err(e), _, Some(Damage { path, .. })) if e.kind() == ErrorKind::Corrupt => {
                let file = path.rsplit_once("state/").map_or(path.as_str(), |(_, file)| file);
                let named = e.to_string().contains(file);
                if named { Ok(()) } else { Err(format!("{path} is damaged, and the error is: {e}")) }
            }
            (Err(e), ..) => Err(format!("{trouble:?} came to: {e:?}")),
        }
    }

    fn start(&mut self, trigger: Trigger, trouble: Trouble) -> Result<Summary> {
        let control = Control::default();
        let one_in = self.weather.as_mut().and_then(|random| *random.pick(&[None, Some(12), Some(3)]));
        for feed in self.feeds.values() {
            let mut feed = feed.lock().unwrap();
            (feed.read, feed.idle) = (Vec::new(), 0);
            feed.weather.turn(one_in);
            feed.fails_after = if let Trouble::Read(after) = trouble { Some(after) } else { None };
        }
        if let Trouble::Disk(call, fault) = trouble {
            self.disk.fail_at(self.disk.calls() + call, fault);
        }
        let options = RunOptions {
            trigger: Some(trigger),
            observer: Arc::new(Watch(self.ledger.clone())),
            control: control.clone(),
            threads: Some(1),
            runtime: Some(runtime()),
            environment: self.environment(trouble, &control),
            ..RunOptions::default()
        };
        let job = Job::parse(&self.text, Path::new("job.toml"), Path::new(BASE), &Connectors::built_in().keys(), &[])?;
        let ended = run(job, options);
        for (name, feed) in &self.feeds {
            let found = feed.lock().unwrap().weather.found.clone();
            if !found.is_empty() {
                self.story.push(format!("{name} was {found:?}"));
                self.met.extend(found.iter().map(|asked| (*asked).to_owned()));
            }
        }
        self.met.extend(self.ledger.lock().unwrap().swaps.iter().map(|swap| (*swap).to_owned()));
        let broken = std::mem::take(&mut self.ledger.lock().unwrap().broken);
        if broken.is_empty() { ended } else { Err(Error::internal(broken.join("; "))) }
    }

    fn environment(&mut self, trouble: Trouble, control: &Control) -> Environment {
        let (disk, feeds, built_in) = (self.disk.clone(), self.feeds.clone(), Connectors::built_in());
        let mut turns = self.random.fork();
        let schedule = move || match turns.below(4) {
            0 => Turn::Compute,
            1 | 2 => Turn::Commit,
            _ => Turn::Publish,
        };
        let pace = if self.on_threads { Pace::Threads } else { Pace::Stepped(Box::new(schedule)) };
        let mut environment = Environment {
            clock: self.clock.clone(),
            folders: Arc::new(move |folder| {
                let inside = folder.strip_prefix("/").unwrap_or(folder);
                Arc::new(disk.at(inside.to_str().unwrap()))
            }),
            connectors: built_in.with(Arc::new(SimulatedFiles {
                files: built_in.clone(),
                feeds,
                control: control.clone(),
                ledger: self.ledger.clone(),
            })),
            // Everything on one thread, and so in one order.
            executor: Executor::alone(),
            pace,
            inline_limit: self.inline_limit,
            early: 2,
            // From numbers of its own, as swaps.
            brought_over: *Random::new(self.seed ^ 0xB007_B007).pick(&[1, 2, 5, 16_384]),
            checkpoint_id: Some(self.random.next()),
            faults: self.faults(trouble, control),
            ..Environment::default()
        };
        environment.snapshots.least = self.snapshot_least;
        environment
    }

    /// Notes what every epoch was planned to read, and kills where it was asked to.
    fn faults(&mut self, trouble: Trouble, control: &Control) -> Faults {
        let (ledger, disk, control) = (self.ledger.clone(), self.disk.clone(), control.clone());
        let (killed, clock) = (self.killed.clone(), self.clock.clone());
        let feeds: Vec<_> = self.scenario.streams.iter().map(|s| self.feeds[&s.name].clone()).collect();
        let passed = Mutex::new((0, 0));
        let swaps = self.scenario.visits.as_ref().filter(|_| !self.on_threads).map(|_| Mutex::new(self.swaps.fork()));
        Faults::new(move |name| {
            let mut passed = passed.lock().unwrap();
            if name == point::PLANNED {
                let away = feeds.iter().map(|feed| feed.lock().unwrap().weather.is_away).collect();
                let files = vec![Vec::new(); feeds.len()];
                ledger.lock().unwrap().next = Some(Planned { now: clock.shown(), files, away });
                passed.1 += 1;
                if let Some(mut swaps) = swaps.as_ref().map(|swaps| swaps.lock().unwrap())
                    && swaps.one_in(3)
                {
                    // What comes of it is told to nobody: the job goes on, with the one or the other.
                    order(&mut swaps, &control);
                }
                if matches!(trouble, Trouble::Stop(after) if passed.1 > after) {
                    control.stop();
                }
            }
            if let Trouble::Point(at, number) = trouble
                && name == at
            {
                passed.0 += 1;
                if passed.0 == number {
                    killed.store(true, Ordering::Relaxed);
                    disk.kill();
                }
            }
        })
    }

    /// What the sinks have published, by path from the job's folder.
    pub fn published_now(&self) -> BTreeMap<String, Vec<u8>> {
        let out = PathBuf::from(&BASE[1..]);
        let files = self.disk.files().into_iter().filter_map(|(path, bytes)| {
            let inside = Path::new(&path).strip_prefix(&out).ok()?.to_str()?.to_owned();
            let ours = !inside.starts_with("state/") && !inside.contains("_millstream") && !inside.contains(".aside");
            ours.then_some((inside, bytes))
        });
        files.collect()
    }

    /// A published part never changes, and belongs to an epoch that was planned and does not come again otherwise.
    fn check_published(&mut self) -> Result<(), String> {
        if let Some(from) = self.ledger.lock().unwrap().forgotten.take() {
            self.published.retain(|path, _| epoch_of(path) < from);
        }
        for (path, bytes) in self.published_now() {
            if path.contains("/part-") && *self.published.entry(path.clone()).or_insert_with(|| bytes.clone()) != bytes
            {
                return Err(format!("{path} was published with other content before"));
            }
        }
        Ok(())
    }
}

/// Orders a swap, a canary, or the end of one.
fn order(swaps: &mut Random, control: &Control) {
    let version = swap_to(swaps.below(3) as usize);
    match swaps.below(5) {
        0 | 1 => {
            let share = swaps.pick(&["10%", "50%", "90%"]).parse().unwrap();
            let promote_after = *swaps.pick(&[None, Some(1), Some(3)]);
            drop(control.canary(version, CanaryTerms { share, promote_after }));
        }
        2 => drop(control.end_canary()),
        _ => drop(control.swap(version)),
    }
}

/// The epoch of a published part: the twenty digits in its name.
fn epoch_of(path: &str) -> usize {
    let digits = path.split(['-', '.']).find(|part| part.len() == 20 && part.bytes().all(|b| b.is_ascii_digit()));
    digits.expect("a part's name has its epoch").parse().unwrap()
}
