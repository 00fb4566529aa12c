//! Our own golden jobs: each folder of `golden/` has a `job.toml`, its input, and `expected.jsonl`, the rows of its
//! memory sink `out` whatever their order. Any other `<sink>.jsonl` has those of that memory sink, and `rejected.jsonl`
//! the dead letters but for `row`. `golden/make.py` says where most of the numbers come from.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{assert_same_rows, here, lines, run_job};

fn read(path: &Path) -> Vec<Value> {
    lines(&std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

#[test]
fn jobs_give_the_rows_that_they_must() {
    let mut cases: Vec<PathBuf> =
        here().join("golden").read_dir().unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    assert!(!cases.is_empty());
    let failed: Vec<&PathBuf> =
        cases.iter().filter(|case| std::panic::catch_unwind(|| compare(case)).is_err()).collect();
    assert!(failed.is_empty(), "{} of {} cases failed (see above): {failed:#?}", failed.len(), cases.len());
}

fn compare(case: &Path) {
    let name = case.file_name().unwrap().to_str().unwrap().to_owned();
    let scratch = tempfile::tempdir().unwrap();
    let letters = scratch.path().join("rejected.jsonl");
    let to_scratch = [("dead_letters.path".to_owned(), format!("{letters:?}"))];
    let ran = run_job(&case.join("job.toml"), &to_scratch, 2).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    assert!(case.join("expected.jsonl").is_file(), "{name}: nothing is expected");
    for file in case.read_dir().unwrap().map(|e| e.unwrap().path()) {
        let sink = file.file_stem().unwrap().to_str().unwrap();
        if file.extension().is_some_and(|e| e == "jsonl") && sink != "rejected" {
            let sink = if sink == "expected" { "out" } else { sink };
            let (mut have, want) = (ran.rows(sink), read(&file));
            if sink == "late" {
                // Why and whence is looked at elsewhere.
                have.iter_mut().for_each(|row| row.as_object_mut().unwrap().retain(|key, _| !key.starts_with('_')));
            }
            assert_same_rows(&format!("{name}: sink {sink}"), have, want, 1e-9);
        }
    }
    let want = case.join("rejected.jsonl");
    if !want.is_file() {
        assert_eq!(ran.summary.rejected, 0, "{name}: rows were rejected");
        return;
    }
    let mut have = read(&letters);
    for letter in &mut have {
        letter.as_object_mut().unwrap().remove("row");
    }
    assert_same_rows(&format!("{name}: dead letters"), have, read(&want), 1e-9);
}
