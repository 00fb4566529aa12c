//! The program, killed (`kill -9`) at each step of a swap that was ordered over its control socket, and started again: its sink
//! has the rows of a run that nobody disturbed, each epoch was made by the version that its record names, and nothing is left
//! of a swap that did not come about.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use millstream_engine::fault::point;
use running::{Folder, Run};
use serde_json::Value;

/// A row comes out for each: the version that made it, its number, and how many there were of its key, which is what is kept.
const JOB: &str = r#"
name = "watched"
checkpoint = "state"
trigger = { every = "200ms" }
[source.rows]
path = "in"
format = "json"
schema = { key = "utf8", n = "int64", ts = "timestamp" }
max_files_per_epoch = 1
[plugin.p]
path = "p.wasm"
[operator.x]
input = "rows"
plugin = "p"
key_by = ["key"]
with = { do = "tells", data = "n" }
[sink.out]
input = "x"
connector = "file"
path = "out"
format = "json"
"#;

/// Files of input. The first is read before the swap, the second with it.
const FILES: usize = 4;

/// The steps of the new version's first epoch before it is committed, and after.
const COMPUTED: [&str; 5] =
    [point::PLANNED, point::CHUNK_BEFORE, point::CHUNK, point::RECORD_BEFORE, point::RECORD_TORN];
const COMMITTED: [&str; 10] = [
    point::RECORD_WRITTEN,
    point::RECORD_SYNCED,
    point::INLINE_WRITTEN,
    point::RENAME_BEFORE,
    point::RENAME_AFTER,
    point::EXTEND_BEFORE,
    point::EXTEND_TORN,
    point::EXTEND_SYNCED,
    point::PUBLISH_FOLDER_SYNCED,
    point::MARK_BEFORE,
];

/// The job after its first epoch, its plugin's versions beside it, and what an undisturbed run gives.
struct Prepared {
    name: &'static str,
    /// A copy of all of it.
    copy: Folder,
    digests: [String; 3],
    expected: Vec<Value>,
}

impl Prepared {
    fn new(name: &'static str) -> Self {
        let folder = Folder::new(name, JOB);
        let versions: [Vec<u8>; 3] = folder.versions("tests/guests/keyed-state");
        for (version, component) in versions.iter().enumerate() {
            fs::write(folder.0.join(format!("{}.wasm", version + 1)), component).unwrap();
        }
        write(&folder, 0);
        let mut run = folder.begin(&["run", "job.toml"]);
        run.until("epoch 0");
        assert!(run.end("-INT").success());
        let digests = versions.map(|component| millstream_plugin::digest(&component));
        let copy = Folder::new(&format!("{name}-copy"), JOB);
        copied(&folder, &copy);
        let mut prepared = Self { name, copy, digests, expected: Vec::new() };
        let undisturbed = prepared.again();
        goes_on(&undisturbed);
        prepared.expected = rows(&undisturbed).into_values().flatten().map(|(_, row)| row).collect();
        prepared.expected.sort_by_key(Value::to_string);
        assert_eq!(prepared.expected.len(), 6 * FILES);
        prepared
    }

    /// The same again, where it was: elsewhere it is another job, which would be kept first.
    fn again(&self) -> Folder {
        let folder = Folder::new(self.name, JOB);
        copied(&self.copy, &folder);
        folder
    }

    /// Swaps the job to `version`, killed when it passes `at` for the first time; whether it had begun the first epoch with it.
    fn killed(&self, folder: &Folder, at: &str, version: usize) -> bool {
        let mut run = folder.begin_with(&["run", "job.toml"], Some(&format!("{at}:1:kill")));
        run.until("going on after epoch 0");
        let file = format!("{version}.wasm");
        let mut swap = folder.program(&["swap", "watched", "p", &file]);
        let mut swap = swap.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        // Once it is kept it is as good as ready. The job looks for input seldom enough that it is so when it finds the next.
        let kept = folder.0.join(format!("state/plugins/{}.wasm", self.digests[version - 1]));
        assert!(soon(|| kept.exists() || swap.try_wait().unwrap().is_some() || has_ended(&mut run)), "{at}: not kept");
        write(folder, 1);
        let is_killed = soon(|| has_ended(&mut run));
        drop(run.child.kill());
        let told = swap.wait_with_output().unwrap();
        let said: Vec<String> = run.said.iter().collect();
        assert!(is_killed, "{at}: {}, {said:#?}", String::from_utf8_lossy(&told.stderr));
        assert_eq!(run.child.wait().unwrap().signal(), Some(9), "{at}: {said:#?}");
        // Whoever waits for it may be told once it is committed.
        assert!(COMMITTED.contains(&at) || !told.status.success(), "{at}: nothing is swapped");
        let kept = fs::read_dir(folder.0.join("state/plugins")).unwrap().map(|entry| entry.unwrap().file_name());
        let is_begun = kept.into_iter().any(|name| name.to_str().unwrap().starts_with(&self.digests[version - 1]));
        assert!(is_begun || [point::KEEP_BEFORE, point::FORGET_AFTER].contains(&at), "{at}: it is not what was kept");
        said.iter().any(|line| line.contains("brought over"))
    }

    /// Started again, it has what an undisturbed run has; the epochs from the second on are made by `version`.
    fn goes_on_with(&self, version: usize, folder: &Folder, what: &str) {
        goes_on(folder);
        let records = done(folder, &["epochs", "job.toml", "--json"]);
        let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut named = BTreeSet::new();
        for record in &records {
            let now = if record["epoch"] == 0 { 1 } else { version };
            assert_eq!(record["plugins"]["p"], self.digests[now - 1], "{what}: {record}");
            named.insert(format!("{}.wasm", self.digests[now - 1]));
        }
        let mut all = Vec::new();
        for (epoch, rows) in rows(folder) {
            let made_by = if epoch == 0 { 1 } else { version };
            for (told, row) in rows {
                assert_eq!(told, made_by, "{what}, epoch {epoch}: {row}");
                all.push(row);
            }
        }
        all.sort_by_key(Value::to_string);
        assert_eq!(all, self.expected, "{what}");
        let letters = fs::read_to_string(folder.0.join("watched.dead-letters.jsonl")).unwrap();
        let letters: Vec<Value> = letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let letters: Vec<&str> = letters.iter().map(|letter| letter["row"].as_str().unwrap()).collect();
        let expected: Vec<String> = (0..FILES).map(|file| format!("no row {file}")).collect();
        assert_eq!(letters, expected, "{what}");
        // What is kept is what the records name, and enough to make all of it again.
        let kept = fs::read_dir(folder.0.join("state/plugins")).unwrap();
        let kept: BTreeSet<String> = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(kept, named, "{what}");
        let told = done(folder, &["replay", "job.toml", "--epoch", &format!("0..{}", records.len() - 1)]);
        assert!(told.contains("each gave what was written"), "{what}: {told}");
    }
}

fn copied(from: &Folder, to: &Folder) {
    let copied = Command::new("cp").arg("-a").arg(from.0.join(".")).arg(&to.0).status().unwrap();
    assert!(copied.success());
}

fn has_ended(run: &mut Run) -> bool {
    run.child.try_wait().unwrap().is_some()
}

/// Waits until `is` holds, but not for ever: whether it does.
fn soon(mut is: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if is() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// Writes a file of input, with a line that is no row.
fn write(folder: &Folder, file: usize) {
    let row = |i: usize| {
        let (key, n, ts) = (i % 3, 6 * file + i, 1_700_000_000 + file);
        format!("{{\"key\":\"k{key}\",\"n\":{n},\"ts\":{ts}}}\n")
    };
    let rows: String = (0..6).map(row).collect();
    let aside = folder.0.join("aside");
    fs::write(&aside, rows + &format!("no row {file}\n")).unwrap();
    fs::rename(aside, folder.0.join(format!("in/{file}.json"))).unwrap();
}

/// Runs it with all the input that there is to be.
fn goes_on(folder: &Folder) {
    (0..FILES).filter(|file| !folder.0.join(format!("in/{file}.json")).exists()).for_each(|file| write(folder, file));
    done(folder, &["run", "job.toml", "--available-now"]);
}

/// What a command prints; it must succeed.
fn done(folder: &Folder, args: &[&str]) -> String {
    let output = folder.program(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What was published, by epoch: rows without the version that made each, and it.
fn rows(folder: &Folder) -> BTreeMap<u64, Vec<(usize, Value)>> {
    let parts = fs::read_dir(folder.0.join("out")).unwrap().map(|entry| entry.unwrap().path());
    let parts = parts.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let mut told: Vec<Value> = serde_json::from_str(row["out"].as_str().unwrap()).unwrap();
        let version = told.remove(0).as_u64().unwrap() as usize;
        row["out"] = told.into();
        (version, row)
    };
    let by_epoch = parts.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let epoch = name.rsplit(['-', '.']).nth(1).unwrap().parse().unwrap();
        (epoch, fs::read_to_string(&path).unwrap().lines().map(row).collect())
    });
    by_epoch.collect()
}

#[test]
fn killed_at_each_step_of_a_swap_it_goes_on_with_the_one_version_or_the_other() {
    let prepared = Prepared::new("steps");
    let steps = |points: &'static [&'static str], version| points.iter().map(move |point| (*point, version));
    let before = steps(&point::KEEP, 1).chain(steps(&COMPUTED, 1));
    for (at, version) in before.chain(steps(&COMMITTED, 2)) {
        let is_made_ready = point::KEEP.contains(&at);
        let folder = (0..5).find_map(|_| {
            let folder = prepared.again();
            // Should it have found it in the moment before: once more.
            (prepared.killed(&folder, at, 2) || is_made_ready || at == point::PLANNED).then_some(folder)
        });
        prepared.goes_on_with(version, &folder.unwrap(), at);
    }
}

#[test]
fn killed_while_a_swap_that_failed_is_forgotten_it_goes_on_as_before() {
    let prepared = Prepared::new("forgets");
    for at in point::FORGET {
        // There is no way from version 1 to version 3.
        let folder = prepared.again();
        prepared.killed(&folder, at, 3);
        prepared.goes_on_with(1, &folder, at);
        drop(folder);
        // What a process has left that was killed is forgotten by the next one, which is killed over it.
        let folder = prepared.again();
        prepared.killed(&folder, point::KEEP_SYNCED, 2);
        let mut run = folder.begin_with(&["run", "job.toml"], Some(&format!("{at}:1:kill")));
        assert!(soon(|| has_ended(&mut run)), "{at}: not killed");
        assert_eq!(run.child.wait().unwrap().signal(), Some(9), "{at}");
        prepared.goes_on_with(1, &folder, at);
    }
}
