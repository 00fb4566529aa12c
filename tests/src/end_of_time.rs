//! Timers at the end of the input of a job with `final_watermark`: all fire, also those that are set there.

use serde_json::json;

use crate::scratch::Scratch;
use crate::support::here;

/// A job over `rows` of one user, with the guest in this mode and windows over what it gives.
fn job(mode: &str) -> String {
    let plugin = here().join("../host/plugin/tests/guest/keyed");
    format!(
        "name = \"job\"\ncheckpoint = \"state\"\nfinal_watermark = true\n\
         [source.clicks]\npath = \"in\"\nformat = \"json\"\nschema = {{ user = \"utf8\", at = \"timestamp\" }}\n\
         event_time = \"at\"\nwatermark = \"0s\"\n\
         [plugin.p]\npath = {plugin:?}\nwith = {{ do = \"{mode}\" }}\n\
         [operator.x]\nsql = \"SELECT n FROM p(TABLE clicks PARTITION BY user)\"\n\
         [operator.total]\nsql = \"SELECT sum(n) AS n, count(*) AS rows FROM x\"\noutput_mode = \"complete\"\n\
         [sink.out]\ninput = \"x\"\nconnector = \"memory\"\n[sink.total]\ninput = \"total\"\nconnector = \"memory\"\n"
    )
}

fn clicks() -> Scratch {
    let scratch = Scratch::new();
    let rows = ["a", "b"].map(|user| format!("{}\n", json!({ "user": user, "at": "2026-03-01T09:00:00Z" })));
    scratch.write("in/0.json", rows.concat());
    scratch
}

#[test]
fn timers_that_timers_set_at_the_end_fire_before_it() {
    let scratch = clicks();
    // At its timer a key sets another one, in the past, five times over.
    let ran = scratch.run(&job("timers-again-5")).unwrap();
    let counts: Vec<i64> = ran.rows("out").iter().map(|row| row["n"].as_i64().unwrap()).collect();
    assert_eq!(counts, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6], "both keys, one time after the other");
    assert_eq!(ran.rows("total"), [json!({ "n": 42, "rows": 12 })], "what follows them has them all");
    assert_eq!(ran.summary.rejected, 0);
    assert!(scratch.run(&job("timers-again-5")).unwrap().rows("out").is_empty(), "nothing is left to fire");
}

#[test]
fn a_timer_that_sets_itself_for_ever_is_given_up_in_words() {
    let scratch = clicks();
    let ran = scratch.run(&job("timers-again-1000000")).unwrap();
    assert_eq!((ran.rows("out").len(), ran.summary.rejected), (20_000, 2));
    let letters = scratch.lines("job.dead-letters.jsonl");
    let reason = letters[0]["reason"].as_str().unwrap();
    assert!(reason.contains("its timer 7") && reason.contains("gone on setting timers"), "{reason}");
    assert!(scratch.run(&job("timers-again-1000000")).unwrap().rows("out").is_empty());
}
