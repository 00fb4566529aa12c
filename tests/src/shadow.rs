//! A changed job beside one that runs: told of each epoch what it would have given, and no trace of it in the job.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use millstream_engine::Result;
use millstream_engine::job::PluginChange;
use millstream_engine::run::{Changed, Environment, ReplayedEpoch, Shadow, shadow};
use millstream_engine::storage::LocalStorage;
use serde_json::{Map, Value, json};

use crate::scratch::Scratch;
use crate::states::live::{Live, jobs, sorted, with_versions};
use crate::support::{component_of, here, runtime};

/// Longer than any epoch of these jobs takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shadow on its own thread.
pub(crate) struct Beside {
    ended: JoinHandle<Result<()>>,
    /// Told when it begins.
    begun: Receiver<()>,
    epochs: Receiver<ReplayedEpoch>,
}

impl Beside {
    /// Lets the job make so many epochs, which the shadow sees; what it says of them.
    pub fn sees(&self, live: &mut Live, epochs: usize) -> Vec<ReplayedEpoch> {
        self.begun.recv_timeout(PATIENCE).unwrap();
        live.epochs(epochs);
        (0..epochs).map(|_| self.epochs.recv_timeout(PATIENCE).unwrap()).collect()
    }

    pub fn end(self) -> Result<()> {
        self.ended.join().unwrap()
    }
}

/// The plugin `p` with another component, or another `with`, beside the job in this folder, for so many epochs.
pub(crate) fn beside(scratch: &Scratch, file: &str, with: Map<String, Value>, epochs: usize) -> Beside {
    let path = (!file.is_empty()).then(|| scratch.path().join(file));
    let plugins = vec![PluginChange { plugin: "p".into(), path, with, ..PluginChange::default() }];
    let options = Shadow {
        changed: Changed { plugins, ..Changed::default() },
        keys: BTreeMap::new(),
        runtime: Some(runtime()),
        threads: Some(1),
        environment: Environment::default(),
    };
    let (tell, told) = channel();
    let (begins, begun) = channel();
    let storage = LocalStorage::new(scratch.path().join("state"));
    let run = move || {
        let mut left = epochs;
        let note = |line: &str| {
            if line.contains("the shadow begins") {
                let _ = begins.send(());
            }
        };
        shadow(&storage, options, &note, &AtomicBool::new(false), |epoch| {
            drop(tell.send(epoch.clone()));
            left -= 1;
            Ok(if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
    };
    Beside { ended: std::thread::spawn(run), begun, epochs: told }
}

#[test]
fn a_version_that_gives_the_same_is_seen_to_and_the_job_does_not_notice() {
    for (what, guest, text) in jobs() {
        let undisturbed = with_versions(guest, 7).run(&text).unwrap();
        let scratch = with_versions(guest, 7);
        let mut live = Live::open(&scratch, &text);
        live.epochs(2);
        let beside = beside(&scratch, "second.wasm", Map::new(), 3);
        let seen = beside.sees(&mut live, 3);
        beside.end().unwrap();
        assert_eq!(seen.len(), 3, "{what}");
        assert!(seen.iter().zip(&seen[1..]).all(|(one, next)| one.epoch + 1 == next.epoch), "{seen:?}");
        assert!(seen.iter().all(|epoch| epoch.unlike.is_empty() && epoch.is_same_after()), "{what}: {seen:?}");
        let (ran, told) = live.end();
        assert_eq!(sorted(&ran), sorted(&undisturbed), "{what}");
        assert!(!told.iter().any(|m| m.contains("brought over") || m.contains("swapped")), "{told:?}");
    }
}

#[test]
fn what_another_version_would_give_is_told_and_given_to_nobody() {
    let text = "name = \"beside\"\ncheckpoint = \"state\"\n[source.rows]\npath = \"in\"\nformat = \"json\"\n\
                schema = { value = \"utf8\" }\nmax_files_per_epoch = 1\n[plugin.p]\npath = \"p.wasm\"\n\
                [operator.x]\ninput = \"rows\"\nplugin = \"p\"\nwith = { text = \"a\" }\n\
                [operator.n]\nsql = \"SELECT count(*) AS n FROM x\"\noutput_mode = \"complete\"\n\
                [sink.x]\ninput = \"x\"\nconnector = \"memory\"\n[sink.n]\ninput = \"n\"\nconnector = \"memory\"\n";
    let scratch = Scratch::new();
    scratch.write("p.wasm", runtime().build_project(&here().join("../plugins/keep-containing")).unwrap());
    scratch.write("broken.wasm", b"\0asm broken");
    for n in 0..5 {
        let rows: String = ["a", "ab", "b"].iter().map(|v| format!("{{\"value\":\"{v} {n}\"}}\n")).collect();
        scratch.write(&format!("in/{n}.json"), rows);
    }
    let mut live = Live::open(&scratch, text);
    live.epochs(1);
    let with = json!({ "text": "b" }).as_object().unwrap().clone();
    let shadow = beside(&scratch, "", with, 2);
    let seen = shadow.sees(&mut live, 2);
    shadow.end().unwrap();
    for epoch in &seen {
        assert!(epoch.unlike.is_empty(), "{epoch:?}");
        let found: Vec<_> = epoch.differences.iter().map(|d| (d.sink.as_str(), d.only_before, d.only_after)).collect();
        // From its own copy of the state: both have counted as many.
        assert_eq!(found, [("x", 1, 1)], "{epoch:?}");
    }
    // What cannot be used is said at once.
    for (file, with, words) in
        [("broken.wasm", json!({}), "not a WebAssembly component"), ("", json!({ "txet": 1 }), "txet")]
    {
        let error = beside(&scratch, file, with.as_object().unwrap().clone(), 1).end().unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let (ran, _) = live.end();
    assert_eq!((ran.rows("x").len(), ran.rows("n")[0]["n"].as_i64()), (10, Some(10)));

    // A job that begins anew, or goes on without the shadow having looked, is not taken for the same.
    let shadow = beside(&scratch, "", json!({ "text": "b" }).as_object().unwrap().clone(), 9);
    shadow.begun.recv_timeout(PATIENCE).unwrap();
    scratch.run_with(text, millstream_engine::run::RunOptions { fresh: true, ..Default::default() }).unwrap();
    let error = shadow.end().unwrap_err();
    assert!(error.to_string().contains("was begun anew"), "{error}");
}

#[test]
fn what_a_swap_would_refuse_is_refused() {
    let (_, guest, text) = jobs().remove(0);
    let scratch = with_versions(guest, 2);
    scratch.write("third.wasm", component_of(guest, 3));
    scratch.run(&text).unwrap();
    let error = beside(&scratch, "third.wasm", Map::new(), 1).end().unwrap_err();
    assert!(error.message().contains("no way from version 1 to version 3"), "{error}");
}

#[test]
fn it_ends_when_it_is_told_to() {
    let (_, guest, text) = jobs().remove(0);
    let scratch = with_versions(guest, 2);
    scratch.run(&text).unwrap();
    let ends = AtomicBool::new(false);
    let plugins = vec![PluginChange {
        plugin: "p".into(),
        path: Some(scratch.path().join("second.wasm")),
        ..PluginChange::default()
    }];
    std::thread::scope(|scope| {
        let (ends, storage) = (&ends, LocalStorage::new(scratch.path().join("state")));
        let shadow = scope.spawn(move || {
            let options = Shadow {
                changed: Changed { plugins, ..Changed::default() },
                keys: BTreeMap::new(),
                runtime: Some(runtime()),
                threads: Some(1),
                environment: Environment::default(),
            };
            shadow(&storage, options, &|_| {}, ends, |epoch| panic!("no epoch was committed: {epoch:?}"))
        });
        std::thread::sleep(Duration::from_millis(300));
        ends.store(true, Ordering::Relaxed);
        shadow.join().unwrap().unwrap();
    });
}
