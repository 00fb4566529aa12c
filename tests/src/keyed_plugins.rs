//! The keyed plugins that come with the engine, in jobs as their pages have them, and the example of frauds.

use millstream_engine::run::RunOptions;
use serde_json::Value;

use crate::scratch::Scratch;
use crate::support::here;

/// The job of a page, or of an example, with its plugins where they are and its rows in memory.
fn in_memory(job: &str) -> String {
    let plugins = here().join("../plugins");
    job.replace("path = \"../../plugins/", "path = \"plugins/")
        .replace("path = \"plugins/", &format!("path = \"{}/", plugins.display()))
        .replace("[sink.console]", "[sink.out]\nconnector = \"memory\"")
}

/// The job on the page of a plugin.
fn job_of(plugin: &str) -> String {
    let page = std::fs::read_to_string(here().join("../plugins").join(plugin).join("README.md")).unwrap();
    let job = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    in_memory(job.unwrap_or_else(|| panic!("the page of {plugin} has no job")))
}

/// What comes out of a plugin's job; the same whatever the number of cores.
fn rows_of(plugin: &str) -> Vec<Value> {
    let run = |threads| {
        let options = RunOptions { threads: Some(threads), ..RunOptions::default() };
        Scratch::new().run_with(&job_of(plugin), options).unwrap().rows("out")
    };
    let rows = run(1);
    assert_eq!(rows, run(4), "{plugin}");
    rows
}

fn int(row: &Value, column: &str) -> i64 {
    row[column].as_i64().unwrap_or_else(|| panic!("`{column}` of {row}"))
}

#[test]
fn sessions_come_from_clicks_in_any_order() {
    let rows = rows_of("sessionise");
    assert!(!rows.is_empty());
    for row in &rows {
        let [start, last, end] = ["start", "last", "end"].map(|column| row[column].as_str().unwrap());
        assert!(start <= last && last < end && int(row, "clicks") > 0, "{row}");
        assert!(row["first_url"].is_string() && row["last_url"].is_string(), "{row}");
    }
}

#[test]
fn the_most_frequent_come_by_rank() {
    let rows = rows_of("top-k");
    assert!(rows.len() > 20, "{} rows", rows.len());
    for pair in rows.windows(2).filter(|pair| int(&pair[1], "rank") > 1) {
        assert_eq!(int(&pair[1], "rank"), int(&pair[0], "rank") + 1);
        assert!(int(&pair[1], "count") <= int(&pair[0], "count"), "{} after {}", pair[1], pair[0]);
    }
}

#[test]
fn a_running_model_is_right_about_as_often_as_it_says() {
    let rows = rows_of("running-model");
    let part = rows.iter().find(|row| row["at_least"] == 0.05).unwrap_or_else(|| panic!("{rows:?}"));
    let frauds = part["frauds"].as_f64().unwrap();
    assert!(int(part, "payments") > 100 && (0.02..0.12).contains(&frauds), "{part}");
}

#[test]
fn alerts_tell_frauds() {
    assert!(!rows_of("fraud-rules").is_empty());
    let example = std::fs::read_to_string(here().join("../examples/fraud/job.toml")).unwrap();
    let ran = Scratch::new().run(&in_memory(&example)).unwrap();
    let judged = ran.rows("out");
    let rules: Vec<&str> = judged.iter().map(|row| row["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["amount", "velocity"]);
    for row in &judged {
        assert!(int(row, "frauds") > 100 && 10 * int(row, "frauds") >= 9 * int(row, "alerts"), "{row}");
    }
    assert_eq!((ran.summary.rows_in, ran.summary.rejected), (200_000, 0));
}
