//! `millstream sql` as a program among others: readers that go away, signals, what is left behind.

#![allow(clippy::unwrap_used, reason = "a test's helpers")]

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A folder with some megabytes of rows, and an empty one for temporary files.
fn folders(name: &str) -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("asked-{name}"));
    drop(fs::remove_dir_all(&folder));
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary).unwrap();
    let mut rows = "id,word\n".to_owned();
    (0..200_000).for_each(|i| writeln!(rows, "{i},some words of row {i}").unwrap());
    fs::write(folder.join("t.csv"), rows).unwrap();
    (folder, temporary)
}

fn ask(folder: &Path, temporary: &Path, format: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_millstream"))
        .args(["sql", "SELECT * FROM t", "--source", "t=t.csv", "--format", format])
        .current_dir(folder)
        .env("TMPDIR", temporary)
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

#[test]
fn a_reader_that_goes_away_has_seen_enough() {
    let (folder, temporary) = folders("pipe");
    for format in ["csv", "json", "table"] {
        let mut child = ask(&folder, &temporary, format);
        let mut first = [0; 64];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
    assert!(is_empty(&temporary));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_told_in_words_of_a_query() {
    let (folder, temporary) = folders("full");
    for format in ["csv", "json", "table"] {
        let output = Command::new(env!("CARGO_BIN_EXE_millstream"))
            .args(["sql", "SELECT * FROM t", "--source", "t=t.csv", "--format", format])
            .current_dir(&folder)
            .env("TMPDIR", &temporary)
            .stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{format}: {told}");
        assert!(told.contains("the answer cannot be written") && told.contains("no room left"), "{format}: {told}");
        for of_a_job in ["sink", "`answer`", "start"] {
            assert!(!told.contains(of_a_job), "{format}: {told}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_at_once_and_nothing_stays_behind() {
    let (folder, temporary) = folders("signal");
    for signal in ["-INT", "-TERM"] {
        let mut child = ask(&folder, &temporary, "csv");
        // It has begun to print, and waits for somebody to read on.
        let mut first = [0; 64];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut first).unwrap();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert!(is_empty(&temporary), "{signal}");
        drop(out);
    }
}
