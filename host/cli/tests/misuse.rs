//! What the program says to somebody who has made a mistake: what, where and how to mend it, with the exit code that the
//! help names; and that nothing ends without a word.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const JOB: &str = "name = \"m\"\ncheckpoint = \"state\"\ntrigger = \"available-now\"\n[source.rows]\npath = \"data\"\n\
                   format = \"json\"\nschema = { n = \"int64\" }\nmax_files_per_epoch = 1\n[sink.out]\ninput = \"rows\"\n\
                   max_rows = 100000\n";

/// A folder with a job and some rows.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("misuse-{name}"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::write(folder.join("job.toml"), JOB).unwrap();
    fs::write(folder.join("data/0.json"), "{\"n\":1}\n").unwrap();
    folder
}

fn millstream(folder: &Path, args: &[&OsStr]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
    program.args(args).current_dir(folder).stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    program
}

/// What standard error says, in one line: a report is broken where it fits the terminal.
fn said(output: &Output) -> String {
    let words = String::from_utf8_lossy(&output.stderr).replace('│', " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let folder = folder("table");
    assert!(Command::new("mkfifo").arg(folder.join("pipe.json")).status().unwrap().success());
    fs::write(folder.join("utf16.toml"), [0xff, 0xfe, b'n', 0]).unwrap();
    fs::write(folder.join("quotes.csv"), "a\"b,c\n1,2\n").unwrap();
    let set = |path: &str| format!("run job.toml --set {path}");
    let table: &[(&str, i32, &str, &str)] = &[
        (&set("source.rows.path=pipe.json"), 2, "pipe.json` is no file: pipes and devices are not read", "name these"),
        (&set("source.rows.path=/dev/null"), 2, "`/dev/null` is no file", "name these"),
        (&set("source.rows.path=data/[*"), 2, "is not a valid pattern", "`[` begins a set of characters"),
        (&set("source.rows.path="), 2, "`path` is empty", "give it a value"),
        (&set("checkpoint=job.toml"), 1, "job.toml cannot be looked at", "one of the folders in this path is a file"),
        (&set("trigger=sometimes"), 2, "unknown trigger `sometimes`", "{ every = \"1s\" }"),
        ("check utf16.toml", 2, "utf16.toml is not a job file", "it begins as UTF-16 does: save it as UTF-8"),
        ("generate access-logs --out job.toml", 2, "--out: job.toml is no folder", "name a folder"),
        ("generate access-logs --out x --rows -1", 2, "invalid value '-1' for '--rows <ROWS>'", ""),
        ("generate access-logs --out x --events-per-second 0", 2, "--events-per-second must lie between", ""),
        ("plugin build data", 2, "data cannot be built: there is no plugin in it", "Cargo.toml"),
        ("plugin inspect nothing.wasm", 2, "nothing.wasm does not exist", "name a .wasm file"),
        ("plugin verify nothing.wasm", 2, "nothing.wasm does not exist", "name a .wasm file"),
        ("plugin verify job.toml --columns a", 2, "--columns: `a` has no type", "card string, amount double"),
        ("plugin verify job.toml --with a=1 --with a.b=2", 2, "--with a.b: `a` is a value, and no table", ""),
        ("plugin verify job.toml --input no.csv", 2, "--input: `", "give a file, a folder or a pattern"),
        ("plugin verify job.toml --rows 0", 2, "0 is not in 1..=65536", ""),
        ("plugin verify job.toml", 2, "job.toml is not a WebAssembly component: it is text", ""),
    ];
    for (line, code, what, help) in table {
        let args: Vec<&OsStr> = line.split(' ').map(OsStr::new).collect();
        let output = millstream(&folder, &args).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(*code), "{line}: {said}");
        assert!(said.contains(what) && said.contains(help), "{line}: {said}");
    }
    for (source, what) in [
        ("t=pipe.json", "pipe.json` is no file: pipes and devices are not read"),
        ("t=quotes.csv", "quotes.csv: line 1: the header is not valid CSV: quotes stand around a whole name"),
        ("u=data", "there is no table `t` ╭─[query:1:15] 1 SELECT * FROM t · ─ ╰──── help: did you mean `u`? Or say"),
    ] {
        let args = ["sql", "SELECT * FROM t", "-s", source].map(OsStr::new);
        let said = said(&millstream(&folder, &args).output().unwrap());
        assert!(said.contains(what), "{source}: {said}");
    }
}

#[test]
fn a_name_that_is_no_text_is_told_with_its_whole_path() {
    let folder = folder("name");
    fs::write(folder.join("data").join(OsStr::from_bytes(b"bad\xff.json")), "").unwrap();
    let args = ["sql", "SELECT * FROM t", "-s", "t=data"].map(OsStr::new);
    let said = said(&millstream(&folder, &args).output().unwrap());
    let shown = format!("{}/data/bad", folder.display());
    // Long paths are broken where the report's line ends.
    assert!(said.replace(' ', "").contains(&shown.replace(' ', "")) && said.contains("rename it"), "{said}");
}

#[test]
fn a_run_whose_reader_has_gone_says_that_it_stopped() {
    let folder = folder("reader");
    let rows: String = (0..20_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    (0..4).for_each(|file| fs::write(folder.join(format!("data/{file}.json")), &rows).unwrap());
    let args = ["run", "job.toml"].map(OsStr::new);
    let mut child = millstream(&folder, &args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 64]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).contains("stopped: nobody reads standard output any more"), "{}", said(&output));
}
