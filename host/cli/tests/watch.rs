//! `run --watch`: the program swaps a plugin whose file changes, goes on with the one that it has if the new one is none, and
//! ends when it is told to.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::fs;
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
