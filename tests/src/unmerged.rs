//! A plugin that cannot merge the states of one group: the group is a dead letter with its keys, wherever states are
//! merged, and the others go on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{Ran, here};

/// Rows of keys `k0` to `k2`, of each its epoch, key, second and text; a text with `alone` cannot be merged.
type Rows = Vec<(usize, usize, i64, String)>;

fn stamp(second: i64) -> String {
    format!("2026-01-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn run(rows: &Rows, query: &str, mode: &str) -> (Scratch, Ran) {
    let scratch = Scratch::new();
    let epochs = rows.iter().map(|row| row.0).max().unwrap() + 1;
    for epoch in 0..epochs {
        let row = |(_, k, second, text): &(usize, usize, i64, String)| {
            format!("{}\n", json!({"k": format!("k{k}"), "ts": stamp(*second), "text": text}))
        };
        scratch.write(&format!("in/{epoch}.json"), rows.iter().filter(|r| r.0 == epoch).map(row).collect::<String>());
    }
    let plugin = here().join("../plugins/hostile/large-state");
    let job = format!(
        r#"
name = "job"
checkpoint = "state"
[source.rows]
path = "in"
format = "json"
schema = {{ k = "string", ts = "timestamp", text = "string" }}
event_time = "ts"
watermark = "0 seconds"
max_files_per_epoch = 1
[plugin.p]
path = {plugin:?}
limits = {{ time = "10s" }}
with = {{ bytes = 64 }}
[operator.x]
sql = "{query}"
output_mode = "{mode}"
[sink.out]
input = "x"
connector = "memory"
"#
    );
    let ran = scratch.run(&job).unwrap_or_else(|e| panic!("{query}: {e:?}"));
    assert!(ran.summary.epochs >= epochs as u64, "{query}");
    (scratch, ran)
}

/// The rows of all dead letters, in order of their text; each says that states cannot be merged.
fn letters(scratch: &Scratch, query: &str) -> Vec<Value> {
    let letters = scratch.lines("job.dead-letters.jsonl");
    for letter in &letters {
        let reason = letter["reason"].as_str().unwrap();
        assert!(reason.contains("cannot be merged"), "{query}: {reason}");
    }
    let mut rows: Vec<Value> =
        letters.iter().map(|l| serde_json::from_str(l["row"].as_str().unwrap()).unwrap()).collect();
    rows.sort_by_key(Value::to_string);
    rows
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(Value::to_string);
    rows
}

/// Three rows a key, one in each epoch and all of one session; the second one of `k1` cannot be merged. Much later one more.
fn three_epochs() -> Rows {
    let mut rows: Rows = Vec::new();
    for (epoch, second) in [(0, 0), (1, 5), (2, 9)] {
        let text = |k| if (k, epoch) == (1, 1) { "e1 alone".to_owned() } else { format!("e{epoch}") };
        rows.extend((0..3).map(|k| (epoch, k, second, text(k))));
    }
    rows.push((3, 9, 3600, "end".to_owned()));
    rows
}

#[test]
fn a_session_stays_what_it_was_and_its_sets_too() {
    for (sets, p) in [("", "p(text)"), (", count(DISTINCT text) AS kinds", "p(text)"), ("", "p(DISTINCT text)")] {
        for mode in ["append", "complete"] {
            let query = format!(
                "SELECT k, session_window.start AS s, session_window.end AS e, count(*) AS n, {p} AS last{sets} FROM rows \
                 GROUP BY k, session_window(ts, '10 seconds')"
            );
            let (scratch, ran) = run(&three_epochs(), &query, mode);
            let mut last: BTreeMap<String, Value> = BTreeMap::new();
            for row in ran.rows("out").into_iter().filter(|row| row["k"] != "k9") {
                last.insert(row["k"].as_str().unwrap().to_owned(), row);
            }
            let want = (0..3).map(|k| {
                let n = if k == 1 { 2 } else { 3 };
                let mut row = json!({"k": format!("k{k}"), "s": stamp(0), "e": stamp(19), "n": n, "last": "e2"});
                if !sets.is_empty() {
                    row["kinds"] = n.into();
                }
                (format!("k{k}"), row)
            });
            let want: BTreeMap<String, Value> = want.collect();
            assert_eq!(last, want, "{query}, {mode}");
            let session = json!({"start": stamp(0), "end": stamp(15)});
            let letters = letters(&scratch, &query);
            assert_eq!(letters.len(), 1, "{query}, {mode}: {letters:?}");
            assert_eq!(letters[0]["k"], "k1", "{query}, {mode}");
            assert!(letters[0].as_object().unwrap().values().any(|v| *v == session), "{letters:?}");
        }
    }
}

#[test]
fn beside_distinct_what_was_remembered_of_the_group_is_forgotten() {
    for mode in ["complete", "update"] {
        // What came with the row that counts nowhere is new when it comes again.
        let mut rows = three_epochs();
        rows.extend([(2, 1, 9, "e1".to_owned()), (2, 2, 9, "e1".to_owned())]);
        for p in ["p(text)", "p(DISTINCT text)"] {
            let query = format!(
                "SELECT k, count(*) AS n, count(DISTINCT substr(text, 1, 2)) AS kinds, {p} AS last FROM rows GROUP BY k"
            );
            let (scratch, ran) = run(&rows, &query, mode);
            let mut last: BTreeMap<String, (Value, Value)> = BTreeMap::new();
            for row in ran.rows("out").into_iter().filter(|row| row["k"] != "k9") {
                last.insert(row["k"].as_str().unwrap().to_owned(), (row["n"].clone(), row["kinds"].clone()));
            }
            let want = [("k0", 3, 3), ("k1", 3, 3), ("k2", 4, 3)];
            let want = want.map(|(k, n, kinds)| (k.to_owned(), (json!(n), json!(kinds))));
            assert_eq!(last, want.into(), "{query}, {mode}");
            assert_eq!(letters(&scratch, &query), [json!({"k": "k1"})], "{query}, {mode}");
        }
    }
}

#[test]
fn a_sliding_window_whose_slices_cannot_be_merged_has_no_result_and_those_beside_it_have() {
    // Windows of few slices, of many, and of so many that pieces of them are stored.
    for (size, slide) in [(4, 1), (30, 1), (300, 1)] {
        for sets in ["", ", count(DISTINCT text) AS kinds"] {
            let mut rows: Rows = Vec::new();
            for (epoch, from) in [(0, 600), (1, 640), (2, 960)] {
                for (second, k) in (from..from + 12).step_by(3).flat_map(|second| [(second, 0), (second, 1)]) {
                    let alone = if (k, second) == (1, 643) { " alone" } else { "" };
                    rows.push((epoch, k, second, format!("{second}{alone}")));
                }
            }
            rows.push((3, 9, 3600, "end".to_owned()));
            let query = format!(
                "SELECT window, k, count(*) AS n, p(text) AS last{sets} FROM rows \
                 GROUP BY window(ts, '{size} seconds', '{slide} seconds'), k"
            );
            let (scratch, ran) = run(&rows, &query, "append");
            let (mut want, mut want_letters) = (Vec::new(), Vec::new());
            for (start, k) in (0..1000).flat_map(|start| [(start, 0), (start, 1)]) {
                let inside: Vec<&String> = rows
                    .iter()
                    .filter(|row| row.1 == k && (start..start + size).contains(&row.2))
                    .map(|row| &row.3)
                    .collect();
                let Some(last) = inside.last() else { continue };
                let window = json!({"start": stamp(start), "end": stamp(start + size)});
                if inside.len() > 1 && inside.iter().any(|text| text.contains("alone")) {
                    want_letters.push(json!({"window": window, "k": format!("k{k}")}));
                    continue;
                }
                let mut row = json!({"window": window, "k": format!("k{k}"), "n": inside.len(), "last": last});
                if !sets.is_empty() {
                    row["kinds"] = inside.len().into();
                }
                want.push(row);
            }
            let mut have = ran.rows("out");
            have.retain(|row| row["k"] != "k9");
            assert!(sorted(have) == sorted(want), "{query}");
            assert!(!want_letters.is_empty());
            assert_eq!(letters(&scratch, &query), sorted(want_letters), "{query}");
        }
    }
}

#[test]
fn inside_a_chunk_the_rows_of_the_group_are_dead_letters_with_their_lines() {
    // More rows in a chunk than are handed to a plugin at once, so that its states are merged before they are noted.
    let scratch = Scratch::new();
    // The last one of its group among those that are handed over first.
    let line = |n: usize| format!("k{}{}\n", n % 1000, if n == 65_007 { " alone" } else { "" });
    scratch.write("in/a.log", (0..100_000).map(line).collect::<String>());
    let operator = "[operator.x]\nsql = \"SELECT substr(split_part(value, ' ', 1), 2) AS k, count(*) AS n, p(value) AS last \
                    FROM lines GROUP BY substr(split_part(value, ' ', 1), 2)\"\noutput_mode = \"complete\"\n";
    let keys = "limits = { time = \"10s\" }\nwith = { bytes = 16 }";
    let ran = scratch.run(&crate::plugins::job("hostile/large-state", keys, operator)).unwrap();
    let want: Vec<Value> =
        (0..1000).filter(|k| *k != 7).map(|k| json!({"k": k.to_string(), "n": 100, "last": format!("k{k}")})).collect();
    assert!(sorted(ran.rows("out")) == sorted(want), "{:?}", ran.rows("out").first());
    let lines = scratch.lines("job.dead-letters.jsonl");
    let places: Vec<u64> = lines.iter().map(|l| l["line"].as_u64().unwrap()).collect();
    assert_eq!(places, (0..100).map(|i| 1000 * i + 8).collect::<Vec<u64>>());
    assert!(lines[1]["reason"].as_str().unwrap().contains("cannot be merged"), "{}", lines[1]["reason"]);
}
