//! Committed epochs computed again: as they were they give what was written, through swaps and restarts, and what a changed job
//! would have given is what it gives.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use millstream_engine::connector::Connectors;
use millstream_engine::job::{Job, PluginChange};
use millstream_engine::run::{Changed, Environment, Pace, Replay, Replayed, ReplayedEpoch, RunOptions, replay};
use millstream_engine::storage::LocalStorage;
use millstream_engine::{Error, Result};
use millstream_plugin::Runtime;
use serde_json::json;

use crate::scratch::Scratch;
use crate::states::live::{Live, jobs, with_versions, write_for};
use crate::support::{counting_runtime, here, runtime};

/// Computes these epochs of the job in this folder again.
pub(crate) fn again(
    scratch: &Scratch,
    epochs: (u64, u64),
    changed: Option<Changed>,
) -> Result<(Replayed, Vec<ReplayedEpoch>)> {
    again_with(scratch, epochs, changed, runtime(), 2)
}

fn again_with(
    scratch: &Scratch,
    epochs: (u64, u64),
    changed: Option<Changed>,
    runtime: Runtime,
    threads: usize,
) -> Result<(Replayed, Vec<ReplayedEpoch>)> {
    let options = Replay {
        epochs: epochs.0..=epochs.1,
        changed,
        keys: BTreeMap::new(),
        runtime: Some(runtime),
        threads: Some(threads),
        environment: Environment::default(),
    };
    let mut each = Vec::new();
    let done = replay(&LocalStorage::new(scratch.path().join("state")), options, &|_| {}, |epoch| {
        each.push(epoch.clone());
        Ok(())
    })?;
    Ok((done, each))
}

fn refused(replayed: Result<(Replayed, Vec<ReplayedEpoch>)>, words: &[&str]) -> Error {
    let error = replayed.map(|(done, _)| done).unwrap_err();
    let text = format!("{error} {}", error.help().unwrap_or_default());
    assert!(words.iter().all(|word| text.contains(word)), "{text}: {words:?}");
    error
}

/// With a file sink besides, whose bytes are compared.
pub(crate) fn with_files(text: &str) -> String {
    let changelog = if text.contains("\"update\"") { "changelog = true\n" } else { "" };
    format!("{text}[sink.files]\ninput = \"x\"\nconnector = \"file\"\npath = \"out\"\nformat = \"json\"\n{changelog}")
}

#[test]
fn epochs_give_again_what_was_written_through_swaps_and_restarts() {
    for (what, guest, text) in jobs() {
        let text = with_files(&text);
        let scratch = with_versions(guest, 4);
        let mut live = Live::open(&scratch, &text);
        live.epochs(2);
        let swapping = live.swap(&scratch, "second.wasm", &json!({}));
        live.epochs(1);
        // While it runs.
        let (done, each) = again(&scratch, (0, 2), None).unwrap();
        assert_eq!((done.epochs, done.same), (3, 3), "{what}: {each:?}");
        live.end();
        swapping.wait().unwrap();
        write_for(guest, &scratch, 4);
        Live::open(&scratch, &text).end();
        // The component that it was swapped to, and the one before, are gone where they came from.
        for file in ["first.wasm", "second.wasm"] {
            std::fs::rename(scratch.path().join(file), scratch.path().join(format!("gone-{file}"))).unwrap();
        }
        let (done, each) = again(&scratch, (0, 4), None).unwrap();
        assert_eq!((done.epochs, done.same, done.is_compared), (5, 5, false), "{what}: {each:?}");
        assert!(done.rows_in >= 12 && each.iter().map(|e| e.committed.rows_in).sum::<u64>() == done.rows_in);
        // Any of them by itself, from the state before it.
        for epoch in 0..5 {
            let (done, each) = again(&scratch, (epoch, epoch), None).unwrap();
            assert_eq!((done.epochs, done.same), (1, 1), "{what}: {each:?}");
        }
        // The other version from the first epoch on would have given the same.
        let path = Some(scratch.path().join("gone-second.wasm"));
        let change = PluginChange { plugin: "p".into(), path, ..PluginChange::default() };
        let changed = Changed { plugins: vec![change], ..Changed::default() };
        let (done, each) = again(&scratch, (1, 4), Some(changed)).unwrap();
        assert_eq!((done.same, done.same_after, done.is_compared), (4, 4, true), "{what}: {each:?}");

        // What was read has changed since, and what is kept is none of this.
        refused(
            again(&scratch, (5, 9), None),
            &["epochs 5 to 9", "epochs 0 to ", " can be computed again", "keep_epochs"],
        );
        scratch.write("in/3.json", "{}\n");
        let error = again(&scratch, (2, 4), None).map(|(done, _)| done).unwrap_err();
        assert!(error.message().contains("epoch 3: ") && error.message().contains("3.json"), "{error}");
    }
}

#[test]
fn what_a_changed_job_would_have_given_is_what_it_gives() {
    let text = |condition: &str| {
        format!(
            "name = \"what-if\"\ncheckpoint = \"state\"\n[source.rows]\npath = \"in\"\nformat = \"json\"\n\
             schema = {{ k = \"utf8\", v = \"int64\" }}\nmax_files_per_epoch = 1\n\
             [operator.x]\nsql = \"SELECT k, sum(v) AS v FROM rows {condition} GROUP BY k\"\noutput_mode = \"update\"\n\
             [operator.y]\nsql = \"SELECT v FROM rows {condition}\"\n\
             [sink.x]\ninput = \"x\"\nconnector = \"memory\"\n[sink.y]\ninput = \"y\"\nconnector = \"memory\"\n"
        )
    };
    let scratch = Scratch::new();
    for n in 0..5 {
        let rows: String = (0..4).map(|k| format!("{{\"k\":\"{k}\",\"v\":{}}}\n", n * 4 + k)).collect();
        scratch.write(&format!("in/{n}.json"), rows);
    }
    scratch.run(&text("")).unwrap();
    let job =
        |text: &str| Job::parse(text, Path::new("j"), scratch.path(), &Connectors::built_in().keys(), &[]).unwrap();
    let changed = |job| Changed { job: Some(job), ..Changed::default() };
    // The same job is no other one.
    let (done, _) = again(&scratch, (0, 4), Some(changed(job(&text(""))))).unwrap();
    assert_eq!((done.same, done.is_compared), (5, false));

    // Rows of v < 10 would not have counted: epochs 0 and 1 have no others, epoch 2 has two of four.
    let (done, each) = again(&scratch, (0, 4), Some(changed(job(&text("WHERE v >= 10"))))).unwrap();
    assert_eq!((done.same, done.same_after, done.is_compared), (5, 0, true));
    let of = |epoch: usize, sink: &str| {
        each[epoch].differences.iter().find(|d| d.sink == sink).map(|d| (d.only_before, d.only_after, d.changed))
    };
    assert_eq!(
        [of(0, "x"), of(1, "x"), of(2, "x"), of(4, "x")],
        [Some((4, 0, 0)), Some((4, 0, 0)), Some((2, 0, 2)), Some((0, 0, 4))]
    );
    assert_eq!([of(0, "y"), of(2, "y"), of(4, "y")], [Some((4, 0, 0)), Some((2, 0, 0)), None]);
    let difference = each[4].differences.iter().find(|d| d.sink == "x").unwrap();
    assert_eq!(difference.examples[0], (Some(json!({"k": "0", "v": 40})), Some(json!({"k": "0", "v": 28}))));
    // From the third epoch on with the state that was: only what comes then is left out.
    let (done, each) = again(&scratch, (3, 4), Some(changed(job(&text("WHERE v >= 17"))))).unwrap();
    assert_eq!((done.same, done.same_after), (2, 0));
    assert_eq!(
        each[1].differences.iter().map(|d| (d.sink.as_str(), d.only_before, d.changed)).collect::<Vec<_>>(),
        [("x", 1, 3), ("y", 1, 0)]
    );
    // By a key of the job.
    let set = vec![("on_error".to_owned(), "fail".to_owned())];
    let (done, _) = again(&scratch, (0, 4), Some(Changed { set, ..Changed::default() })).unwrap();
    assert_eq!((done.same, done.same_after, done.is_compared), (5, 5, true));
    let wrong = vec![("operator.z.sql".to_owned(), "SELECT 1".to_owned())];
    assert!(again(&scratch, (0, 4), Some(Changed { set: wrong, ..Changed::default() })).is_err());
}

#[test]
fn as_many_epochs_are_kept_as_the_job_says_and_no_more() {
    let text = |keep: &str| {
        format!(
            "name = \"kept\"\ncheckpoint = \"state\"\n{keep}\n[source.rows]\nconnector = \"generate\"\nrows_of = \"access-logs\"\n\
             rows = 400000\nurls = 20000\nmax_rows_per_epoch = 4000\n\
             [operator.x]\nsql = \"SELECT url, status, count(*) AS n FROM rows GROUP BY url, status\"\noutput_mode = \"update\"\n\
             [sink.x]\ninput = \"x\"\nconnector = \"null\"\n"
        )
    };
    let kept = |keep: &str| {
        let scratch = Scratch::new();
        // Snapshots come when they are asked for.
        let environment = Environment { pace: Pace::one_by_one(), ..Environment::default() };
        let options = RunOptions { environment, ..RunOptions::default() };
        scratch.run_with(&text(keep), options).unwrap_or_else(|e| panic!("{e:?}"));
        let storage: Arc<dyn millstream_engine::storage::Storage> =
            Arc::new(LocalStorage::new(scratch.path().join("state")));
        let workers = millstream_engine::executor::Workers::alone();
        let epochs = millstream_engine::run::replayable(&*storage, &workers).unwrap().unwrap();
        let bytes = ["log", "state"]
            .iter()
            .flat_map(|folder| storage.list(folder).unwrap())
            .map(|entry| entry.len)
            .sum::<u64>();
        if keep != "keep_epochs = 0" {
            let (done, each) = again(&scratch, (*epochs.start(), *epochs.end()), None).unwrap();
            assert_eq!(done.same, done.epochs, "{each:?}");
        }
        (epochs, bytes)
    };
    let (none, least) = kept("keep_epochs = 0");
    assert!(none.start() + 60 > *none.end() && *none.end() == 99, "{none:?}");
    let (all, most) = kept("");
    assert_eq!(all, 0..=99);
    let (some, bytes) = kept("keep_epochs = 50");
    assert!(some.start() <= &50 && some.start() > &10 && least < bytes && bytes < most, "{some:?}, {bytes}");
    let (few, bytes) = kept("keep_bytes = \"4 MiB\"");
    assert!(bytes < (6 << 20) && few.start() > all.start(), "{few:?}, {bytes} of {most}");
}

#[test]
fn a_plugin_that_is_not_deterministic_is_found_out() {
    let scratch = Scratch::new();
    let map = runtime().build_project(&here().join("../host/plugin/tests/guest/map")).unwrap();
    scratch.write("p.wasm", map);
    (0..3).for_each(|n| drop(scratch.write(&format!("in/{n}.json"), "{\"value\":1}\n")));
    let text = "name = \"calls\"\ncheckpoint = \"state\"\n[source.rows]\npath = \"in\"\nformat = \"json\"\n\
                schema = { value = \"int64\" }\nmax_files_per_epoch = 1\n[plugin.p]\npath = \"p.wasm\"\n\
                [operator.x]\ninput = \"rows\"\nplugin = \"p\"\nwith = { do = \"calls\" }\n\
                [sink.x]\ninput = \"x\"\nconnector = \"file\"\npath = \"out\"\nformat = \"csv\"\n";
    scratch.run(text).unwrap_or_else(|e| panic!("{e:?}"));
    let (done, each) = again(&scratch, (1, 2), None).unwrap();
    assert_eq!((done.epochs, done.same), (2, 0), "{each:?}");
    assert_eq!(each[0].unlike, ["sink `x` gets other bytes than were written"]);
}

/// What each epoch has consumed, as it was and with the changed job.
fn fuel(each: &[ReplayedEpoch]) -> Vec<(Option<u64>, Option<u64>)> {
    each.iter().map(|epoch| (epoch.fuel, epoch.fuel_after)).collect()
}

#[test]
fn what_plugins_consume_is_the_same_each_time() {
    for (what, guest, text) in jobs() {
        let text = with_files(&text);
        let scratch = with_versions(guest, 4);
        scratch.run(&text).unwrap_or_else(|e| panic!("{e:?}"));
        let path = Some(scratch.path().join("second.wasm"));
        let change = PluginChange { plugin: "p".into(), path, ..PluginChange::default() };
        let changed = || Some(Changed { plugins: vec![change.clone()], ..Changed::default() });
        let counted = |changed, threads| again_with(&scratch, (0, 3), changed, counting_runtime(), threads).unwrap();
        // On one thread the same instance has the same calls, and counting changes nothing of what they give.
        let (done, each) = counted(changed(), 1);
        assert_eq!((done.same, done.same_after), (4, 4), "{what}: {each:?}");
        assert!(each.iter().all(|epoch| epoch.fuel > Some(100) && epoch.fuel_after > Some(100)), "{what}: {each:?}");
        assert_eq!(fuel(&each), fuel(&counted(changed(), 1).1), "{what}");
        let sum = |of: fn(&ReplayedEpoch) -> Option<u64>| each.iter().map(of).sum::<Option<u64>>();
        assert_eq!((done.fuel, done.fuel_after), (sum(|e| e.fuel), sum(|e| e.fuel_after)), "{what}");
        // The changed job is no part of what the job as it was consumes.
        let (alone, each_alone) = counted(None, 1);
        assert_eq!((alone.fuel, alone.fuel_after), (done.fuel, None), "{what}: {each_alone:?}");
        // On two an instance has other calls before: that is in how its memory is handed out, and little.
        let (on_two, _) = counted(changed(), 2);
        let ratio = on_two.fuel.unwrap() as f64 / done.fuel.unwrap() as f64;
        assert!((0.9..1.1).contains(&ratio), "{what}: {ratio}");
        let (uncounted, each) = again(&scratch, (0, 3), changed()).unwrap();
        assert_eq!((uncounted.fuel, uncounted.fuel_after), (None, None), "{what}: {each:?}");
    }
}

#[test]
fn a_version_with_more_to_do_consumes_more_and_a_job_without_plugins_nothing() {
    let scratch = Scratch::new();
    scratch.write("p.wasm", runtime().build_project(&here().join("../host/plugin/tests/guest/map")).unwrap());
    let rows: String = (0..100).map(|n| format!("{{\"value\":{n}}}\n")).collect();
    scratch.write("in/0.json", rows);
    scratch.write("in/1.json", "");
    let head = "name = \"work\"\ncheckpoint = \"state\"\n[source.rows]\npath = \"in\"\nformat = \"json\"\n\
                schema = { value = \"int64\" }\nmax_files_per_epoch = 1\n";
    let sink = "[sink.x]\ninput = \"x\"\nconnector = \"memory\"\n";
    let with_plugin = "[plugin.p]\npath = \"p.wasm\"\n\
                       [operator.x]\ninput = \"rows\"\nplugin = \"p\"\nwith = { do = \"double\" }\n";
    let with_sql = "[operator.x]\nsql = \"SELECT value * 2 AS x FROM rows\"\n";
    let job = |operator: &str| format!("{head}{operator}{sink}");
    let changed = |operator: &str| {
        let known = Connectors::built_in().keys();
        let job = Job::parse(&job(operator), Path::new("j"), scratch.path(), &known, &[]).unwrap();
        Some(Changed { job: Some(job), ..Changed::default() })
    };
    let of = |changed| {
        let (_, each) = again_with(&scratch, (0, 1), changed, counting_runtime(), 1).unwrap();
        fuel(&each)
    };

    scratch.run(&job(with_plugin)).unwrap();
    // Both call the plugin with the same rows; the other fills a map besides.
    let heavier = of(changed(&with_plugin.replace("double", "hash-map")));
    let (before, after) = (heavier[0].0.unwrap(), heavier[0].1.unwrap());
    assert!(before > 100 && after > before + 1_000, "{heavier:?}");
    assert_eq!(heavier[1], (Some(0), Some(0)), "no rows, no calls");
    // One that leaves the plugin out.
    assert_eq!(of(changed(with_sql)), [(Some(before), None), (Some(0), None)]);

    let alone = Scratch::new();
    alone.write("in/0.json", "{\"value\":1}\n");
    alone.run(&job(with_sql)).unwrap();
    let (done, each) = again_with(&alone, (0, 0), None, counting_runtime(), 1).unwrap();
    assert_eq!((done.fuel, fuel(&each)), (None, vec![(None, None)]));
}
