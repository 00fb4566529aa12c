//! Our own golden jobs: each folder of `golden/` has a `job.toml`, its input, and `expected.jsonl`, the rows of its
//! memory sink `out` whatever their order. `rejected.jsonl`, where it is there, has the dead letters but for `row`.

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
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let scratch = tempfile::tempdir().unwrap();
        let letters = scratch.path().join("rejected.jsonl");
        let to_scratch = [("dead_letters.path".to_owned(), format!("{letters:?}"))];
        let ran = run_job(&case.join("job.toml"), &to_scratch, 2).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert_same_rows(&name, ran.rows("out"), read(&case.join("expected.jsonl")), 1e-9);
        let want = case.join("rejected.jsonl");
        if want.is_file() {
            let mut have = read(&letters);
            for letter in &mut have {
                letter.as_object_mut().unwrap().remove("row");
            }
            assert_same_rows(&format!("{name}: dead letters"), have, read(&want), 1e-9);
        } else {
            assert_eq!(ran.summary.rejected, 0, "{name}: rows were rejected");
        }
    }
}
