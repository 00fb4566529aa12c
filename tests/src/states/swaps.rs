//! A running job is swapped to another version of a plugin between two epochs: states are brought over, nothing is lost, and
//! what cannot take its place is refused while the job goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_engine::job::{PluginChange, Trigger};
use millstream_engine::run::{Control, EpochReport, Observer, RunOptions};
use serde_json::{Value, json};

use super::live::{Live, jobs, sorted, with_versions, write_for};
use super::{COMPLETE, run, write};
use crate::scratch::Scratch;
use crate::support::{component_of, here, runtime};

#[test]
fn a_version_takes_the_place_of_another_with_an_epoch_and_keeps_it_after_a_restart() {
    for (what, guest, text) in jobs() {
        let undisturbed = with_versions(guest, 7).run(&text).unwrap();
        let scratch = with_versions(guest, 4);
        let mut live = Live::open(&scratch, &text);
        live.epochs(2);
        let swapping = live.swap(&scratch, "second.wasm", &json!({}));
        live.epochs(1);
        let (ran, told) = live.end();
        let swapped = swapping.wait().unwrap();
        assert_eq!((swapped.epoch, swapped.plugin.as_str()), (2, "p"), "{what}");
        assert_ne!(swapped.digest, swapped.before);
        assert!(
            told.iter().any(|m| m.contains("states of version 1 of plugin `p") && m.contains("were brought over")),
            "{told:?}"
        );
        assert!(told.iter().any(|m| m.contains("`p` was swapped with epoch 2")), "{what}: {told:?}");

        // What came out of it, and of the two runs after it, is what comes out of one version alone.
        let mut rows = ran.rows("x");
        write_for(guest, &scratch, 4);
        let again = Live::open(&scratch, &text).end();
        assert!(again.1.iter().any(|m| m.contains("`p` goes on as it was swapped to in epoch 2")), "{:?}", again.1);
        rows.extend(again.0.rows("x"));
        // Its file has that version by now; then another one than it had when it was swapped.
        scratch.write("first.wasm", component_of(guest, 2));
        (5..7).for_each(|n| write_for(guest, &scratch, n));
        let third = Live::open(&scratch, &text).end();
        assert!(third.1.iter().any(|m| m.contains("has the version by now")), "{:?}", third.1);
        rows.extend(third.0.rows("x"));
        if text.contains(COMPLETE) || what == "a node" {
            assert_eq!(sorted(&third.0), sorted(&undisturbed), "{what}");
        } else {
            rows.sort_by_key(Value::to_string);
            assert_eq!(rows, sorted(&undisturbed), "{what}");
        }
    }
}

#[test]
fn what_cannot_take_its_place_is_refused_and_the_job_goes_on() {
    for (what, guest, text) in jobs() {
        let undisturbed = with_versions(guest, 8).run(&text).unwrap();
        let scratch = with_versions(guest, 8);
        scratch.write("third.wasm", component_of(guest, 3));
        scratch.write("broken.wasm", b"\0asm broken");
        let map = runtime().build_project(&here().join("../plugins/nth-word")).unwrap();
        scratch.write("map.wasm", map);
        let mut live = Live::open(&scratch, &text);
        live.epochs(1);
        for (file, with, words) in [
            ("nothing.wasm", json!({}), "No such file"),
            ("broken.wasm", json!({}), "is not a WebAssembly component"),
            ("map.wasm", json!({}), ""),
            ("third.wasm", json!({}), "no way from version 1 to version 3"),
            ("", json!({ "colum": "v" }), ""),
        ] {
            let swapping = live.swap(&scratch, file, &with);
            live.epochs(1);
            let error = swapping.wait().unwrap_err();
            let message = error.message();
            assert!(
                message.contains("plugin `p` was not swapped") && message.contains(words),
                "{what}, {file}: {error}"
            );
        }
        let unknown = PluginChange { plugin: "q".into(), ..PluginChange::default() };
        let unknown = live.control.swap(unknown).unwrap();
        let second = PluginChange { plugin: "p".into(), ..PluginChange::default() };
        let second = live.control.swap(second).unwrap_err();
        assert!(second.message().contains("another swap is under way"), "{second}");
        live.epochs(1);
        assert!(unknown.wait().unwrap_err().message().contains("has no plugin `q`"));
        let (ran, told) = live.end();
        assert_eq!(told.iter().filter(|m| m.contains("was not swapped") && m.contains("the job goes on")).count(), 6);
        assert_eq!(sorted(&ran), sorted(&undisturbed), "{what}");
        assert_eq!(ran.summary.rejected, 0);
    }
}

#[test]
fn a_version_with_which_its_first_epoch_fails_gives_way_again() {
    let text = "name = \"copies\"\ncheckpoint = \"state\"\n[source.rows]\npath = \"in\"\nformat = \"json\"\n\
                schema = { value = \"utf8\" }\nmax_files_per_epoch = 1\n[plugin.p]\npath = \"first.wasm\"\n\
                [operator.x]\ninput = \"rows\"\nplugin = \"p\"\n[operator.n]\nsql = \"SELECT count(*) AS n FROM x\"\n\
                output_mode = \"complete\"\n[sink.x]\ninput = \"x\"\nconnector = \"memory\"\n\
                [sink.files]\ninput = \"x\"\nconnector = \"file\"\npath = \"out\"\nformat = \"json\"\n\
                [sink.n]\ninput = \"n\"\nconnector = \"memory\"\n";
    let scratch = Scratch::new();
    let hostile = |name: &str| runtime().build_project(&here().join("../plugins/hostile").join(name)).unwrap();
    scratch.write("first.wasm", hostile("rejects-some"));
    for n in 0..6 {
        let rows: String = (0..50).map(|i| format!("{{\"value\":\"{n} {i}\"}}\n")).collect();
        scratch.write(&format!("in/{n}.json"), rows);
    }
    let mut live = Live::open(&scratch, text);
    live.epochs(1);
    for (name, with, words) in [
        ("panics", json!({ "text": "" }), "poisoned by"),
        ("recurses", json!({ "text": "" }), "overflowed its stack"),
        ("bad-output", json!({ "how": "invalid-utf8" }), "copy Utf8 without nulls instead of"),
    ] {
        scratch.write("next.wasm", hostile(name));
        let swapping = live.swap(&scratch, "next.wasm", &with);
        live.epochs(1);
        let error = swapping.wait().unwrap_err();
        assert!(error.message().contains("was not swapped") && error.message().contains(words), "{error}");
    }
    // One that fails with one row only is as good as the first, and is so configured after a restart.
    scratch.write("next.wasm", hostile("panics"));
    let swapping = live.swap(&scratch, "next.wasm", &json!({ "text": "5 49" }));
    live.epochs(1);
    let (ran, _) = live.end();
    assert_eq!(swapping.wait().unwrap().epoch, 4);
    assert_eq!((ran.rows("x").len(), ran.summary.rejected, ran.rows("n")[0]["n"].as_i64()), (299, 1, Some(299)));
    scratch.write("in/6.json", "{\"value\":\"5 49\"}\n{\"value\":\"6\"}\n");
    let (ran, told) = Live::open(&scratch, text).end();
    assert!(told.iter().any(|m| m.contains("`p` goes on as it was swapped to in epoch 4")), "{told:?}");
    assert_eq!((ran.rows("x").len(), ran.summary.rejected, ran.rows("n")[0]["n"].as_i64()), (1, 1, Some(300)));
    // What its file says of the plugin was changed: that counts.
    scratch.write("in/7.json", "{\"value\":\"5 49\"}\n");
    let text = text.replace("plugin = \"p\"", "plugin = \"p\"\nwith = { text = \"other\" }");
    let (ran, told) = Live::open(&scratch, &text).end();
    assert!(told.iter().any(|m| m.contains("the job's file was changed since")), "{told:?}");
    assert_eq!((ran.rows("x").len(), ran.summary.rejected), (1, 0));
    let lines =
        scratch.published("out").iter().map(|(_, bytes)| bytes.iter().filter(|b| **b == b'\n').count()).sum::<usize>();
    assert_eq!(lines, 301);
}

#[test]
fn a_job_that_ends_or_stops_is_swapped_no_more() {
    let (_, guest, text) = jobs().remove(3);
    let scratch = with_versions(guest, 1);
    let mut live = Live::open(&scratch, &text);
    live.epochs(1);
    let swapping = live.swap(&scratch, "second.wasm", &json!({}));
    let control = live.control.clone();
    live.end();
    let ended = control.swap(PluginChange { plugin: "p".into(), ..PluginChange::default() }).unwrap_err();
    assert!(ended.message().contains("the job has ended"), "{ended}");
    assert!(swapping.wait().unwrap_err().message().contains("the job ended before"));
    control.stop();
    let stopped = control.swap(PluginChange { plugin: "p".into(), ..PluginChange::default() }).unwrap_err();
    assert!(stopped.message().contains("told to stop"), "{stopped}");
    // Nothing has happened to it.
    let (ran, told) = run(&scratch, &text[text.find("[plugin.p]").unwrap()..text.find("[sink.").unwrap()]);
    assert_eq!((ran.unwrap().summary.epochs, told.iter().any(|m| m.contains("swapped"))), (0, false));
}

/// Counts the rows of committed epochs.
#[derive(Default)]
pub(super) struct Counting(pub AtomicU64);

impl Observer for Counting {
    fn epoch(&self, report: &EpochReport) {
        self.0.fetch_add(report.rows_in, Ordering::SeqCst);
    }
}

#[test]
fn a_job_of_many_threads_is_swapped_while_its_input_comes() {
    let (_, guest, text) = jobs().remove(0);
    let scratch = with_versions(guest, 1);
    let (control, counting) = (Control::default(), Arc::new(Counting::default()));
    let options = RunOptions {
        trigger: Some(Trigger::Continuous),
        control: control.clone(),
        observer: counting.clone(),
        ..RunOptions::default()
    };
    let mut files = 1;
    let (ran, swapped) = std::thread::scope(|scope| {
        let running = scope.spawn(|| scratch.run_with(&text, options).unwrap());
        let mut swapped = Vec::new();
        for version in ["second.wasm", "first.wasm", "second.wasm"] {
            let path = Some(scratch.path().join(version));
            let swapping = control.swap(PluginChange { plugin: "p".into(), path, ..PluginChange::default() }).unwrap();
            let waiting = scope.spawn(move || swapping.wait());
            while !waiting.is_finished() {
                write(&scratch, files);
                files += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            swapped.push(waiting.join().unwrap());
        }
        while counting.0.load(Ordering::SeqCst) < 3 * files as u64 {
            std::thread::sleep(Duration::from_millis(5));
        }
        control.stop();
        (running.join().unwrap(), swapped)
    });
    let [first, back, again] = &swapped[..] else { panic!("{swapped:?}") };
    // What version 2 has stored, version 1 cannot read; and version 2 again is what it is already.
    assert!(back.as_ref().unwrap_err().message().contains("states of version 2 of plugin `p`"), "{back:?}");
    assert!(first.as_ref().unwrap().epoch < again.as_ref().unwrap().epoch);
    let undisturbed = with_versions(guest, files).run(&text).unwrap();
    assert_eq!(sorted(&ran), sorted(&undisturbed));
}
