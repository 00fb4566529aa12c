//! The program itself, killed (`kill -9`, or an abort) at fault points that `MILLSTREAM_FAULT` names, and started again:
//! its sinks have what an undisturbed run gives. The engine's own tests have every point; this one has the program
//! around it. A panic, at any thread's work, is told once, as the defect that it is, and undoes nothing that is committed.

#![allow(clippy::unwrap_used, reason = "a test's helpers")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use millstream_engine::fault::point;

const JOB: &str = r#"
name = "killed"
checkpoint = "state"
keep_epochs = 0
[source.rows]
path = "data"
format = "json"
schema = { key = "utf8", ts = "timestamp", n = "int64" }
max_files_per_epoch = 1
event_time = "ts"
watermark = "10s"
[operator.windows]
sql = "SELECT window.start, key, sum(n) AS n FROM rows GROUP BY window(ts, '20 seconds'), key"
[operator.totals]
sql = "SELECT key, count(*) AS n FROM rows GROUP BY key ORDER BY key"
output_mode = "complete"
[sink.windows]
input = "windows"
connector = "file"
path = "out/windows"
format = "json"
[sink.totals]
input = "totals"
connector = "file"
path = "out/totals"
format = "csv"
"#;

/// A folder with the job and its input: six files, each with a line that is no row.
fn laid_out(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{name}"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::write(folder.join("job.toml"), JOB).unwrap();
    for file in 0..6u64 {
        let row = |i: u64| {
            let (key, ts) = (i * 7 % 5, 1_700_000_000 + file * 30 + i);
            format!("{{\"key\":\"k{key}\",\"ts\":{ts},\"n\":{i}}}\n")
        };
        let rows: String = (0..30).map(row).collect();
        fs::write(folder.join(format!("data/{file}.json")), rows + &format!("no row {file}\n")).unwrap();
    }
    folder
}

fn run(folder: &Path, fault: Option<&str>) -> Output {
    run_with(folder, fault, None)
}

fn run_with(folder: &Path, fault: Option<&str>, backtrace: Option<&str>) -> Output {
    run_from(folder, fault, backtrace, None)
}

fn run_from(folder: &Path, fault: Option<&str>, backtrace: Option<&str>, savepoint: Option<&Path>) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
    program.arg("run").arg(folder.join("job.toml")).arg("--available-now");
    for variable in ["MILLSTREAM_FAULT", "RUST_BACKTRACE", "MILLSTREAM_BACKTRACE"] {
        program.env_remove(variable);
    }
    if let Some(savepoint) = savepoint {
        program.arg("--from").arg(savepoint);
    }
    if let Some(variable) = backtrace {
        program.env(variable, "1");
    }
    if let Some(fault) = fault {
        program.env("MILLSTREAM_FAULT", fault);
    }
    program.output().unwrap()
}

/// The published files and the dead letters; names without the checkpoint's random id.
fn published(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for sink in ["windows", "totals"] {
        for entry in fs::read_dir(folder.join("out").join(sink)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                let name = entry.file_name().into_string().unwrap();
                let parts: Vec<&str> = name.split(['-', '.']).filter(|part| part.len() != 16).collect();
                files.insert(format!("{sink}/{}", parts.join("-")), fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    files.insert("dead letters".into(), fs::read_to_string(folder.join("killed.dead-letters.jsonl")).unwrap());
    files
}

#[test]
fn the_program_that_was_killed_goes_on_where_it_was() {
    let undisturbed = laid_out("undisturbed");
    let ended = run(&undisturbed, None);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let expected = published(&undisturbed);
    assert!(expected.len() > 6 && expected["dead letters"].lines().count() == 6, "{expected:?}");

    for (number, (fault, signal)) in [
        ("plan.after:3:kill", 9),
        ("record.torn:2:kill", 9),
        ("record.write.after:4:abort", 6),
        ("record.sync.after:6:kill", 9),
        ("publish.rename.before:2:kill", 9),
        ("publish.extend.torn:1:kill", 9),
        ("mark.after:1:abort", 6),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = laid_out(&number.to_string());
        let ended = run(&folder, Some(fault));
        assert_eq!(ended.status.signal(), Some(signal), "{fault}: {}", String::from_utf8_lossy(&ended.stderr));
        let ended = run(&folder, None);
        assert!(ended.status.success(), "{fault}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(published(&folder), expected, "{fault}");
        fs::remove_dir_all(folder).unwrap();
    }
    fs::remove_dir_all(undisturbed).unwrap();
}

#[test]
fn a_job_that_is_killed_while_it_begins_from_a_savepoint_begins_again() {
    // A job that was stopped by a kill after its third epoch, a savepoint of that, and the rest of the input.
    let stopped = laid_out("stopped");
    assert_eq!(run(&stopped, Some("record.sync.after:3:kill")).status.signal(), Some(9));
    let savepoint = stopped.join("savepoint");
    let mut save = Command::new(env!("CARGO_BIN_EXE_millstream"));
    let saved = save.arg("savepoint").arg(stopped.join("job.toml")).arg(&savepoint).output().unwrap();
    assert!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
    let begun = |name: &str| {
        let folder = laid_out(name);
        // The files are known by their paths from the job's folder.
        fs::remove_dir_all(folder.join("data")).unwrap();
        std::os::unix::fs::symlink(stopped.join("data"), folder.join("data")).unwrap();
        folder
    };
    let undisturbed = begun("begun");
    let ended = run_from(&undisturbed, None, None, Some(&savepoint));
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let expected = published(&undisturbed);
    assert_eq!(expected["dead letters"].lines().count(), 3, "only what came after the savepoint: {expected:?}");
    for point in point::BEGIN {
        let folder = begun("killed-in-beginning");
        let ended = run_from(&folder, Some(&format!("{point}:1:kill")), None, Some(&savepoint));
        assert_eq!(ended.status.signal(), Some(9), "{point}: {}", String::from_utf8_lossy(&ended.stderr));
        // The same command again; where the checkpoint was whole by then, it says to leave --from out.
        let ended = run_from(&folder, None, None, Some(&savepoint));
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(said.contains("has a checkpoint already"), "{point}: {said}");
            assert!(run(&folder, None).status.success(), "{point}");
        }
        assert_eq!(published(&folder), expected, "{point}");
        fs::remove_dir_all(folder).unwrap();
    }
    fs::remove_dir_all(undisturbed).unwrap();
    fs::remove_dir_all(stopped).unwrap();
}

#[test]
fn a_panic_is_one_message_that_says_where_to_report_it_and_the_next_run_goes_on() {
    let undisturbed = laid_out("before-panics");
    assert!(run(&undisturbed, None).status.success());
    let expected = published(&undisturbed);
    // On the loop's thread, on the one who takes the chunks, on the committer and on the publisher.
    for point in ["plan.after:2", "chunk.before:3", "record.before:2", "publish.rename.before:2", "mark.before:1"] {
        let folder = laid_out("panics");
        let ended = run(&folder, Some(&format!("{point}:panic")));
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{point}: {said}");
        assert_eq!(said.matches("as MILLSTREAM_FAULT asks for").count(), 1, "{point}: {said}");
        let flat = said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(flat.contains("please report it at https://github.com/"), "{point}: {said}");
        assert!(!said.contains("backtrace") && !said.contains("stack"), "{point}: {said}");
        let ended = run(&folder, None);
        assert!(ended.status.success(), "{point}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(published(&folder), expected, "{point}");
        fs::remove_dir_all(folder).unwrap();
    }
    for variable in ["RUST_BACKTRACE", "MILLSTREAM_BACKTRACE"] {
        let folder = laid_out("panics-traced");
        let ended = run_with(&folder, Some("record.before:1:panic"), Some(variable));
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(said.contains("stop_the_world"), "{variable} asks for a backtrace: {said}");
        fs::remove_dir_all(folder).unwrap();
    }
    fs::remove_dir_all(undisturbed).unwrap();
}
