//! What may be done to a job, its input and its output between crash and restart: each gives the promised result, or a
//! refusal that says what to do, changes nothing, and ends when it is done. The changes are two tables: `edits`, of the
//! job and its plugins, and `files`, of what it reads and writes.

mod edits;
mod files;
mod folder;

use std::path::Path;
use std::sync::Arc;

use millstream_engine::ErrorKind;
use millstream_engine::checkpoint::{Checkpoint, OpenOptions};
use millstream_engine::fault::{Faults, point};
use millstream_engine::storage::LocalStorage;

use self::edits::{built_words, lay_out, write_build};
use super::each;
use super::jobs::{self, Case, file};
use super::outcome::{Files, Outcome, files_below};
use super::process::Life;

/// A change between crash and restart.
struct Row {
    pub what: &'static str,
    pub job: Case,
    /// Where the process is killed, by turns.
    pub kills: &'static [(&'static str, u64)],
    /// The change.
    pub change: fn(&Path),
    pub then: Then,
}

/// What is promised.
enum Then {
    /// The result of an undisturbed run, as if nothing had been changed.
    Same,
    /// The result of an undisturbed run of what is there after the change.
    AsIfFromTheBeginning,
    /// The same but for files that the sink `b` and the dead letters have: they are what this makes of those of an
    /// undisturbed run of the old, those of the new, the last epoch before the restart, and what was there then.
    But(fn(&Before<'_>, Files) -> Files),
    /// A refusal with these words, until it is mended; then the result of an undisturbed run.
    Refused { kind: ErrorKind, words: &'static [&'static str], help: &'static str, mend: fn(&Path, &Path) },
}

/// What was there when the restart began.
struct Before<'a> {
    /// The result of an undisturbed run with the change made before.
    pub changed: &'a Files,
    /// The last committed epoch.
    pub last: Option<u64>,
    /// The files after the change.
    pub there: Files,
}

/// Rows as they come, one file an epoch; small ones are in the record, large ones aside.
fn lines(rows: u64) -> Case {
    let text = file("b", "logs", "json", "");
    let input = jobs::Input { rows, malformed: 50, padding: 0, late: u64::MAX };
    Case { name: "lines", text, input }
}

const INLINE: u64 = 150;
const ASIDE: u64 = 6000;

/// The schedule of the process that is killed: some epochs wait to be committed, some to be published.
const SCHEDULE: u64 = 11;

const WHILE_COMPUTED: &[(&str, u64)] = &[(point::PLANNED, 4), (point::CHUNK, 4)];
const COMMITTED: &[(&str, u64)] = &[(point::RECORD_SYNCED, 4), (point::RENAME_BEFORE, 3), (point::MARK_AFTER, 2)];
const ANYWHERE: &[(&str, u64)] = &[
    (point::PLANNED, 4),
    (point::RECORD_TORN, 3),
    (point::RECORD_SYNCED, 3),
    (point::RENAME_BEFORE, 3),
    (point::MARK_AFTER, 2),
    (point::SNAPSHOT_RENAMED, 1),
];

fn last_epoch(folder: &Path) -> Option<u64> {
    let storage = Arc::new(LocalStorage::new(folder.join("state")));
    let open = || Checkpoint::open(storage.clone(), &OpenOptions::default()).map_err(millstream_engine::Error::from);
    crate::crash::process::patiently(open).unwrap().1.last.map(|record| record.epoch)
}

#[test]
fn what_is_changed_between_crash_and_restart_has_the_promised_result() {
    let mut tries = Vec::new();
    for row in edits::table().into_iter().chain(files::table()) {
        let row = Arc::new(row);
        tries.extend(row.kills.iter().map(|kill| (row.clone(), *kill)));
    }
    let scratch = tempfile::tempdir().unwrap();
    each(&tries, |(row, (at, n))| {
        let what = format!("{}, killed at {at} number {n}", row.what);
        println!("{what}");
        let name: String = what.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let (folder, undisturbed) = (scratch.path().join(&name), scratch.path().join(name + "-undisturbed"));
        lay_out(&undisturbed, &row.job);
        let expected = {
            Life::default().here(&undisturbed).unwrap();
            Outcome::of(&undisturbed)
        };
        lay_out(&folder, &row.job);
        let life = Life::killed_at(at, *n).stepped(SCHEDULE);
        assert!(life.in_a_process(&folder), "{what}: not killed");
        restart(&what, row, &folder, &undisturbed, expected);
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::remove_dir_all(&undisturbed).unwrap();
    });
}

fn restart(what: &str, row: &Row, folder: &Path, undisturbed: &Path, expected: Outcome) {
    let from_the_beginning = || {
        let changed = undisturbed.with_extension("changed");
        lay_out(&changed, &row.job);
        (row.change)(&changed);
        Life::default().here(&changed).unwrap();
        let outcome = Outcome::of(&changed);
        std::fs::remove_dir_all(&changed).unwrap();
        outcome
    };
    let go_on = || Life::default().here(folder).unwrap_or_else(|e| panic!("{what}: {e}, {:?}", e.help()));
    match &row.then {
        Then::Same => {
            (row.change)(folder);
            go_on();
            Outcome::of(folder).assert_same(what, &expected);
        }
        Then::AsIfFromTheBeginning => {
            (row.change)(folder);
            go_on();
            Outcome::of(folder).assert_same(what, &from_the_beginning());
        }
        Then::But(but) => {
            let last = last_epoch(folder);
            (row.change)(folder);
            go_on();
            let have = Outcome::of(folder);
            // Where the change is one of the job file, there is a result of the new job from the beginning on.
            let edited = files_below(folder)["job.toml"] != files_below(undisturbed)["job.toml"];
            let changed = if edited { from_the_beginning().files } else { Files::new() };
            let before = Before { changed: &changed, last, there: have.files.clone() };
            let files = but(&before, expected.files);
            crate::crash::outcome::assert_same_files(what, &have.files, &files);
            assert!(edited || have.state == expected.state, "{what}: the state");
        }
        Then::Refused { kind, words, help, mend } => {
            (row.change)(folder);
            let life = Life { other_id: true, ..Life::default() };
            let refused = || life.here(folder).err().unwrap_or_else(|| panic!("{what}: went on"));
            let error = refused();
            assert_eq!(error.kind(), *kind, "{what}: {error}");
            for word in *words {
                assert!(error.message().contains(word), "{what}: {error} says nothing of {word}");
            }
            let told = error.help().unwrap_or_default();
            assert!(told.contains(help), "{what}: {told} says nothing of {help}");
            // What was committed may have been published by the first try. Another one changes nothing.
            let there = files_below(folder);
            assert_eq!(refused().message(), error.message(), "{what}");
            crate::crash::outcome::assert_same_files(what, &files_below(folder), &there);
            mend(folder, undisturbed);
            go_on();
            Outcome::of(folder).assert_same(what, &expected);
        }
    }
}

#[test]
fn a_replaced_plugin_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let case = Case { text: built_words(), ..lines(INLINE) };
    lay_out(scratch.path(), &case);
    assert!(Life::killed_at(point::RECORD_SYNCED, 3).in_a_process(scratch.path()));
    write_build(scratch.path(), 1);
    let (ran, told) = Life::default().watched(scratch.path(), Faults::default());
    ran.unwrap();
    for words in ["published again what was committed up to epoch 2", "plugin `split` was replaced"] {
        assert!(told.iter().any(|message| message.contains(words)), "{told:?}");
    }
}
