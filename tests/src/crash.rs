//! Crashes: a process is killed (`kill -9`) at each named fault point, at its first, a middle and its last passing, and
//! started again; then the sink's folder must hold what an undisturbed run writes, byte for byte.
//!
//! The process is this test binary itself, asked by an environment variable to run one job. A seeded selection runs
//! always; `MILLSTREAM_CRASH=all cargo test --release --workspace crash` runs every point of every job.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use millstream_engine::fault::{Faults, point};
use millstream_engine::job::{Job, Trigger};
use millstream_engine::run::{Environment, RunOptions, run};

use crate::support::{here, runtime};

/// Selected of the whole matrix in an ordinary run: one in so many.
const ONE_IN: u64 = 9;

const FOLDER: &str = "MILLSTREAM_CRASH_FOLDER";
const FAULT: &str = "MILLSTREAM_CRASH_FAULT";

/// The jobs: name, what they say beside source and name.
fn jobs() -> Vec<(&'static str, String)> {
    let plugins = here().join("../plugins").canonicalize().unwrap();
    let file = |name: &str, input: &str, format: &str, more: &str| {
        format!(
            "[sink.{name}]\ninput = \"{input}\"\nconnector = \"file\"\npath = \"out/{name}\"\nformat = \"{format}\"\n{more}\n"
        )
    };
    let sql =
        |name: &str, mode: &str, text: &str| format!("[operator.{name}]\nsql = \"{text}\"\noutput_mode = \"{mode}\"\n");
    let windows = "SELECT window.start, url, count(*) AS n, sum(bytes) AS bytes FROM logs GROUP BY window(timestamp, '2 minutes', '1 minute'), url";
    let counts = "SELECT url, count(*) AS n FROM logs GROUP BY url";
    vec![
        ("windows", sql("w", "append", windows) + &file("a", "w", "parquet", "")),
        ("snapshot", sql("c", "complete", counts) + &file("a", "c", "csv", "")),
        ("changelog", sql("u", "update", counts) + &file("a", "u", "json", "changelog = true")),
        (
            "two_sinks",
            sql("w", "append", windows)
                + &sql("c", "complete", counts)
                + &file("a", "w", "json", "")
                + &file("b", "c", "csv", ""),
        ),
        // Rows as they come and state under long keys: large enough for files aside and for snapshots of the state.
        (
            "large",
            sql(
                "big",
                "update",
                "SELECT repeat(user, 20) AS who, url, bytes, count(*) AS n FROM logs GROUP BY repeat(user, 20), url, bytes",
            ) + &file("a", "big", "json", "changelog = true")
                + &file("b", "logs", "csv", ""),
        ),
        (
            "flat_map",
            format!(
                "[plugin.split]\npath = {:?}\n[operator.words]\ninput = \"logs\"\nplugin = \"split\"\nwith = {{ column = \"url\", separator = \"/\" }}\n",
                plugins.join("split-words")
            ) + &sql("c", "complete", "SELECT word, count(*) AS n FROM words GROUP BY word")
                + &file("a", "c", "csv", "")
                + &file("b", "words", "json", ""),
        ),
        (
            "aggregate",
            format!("[plugin.most]\npath = {:?}\nwith = {{ output = \"max\" }}\n", plugins.join("sum-and-max"))
                + &sql(
                    "w",
                    "append",
                    "SELECT window.start, url, most(bytes) AS most FROM logs GROUP BY window(timestamp, '1 minute'), url",
                )
                + &file("a", "w", "json", ""),
        ),
    ]
}

/// Writes the job and its input: eight files, times out of order, one row in fifty malformed.
fn lay_out(folder: &Path, job: &str) {
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let rows = if job.contains("repeat(") { 6000 } else { 150 };
    for part in 0..8 {
        let mut text = String::new();
        for row in 0..rows {
            let second = part * 60 + row * 60 / rows;
            let late = next(40);
            let at = 1_700_000_000 + second - late;
            if next(50) == 0 {
                text.push_str("{\"url\": oops\n");
            }
            let (url, bytes, user) = (next(12), next(5000), next(300));
            writeln!(text, "{{\"url\":\"/p/{url}\",\"timestamp\":{at},\"bytes\":{bytes},\"user\":\"user-{user}\"}}")
                .unwrap();
        }
        std::fs::write(folder.join(format!("data/part-{part}.json")), text).unwrap();
    }
    let head = "name = \"crash\"\ncheckpoint = \"state\"\n[source.logs]\npath = \"data\"\nformat = \"json\"\n\
                schema = { url = \"utf8\", timestamp = \"timestamp\", bytes = \"int64\", user = \"utf8\" }\n\
                max_files_per_epoch = 1\nevent_time = \"timestamp\"\nwatermark = \"20s\"\n";
    std::fs::write(folder.join("job.toml"), format!("{head}{job}")).unwrap();
}

fn run_here(folder: &Path, faults: Faults) {
    let options = RunOptions {
        trigger: Some(Trigger::AvailableNow),
        environment: Environment { faults, ..Environment::default() },
        runtime: Some(runtime()),
        ..RunOptions::default()
    };
    run(Job::load(&folder.join("job.toml"), &[]).unwrap(), options).unwrap();
}

/// Not a test of its own: what a killed process runs.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let fault = std::env::var(FAULT).unwrap();
    let (name, at) = fault.split_once('@').unwrap();
    let (name, at, passed) = (name.to_owned(), at.parse::<u64>().unwrap(), Mutex::new(0));
    let faults = Faults::new(move |point| {
        if point == name {
            let mut passed = passed.lock().unwrap();
            *passed += 1;
            if *passed == at {
                Command::new("kill").args(["-9", &std::process::id().to_string()]).status().unwrap();
                loop {
                    std::thread::park();
                }
            }
        }
    });
    run_here(Path::new(&folder), faults);
}

/// Every file that the sinks have published, and the dead letters: name, without the checkpoint's id, and content.
fn published(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.join("out")];
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(inside).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                if name != "_millstream" {
                    folders.push(entry.path());
                }
                continue;
            }
            let masked: Vec<&str> = name.split(['-', '.']).filter(|p| p.len() != 16).collect();
            let sink = entry.path().parent().unwrap().file_name().unwrap().to_owned();
            files.insert(format!("{}/{}", sink.display(), masked.join("-")), std::fs::read(entry.path()).unwrap());
        }
    }
    files.insert("dead letters".into(), std::fs::read(folder.join("crash.dead-letters.jsonl")).unwrap_or_default());
    files
}

/// How often an undisturbed run passes each point, and what it publishes.
fn undisturbed(folder: &Path) -> (BTreeMap<&'static str, u64>, BTreeMap<String, Vec<u8>>) {
    let passed: Arc<Mutex<BTreeMap<&'static str, u64>>> = Arc::default();
    let count = passed.clone();
    run_here(folder, Faults::new(move |point| *count.lock().unwrap().entry(point).or_default() += 1));
    let passed = passed.lock().unwrap().clone();
    (passed, published(folder))
}

fn same(what: &str, have: &BTreeMap<String, Vec<u8>>, want: &BTreeMap<String, Vec<u8>>) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(have), names(want), "{what}: other files");
    for (name, content) in want {
        assert!(have[name] == *content, "{what}: {name} differs");
    }
}

#[test]
fn a_restart_after_kill_9_gives_what_an_undisturbed_run_gives() {
    let all = std::env::var("MILLSTREAM_CRASH").is_ok_and(|v| v == "all");
    let scratch = tempfile::tempdir().unwrap();
    let (mut number, mut killed, mut reached) = (0u64, 0, std::collections::BTreeSet::new());
    for (name, job) in jobs() {
        let reference: PathBuf = scratch.path().join(name);
        lay_out(&reference, &job);
        let (passed, want) = undisturbed(&reference);
        assert!(want.len() > 1, "{name}: nothing was published");
        for (point, times) in point::ALL.iter().filter_map(|p| passed.get(p).map(|n| (*p, *n))) {
            reached.insert(point);
            for at in std::collections::BTreeSet::from([1, times.div_ceil(2), times]) {
                number += 1;
                if !all && number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) % ONE_IN != 0 {
                    continue;
                }
                let what = format!("{name}, killed at {point} number {at}");
                let folder = scratch.path().join(format!("{name}-{number}"));
                lay_out(&folder, &job);
                let ended = Command::new(std::env::current_exe().unwrap())
                    .args(["crash::child", "--exact", "--quiet"])
                    .env(FOLDER, &folder)
                    .env(FAULT, format!("{point}@{at}"))
                    .output()
                    .unwrap();
                // How often publishing is bundled depends on time: the last passing may not come.
                if !ended.status.success() {
                    assert_eq!(ended.status.code(), None, "{what}: {}", String::from_utf8_lossy(&ended.stdout));
                    killed += 1;
                }
                run_here(&folder, Faults::default());
                same(&what, &published(&folder), &want);
                std::fs::remove_dir_all(&folder).unwrap();
            }
        }
    }
    assert!(killed > 0);
    for point in point::ALL {
        assert!(reached.contains(point), "no job passes the fault point {point}");
    }
    println!("{killed} processes killed and started again");
}
