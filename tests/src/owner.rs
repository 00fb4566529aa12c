//! One owner per checkpoint, and one checkpoint per sink folder: whoever comes second is refused at once and writes
//! nothing, however long the first one stalls; and a zombie whose lock somebody has removed writes nothing either.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use millstream_engine::ErrorKind;
use millstream_engine::fault::point;

use crate::crash::jobs::{self, Case, two_sinks};
use crate::crash::outcome::{Outcome, assert_same_files, files_below};
use crate::crash::process::{Life, wake};

/// Where the owner stalls: before it has a folder, while it computes, commits, publishes and cleans up.
const STALLS: [(&str, u64); 9] = [
    (point::CLAIM_BEFORE, 1),
    (point::PLANNED, 1),
    (point::CHUNK, 4),
    (point::RECORD_TORN, 3),
    (point::RECORD_SYNCED, 3),
    (point::RENAME_BEFORE, 3),
    (point::MARK_BEFORE, 2),
    (point::SNAPSHOT_WRITTEN, 2),
    (point::GC_REMOVED, 1),
];

/// A folder with a job, and what the job gives undisturbed.
fn laid_out(case: &Case) -> (tempfile::TempDir, Outcome) {
    let (scratch, undisturbed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    jobs::lay_out(undisturbed.path(), case);
    Life::default().here(undisturbed.path()).unwrap();
    jobs::lay_out(&scratch.path().join("job"), case);
    (scratch, Outcome::of(undisturbed.path()))
}

/// A process that runs the job in `folder` and hangs at a fault point.
fn stalled(folder: &Path, (at, n): (&str, u64)) -> Child {
    let life = Life { stalls: true, ..Life::killed_at(at, n).stepped(7) };
    let mut child = life.start(folder);
    let began = Instant::now();
    loop {
        let state = Command::new("ps").args(["-o", "state=", "-p", &child.id().to_string()]).output().unwrap();
        if state.stdout.first() == Some(&b'T') {
            return child;
        }
        assert!(child.try_wait().unwrap().is_none(), "{life}: it ended and did not stall");
        assert!(began.elapsed() < Duration::from_secs(60), "{life}: it does not come to its fault point");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a second run is refused, at once and with nothing written.
fn assert_refused(what: &str, folder: &Path, life: &Life, words: &[&str]) {
    let before = files_below(folder);
    let began = Instant::now();
    let error = life.here(folder).err().unwrap_or_else(|| panic!("{what}: it was let in"));
    assert!(began.elapsed() < Duration::from_secs(5), "{what}: it waited");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{what}: {error}");
    for word in words {
        assert!(error.message().contains(word), "{what}: {error} says nothing of {word}");
    }
    assert!(error.help().is_some(), "{what}: {error:?}");
    assert_same_files(what, &files_below(folder), &before);
}

#[test]
fn a_stalled_owner_keeps_its_checkpoint_and_goes_on() {
    for stall in STALLS {
        let what = format!("stalled at {}", stall.0);
        let (scratch, expected) = laid_out(&two_sinks());
        let folder = &scratch.path().join("job");
        let owner = stalled(folder, stall);
        let words = ["the checkpoint ", "is in use by process ", &owner.id().to_string()];
        for fresh in [false, true] {
            assert_refused(&what, folder, &Life { fresh, ..Life::default() }, &words);
        }
        // And so is one that finds the way by another path.
        let job = std::fs::read_to_string(folder.join("job.toml")).unwrap();
        std::os::unix::fs::symlink(folder.join("state"), folder.join("link")).unwrap();
        for path in ["out/../state", "link"] {
            std::fs::create_dir_all(folder.join("out")).unwrap();
            std::fs::write(folder.join("job.toml"), job.replace("\"state\"", &format!("\"{path}\""))).unwrap();
            assert_refused(&what, folder, &Life::default(), &words);
        }
        std::fs::write(folder.join("job.toml"), job).unwrap();

        wake(folder, &owner);
        let ended = owner.wait_with_output().unwrap();
        assert!(ended.status.success(), "{what}: {}", String::from_utf8_lossy(&ended.stdout));
        // A stepped run leaves the last mark to the next one.
        Life::default().here(folder).unwrap();
        Outcome::of(folder).assert_same(&what, &expected);
    }
}

#[test]
fn a_stalled_owner_that_is_killed_has_a_successor() {
    for stall in STALLS {
        let what = format!("stalled at {}", stall.0);
        let (scratch, expected) = laid_out(&two_sinks());
        let folder = &scratch.path().join("job");
        let mut owner = stalled(folder, stall);
        assert_refused(&what, folder, &Life::default(), &["is in use by process "]);
        owner.kill().unwrap();
        owner.wait().unwrap();
        Life::default().here(folder).unwrap();
        Outcome::of(folder).assert_same(&what, &expected);
    }
}

#[test]
fn a_zombie_that_wakes_after_its_lock_was_removed_writes_nothing() {
    // Not in the middle of a write to the checkpoint, which has asked for the lock before.
    let before_writes = [point::PLANNED, point::CHUNK, point::RECORD_SYNCED, point::RENAME_BEFORE, point::MARK_BEFORE];
    for stall in STALLS.into_iter().filter(|(at, _)| before_writes.contains(at)) {
        let what = format!("stalled at {}", stall.0);
        let (scratch, expected) = laid_out(&two_sinks());
        let folder = &scratch.path().join("job");
        let zombie = stalled(folder, stall);
        std::fs::remove_file(folder.join("state/LOCK")).unwrap();
        Life::default().here(folder).unwrap();
        Outcome::of(folder).assert_same(&what, &expected);
        let before = files_below(folder);

        wake(folder, &zombie);
        let ended = zombie.wait_with_output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(!ended.status.success(), "{what}: it went on");
        assert!(
            said.contains("does not own the checkpoint") && said.contains("LOCK file was removed")
                || said.contains("cannot rename"),
            "{what}: {said}"
        );
        assert_same_files(&what, &files_below(folder), &before);
        Outcome::of(folder).assert_same(&what, &expected);
    }
}

#[test]
fn a_sink_folder_belongs_to_one_job() {
    for stall in [(point::PLANNED, 1), (point::RECORD_SYNCED, 4), (point::RENAME_AFTER, 3)] {
        let (scratch, expected) = laid_out(&two_sinks());
        let folder = &scratch.path().join("job");
        let owner = stalled(folder, stall);
        std::os::unix::fs::symlink(folder.join("out/a"), folder.join("link")).unwrap();
        for path in ["out/a", "out/b/../a", "./out//a", "link"] {
            let what = format!("{path}, its owner stalled at {}", stall.0);
            // Another job, with a checkpoint of its own and the same dead letters' folder.
            let other = folder.join("other");
            jobs::lay_out(&other, &two_sinks());
            let job = std::fs::read_to_string(other.join("job.toml")).unwrap();
            let job = job.replace("name = \"crash\"", "name = \"other\"");
            std::fs::write(other.join("job.toml"), job.replace("\"out/a\"", &format!("\"../{path}\""))).unwrap();
            let life = Life { other_id: true, ..Life::default() };
            let before = files_below(&folder.join("out"));
            let error = life.here(&other).err().unwrap_or_else(|| panic!("{what}: it was let in"));
            assert_eq!(error.kind(), ErrorKind::Conflict, "{what}: {error}");
            for word in ["sink a", "holds files of another checkpoint: job crash, checkpoint c4a54c4a54c4a54c"] {
                assert!(error.message().contains(word), "{what}: {error} says nothing of {word}");
            }
            assert!(error.help().is_some_and(|help| help.contains("give this job another folder")), "{what}");
            assert_same_files(&what, &files_below(&folder.join("out")), &before);
            std::fs::remove_dir_all(other).unwrap();
        }
        wake(folder, &owner);
        assert!(owner.wait_with_output().unwrap().status.success());
        Life::default().here(folder).unwrap();
        Outcome::of(folder).assert_same("the owner goes on", &expected);
    }
}
