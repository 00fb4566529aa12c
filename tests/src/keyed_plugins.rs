//! The keyed plugins that come with the engine, in jobs as their pages have them, and the example of frauds; a plugin whose
//! state is a map, beside a naive model.

use std::collections::BTreeMap;

use millstream_engine::run::RunOptions;
use proptest::prelude::*;
use serde_json::{Value, json};

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
    assert!(!rows_of("fraud-rules").is_empty() && !rows_of("fraud-rules-2").is_empty());
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

/// A view: the user, the second, the page.
type View = (u8, i64, String);

/// What a user has: views, the last second, views by page, when the timer is due.
#[derive(Default)]
struct User {
    views: u64,
    last: Option<i64>,
    by_page: BTreeMap<String, u64>,
    timer: Option<i64>,
}

/// The plugin `pages` in a job without late rows whose watermark is as late as its last event, epoch by epoch.
#[derive(Default)]
struct Pages {
    users: BTreeMap<u8, User>,
    latest: Option<i64>,
    watermark: Option<i64>,
}

impl Pages {
    fn epoch(&mut self, views: &[View], out: &mut Vec<Value>) {
        self.watermark = self.latest;
        let is_due = |user: &User| user.timer.filter(|at| self.watermark.is_some_and(|w| *at <= w));
        let due: Vec<(u8, i64)> = self.users.iter().filter_map(|(name, user)| Some((*name, is_due(user)?))).collect();
        for (name, at, page) in views {
            self.latest = self.latest.max(Some(*at));
            let user = self.users.entry(*name).or_default();
            user.last = user.last.max(Some(*at));
            user.timer = user.last.map(|last| last + 60);
            if let Some(page) = page.strip_prefix('-') {
                user.by_page.remove(page);
                continue;
            }
            user.views += 1;
            let of_page = user.by_page.entry(page.clone()).or_default();
            *of_page += 1;
            out.push(json!({ "user": name, "at": instant(*at), "page": page, "views": of_page, "pages": null }));
        }
        for (name, at) in due {
            let user = self.users.entry(name).or_default();
            if user.timer == Some(at) {
                let most = user.by_page.iter().max_by_key(|(page, views)| (**views, (*page).clone()));
                let (page, pages) = (most.map(|(page, _)| page), user.by_page.len());
                let views = user.views;
                out.push(json!({ "user": name, "at": instant(at), "page": page, "views": views, "pages": pages }));
                *user = User::default();
            }
        }
    }

    /// What an epoch without input would bring on.
    fn is_waiting(&self) -> bool {
        self.watermark != self.latest
    }
}

fn instant(second: i64) -> String {
    format!("2026-03-01T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

const PAGES: &str = r#"
name = "pages"
checkpoint = "state"
[source.views]
path = "in"
format = "json"
max_files_per_epoch = 1
schema = { user = "int32", at = "timestamp", page = "utf8" }
event_time = "at"
watermark = "0s"
[operator.pages]
input = "views"
plugin = "pages"
key_by = ["user"]
[sink.out]
input = "pages"
connector = "memory"
[plugin.pages]
"#;

fn told(row: &Value) -> String {
    let at = row["at"].as_str().unwrap_or_default().trim_end_matches('Z');
    format!("{} {at} {} {} {}", row["user"], row["page"], row["views"], row["pages"])
}

fn views() -> impl Strategy<Value = Vec<Vec<View>>> {
    let page = prop_oneof![5 => (0..6).prop_map(|n| format!("p{n}")), 1 => (0..6).prop_map(|n| format!("-p{n}"))];
    let one = (0u8..6, 0i64..90, page);
    prop::collection::vec(prop::collection::vec(one, 1..40), 2..6).prop_map(|mut files| {
        for (number, file) in (0i64..).zip(&mut files) {
            file.iter_mut().for_each(|(_, at, _)| *at += 70 * number);
        }
        files
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn maps_of_a_plugin_are_those_of_a_naive_model_over_epochs_and_restarts(files in views(), stops in 0usize..6) {
        let scratch = Scratch::new();
        let job = format!("{PAGES}path = {:?}\n", here().join("guests/pages"));
        let mut model = Pages::default();
        // One run on the first files, then one on the rest.
        let (first, rest) = files.split_at(stops.min(files.len()));
        for (number, part) in [first, rest].into_iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            let mut want = Vec::new();
            for (file, views) in part.iter().enumerate() {
                let line = |(user, at, page): &View| {
                    format!("{}\n", json!({ "user": user, "at": format!("{}Z", instant(*at)), "page": page }))
                };
                scratch.write(&format!("in/{number}{file}.json"), views.iter().map(line).collect::<String>());
                model.epoch(views, &mut want);
            }
            while model.is_waiting() {
                model.epoch(&[], &mut want);
            }
            let ran = scratch.run(&job).unwrap();
            prop_assert_eq!(ran.summary.rejected, 0);
            let mut have: Vec<String> = ran.rows("out").iter().map(told).collect();
            let mut want: Vec<String> = want.iter().map(told).collect();
            have.sort();
            want.sort();
            prop_assert_eq!(have, want);
        }
    }
}
