//! Keyed plugins in jobs: state and timers per key, late rows, rows that fail, and going on after a stop.

use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{Ran, here};

/// A job over the files of `in`, one an epoch, of rows with a `user` and the time `at`.
fn job(mode: &str, keys: &str) -> String {
    let plugin = here().join("../host/plugin/tests/guest/keyed");
    format!(
        "name = \"job\"\ncheckpoint = \"state\"\n\
         [source.clicks]\npath = \"in\"\nformat = \"json\"\nmax_files_per_epoch = 1\n\
         schema = {{ user = \"utf8\", at = \"timestamp\" }}\nevent_time = \"at\"\nwatermark = \"0s\"\n\
         [plugin.p]\npath = {plugin:?}\n\
         [operator.x]\ninput = \"clicks\"\nplugin = \"p\"\nwith = {{ do = \"{mode}\" }}\n{keys}\n\
         [sink.out]\ninput = \"x\"\nconnector = \"memory\"\n"
    )
}

const BY_USER: &str = "key_by = [\"user\"]";

/// Files of `(user, second)`.
fn clicks(files: &[&[(&str, u32)]]) -> Scratch {
    let scratch = Scratch::new();
    for (number, file) in files.iter().enumerate() {
        add(&scratch, number, file);
    }
    scratch
}

fn add(scratch: &Scratch, number: usize, file: &[(&str, u32)]) {
    let line = |(user, second): &(&str, u32)| {
        let user = if user.is_empty() { Value::Null } else { json!(user) };
        format!("{}\n", json!({ "user": user, "at": format!("2026-03-01T09:00:{second:02}Z") }))
    };
    scratch.write(&format!("in/{number}.json"), file.iter().map(line).collect::<String>());
}

fn counts(ran: &Ran) -> Vec<i64> {
    ran.rows("out").iter().map(|row| row["n"].as_i64().unwrap()).collect()
}

fn sorted(mut counts: Vec<i64>) -> Vec<i64> {
    counts.sort_unstable();
    counts
}

#[test]
fn keys_have_states_of_their_own_a_null_too() {
    let scratch = clicks(&[&[("a", 0), ("b", 0), ("a", 1), ("", 1)], &[("", 2), ("a", 2)]]);
    let ran = scratch.run(&job("count", BY_USER)).unwrap();
    // Each key that has rows, in each epoch.
    assert_eq!(sorted(counts(&ran)), [1, 1, 2, 2, 3]);
}

#[test]
fn a_job_goes_on_where_it_was() {
    let scratch = clicks(&[&[("a", 0), ("b", 0), ("a", 1)]]);
    scratch.run(&job("count", BY_USER)).unwrap();
    add(&scratch, 1, &[("a", 2), ("c", 2)]);
    let ran = scratch.run(&job("count", BY_USER)).unwrap();
    assert!(ran.summary.resumed_from.is_some());
    assert_eq!(sorted(counts(&ran)), [1, 3]);

    // A version that counts twice brings over what it finds, and goes on.
    add(&scratch, 2, &[("a", 3)]);
    let twice = job("version-2", BY_USER);
    let error = scratch.run(&twice).map(|_| ()).unwrap_err();
    assert!(error.message().contains("`x`"), "another configuration is another operator: {error}");
}

#[test]
fn timers_fire_when_the_watermark_has_passed_them_and_once() {
    // The timer of a key is ten seconds after its last row.
    let scratch = clicks(&[&[("a", 0), ("b", 5)], &[("a", 9)], &[("c", 16)], &[("c", 30)]]);
    let ran = scratch.run(&job("timers", BY_USER)).unwrap();
    // b is due at 15, a, which was set anew, at 19; c at 40, which never comes.
    assert_eq!(counts(&ran), [1, 2]);
}

#[test]
fn late_rows_go_where_the_operator_says() {
    let keys = format!("{BY_USER}\nlate = \"late\"\n[sink.late]\nconnector = \"memory\"");
    let scratch = clicks(&[&[("a", 20)], &[("a", 30)], &[("b", 10), ("b", 31)]]);
    let ran = scratch.run(&job("late", &keys)).unwrap();
    assert_eq!(ran.rows("late").len(), 1);
    assert_eq!(ran.rows("late")[0]["user"], "b");
    assert_eq!(sorted(counts(&ran)), [1, 1, 2]);
}

#[test]
fn a_key_that_fails_takes_its_rows_with_it_and_no_others() {
    // The second epoch has the row that the plugin fails on: at 7 µs, which is late for nothing here.
    let scratch = clicks(&[&[("a", 0), ("b", 0)]]);
    scratch.write(
        "in/1.json",
        "{\"user\":\"a\",\"at\":\"2026-03-01T09:00:01Z\"}\n{\"user\":\"b\",\"at\":\"1970-01-01T00:00:00.000007Z\"}\n{\"user\":\"b\",\"at\":\"2026-03-01T09:00:01Z\"}\n",
    );
    scratch.write("in/2.json", "{\"user\":\"b\",\"at\":\"2026-03-01T09:00:02Z\"}\n");
    let ran = scratch.run(&job("fail-seven", BY_USER)).unwrap();
    // b's two rows of the epoch are refused, and its state stays: the third epoch counts on from one.
    assert_eq!((sorted(counts(&ran)), ran.summary.rejected), (vec![1, 1, 2, 2], 2));
    let letters = scratch.lines("job.dead-letters.jsonl");
    assert!(letters.iter().all(|letter| letter["reason"] == "the plugin failed: seven is not allowed"), "{letters:?}");
}

#[test]
fn entries_of_maps_are_kept_singly() {
    let scratch = Scratch::new();
    let row = |micros: u32| format!("{{\"user\":\"a\",\"at\":\"2026-03-01T09:00:00.{micros:06}Z\"}}\n");
    scratch.write("in/0.json", [1, 2, 11].map(row).concat());
    scratch.write("in/1.json", [21, 3].map(row).concat());
    let ran = scratch.run(&job("map", BY_USER)).unwrap();
    // Per epoch the counts of the last digits that it has: 1 twice and 2 once; then 1 three times and 3 once.
    assert_eq!(sorted(counts(&ran)), [1, 1, 2, 3]);
}

#[test]
fn what_cannot_be_is_told_in_words() {
    let refused = |mode: &str, keys: &str| {
        let error = clicks(&[&[("a", 0)]]).run(&job(mode, keys)).map(|_| ()).unwrap_err();
        assert!(error.location().is_some(), "{error}");
        (error.message().to_owned(), error.help().unwrap_or_default().to_owned())
    };
    let (message, help) = refused("count", "");
    assert!(message.contains("`p` is keyed: it keeps state per key") && help.contains("key_by"), "{message}");
    let (message, help) = refused("count", "key_by = [\"usr\"]");
    assert!(message.contains("no column `usr`") && help.contains("`user`"), "{message} {help}");
    let (message, help) = refused("count", &format!("{BY_USER}\noutput_mode = \"complete\""));
    assert!(message.contains("complete mode") && help.contains("append"), "{message} {help}");
    let (message, _) = refused("refuse", BY_USER);
    assert!(message.contains("not by user"), "{message}");
    let (message, help) = refused("count", &format!("{BY_USER}\ngroup_by = [\"user\"]"));
    assert!(message.contains("is no aggregate") && help.contains("`group_by`"), "{message} {help}");

    for (mode, says) in [
        ("state-beyond", "it changed state 9, and keeps 1"),
        ("changes-twice", "twice"),
        ("changes-beyond", "asked for"),
        ("removed-down", "after"),
        ("late-beyond", "late rows"),
        ("state-large", "at most 16 MiB are kept as one value of a key"),
        ("timers-many", "at most 100000 are kept"),
    ] {
        let scratch = clicks(&[&[("a", 0)]]);
        let ran = scratch.run(&job(mode, BY_USER)).unwrap_or_else(|e| panic!("{mode}: {e:?}"));
        assert_eq!((ran.rows("out").len(), ran.summary.rejected), (0, 1), "{mode}");
        let reason = scratch.lines("job.dead-letters.jsonl")[0]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(says), "{mode}: {reason}");
    }
}
