//! `run --watch`: the program swaps a plugin whose file changes, goes on with the one that it has if the new one is none, and
//! ends when it is told to. Killed (`kill -9`) in the midst of it again and again, it loses and doubles no row, and each epoch's rows
//! were made by the component that its record names.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use running::{Folder, JOB, rows_of};

#[test]
fn a_plugin_whose_file_changes_takes_the_others_place() {
    let folder = Folder::new("one", JOB);
    folder.build("plugins/hostile/rejects-some", "p.wasm");
    folder.build("plugins/hostile/panics", "next.wasm");
    folder.write(0);
    let mut run = folder.begin(&["run", "job.toml", "--watch"]);
    run.until("epoch 0");
    fs::write(folder.0.join("p.wasm"), "not a component").unwrap();
    run.until("is not a WebAssembly component");
    folder.write(1);
    run.until("epoch 1");
    fs::rename(folder.0.join("next.wasm"), folder.0.join("p.wasm")).unwrap();
    run.until("plugin `p` has changed");
    // It is made ready while the job goes on.
    let mut written = 2;
    let mut until_swapped = || {
        while !run.said.try_iter().any(|line| line.contains("plugin `p` was swapped with epoch")) {
            assert!(written < 1000, "it is not swapped");
            folder.write(written);
            written += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    until_swapped();
    let with = |text: &str| JOB.replace("plugin = \"p\"", &format!("plugin = \"p\"\nwith = {{ text = \"{text}\" }}"));
    fs::write(folder.0.join("job.toml"), with("no such row")).unwrap();
    run.until("`with` of plugin `p` has changed");
    until_swapped();
    // What takes a restart is told, and changes nothing.
    fs::write(folder.0.join("job.toml"), with("no such row").replace("50ms", "60ms")).unwrap();
    run.until("was changed in more than the `with`");
    assert!(run.end("-INT").success());
    let mut rows: Vec<String> = folder.parts().iter().flat_map(|(_, text)| rows_of(text)).collect();
    rows.sort();
    let mut expected: Vec<String> = (0..written).map(|n| format!("row {n},row {n}")).collect();
    expected.sort();
    assert_eq!(rows, expected);
}

#[test]
fn killed_while_plugins_are_swapped_each_row_counts_once_and_records_name_what_made_it() {
    let folder = Folder::new("killed", &JOB.replace("plugin = \"p\"", "plugin = \"p.tag\"").replace("50ms", "5ms"));
    let builds = folder.builds();
    let mut next = 0;
    // Numbers that look at random, the same each time.
    let mut random = 20_261_128_u64;
    folder.write(next);
    next += 1;
    for round in 0..8 {
        let mut run = folder.begin(&["run", "job.toml", "--watch"]);
        run.until("epoch");
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
        run.end("-KILL");
        folder.write(next);
        next += 1;
    }
    let end = |args: &[&str]| {
        let ended = folder.program(args).arg("job.toml").stderr(Stdio::null()).output().unwrap();
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
