//! A savepoint is a job's state and offsets at the end of an epoch: a job that begins with it gives what the other one would have
//! given, and what a changed job cannot use of it is listed and dropped only if that is allowed.

use std::path::Path;
use std::sync::Arc;

use millstream_engine::checkpoint::save;
use millstream_engine::executor::Workers;
use millstream_engine::run::RunOptions;
use millstream_engine::storage::{LocalStorage, Storage};
use millstream_engine::{Error, ErrorKind};
use serde_json::{Value, json};

use super::live::{Live, jobs, sorted, with_versions};
use super::{COMPLETE, job, run_with, sql};
use crate::scratch::Scratch;

/// Writes a savepoint of the job in this folder; where it is.
fn saved(scratch: &Scratch) -> std::path::PathBuf {
    let into = scratch.path().join("savepoint");
    let from: Arc<dyn Storage> = Arc::new(LocalStorage::new(scratch.path().join("state")));
    save(&from, &LocalStorage::new(&into), 0, &Workers::alone()).unwrap();
    into
}

fn begin(path: &Path) -> RunOptions {
    RunOptions { from: Some(path.to_owned()), ..RunOptions::default() }
}

fn refused(opened: millstream_engine::Result<Live>, words: &[&str]) -> Error {
    let Err(error) = opened else { panic!("it went on, in spite of {words:?}") };
    let text = format!("{error} {}", error.help().unwrap_or_default());
    assert!(words.iter().all(|word| text.contains(word)), "{text}: {words:?}");
    error
}

#[test]
fn a_job_begins_where_a_running_one_is_and_gives_what_that_one_would() {
    for (what, guest, text) in jobs() {
        let undisturbed = with_versions(guest, 7).run(&text).unwrap();
        let scratch = with_versions(guest, 7);
        let mut live = Live::open(&scratch, &text);
        live.epochs(2);
        let swapping = live.swap(&scratch, "second.wasm", &json!({}));
        live.epochs(2);
        let savepoint = saved(&scratch);
        let before: Vec<Value> = live.rows("x");
        // The job goes on as if nothing had been.
        let (ran, _) = live.end();
        swapping.wait().unwrap();
        assert_eq!(sorted(&ran), sorted(&undisturbed), "{what}");

        // Its own checkpoint is gone, and so is the component that it was swapped to.
        for gone in ["state", "second.wasm"] {
            let path = scratch.path().join(gone);
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        let next = Live::try_open(&scratch, &text, begin(&savepoint)).unwrap();
        let (ran, told) = next.end();
        assert!(told.iter().any(|m| m.contains("begins with what") && m.contains("after epoch 3")), "{told:?}");
        assert!(told.iter().any(|m| m.contains("`p` goes on as it was swapped to in epoch 2")), "{told:?}");
        assert!(matches!(ran.summary.epochs, 3 | 4), "{what}");
        let is_whole = text.contains(COMPLETE) || what == "a node";
        let mut rows = if is_whole { Vec::new() } else { before };
        rows.extend(ran.rows("x"));
        rows.sort_by_key(Value::to_string);
        assert_eq!(rows, sorted(&undisturbed), "{what}");
        // And goes on by itself from then on.
        refused(Live::try_open(&scratch, &text, begin(&savepoint)), &["has a checkpoint already", "--fresh"]);
        assert_eq!(Live::open(&scratch, &text).end().0.summary.epochs, 0);
        let fresh = RunOptions { fresh: true, ..begin(&savepoint) };
        assert!(matches!(Live::try_open(&scratch, &text, fresh).unwrap().end().0.summary.epochs, 3 | 4), "{what}");
    }
}

#[test]
fn a_changed_job_is_told_what_it_cannot_use() {
    let counts =
        |name: &str, by: &str| sql(name, &format!("SELECT {by}, count(*) AS n FROM rows GROUP BY {by}"), COMPLETE);
    let sums = sql("sums", "SELECT k, sum(v) AS v FROM rows GROUP BY k", COMPLETE);
    let scratch = Scratch::new();
    for n in 0..3 {
        run_with(&scratch, n, &format!("{}{sums}{}", counts("one", "k"), counts("other", "j")));
    }
    let savepoint = saved(&scratch);
    let files = |scratch: &Scratch| (0..4).for_each(|n| super::write(scratch, n));
    let begins = |text: &str, allow: bool| {
        let next = Scratch::new();
        files(&next);
        let options = RunOptions { allow_dropped_state: allow, ..begin(&savepoint) };
        Live::try_open(&next, &job(text), options).map(|live| (next, live))
    };
    let counted = |ran: &crate::support::Ran, name: &str| {
        ran.rows(name).iter().map(|row| row["n"].as_i64().unwrap()).sum::<i64>()
    };

    // More than there was, in another order: what there was goes on, what is new begins.
    let more = format!("{}{}{sums}{}", counts("new", "k"), counts("other", "j"), counts("one", "k"));
    let (_scratch, live) = begins(&more, false).unwrap();
    let (ran, told) = live.end();
    assert!(told.iter().any(|m| m.contains("`new` is new")), "{told:?}");
    assert_eq!((counted(&ran, "one"), counted(&ran, "other"), counted(&ran, "new")), (12, 12, 3));

    // One is gone, one is kept by something else.
    let less = format!("{}{sums}", counts("one", "j"));
    let error = refused(
        begins(&less, false).map(|(_, live)| live),
        &["`one`: ", "`other`: the job has no such state", "savepoint", "--allow-dropped-state"],
    );
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let (_scratch, live) = begins(&less, true).unwrap();
    let (ran, told) = live.end();
    assert!(told.iter().any(|m| m.contains("`one` does not fit any more")), "{told:?}");
    assert!(told.iter().any(|m| m.contains("`other` is gone")), "{told:?}");
    assert_eq!((counted(&ran, "one"), ran.rows("sums").len()), (3, 2));

    // What cannot be begun with.
    let next = Scratch::new();
    files(&next);
    let open = |text: &str, from: &Path| Live::try_open(&next, text, begin(from));
    refused(open(&job(&more), &next.path().join("nowhere")), &["nowhere", "is not a checkpoint", "savepoint"]);
    refused(open(&job(&more).replace("checkpoint = \"state\"", ""), &savepoint), &["names no checkpoint"]);
    refused(open(&job(&more), &next.path().join("state")), &["the job's own checkpoint"]);
    let text = job(&more).replace("\"state\"", &format!("{:?}", savepoint.display()));
    let error = Live::try_open(&next, &text, RunOptions::default()).map(drop).unwrap_err();
    assert!(error.message().contains("is a savepoint") && error.help().unwrap().contains("--from"), "{error:?}");
    // Nor with what it would drop first, by whatever way to it.
    let next = Scratch::new();
    files(&next);
    next.run(&job(&more)).unwrap();
    std::os::unix::fs::symlink(next.path().join("state"), next.path().join("link")).unwrap();
    for way in ["state", "link"] {
        let fresh = RunOptions { fresh: true, ..begin(&next.path().join(way)) };
        refused(Live::try_open(&next, &job(&more), fresh), &["the job's own checkpoint"]);
    }
    assert_eq!(next.run(&job(&more)).unwrap().summary.epochs, 0, "nothing was dropped");
    let next = Scratch::new();
    files(&next);
    let open = |text: &str, from: &Path| Live::try_open(&next, text, begin(from));
    let state = savepoint.join("state");
    let one = state.read_dir().unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&one).unwrap();
    std::fs::write(&one, &whole[..whole.len() - 1]).unwrap();
    let error = refused(open(&job(&more), &savepoint), &["is damaged"]);
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!next.path().join("state/checkpoint.json").exists());
}
