//! What may be done to a job, its input and its output between crash and restart: each gives the promised result, or a
//! refusal that says what to do, changes nothing, and ends when it is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_engine::ErrorKind;
use millstream_engine::checkpoint::{Checkpoint, Options};
use millstream_engine::fault::{Faults, point};
use millstream_engine::storage::LocalStorage;

use super::each;
use super::jobs::{self, Case, file, input_file, rows, two_sinks, words, write_input, write_job};
use super::outcome::{Files, Outcome, files_below};
use super::process::Life;
use crate::support::runtime;

/// A change between crash and restart.
struct Row {
    what: &'static str,
    job: Case,
    /// Where the process is killed, by turns.
    kills: &'static [(&'static str, u64)],
    /// The change.
    change: fn(&Path),
    then: Then,
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
    changed: &'a Files,
    /// The last committed epoch.
    last: Option<u64>,
    /// The files after the change.
    there: Files,
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

fn table() -> Vec<Row> {
    use Then::*;
    let mut all = edits();
    all.extend([
        Row {
            what: "a source file that was read is removed",
            job: two_sinks(),
            kills: COMMITTED,
            change: |folder| std::fs::remove_file(input_file(folder, 0)).unwrap(),
            then: Same,
        },
        Row {
            what: "a source file that was read is changed",
            job: two_sinks(),
            kills: COMMITTED,
            change: |folder| write_input(folder, 0, &rows(77, two_sinks().input)),
            then: Same,
        },
        Row {
            what: "a source file that was planned, and not committed, is removed",
            job: two_sinks(),
            kills: WHILE_COMPUTED,
            change: |folder| std::fs::remove_file(input_file(folder, 3)).unwrap(),
            then: AsIfFromTheBeginning,
        },
        Row {
            what: "a source file that was planned, and not committed, is changed",
            job: two_sinks(),
            kills: WHILE_COMPUTED,
            change: |folder| write_input(folder, 3, &rows(77, two_sinks().input)),
            then: AsIfFromTheBeginning,
        },
        Row {
            what: "a file whose publishing is marked is taken away: it is the user's",
            job: lines(INLINE),
            kills: &[(point::RECORD_SYNCED, 8), (point::PLANNED, 8)],
            change: |folder| std::fs::remove_file(part(folder, 0)).unwrap(),
            then: But(|before, mut files| {
                files.retain(|name, _| before.there.contains_key(name) || !name.contains(&numbered(0)));
                assert!(!files.keys().any(|name| name.contains(&numbered(0))));
                files
            }),
        },
        Row {
            what: "a file whose publishing is not marked is taken away: its bytes are in the record",
            job: lines(INLINE),
            kills: &[(point::RENAME_AFTER, 1), (point::RENAME_AFTER, 5)],
            change: |folder| std::fs::remove_file(newest_part(folder)).unwrap(),
            then: Same,
        },
        Row {
            what: "a file whose publishing is not marked is taken away, and its bytes were aside",
            job: lines(ASIDE),
            kills: &[(point::RENAME_AFTER, 1), (point::RENAME_AFTER, 5)],
            change: |folder| std::fs::remove_file(newest_part(folder)).unwrap(),
            then: Refused {
                kind: ErrorKind::Corrupt,
                words: &["sink b", "part-b-", "committed by epoch", "is not there, and neither is its copy in"],
                help: "put ",
                mend: |folder, undisturbed| {
                    for (name, content) in files_below(&undisturbed.join("out/b")) {
                        let lost = name.starts_with("part-") && !folder.join("out/b").join(&name).exists();
                        // Only what an error names is put back, and that is the first that is missing.
                        if lost {
                            std::fs::write(folder.join("out/b").join(name), content).unwrap();
                            break;
                        }
                    }
                },
            },
        },
        Row {
            what: "a published file is changed",
            job: lines(INLINE),
            kills: &[(point::RENAME_AFTER, 1), (point::RENAME_AFTER, 5), (point::PUBLISH_FOLDER_SYNCED, 1)],
            change: |folder| std::fs::write(newest_part(folder), "somebody else's\n").unwrap(),
            then: Refused {
                kind: ErrorKind::Conflict,
                words: &["sink b", "part-b-", "is not what epoch", "its content is another"],
                help: "move ",
                mend: |folder, _| std::fs::remove_file(newest_part(folder)).unwrap(),
            },
        },
        Row {
            what: "a file aside of a committed epoch is taken away",
            job: lines(ASIDE),
            kills: &[(point::RECORD_SYNCED, 2), (point::RENAME_BEFORE, 3)],
            change: |folder| move_asides(folder, &folder.join("out/b"), &folder.join("kept")),
            then: Refused {
                kind: ErrorKind::Corrupt,
                words: &["sink b", "is not there, and neither is its copy in", ".aside"],
                help: "put ",
                mend: |folder, _| move_asides(folder, &folder.join("kept"), &folder.join("out/b")),
            },
        },
        Row {
            what: "a file aside of a committed epoch is damaged",
            job: lines(ASIDE),
            kills: &[(point::RECORD_SYNCED, 2), (point::RENAME_BEFORE, 3)],
            change: |folder| {
                copy_asides(folder, "kept");
                asides(&folder.join("out/b")).iter().for_each(|aside| flip_a_bit(aside));
            },
            then: Refused {
                kind: ErrorKind::Corrupt,
                words: &["sink b", ".aside", "is damaged: its digest is another"],
                help: "restore the file from a copy",
                mend: |folder, _| move_asides(folder, &folder.join("kept"), &folder.join("out/b")),
            },
        },
        Row {
            what: "the files aside of an epoch that was not committed are taken away",
            job: lines(ASIDE),
            kills: &[(point::ASIDE_FOLDER_SYNCED, 1), (point::RECORD_TORN, 1)],
            change: |folder| {
                asides(&folder.join("out/b")).iter().for_each(|aside| std::fs::remove_file(aside).unwrap())
            },
            then: Same,
        },
        Row {
            what: "the lock's file is removed while nobody has it",
            job: two_sinks(),
            kills: COMMITTED,
            change: |folder| std::fs::remove_file(folder.join("state/LOCK")).unwrap(),
            then: Same,
        },
        Row {
            what: "checkpoint.json is removed",
            job: two_sinks(),
            kills: COMMITTED,
            change: |folder| {
                std::fs::rename(folder.join("state/checkpoint.json"), folder.join("kept.json")).unwrap();
            },
            then: Refused {
                kind: ErrorKind::Corrupt,
                words: &["checkpoint.json: it is missing, but there is log/"],
                help: "restore the folder from a copy",
                mend: |folder, _| {
                    std::fs::rename(folder.join("kept.json"), folder.join("state/checkpoint.json")).unwrap();
                },
            },
        },
        Row {
            what: "the dead letters are moved away: those whose publishing is marked are not brought back",
            job: lines(INLINE),
            kills: &[(point::PUBLISH_FOLDER_SYNCED, 2), (point::MARK_AFTER, 1), (point::MARK_AFTER, 3)],
            change: |folder| std::fs::remove_file(folder.join(LETTERS)).unwrap(),
            then: But(letters_from_some_epoch_on),
        },
        Row {
            what: "the dead letters are moved away, and they had been aside: none is brought back",
            job: Case {
                input: jobs::Input { rows: 200, malformed: 2, padding: 1500, late: u64::MAX },
                ..lines(INLINE)
            },
            kills: &[(point::PUBLISH_FOLDER_SYNCED, 2), (point::MARK_AFTER, 1), (point::MARK_AFTER, 3)],
            change: |folder| std::fs::remove_file(folder.join(LETTERS)).unwrap(),
            then: But(|before, files| {
                let files = letters_from_some_epoch_on(before, files);
                assert!(!String::from_utf8_lossy(&files[LETTERS]).contains("\"epoch\":0,"), "epoch 0 was published");
                files
            }),
        },
        Row {
            what: "somebody else writes to the dead letters while some are to be added",
            job: lines(INLINE),
            kills: &[(point::RECORD_SYNCED, 3), (point::EXTEND_BEFORE, 2)],
            change: |folder| {
                let there = std::fs::read_to_string(folder.join(LETTERS)).unwrap_or_default();
                std::fs::write(folder.join(LETTERS), there + "somebody else's\n").unwrap();
            },
            then: Refused {
                kind: ErrorKind::Conflict,
                words: &["dead_letters", LETTERS, "stand other lines than its own"],
                help: "nobody else may write there",
                mend: |folder, _| {
                    let there = std::fs::read_to_string(folder.join(LETTERS)).unwrap();
                    std::fs::write(folder.join(LETTERS), there.replace("somebody else's\n", "")).unwrap();
                },
            },
        },
    ]);
    all
}

/// Changes of the job file and of plugins.
fn edits() -> Vec<Row> {
    use Then::*;
    vec![
        Row {
            what: "a stateless operator and a sink are added",
            job: Case { text: file("a", "logs", "json", ""), ..lines(INLINE) },
            kills: ANYWHERE,
            change: |folder| {
                let few = "[operator.few]\nsql = \"SELECT url, bytes FROM logs WHERE bytes > 2500\"\n";
                write_job(folder, &(file("a", "logs", "json", "") + few + &file("b", "few", "json", "")));
            },
            // The old sink is as it was, the new one has the epochs since.
            then: But(|before, old| later_from(before, &old, old.clone())),
        },
        Row {
            what: "a window is changed",
            job: two_sinks(),
            kills: ANYWHERE,
            change: |folder| {
                write_job(folder, &two_sinks().text.replace("'2 minutes', '1 minute'", "'3 minutes', '1 minute'"))
            },
            then: Refused {
                kind: ErrorKind::Conflict,
                words: &[
                    "the checkpoint's state of `w` does not fit any more: its keys, window or aggregates were changed",
                ],
                help: "undo the change, give the operator another name",
                mend: |folder, _| write_job(folder, &two_sinks().text),
            },
        },
        Row {
            what: "the job file is broken",
            job: two_sinks(),
            kills: COMMITTED,
            change: |folder| write_job(folder, &two_sinks().text.replace("FROM logs", "FROM nowhere")),
            then: Refused {
                kind: ErrorKind::Invalid,
                words: &["nowhere"],
                help: "",
                mend: |folder, _| write_job(folder, &two_sinks().text),
            },
        },
        Row {
            what: "a plugin is given another configuration",
            job: Case { text: words("/") + &file("b", "words", "json", ""), ..lines(INLINE) },
            kills: ANYWHERE,
            change: |folder| write_job(folder, &(words("p") + &file("b", "words", "json", ""))),
            // What was committed is the old one's, what comes is the new one's.
            then: But(|before, old| later_from(before, &old, Files::new())),
        },
        Row {
            what: "a plugin is replaced by another build of it",
            job: Case { text: built_words(), ..lines(INLINE) },
            kills: ANYWHERE,
            change: |folder| write_build(folder, 1),
            then: AsIfFromTheBeginning,
        },
        Row {
            what: "the checkpoint's folder is removed",
            job: two_sinks(),
            kills: ANYWHERE,
            change: |folder| std::fs::rename(folder.join("state"), folder.join("kept")).unwrap(),
            then: Refused {
                kind: ErrorKind::Conflict,
                words: &[
                    "sink a",
                    "out/a",
                    "holds files of another checkpoint: job crash, checkpoint c4a54c4a54c4a54c",
                ],
                help: "give this job another folder",
                mend: |folder, _| {
                    std::fs::remove_dir_all(folder.join("state")).unwrap();
                    std::fs::rename(folder.join("kept"), folder.join("state")).unwrap();
                },
            },
        },
    ]
}

const LETTERS: &str = "crash.dead-letters.jsonl";

fn numbered(epoch: u64) -> String {
    format!("-{epoch:020}.")
}

/// The epoch in the name of a published file.
fn epoch_of(name: &str) -> Option<u64> {
    name.rsplit_once('.')?.0.rsplit_once('-')?.1.parse().ok()
}

fn part(folder: &Path, epoch: u64) -> PathBuf {
    let parts = parts(folder);
    parts.into_iter().find(|path| path.display().to_string().contains(&numbered(epoch))).expect("the epoch's file")
}

fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("out/b")).unwrap().map(|entry| entry.unwrap().path());
    let mut parts: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    parts.sort();
    parts
}

fn newest_part(folder: &Path) -> PathBuf {
    parts(folder).pop().expect("a published file")
}

fn asides(folder: &Path) -> Vec<PathBuf> {
    let names = files_below(folder).into_keys().filter(|name| name.ends_with(".aside"));
    let asides: Vec<PathBuf> = names.map(|name| folder.join(name)).collect();
    assert!(!asides.is_empty(), "nothing is aside");
    asides
}

fn move_asides(_: &Path, from: &Path, to: &Path) {
    for aside in asides(from) {
        let target = to.join(aside.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::rename(aside, target).unwrap();
    }
}

fn copy_asides(folder: &Path, to: &str) {
    let from = folder.join("out/b");
    for aside in asides(&from) {
        let target = folder.join(to).join(aside.strip_prefix(&from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(aside, target).unwrap();
    }
}

fn flip_a_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// The flat-map plugin, given as a component's file in the job's folder.
fn built_words() -> String {
    words("/").replace(&jobs::plugin("split-words"), BUILT) + &file("b", "words", "json", "")
}

const BUILT: &str = "words.wasm";

/// Writes a `build` of the flat-map plugin: all do the same, and each has a digest of its own.
fn write_build(folder: &Path, build: u8) {
    let mut component = runtime().build_project(Path::new(&jobs::plugin("split-words"))).unwrap();
    // A section that nobody reads: its number, its length, the length of its name, its name.
    component.extend([0, 3, 2, b'b', b'0' + build]);
    std::fs::write(folder.join(BUILT), component).unwrap();
}

fn lay_out(folder: &Path, case: &Case) {
    jobs::lay_out(folder, case);
    if case.text.contains(BUILT) {
        write_build(folder, 0);
    }
}

/// Of sink `b`: the old files of the epochs before the restart, the new ones of those after it; the rest is `rest`.
fn later_from(before: &Before<'_>, old: &Files, rest: Files) -> Files {
    let is_later = |name: &str| epoch_of(name) > before.last;
    let of_b = |name: &str| name.starts_with("b/part-");
    let mut files: Files = old.iter().filter(|(name, _)| of_b(name) && !is_later(name)).map(clone).collect();
    files.extend(before.changed.iter().filter(|(name, _)| of_b(name) && is_later(name)).map(clone));
    files.extend(before.changed.iter().filter(|(name, _)| !of_b(name)).map(clone));
    files.extend(rest.into_iter().filter(|(name, _)| !of_b(name)));
    files
}

fn clone((name, content): (&String, &Vec<u8>)) -> (String, Vec<u8>) {
    (name.clone(), content.clone())
}

/// The dead letters are those of some epoch on: the first whose publishing was not marked, or the one after the restart.
fn letters_from_some_epoch_on(before: &Before<'_>, mut files: Files) -> Files {
    let all = String::from_utf8(files[LETTERS].clone()).unwrap();
    let have = String::from_utf8(before.there[LETTERS].clone()).unwrap();
    let epoch = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["epoch"].as_u64().unwrap();
    let first = have.lines().next().map_or(0, epoch);
    let last = before.last.unwrap();
    assert!(first <= last + 1, "the letters begin with epoch {first}, epoch {last} was the last");
    let kept: String = all.lines().filter(|line| epoch(line) >= first).map(|line| format!("{line}\n")).collect();
    files.insert(LETTERS.into(), kept.into_bytes());
    files
}

fn last_epoch(folder: &Path) -> Option<u64> {
    let storage = Arc::new(LocalStorage::new(folder.join("state")));
    let open = || Checkpoint::open(storage.clone(), &Options::default()).map_err(millstream_engine::Error::from);
    super::process::patiently(open).unwrap().1.last.map(|record| record.epoch)
}

#[test]
fn what_is_changed_between_crash_and_restart_has_the_promised_result() {
    let mut tries = Vec::new();
    for row in table() {
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
            super::outcome::assert_same_files(what, &have.files, &files);
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
            super::outcome::assert_same_files(what, &files_below(folder), &there);
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
