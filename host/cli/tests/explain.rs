//! `millstream check --explain`, word for word: of each job `explain/NAME.toml` what `explain/NAME.txt` has, and of the
//! job in `docs/explain.md` what stands there. `MILLSTREAM_WRITE_DOCS=1` writes what came out: read it before you commit it.

#![allow(clippy::unwrap_used, reason = "a test's helpers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the program prints for `job`, in a folder where all the input is that the jobs name.
fn explained(name: &str, job: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("explain-{name}"));
    drop(fs::remove_dir_all(&folder));
    for input in ["events", "impressions", "clicks"] {
        fs::create_dir_all(folder.join(input)).unwrap();
    }
    fs::write(folder.join("impressions/0.json"), "").unwrap();
    fs::write(folder.join("users.csv"), "user,country,age\n").unwrap();
    fs::write(folder.join("urls.csv"), "url,title\n").unwrap();
    fs::write(folder.join("lines.log"), "a b\n").unwrap();
    let plugins = here().join("../../plugins");
    fs::write(folder.join("job.toml"), job.replace("PLUGINS", plugins.to_str().unwrap())).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
    let output = program.args(["check", "--explain"]).arg(folder.join("job.toml")).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn writes() -> bool {
    std::env::var_os("MILLSTREAM_WRITE_DOCS").is_some()
}

#[test]
fn plans_are_explained_word_for_word() {
    let mut jobs: Vec<PathBuf> =
        fs::read_dir(here().join("tests/explain")).unwrap().map(|e| e.unwrap().path()).collect();
    jobs.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    jobs.sort();
    assert!(jobs.len() >= 9, "only {} jobs were found", jobs.len());
    let mut wrong = Vec::new();
    for path in jobs {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let have = explained(name, &fs::read_to_string(&path).unwrap());
        let longest = have.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(longest <= 120, "{name}: a line of {longest} columns");
        let expected = path.with_extension("txt");
        if writes() {
            fs::write(&expected, &have).unwrap();
        }
        let want = fs::read_to_string(&expected).unwrap_or_default();
        if have != want {
            wrong.push(format!("{name} gives\n{have}\nand not\n{want}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_page_shows_what_the_program_prints() {
    let path = here().join("../../docs/explain.md");
    let page = fs::read_to_string(&path).unwrap();
    let block = |kind: &str| {
        let (before, rest) = page.split_once(&format!("```{kind}\n")).unwrap();
        let text = rest.split_once("```").unwrap().0;
        (before.len() + kind.len() + 4, text)
    };
    let have = explained("page", block("toml").1);
    let (at, told) = block("text");
    if writes() {
        fs::write(&path, format!("{}{have}{}", &page[..at], &page[at + told.len()..])).unwrap();
        return;
    }
    assert!(have == told, "docs/explain.md: the program prints\n{have}\nand not\n{told}");
}
