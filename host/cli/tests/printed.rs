//! What the program prints, word for word: `check --explain` of each job `printed/NAME.toml` is `printed/NAME.txt`, and
//! of the jobs in `docs` it prints what stands there. `MILLSTREAM_WRITE_DOCS=1` writes what came out: read it before you
//! commit it.

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
        fs::read_dir(here().join("tests/printed")).unwrap().map(|e| e.unwrap().path()).collect();
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

/// The text of the block that begins with this fence, and its place in the page.
fn block<'p>(page: &'p str, fence: &str) -> (usize, &'p str) {
    let (before, rest) = page.split_once(&format!("```{fence}\n")).unwrap();
    (before.len() + fence.len() + 4, rest.split_once("```").unwrap().0)
}

/// The page has in its first `text` block what `prints` makes of it.
fn compare(page: &str, prints: impl Fn(&str) -> String) {
    let path = here().join("../../docs").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let have = prints(&text);
    let (at, told) = block(&text, "text");
    if writes() {
        fs::write(&path, format!("{}{have}{}", &text[..at], &text[at + told.len()..])).unwrap();
        return;
    }
    assert!(have == told, "docs/{page}: the program prints\n{have}\nand not\n{told}");
}

#[test]
fn explain_shows_what_the_program_prints() {
    compare("explain.md", |page| explained("page", block(page, "toml").1));
}

#[test]
fn event_time_shows_what_the_program_prints() {
    compare("event-time.md", |page| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("event-time");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(folder.join("visits")).unwrap();
        for file in 1..=4 {
            let name = format!("visits/{file}.json");
            fs::write(folder.join(&name), block(page, &format!("json {name}")).1).unwrap();
        }
        fs::write(folder.join("job.toml"), block(page, "toml").1).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
        let output = program.arg("run").arg(folder.join("job.toml")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    });
}
