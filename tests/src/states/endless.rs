//! Versions that never return are refused in bounded time, with the job going on as before.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use millstream_engine::job::{PluginChange, Trigger};
use millstream_engine::run::{Control, RunOptions};
use serde_json::json;

use super::live::{GUEST, Live, jobs, sorted, with_versions};
use super::swaps::Counting;
use crate::scratch::Scratch;
use crate::support::{component_of, here, runtime};

/// Whose job stops when a test fails, too: its thread is waited for.
struct Ends(Control);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[test]
fn a_version_whose_bind_never_returns_is_refused_while_the_job_goes_on() {
    let text = "name = \"copies\"\n[source.rows]\npath = \"in\"\nformat = \"json\"\nschema = { value = \"utf8\" }\n\
                [plugin.p]\npath = \"first.wasm\"\n[operator.x]\ninput = \"rows\"\nplugin = \"p\"\n\
                [sink.x]\ninput = \"x\"\nconnector = \"memory\"\n";
    let scratch = Scratch::new();
    let hostile = |name: &str| runtime().build_project(&here().join("../plugins/hostile").join(name)).unwrap();
    scratch.write("first.wasm", hostile("rejects-some"));
    scratch.write("loops.wasm", hostile("loops"));
    let mut written = 0;
    let (control, counting) = (Control::default(), Arc::new(Counting::default()));
    let options = RunOptions {
        trigger: Some(Trigger::Continuous),
        control: control.clone(),
        observer: counting.clone(),
        ..RunOptions::default()
    };
    let mut one_more = || {
        scratch.write(&format!("in/{written}.json"), format!("{{\"value\":\"{written}\"}}\n"));
        written += 1;
        while counting.0.load(Ordering::SeqCst) < written {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let swap = |with: serde_json::Value| {
        let (path, with) = (Some(scratch.path().join("loops.wasm")), with.as_object().unwrap().clone());
        control.swap(PluginChange { plugin: "p".into(), path, with, ..PluginChange::default() }).unwrap()
    };
    let ran = std::thread::scope(|scope| {
        let _ends = Ends(control.clone());
        let running = scope.spawn(|| scratch.run_with(text, options).unwrap());
        one_more();
        let began = Instant::now();
        let swapping = swap(json!({ "in_bind": true }));
        let waiting = scope.spawn(move || swapping.wait());
        let mut meanwhile = 0;
        while !waiting.is_finished() {
            one_more();
            meanwhile += 1;
        }
        let error = waiting.join().unwrap().unwrap_err();
        println!("{error}, in {:?}, {meanwhile} epochs meanwhile", began.elapsed());
        for words in ["plugin `p` was not swapped", "longer than 10s"] {
            assert!(error.message().contains(words), "{error}");
        }
        assert!(meanwhile > 1 && began.elapsed() < Duration::from_secs(60), "{meanwhile} in {:?}", began.elapsed());
        // One that returns takes its place afterwards.
        let swapping = swap(json!({}));
        let waiting = scope.spawn(move || swapping.wait());
        while !waiting.is_finished() {
            one_more();
        }
        waiting.join().unwrap().unwrap();
        control.stop();
        running.join().unwrap()
    });
    assert_eq!(ran.rows("x").len() as u64, written);
}

#[test]
fn a_version_that_is_never_done_with_bringing_states_over_gives_way_again() {
    for (what, guest, text) in jobs().into_iter().filter(|(_, guest, _)| *guest == GUEST) {
        let undisturbed = with_versions(guest, 6).run(&text).unwrap();
        let scratch = with_versions(guest, 6);
        scratch.write("endless.wasm", component_of(guest, 4));
        let text = text.replace("\"first.wasm\"\n", "\"first.wasm\"\nlimits = { time = \"100ms\" }\n");
        let mut live = Live::open(&scratch, &text);
        live.epochs(2);
        let swapping = live.swap(&scratch, "endless.wasm", &json!({}));
        let began = Instant::now();
        live.epochs(1);
        let error = swapping.wait().unwrap_err();
        println!("{what}: {error}, in {:?}", began.elapsed());
        for words in ["plugin `p` was not swapped", "longer than"] {
            assert!(error.message().contains(words), "{what}: {error}");
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:?}", began.elapsed());
        let swapping = live.swap(&scratch, "second.wasm", &json!({}));
        live.epochs(1);
        let (ran, _) = live.end();
        assert_eq!(swapping.wait().unwrap().epoch, 3, "{what}");
        assert_eq!(sorted(&ran), sorted(&undisturbed), "{what}");
    }
}
