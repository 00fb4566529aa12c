//! Several streams as one, and rows made of rows: unions with a watermark of each input, `unnest`, plugins in `FROM`.

use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{assert_same_rows, here};

/// Two sources of one file each, their windows together; `extra` stands on the union.
fn union_of(a: &str, b: &str, policy: &str, idle: &str) -> (Vec<Value>, Vec<Value>) {
    let scratch = Scratch::new();
    for (source, times) in [("a", a), ("b", b)] {
        // A file each epoch.
        for (n, time) in times.split_whitespace().enumerate() {
            let row = format!("{{\"k\":\"{source}\",\"ts\":\"2026-03-01T09:{time}Z\"}}\n");
            scratch.write(&format!("{source}/{n}.json"), row);
        }
    }
    let source = |name: &str, delay: &str, more: &str| {
        format!(
            "[source.{name}]\npath = \"{name}\"\nformat = \"json\"\nmax_files_per_epoch = 1\nschema = {{ k = \"utf8\", ts = \"timestamp\" }}\nevent_time = \"ts\"\nwatermark = \"{delay}\"\n{more}\n"
        )
    };
    let job = format!(
        "name = \"union\"\n{}{}[operator.both]\nsql = \"SELECT k, ts FROM a UNION ALL SELECT k, ts FROM b\"\nwatermark_policy = \"{policy}\"\n\
         [operator.w]\nsql = \"SELECT window.start, count(*) AS n FROM both GROUP BY window(ts, '1 minute')\"\nlate = \"late\"\n\
         [sink.out]\ninput = \"w\"\nconnector = \"memory\"\n[sink.late]\nconnector = \"memory\"\n",
        source("a", "0s", ""),
        source("b", "30 seconds", idle),
    );
    let ran = scratch.run(&job).unwrap_or_else(|e| panic!("{e:?}"));
    (ran.rows("out"), ran.rows("late"))
}

fn window(start: &str, n: i64) -> Value {
    json!({ "start": format!("2026-03-01T09:{start}:00Z"), "n": n })
}

#[test]
fn the_least_watermark_of_several_inputs_counts_or_the_greatest() {
    // a is at 09:05 at once, b comes slowly. By the least, b's rows are in time, and the window of 09:02 stays open: b's
    // watermark is 09:02:30 at the end.
    let (a, b) = ("05:00", "00:10 00:20 01:10 03:00");
    let (rows, late) = union_of(a, b, "min", "");
    assert_same_rows("min", rows, vec![window("00", 2), window("01", 1)], 0.0);
    assert!(late.is_empty(), "{late:?}");
    // By the greatest, everything before 09:05 is late one epoch after a's row was there.
    let (rows, late) = union_of(a, b, "max", "");
    assert_same_rows("max", rows, vec![window("00", 2)], 0.0);
    let times: Vec<&str> = late.iter().map(|row| row["ts"].as_str().unwrap()).collect();
    assert_eq!(times, ["2026-03-01T09:01:10Z", "2026-03-01T09:03:00Z"]);
    assert_eq!((&late[0]["_source"], &late[0]["_node"], &late[0]["_line"]), (&json!("b"), &json!("w"), &json!(1)));
    assert_eq!(late[0]["_reason"], "late: the watermark was 2026-03-01T09:05:00Z");
    assert!(late[0]["_file"].as_str().unwrap().ends_with("b/2.json"), "{}", late[0]);
}

#[test]
fn an_input_that_is_idle_holds_nobody_back() {
    let (a, b) = ("00:10 02:10 04:10 06:10", "00:10");
    let (rows, _) = union_of(a, b, "min", "");
    assert!(rows.is_empty(), "b holds a back: {rows:?}");
    let (rows, _) = union_of(a, b, "min", "idle_after = \"1us\"");
    assert_same_rows("idle", rows, vec![window("00", 2), window("02", 1), window("04", 1)], 0.0);
}

#[test]
fn a_flat_map_plugin_is_a_table_function() {
    let scratch = Scratch::new();
    scratch.write("in/a.txt", "one two\nthree\n");
    let job = format!(
        "name = \"calls\"\n[source.lines]\npath = \"in\"\nformat = \"text\"\n[plugin.words]\npath = {:?}\nwith = {{ column = \"value\", separator = \" \" }}\n\
         [operator.x]\nsql = \"SELECT upper(w.word) AS word, w.value AS line FROM words(lines) AS w WHERE w.word <> 'two'\"\n\
         [operator.y]\nsql = \"SELECT word, count(*) AS n FROM words(lines) GROUP BY word\"\noutput_mode = \"complete\"\n\
         [sink.x]\ninput = \"x\"\nconnector = \"memory\"\n[sink.y]\ninput = \"y\"\nconnector = \"memory\"\n",
        here().join("../plugins/split-words")
    );
    let ran = scratch.run(&job).unwrap_or_else(|e| panic!("{e:?}"));
    let want = vec![json!({"word": "ONE", "line": "one two"}), json!({"word": "THREE", "line": "three"})];
    assert_same_rows("rows", ran.rows("x"), want, 0.0);
    let want = ["one", "two", "three"].map(|word| json!({"word": word, "n": 1}));
    assert_same_rows("groups", ran.rows("y"), want.to_vec(), 0.0);
}
