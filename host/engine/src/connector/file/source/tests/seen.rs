//! Files that come, change, go and come back, over months and restarts, against a slow model of what is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, FileTimes};
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;

use super::{Folder, keep, names, open};
use crate::connector::file::source::FileSource;
use crate::connector::file::source::seen::FORGET_AFTER;
use crate::connector::source::{Known, Source};
use crate::format::FileFormat;
use crate::state::Table;

const NAMES: [&str; 4] = ["in/a", "in/b", "in/c", "in/d"];
const HOUR: i64 = 3600 * 1_000_000;

/// What happens; the number is the file.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It is written: longer, shorter, or as long as before but later.
    Write(usize, u64, u64),
    Remove(usize),
    /// It is moved away with its time, or comes back as it was.
    MoveAway(usize),
    Restart,
    Hours(i64),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..NAMES.len();
    prop_oneof![
        4 => (file.clone(), 1u64..4, 0u64..3).prop_map(|(file, len, time)| Step::Write(file, len, time)),
        2 => file.clone().prop_map(Step::Remove),
        2 => file.prop_map(Step::MoveAway),
        1 => Just(Step::Restart),
        3 => (1i64..240).prop_map(Step::Hours),
        6 => Just(Step::Look),
    ]
}

/// What is known of a file that was read.
#[derive(Debug, Clone, Copy)]
struct Read {
    len: u64,
    time: u64,
    said: bool,
    away: Option<i64>,
}

/// What a file is: its length and time.
type Files = BTreeMap<usize, (u64, u64)>;

/// One look: which files are read, and how many are found changed. `kept` is what survives a restart.
fn look(
    known: &mut BTreeMap<usize, Read>,
    kept: &mut BTreeMap<usize, Read>,
    files: &Files,
    now: i64,
) -> (Vec<usize>, u64) {
    let mut forgotten = Vec::new();
    let (mut new, mut changed) = (Vec::new(), 0);
    for (file, read) in known.iter_mut() {
        match files.get(file) {
            Some((len, time)) => {
                read.away = None;
                if !read.said && (*len, *time) != (read.len, read.time) {
                    read.said = true;
                    changed += 1;
                }
            }
            None if files.is_empty() => {}
            None if read.away.is_none() => read.away = Some(now),
            None if now - read.away.unwrap() >= FORGET_AFTER => forgotten.push(*file),
            None => {}
        }
    }
    for (file, (len, time)) in files {
        if !known.contains_key(file) {
            known.insert(*file, Read { len: *len, time: *time, said: false, away: None });
            new.push(*file);
        }
    }
    // Forgetting takes part in an epoch; without one it is found out again.
    if !new.is_empty() {
        known.retain(|file, _| !forgotten.contains(file));
        kept.clone_from(known);
    }
    (new, changed)
}

/// The job and its folder.
struct World {
    folder: Folder,
    source: FileSource,
    state: Table,
}

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir_all(folder.path().join("in")).unwrap();
        fs::create_dir_all(folder.path().join("away")).unwrap();
        let source = open(&folder.spec("in", FileFormat::Text, &[])).unwrap();
        Self { folder, source, state: Table::new(2) }
    }

    fn write(&self, file: usize, len: u64, time: u64) {
        let path = self.folder.write(NAMES[file], "x".repeat(len as usize));
        let modified = UNIX_EPOCH + Duration::from_secs(1_000_000_000 + time);
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(modified)).unwrap();
    }

    fn path(&self, file: usize, away: bool) -> std::path::PathBuf {
        let name = NAMES[file];
        self.folder.path().join(if away { name.replace("in/", "away/") } else { name.to_owned() })
    }

    fn look(&mut self, now: i64) -> (Vec<String>, u64) {
        let range = self.source.plan(now, Known::of(Some(&self.state))).unwrap();
        let changed = self.source.notices().changed;
        range.iter().for_each(|range| keep(&mut self.source, range, &mut self.state));
        (names(range), changed)
    }

    fn restart(&mut self) {
        self.source = open(&self.folder.spec("in", FileFormat::Text, &[])).unwrap();
        self.source.restore(&mut Known::of(Some(&self.state)).iter()).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn files_are_read_once_noticed_once_and_forgotten_when_long_gone(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        let (mut files, mut away) = (Files::new(), Files::new());
        let (mut known, mut kept) = (BTreeMap::new(), BTreeMap::new());
        let mut now = 0;
        for step in steps {
            match step {
                Step::Write(file, len, time) => {
                    world.write(file, len, time);
                    files.insert(file, (len, time));
                }
                Step::Remove(file) => {
                    if files.remove(&file).is_some() {
                        fs::remove_file(world.path(file, false)).unwrap();
                    }
                }
                Step::MoveAway(file) => match (files.remove(&file), away.remove(&file)) {
                    (None, Some(back)) => {
                        fs::rename(world.path(file, true), world.path(file, false)).unwrap();
                        files.insert(file, back);
                    }
                    (Some(gone), _) => {
                        fs::rename(world.path(file, false), world.path(file, true)).unwrap();
                        away.insert(file, gone);
                    }
                    (None, None) => {}
                },
                Step::Restart => {
                    world.restart();
                    known.clone_from(&kept);
                }
                Step::Hours(hours) => now += hours * HOUR,
                Step::Look => {
                    now += HOUR;
                    let (new, changed) = look(&mut known, &mut kept, &files, now);
                    let new: Vec<String> = new.into_iter().map(|file| NAMES[file].to_owned()).collect();
                    prop_assert_eq!(world.look(now), (new, changed));
                    prop_assert_eq!(world.state.len(), kept.len());
                }
            }
        }
    }
}

#[test]
fn the_state_holds_what_is_there_and_what_left_lately() {
    let mut world = World::new();
    let mut read = BTreeSet::new();
    for day in 0..200i64 {
        let name = format!("in/day-{day:03}");
        world.folder.write(&name, "x");
        if day >= 3 {
            fs::remove_file(world.folder.path().join(format!("in/day-{:03}", day - 3))).unwrap();
        }
        if day % 10 == 9 {
            world.restart();
        }
        let (new, changed) = world.look(day * 24 * HOUR);
        assert_eq!((new.len(), changed), (1, 0));
        assert!(read.insert(new[0].clone()));
        assert!(world.state.len() <= 3 + 7 + 2, "{} entries on day {day}", world.state.len());
    }
}

#[test]
fn many_known_files_are_compared_a_few_at_a_time() {
    let mut world = World::new();
    for n in 0..50 {
        world.folder.write(&format!("in/{n:02}"), "x");
    }
    assert_eq!(world.look(0).0.len(), 50);
    for n in 0..50 {
        world.folder.write(&format!("in/{n:02}"), "xy");
    }
    // A hundredth of a second: twenty files.
    let found: Vec<u64> = (1..=4).map(|n| world.look(n * 10_000).1).collect();
    assert_eq!(found, [20, 20, 10, 0]);
    world.restart();
    assert_eq!(world.look(50_000).1, 50, "no epoch has kept what was found");
    world.folder.write("in/new", "x");
    world.look(60_000);
    world.restart();
    assert_eq!(world.look(70_000).1, 0, "an epoch has");
}

#[test]
fn a_place_without_any_file_makes_nothing_forgotten() {
    let mut world = World::new();
    world.write(0, 1, 1);
    assert_eq!(world.look(0).0.len(), 1);
    fs::rename(world.path(0, false), world.path(0, true)).unwrap();
    for day in 1..30 {
        world.look(day * 24 * HOUR);
    }
    fs::rename(world.path(0, true), world.path(0, false)).unwrap();
    assert_eq!(world.look(31 * 24 * HOUR), (vec![], 0));
}

#[test]
fn what_is_said_names_a_few_files_and_how_they_differ() {
    let mut world = World::new();
    (0..4).for_each(|file| world.write(file, 2, 1));
    world.folder.write("in/e", "xx");
    world.look(0);
    world.write(0, 3, 2);
    world.write(1, 1, 1);
    world.write(2, 2, 2);
    world.write(3, 9, 2);
    world.folder.write("in/e", "xxx");
    world.source.plan(HOUR, Known::of(Some(&world.state))).unwrap();
    let mut messages = world.source.notices().messages;
    assert_eq!(messages.pop().unwrap(), "2 more files were changed since they were read");
    assert_eq!(messages.len(), 3, "{messages:?}");
    let says = [
        ("in/a", "has grown since it was read (2 bytes then, 3 now)"),
        ("in/b", "was cut or replaced since it was read (2 bytes then, 1 now)"),
        ("in/c", "was written to or replaced since it was read"),
        ("in/d", "has grown"),
        ("in/e", "has grown"),
    ];
    for message in messages {
        let (_, what) = says.iter().find(|(name, _)| message.starts_with(name)).unwrap();
        assert!(message.contains(what), "{message}");
    }
}
