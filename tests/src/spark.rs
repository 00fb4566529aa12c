//! Jobs whose rows a real Spark 4.3 gave, compared wherever these rows are at hand: in `shared/golden` beside the
//! repository, or where `MILLSTREAM_SPARK_GOLDEN` says. Each case is one file per source and epoch, in name order.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{assert_same_rows, here, lines, run_job};

pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("MILLSTREAM_SPARK_GOLDEN").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| here().join("../../shared/golden"));
    folder.is_dir().then_some(folder)
}

/// Spark leaves zeros at the end of a fraction of a second out, and the engine writes three digits.
fn plain_times(mut rows: Vec<Value>) -> Vec<Value> {
    for value in rows.iter_mut().flat_map(|row| row.as_object_mut().unwrap().values_mut()) {
        if let Value::String(text) = value
            && let Some((second, fraction)) = text.strip_suffix('Z').and_then(|time| time.split_once('.'))
        {
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            *text = format!("{second}{point}{fraction}Z");
        }
    }
    rows
}

/// In update mode the last row of each key counts; in the other modes all of them do.
fn expected(text: &str, case: &Value) -> Vec<Value> {
    let rows = lines(text).into_iter().map(|mut line| line["row"].take());
    if case["output_mode"] != "update" {
        return rows.collect();
    }
    let key: Vec<&str> = case["key"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect();
    let mut last = std::collections::BTreeMap::new();
    for row in rows {
        last.insert(key.iter().map(|k| row[*k].to_string()).collect::<Vec<_>>(), row);
    }
    last.into_values().collect()
}

#[test]
fn rows_are_those_of_spark() {
    let Some(golden) = folder() else {
        println!("no rows of a real Spark at hand: nothing compared");
        return;
    };
    let mut cases: Vec<PathBuf> =
        here().join("spark").read_dir().unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    for case in cases {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let asked: Value =
            serde_json::from_str(&std::fs::read_to_string(golden.join(&name).join("case.json")).unwrap()).unwrap();
        let want = std::fs::read_to_string(golden.join(&name).join("expected.jsonl")).unwrap();
        let want = plain_times(expected(&want, &asked));
        let sources = golden.join(&name).join("input").read_dir().unwrap();
        let inputs: Vec<(String, String)> = sources
            .map(|s| s.unwrap().path())
            .map(|p| {
                (
                    format!("source.{}.path", p.file_name().unwrap().to_str().unwrap()),
                    format!("{:?}", p.canonicalize().unwrap()),
                )
            })
            .collect();
        for threads in [1, 3] {
            let ran = run_job(&case.join("job.toml"), &inputs, threads).unwrap_or_else(|e| panic!("{name}: {e:?}"));
            let tolerance = asked["float_tolerance"].as_f64().unwrap_or(0.0);
            assert_same_rows(
                &format!("{name}, {threads} threads"),
                plain_times(ran.rows("out")),
                want.clone(),
                tolerance,
            );
            assert_eq!(ran.summary.rejected, 0, "{name}: rows were rejected");
        }
    }
}
