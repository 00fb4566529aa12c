//! What may be done to a job, its checkpoint and its input between two runs, and what is refused.

use std::sync::mpsc::sync_channel;

use millstream_engine::ErrorKind;
use millstream_engine::fault::{Faults, point};
use millstream_engine::job::Trigger;
use millstream_engine::run::{Control, Environment, RunOptions};
use serde_json::json;

use crate::restart::{FILES, JOB, Watch, input, part, watched};
use crate::scratch::Scratch;
use crate::support::assert_same_rows;

/// After three of the input's files.
fn half_way() -> Scratch {
    let scratch = input(0..FILES);
    for _ in 0..3 {
        scratch.run_with(JOB, RunOptions { trigger: Some(Trigger::Once), ..RunOptions::default() }).unwrap();
    }
    scratch
}

#[test]
fn sinks_stateless_operators_and_limits_may_be_edited() {
    let all = input(0..FILES).run(JOB).unwrap();
    let scratch = half_way();
    // A filter that reads another column moves the places of the others, which is nothing to the state.
    let edited = JOB.replace("max_files_per_epoch = 1", "max_files_per_epoch = 3");
    let edited = edited.replace("AS most FROM events GROUP", "AS most FROM events WHERE extra IS NULL GROUP");
    let edited = edited.replace("late = \"late\"\n", "").replace("[sink.late]", "[sink.events]\ninput = \"events\"").replace(
        "[sink.windows]",
        "[operator.few]\nsql = \"SELECT url, n FROM totals WHERE n > 10 ORDER BY n DESC LIMIT 2\"\n[sink.few]\ninput = \"few\"\nconnector = \"memory\"\n[sink.windows]",
    );
    let (ran, told) = watched(&scratch, &edited, Watch::default(), None);
    let ran = ran.unwrap();
    assert!(told.iter().any(|m| m.contains("the job was changed")), "{told:?}");
    assert_eq!(ran.summary.resumed_from, Some(2));
    assert_eq!(ran.rows("few").len(), 2);
    assert_same_rows("totals", ran.rows("totals"), all.rows("totals"), 0.0);
}

#[test]
fn a_changed_window_key_or_aggregate_is_refused_naming_the_operator() {
    for (what, from, to, operator) in [
        ("size", "window(ts, '2 minutes', '1 minute')", "window(ts, '3 minutes', '1 minute')", "closed"),
        ("slide", "window(ts, '2 minutes', '1 minute')", "window(ts, '2 minutes')", "closed"),
        ("aggregate", "sum(bytes) AS bytes", "max(bytes) AS bytes", "closed"),
        (
            "key",
            "url, max(bytes) AS most FROM events GROUP BY window(ts, '1 minute'), url",
            "upper(url) AS url, max(bytes) AS most FROM events GROUP BY window(ts, '1 minute'), upper(url)",
            "changes",
        ),
        (
            "filter of an aggregate",
            "count(*) AS n, sum(bytes)",
            "count(*) FILTER (WHERE bytes > 3) AS n, sum(bytes)",
            "closed",
        ),
        ("one aggregate more", "max(bytes) AS most", "max(bytes) AS most, min(bytes) AS least", "changes"),
    ] {
        let edited = JOB.replace(from, to);
        assert_ne!(edited, JOB, "{what}");
        let scratch = half_way();
        let error = scratch.run(&edited).err().unwrap_or_else(|| panic!("{what}: went on"));
        assert_eq!(error.kind(), ErrorKind::Conflict, "{what}: {error}");
        assert!(error.message().contains(&format!("`{operator}`")), "{what}: {error}");
        assert!(error.help().is_some_and(|h| h.contains("another name") && h.contains("--fresh")), "{what}: {error:?}");
        // The job as it was goes on.
        assert_eq!(scratch.run(JOB).unwrap().summary.resumed_from, Some(2), "{what}");
    }
}

#[test]
fn an_operator_of_another_name_begins_anew_beside_the_others() {
    let scratch = half_way();
    let edited = JOB.replace("totals", "sums");
    let (ran, told) = watched(&scratch, &edited, Watch::default(), None);
    let ran = ran.unwrap();
    assert!(told.iter().any(|m| m.contains("`sums` is new")), "{told:?}");
    assert!(told.iter().any(|m| m.contains("`totals` is gone")), "{told:?}");
    let counted: i64 = ran.rows("sums").iter().map(|r| r["n"].as_i64().unwrap()).sum();
    assert_eq!(counted, 40 * (FILES as i64 - 3));
}

/// [`JOB`] with a memory sink only: it has no folder that another checkpoint could have taken.
fn in_memory() -> String {
    let (head, _) = JOB.split_once("[sink.windows]").unwrap();
    head.replace("late = \"late\"\n", "") + "[sink.totals]\ninput = \"totals\"\nconnector = \"memory\"\n"
}

#[test]
fn fresh_begins_anew() {
    let scratch = input(0..FILES);
    let all = scratch.run(&in_memory()).unwrap();
    let again = scratch.run(&in_memory()).unwrap();
    assert_eq!((again.summary.epochs, again.summary.rows_in), (0, 0));
    let fresh = scratch.run_with(&in_memory(), RunOptions { fresh: true, ..RunOptions::default() }).unwrap();
    assert_eq!((fresh.summary.resumed_from, fresh.summary.rows_in), (None, all.summary.rows_in));
    assert_same_rows("totals", fresh.rows("totals"), all.rows("totals"), 0.0);
    // And goes on from there.
    assert_eq!(scratch.run(&in_memory()).unwrap().summary.epochs, 0);
}

#[test]
fn a_folder_with_another_checkpoints_files_is_refused() {
    let scratch = half_way();
    let error = scratch.run(&JOB.replace("\"state\"", "\"elsewhere\"")).err().expect("it is taken");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.message().contains("out/windows"), "{error}");
    assert!(error.help().is_some(), "{error:?}");
}

#[test]
fn fresh_takes_what_the_old_checkpoint_has_published_along() {
    let scratch = half_way();
    scratch.write("out/windows/of-somebody-else.txt", "stays");
    let fresh = scratch.run_with(JOB, RunOptions { fresh: true, ..RunOptions::default() }).unwrap();
    assert_eq!(fresh.summary.resumed_from, None);
    // Nothing twice: no part of an epoch is there under two names, and a second run finds its folder its own.
    let parts: Vec<String> = std::fs::read_dir(scratch.path().join("out/windows"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("part-"))
        .collect();
    let owners: std::collections::BTreeSet<&str> = parts.iter().map(|p| p.split('-').nth(2).unwrap()).collect();
    assert_eq!(owners.len(), 1, "{parts:?}");
    assert!(scratch.path().join("out/windows/of-somebody-else.txt").is_file());
    assert_eq!(scratch.run(JOB).unwrap().summary.epochs, 0);
}

#[test]
fn a_checkpoint_in_use_is_refused_until_its_owner_is_done() {
    let scratch = input(0..FILES);
    let (tell, started) = sync_channel(1);
    let control = Control::default();
    let watch = Watch { started: Some(tell), control: control.clone(), ..Watch::default() };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| watched(&scratch, JOB, watch, Some(Trigger::Continuous)).0.map(|r| r.summary));
        started.recv().unwrap();
        let second = scratch.run(JOB).err().expect("the first one has it");
        control.stop();
        assert_eq!(second.kind(), ErrorKind::Conflict, "{second}");
        assert!(second.message().contains("is in use"), "{second}");
        first.join().unwrap().unwrap();
    });
    scratch.run(JOB).unwrap();
}

#[test]
fn a_job_whose_windows_were_all_closed_takes_no_more_input() {
    let scratch = input(0..3);
    let job = JOB.replace("checkpoint = ", "final_watermark = true\ncheckpoint = ");
    let job = job.replace("[sink.totals]", "[sink.seen]\ninput = \"closed\"\nconnector = \"memory\"\n[sink.totals]");
    let ran = scratch.run(&job).unwrap();
    let last = ran.rows("seen").into_iter().map(|r| r["end"].as_str().unwrap().to_owned()).max().unwrap();
    assert_eq!(last, "2026-03-01T09:10:00Z", "the windows of the greatest event time are closed, too");
    assert_eq!(scratch.run(&job).unwrap().summary.epochs, 0, "a finished job has nothing to do");
    scratch.write("in/3.json", part(3));
    let error = scratch.run(&job).err().expect("it would all be late");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("final_watermark"), "{error}");
    assert!(error.help().is_some_and(|h| h.contains("--fresh")), "{error:?}");
}

#[test]
fn a_file_that_is_gone_or_changed_after_it_was_planned_stops_the_job() {
    for (what, change) in [
        ("is gone", (|path| std::fs::remove_file(path).unwrap()) as fn(&std::path::Path)),
        ("was changed", |path| {
            std::fs::write(path, "{\"url\":\"/x\",\"ts\":\"2026-03-01T09:00:00Z\",\"bytes\":1}\n").unwrap()
        }),
    ] {
        let scratch = input(0..FILES);
        let file = scratch.path().join("in/4.json");
        let planned = std::sync::Mutex::new(0);
        let faults = Faults::new({
            let file = file.clone();
            move |name| {
                if name == point::PLANNED {
                    let mut epoch = planned.lock().unwrap();
                    if *epoch == 4 {
                        change(&file);
                    }
                    *epoch += 1;
                }
            }
        });
        let error = scratch
            .run_with(
                JOB,
                RunOptions { environment: Environment { faults, ..Environment::default() }, ..RunOptions::default() },
            )
            .err()
            .expect(what);
        println!("{error:?}");
        for word in ["epoch 4", "`events`", "in/4.json", what] {
            assert!(error.message().contains(word), "{error} says nothing of {word}");
        }
        assert_eq!(scratch.published("out/changes").len(), 4);
        // Put back, it is read; what was read before may go.
        std::fs::write(&file, part(4)).unwrap();
        std::fs::remove_file(scratch.path().join("in/0.json")).unwrap();
        let ran = scratch.run(JOB).unwrap();
        assert_eq!((ran.summary.resumed_from, ran.summary.rows_in), (Some(3), 40 * (FILES as u64 - 4)));
        let counted: i64 = ran.rows("totals").iter().map(|r| r["n"].as_i64().unwrap()).sum();
        assert_eq!(counted, 40 * FILES as i64);
        assert_eq!(ran.rows("totals")[0]["url"], json!("/0"));
    }
}
