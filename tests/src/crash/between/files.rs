//! Changes of what a job reads and writes, and of its checkpoint.

use millstream_engine::ErrorKind;
use millstream_engine::fault::point;

use super::folder::{
    LETTERS, asides, copy_asides, flip_a_bit, letters_from_some_epoch_on, move_asides, newest_part, numbered, part,
};
use super::{ASIDE, COMMITTED, INLINE, Row, Then, WHILE_COMPUTED, lines};
use crate::crash::jobs::{self, Case, input_file, rows, two_sinks, write_input};
use crate::crash::outcome::files_below;

/// Changes of files.
pub fn table() -> Vec<Row> {
    use Then::*;
    vec![
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
    ]
}
