//! Changes of the job file and of plugins.

use std::path::Path;

use millstream_engine::ErrorKind;

use super::{ANYWHERE, Before, COMMITTED, INLINE, Row, Then, lines};
use crate::crash::jobs::{self, Case, file, two_sinks, words, write_job};
use crate::crash::outcome::Files;
use crate::support::runtime;

/// Changes of the job file and of plugins.
pub fn table() -> Vec<Row> {
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
                words: &["the checkpoint's state of `w` does not fit any more: its window or event time was changed"],
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

/// The flat-map plugin, given as a component's file in the job's folder.
pub fn built_words() -> String {
    words("/").replace(&jobs::plugin("split-words"), BUILT) + &file("b", "words", "json", "")
}

pub const BUILT: &str = "words.wasm";

/// Writes a `build` of the flat-map plugin: all do the same, and each has a digest of its own.
pub fn write_build(folder: &Path, build: u8) {
    let mut component = runtime().build_project(Path::new(&jobs::plugin("split-words"))).unwrap();
    // A section that nobody reads: its number, its length, the length of its name, its name.
    component.extend([0, 3, 2, b'b', b'0' + build]);
    std::fs::write(folder.join(BUILT), component).unwrap();
}

pub fn lay_out(folder: &Path, case: &Case) {
    jobs::lay_out(folder, case);
    if case.text.contains(BUILT) {
        write_build(folder, 0);
    }
}

/// The epoch in the name of a published file.
fn epoch_of(name: &str) -> Option<u64> {
    name.rsplit_once('.')?.0.rsplit_once('-')?.1.parse().ok()
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
