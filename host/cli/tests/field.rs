//! Inputs from the field, with the real program: each folder of `tests/field` is a case, run in a copy of it. What
//! `case.toml` may say is in [`Case`]; adding a case is adding a folder.

#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod field {
    pub mod case;
    pub mod rows;
}

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use field::case::{Case, Step};
use field::rows;

#[test]
fn inputs_from_the_field_come_out_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/field");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("case.toml").is_file());
    folders.sort();
    // `MILLSTREAM_FIELD=02` runs the cases whose names begin so.
    if let Some(only) = std::env::var("MILLSTREAM_FIELD").ok().filter(|only| !only.is_empty()) {
        folders.retain(|folder| name(folder).starts_with(&only));
    }
    assert!(!folders.is_empty(), "no case was found");
    let wrong: Vec<String> = folders.iter().flat_map(|folder| run_case(folder)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn name(folder: &Path) -> &str {
    folder.file_name().and_then(|name| name.to_str()).unwrap()
}

/// What is wrong with each step of a case.
fn run_case(folder: &Path) -> Vec<String> {
    let case = Case::read(&folder.join("case.toml"));
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("field-{}", name(folder)));
    drop(fs::remove_dir_all(&copy));
    copy_folder(folder, &copy);
    let mut wrong = Vec::new();
    for (number, step) in case.step.iter().enumerate() {
        prepare(step, &copy);
        let told = run(step, &copy, &mut wrong);
        for (place, want) in &step.rows {
            wrong.extend(rows::differ_exactly(&copy.join(place), want).map(|what| format!("{place}: {what}")));
        }
        for (place, want) in &step.letters {
            wrong.extend(rows::differ_in_part(&copy.join(place), want).map(|what| format!("{place}: {what}")));
        }
        if !wrong.is_empty() {
            let step = number + 1;
            let what = wrong.join("\n  ");
            return vec![format!("{} ({}), step {step}:\n  {what}\n{told}", name(folder), case.about.trim())];
        }
    }
    wrong
}

/// Makes the input of a step what it says.
fn prepare(step: &Step, copy: &Path) {
    for (file, text) in &step.write {
        fs::create_dir_all(copy.join(file).parent().unwrap()).unwrap();
        fs::write(copy.join(file), text).unwrap();
    }
    for (file, text) in &step.append {
        let before = fs::read(copy.join(file)).unwrap();
        fs::write(copy.join(file), [before.as_slice(), text.as_bytes()].concat()).unwrap();
    }
    for file in &step.remove {
        fs::remove_file(copy.join(file)).unwrap();
    }
    for (file, seconds) in &step.modified {
        let file = fs::File::options().append(true).open(copy.join(file)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(*seconds)).unwrap();
    }
}

/// Runs the step's command, if it has one, and gives what was printed.
fn run(step: &Step, copy: &Path, wrong: &mut Vec<String>) -> String {
    let Some(args) = &step.run else { return String::new() };
    let mut program = Command::new(env!("CARGO_BIN_EXE_millstream"));
    let output = program.args(args).current_dir(copy).env_remove("RUST_BACKTRACE").output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() != Some(step.exit) {
        wrong.push(format!("it ended with {} and not {}", output.status, step.exit));
    }
    if step.stdout.as_ref().is_some_and(|want| *want != stdout) {
        wrong.push(format!("it did not print\n{}", step.stdout.as_deref().unwrap()));
    }
    // A message is wrapped to the terminal's width: words are looked for whatever the white space between them.
    let told = format!("{stdout}\n{stderr}");
    let flat = flat(&told);
    wrong.extend(
        step.says.iter().filter(|text| !flat.contains(&self::flat(text))).map(|t| format!("it does not say: {t}")),
    );
    wrong.extend(step.never.iter().filter(|text| flat.contains(&self::flat(text))).map(|t| format!("it says: {t}")));
    format!("$ millstream {}\n{told}", args.join(" "))
}

/// Words with one blank between them, without the bars that stand before the lines of a message.
fn flat(text: &str) -> String {
    text.split_whitespace().filter(|word| !matches!(*word, "│" | "·")).collect::<Vec<_>>().join(" ")
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
