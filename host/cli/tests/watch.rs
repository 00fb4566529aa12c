//! `run --watch`: the program swaps a plugin whose file changes, goes on with the one that it has if the new one is none, and
//! ends when it is told to. Killed (`kill -9`) in the midst of it again and again, it loses and doubles no row, and each epoch's rows
//! were made by the component that its record names.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const JOB: &str = r#"
name = "watched"
checkpoint = "state"
trigger = { every = "50ms" }
[source.rows]
path = "in"
format = "json"
schema = { value = "utf8" }
[plugin.p]
path = "p.wasm"
[operator.x]
input = "rows"
plugin = "p"
[sink.out]
input = "x"
connector = "file"
path = "out"
format = "csv"
"#;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Folder {
    fn new(name: &str, job: &str) -> Self {
        let path = std::env::temp_dir().join(format!("millstream-watch-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(path.join("in")).unwrap();
        fs::write(path.join("job.toml"), job).unwrap();
        Self(path)
    }

    fn build(&self, plugin: &str, to: &str) {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(plugin);
        let mut build = Command::new(env!("CARGO_BIN_EXE_millstream"));
        build.args(["plugin", "build"]).arg(project).arg("-o").arg(self.0.join(to)).stderr(Stdio::null());
        assert!(build.stdout(Stdio::null()).status().unwrap().success());
    }

    /// Puts a component in the place of the one that the job uses.
    fn replace(&self, component: &[u8]) {
        fs::write(self.0.join("next.wasm"), component).unwrap();
        fs::rename(self.0.join("next.wasm"), self.0.join("p.wasm")).unwrap();
    }

    /// The parts that its sink has published, with their names.
    fn parts(&self) -> Vec<(String, String)> {
        let parts = fs::read_dir(self.0.join("out")).unwrap().map(|entry| entry.unwrap().path());
        let parts = parts.filter(|path| path.is_file() && path.extension().is_some_and(|ending| ending == "csv"));
        parts.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
    }

    fn write(&self, n: usize) {
        // Under another name first, so that it is whole when it is seen.
        let (aside, file) = (self.0.join("aside"), self.0.join(format!("in/{n}.json")));
        fs::write(&aside, format!("{{\"value\":\"row {n}\"}}\n")).unwrap();
        fs::rename(aside, file).unwrap();
    }
}

/// The lines of a part but for the first.
fn rows_of(part: &str) -> Vec<String> {
    part.lines().skip(1).map(str::to_owned).collect()
}

/// Waits until the program has said `words`.
fn until(said: &Receiver<String>, words: &str) {
    let mut all = Vec::new();
    loop {
        let line = said.recv_timeout(Duration::from_secs(120)).unwrap_or_else(|_| panic!("no {words:?} in {all:#?}"));
        if line.contains(words) {
            return;
        }
        all.push(line);
    }
}

fn begin(folder: &Folder) -> (Child, Receiver<String>) {
    let mut run = Command::new(env!("CARGO_BIN_EXE_millstream"));
    run.arg("run").arg(folder.0.join("job.toml")).arg("--watch").stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = run.spawn().unwrap();
    let (tell, said) = channel();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    (child, said)
}

#[test]
fn a_plugin_whose_file_changes_takes_the_others_place() {
    let folder = Folder::new("one", JOB);
    folder.build("plugins/hostile/rejects-some", "p.wasm");
    folder.build("plugins/hostile/panics", "next.wasm");
    folder.write(0);
    let (mut child, said) = begin(&folder);
    until(&said, "epoch 0");
    fs::write(folder.0.join("p.wasm"), "not a component").unwrap();
    until(&said, "is not a WebAssembly component");
    folder.write(1);
    until(&said, "epoch 1");
    fs::rename(folder.0.join("next.wasm"), folder.0.join("p.wasm")).unwrap();
    until(&said, "plugin `p` has changed");
    // It is made ready while the job goes on.
    let mut written = 2;
    let mut until_swapped = || {
        while !said.try_iter().any(|line| line.contains("plugin `p` was swapped with epoch")) {
            assert!(written < 1000, "it is not swapped");
            folder.write(written);
            written += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    until_swapped();
    let with = |text: &str| JOB.replace("plugin = \"p\"", &format!("plugin = \"p\"\nwith = {{ text = \"{text}\" }}"));
    fs::write(folder.0.join("job.toml"), with("no such row")).unwrap();
    until(&said, "`with` of plugin `p` has changed");
    until_swapped();
    // What takes a restart is told, and changes nothing.
    fs::write(folder.0.join("job.toml"), with("no such row").replace("50ms", "60ms")).unwrap();
    until(&said, "was changed in more than the `with`");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    let mut rows: Vec<String> = folder.parts().iter().flat_map(|(_, text)| rows_of(text)).collect();
    rows.sort();
    let mut expected: Vec<String> = (0..written).map(|n| format!("row {n},row {n}")).collect();
    expected.sort();
    assert_eq!(rows, expected);
}

/// The guest that tells which of its two builds it is.
fn builds(folder: &Folder) -> [Vec<u8>; 2] {
    folder.build("tests/guests/another-shape", "p.wasm");
    let first = fs::read(folder.0.join("p.wasm")).unwrap();
    let text = b"version of the stored states ";
    let at = first.windows(text.len()).position(|window| window == text).unwrap() + text.len();
    let mut second = first.clone();
    second[at] = b'2';
    [first, second]
}

#[test]
fn killed_while_plugins_are_swapped_each_row_counts_once_and_records_name_what_made_it() {
    let folder = Folder::new("killed", &JOB.replace("plugin = \"p\"", "plugin = \"p.tag\"").replace("50ms", "5ms"));
    let builds = builds(&folder);
    let mut next = 0;
    // Numbers that look at random, the same each time.
    let mut random = 20_261_128_u64;
    folder.write(next);
    next += 1;
    for round in 0..8 {
        let (mut child, said) = begin(&folder);
        until(&said, "epoch");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let lasts = 60 + (random >> 33) % 60;
        for n in 0..lasts {
            if n == 10 {
                folder.replace(&builds[(round + 1) % 2]);
            }
            folder.write(next);
            next += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        folder.write(next);
        next += 1;
    }
    let end = |args: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
        let ended = program.args(args).arg(folder.0.join("job.toml")).stderr(Stdio::null()).output().unwrap();
        assert!(ended.status.success());
        String::from_utf8(ended.stdout).unwrap()
    };
    end(&["run", "--available-now"]);
    let records = end(&["epochs", "--json"]);
    let records: Vec<serde_json::Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let swaps = records.iter().filter(|record| record["swapped"]["p"]["since"] == record["epoch"]).count();
    assert!(swaps >= 2, "{swaps} swaps in {} epochs", records.len());
    let digests = builds.map(|component| millstream_plugin::digest(&component));
    let mut rows = Vec::new();
    for (name, part) in folder.parts() {
        let epoch = name.rsplit(['-', '.']).nth(1).unwrap().parse::<u64>().unwrap();
        let made_by = &records.iter().find(|record| record["epoch"] == epoch).unwrap()["plugins"]["p"];
        for row in rows_of(&part) {
            let (value, build) = row.rsplit_once(',').unwrap();
            let build: usize = build.parse().unwrap();
            assert_eq!(*made_by, digests[build - 1], "epoch {epoch}: {row}");
            rows.push(value.to_owned());
        }
    }
    let (count, mut all) = (rows.len(), rows);
    all.sort();
    all.dedup();
    assert_eq!((count, all.len()), (next, next));
}
