//! What a checkpoint's state holds: the rows of each kind of operator are those that its job gives out, a key is found as it is
//! when all rows are looked through, and what cannot be shown is told with what to do.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod running;

use std::collections::BTreeMap;
use std::fs;

use running::Folder;
use serde_json::{Value, json};

/// An operator of each kind, with what tells its state: all of it in complete mode, else all rows that have come out.
const JOB: &str = r#"
name = "kinds"
checkpoint = "state"
trigger = "available-now"
[source.rows]
path = "in"
format = "json"
schema = { k = "utf8", n = "int64", ts = "timestamp" }
event_time = "ts"
watermark = "10 hours"
max_files_per_epoch = 1
[source.others]
path = "others"
format = "json"
schema = { k = "utf8", m = "int64", ts = "timestamp" }
event_time = "ts"
watermark = "10 hours"
[operator.groups]
sql = "SELECT k, count(*) AS total, min(n) AS least, count(DISTINCT n) AS kinds FROM rows GROUP BY k"
output_mode = "complete"
[operator.windows]
sql = "SELECT window.start, window.end, k, n, count(*) AS total FROM rows GROUP BY window(ts, '5 minutes'), k, n"
output_mode = "complete"
[operator.sessions]
sql = "SELECT session_window.start, session_window.end, k, count(*) AS total, count(DISTINCT n) AS kinds FROM rows GROUP BY session_window(ts, '90 seconds'), k"
output_mode = "complete"
[operator.joined]
sql = "SELECT r.k, r.n, r.ts, o.m FROM rows r LEFT JOIN others o ON r.k = o.k AND o.ts BETWEEN r.ts AND r.ts + interval '1 hour'"
[operator.firsts]
input = "rows"
dedup = { keys = ["k", "n"], within = "20 hours" }
[operator.allowed]
input = "rows"
throttle = { keys = ["k"], rows = 3, per = "10 minutes" }
"#;

const NODES: [&str; 6] = ["groups", "windows", "sessions", "joined", "firsts", "allowed"];

/// Which second of the day a time is.
fn time(second: usize) -> String {
    format!("2026-03-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// A folder in which the job has run, in three epochs.
fn after_a_run(name: &str) -> Folder {
    let sinks = NODES.map(|node| {
        format!(
            "[sink.{node}_out]\ninput = \"{node}\"\nconnector = \"file\"\npath = \"out/{node}\"\nformat = \"json\"\n"
        )
    });
    let folder = Folder::new(name, &(JOB.to_owned() + &sinks.concat()));
    fs::create_dir_all(folder.0.join("others")).unwrap();
    for file in 0..3 {
        // More rows of one key than one entry of a join has.
        let rows: String = (0..120usize)
            .map(|i| {
                let key = ["a", "a", "b", "", "é"][i % 5];
                let key = if key.is_empty() { Value::Null } else { json!(key) };
                json!({ "k": key, "n": i % 7, "ts": time(3600 * file + 17 * i) }).to_string() + "\n"
            })
            .collect();
        fs::write(folder.0.join(format!("in/{file}.json")), rows).unwrap();
    }
    let others: String = (0..9).map(|i| json!({ "k": "b", "m": i, "ts": time(1200 * i) }).to_string() + "\n").collect();
    fs::write(folder.0.join("others/0.json"), others).unwrap();
    done(&folder, &["run", "job.toml", "--progress", "none"]);
    folder
}

/// What a command prints on standard output; it must succeed.
fn done(folder: &Folder, args: &[&str]) -> String {
    let output = folder.program(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A command must fail with `code`, and say each of `words`.
fn fails(folder: &Folder, args: &[&str], code: i32, words: &[&str]) {
    let output = folder.program(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).replace('│', " ");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    words.iter().for_each(|words| assert!(said.contains(words), "{args:?}: no {words:?} in {said}"));
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(Value::to_string);
    rows
}

/// The rows of a node's state.
fn stored(folder: &Folder, node: &str, more: &[&str]) -> Vec<Value> {
    let args = [&["state", "job.toml", node, "--format", "json"], more].concat();
    sorted(objects(&done(folder, &args)))
}

/// The rows that came out of a node: of the last epoch, or of all.
fn came(folder: &Folder, node: &str, only_last: bool) -> Vec<Value> {
    let parts = fs::read_dir(folder.0.join("out").join(node)).unwrap().map(|entry| entry.unwrap().path());
    let mut parts: Vec<_> = parts.filter(|part| part.extension().is_some_and(|ending| ending == "json")).collect();
    parts.sort();
    let from = if only_last { parts.len() - 1 } else { 0 };
    parts[from..].iter().flat_map(|part| objects(&fs::read_to_string(part).unwrap())).collect()
}

/// The same rows with these columns called otherwise, and others left out.
fn renamed(rows: Vec<Value>, names: &[(&str, &str)]) -> Vec<Value> {
    let row = |row: Value| -> Value {
        let parts = names.iter().filter_map(|(from, to)| Some(((*to).to_owned(), row.get(from)?.clone())));
        Value::Object(parts.collect())
    };
    sorted(rows.into_iter().map(row).collect())
}

#[test]
fn what_is_stored_is_what_the_job_gives_and_a_key_is_found() {
    let folder = after_a_run("state-rows");

    let all: BTreeMap<&str, Vec<Value>> = NODES.map(|node| (node, stored(&folder, node, &[]))).into();
    assert_eq!(all["groups"], sorted(came(&folder, "groups", true)));
    for (node, window) in [("windows", "window"), ("sessions", "session")] {
        let (start, end) = (format!("{window}_start"), format!("{window}_end"));
        let names =
            [("start", start.as_str()), ("end", &end), ("k", "k"), ("n", "n"), ("total", "total"), ("kinds", "kinds")];
        let want = renamed(came(&folder, node, true), &names);
        assert!(want.len() >= 12, "{node}: {want:?}");
        assert_eq!(all[node], want, "{node}");
    }

    // Nothing has expired: of the left side all rows that have a key wait, and those of the other side.
    let joined = &all["joined"];
    let waits = |side: &str| joined.iter().filter(|row| row["side"] == side).cloned().collect::<Vec<_>>();
    let rows: Vec<Value> = (0..3)
        .flat_map(|file| objects(&fs::read_to_string(folder.0.join(format!("in/{file}.json"))).unwrap()))
        .collect();
    let names = [("k", "k"), ("n", "n"), ("ts", "ts")];
    let keep = |row: &Value| row.get("k").is_some_and(|k| !k.is_null());
    let left = renamed(waits("left"), &names);
    assert_eq!(
        left.iter().filter(|row| keep(row)).cloned().collect::<Vec<_>>(),
        renamed(rows.into_iter().filter(keep).collect(), &names)
    );
    let others = objects(&fs::read_to_string(folder.0.join("others/0.json")).unwrap());
    let names = [("k", "k"), ("m", "m"), ("ts", "ts")];
    assert_eq!(renamed(waits("right"), &names), renamed(others, &names));
    // The rows that came out with a partner are those that had a match.
    let pairs = renamed(came(&folder, "joined", false), &[("k", "k"), ("n", "n"), ("ts", "ts"), ("m", "m")]);
    let mut matched: Vec<String> =
        pairs.iter().filter(|row| row.get("m").is_some()).map(|row| row["ts"].to_string()).collect();
    matched.sort();
    matched.dedup();
    let marked = waits("left").iter().filter(|row| row["matched"] == true).count();
    assert!(marked > 0 && marked == matched.len(), "{marked} of {}", matched.len());

    let firsts = renamed(came(&folder, "firsts", false), &[("k", "k"), ("n", "n")]);
    assert_eq!(renamed(all["firsts"].clone(), &[("k", "k"), ("n", "n")]), firsts);
    assert_eq!(stored(&folder, "firsts", &["--key", "k=b", "--key", "n=2"])[0]["until"], "2026-03-01T20:00:34Z");

    let mut passed: BTreeMap<String, u64> = BTreeMap::new();
    for row in came(&folder, "allowed", false) {
        let ten_minutes = row["ts"].as_str().unwrap()[..15].to_owned();
        *passed.entry(format!("{ten_minutes} {:?}", row.get("k"))).or_default() += 1;
    }
    let counted = all["allowed"].iter().map(|row| {
        let ten_minutes = &row["window_start"].as_str().unwrap()[..15];
        (format!("{ten_minutes} {:?}", row.get("k")), row["passed"].as_u64().unwrap())
    });
    assert_eq!(counted.collect::<BTreeMap<_, _>>(), passed);

    // A key is looked up, a part of it looked for: both find what is among all rows.
    for (node, asked, is_it) in [
        ("groups", &["k=a"][..], (|row| row["k"] == "a") as fn(&Value) -> bool),
        ("groups", &["k=null"], |row| row.get("k").is_none()),
        ("windows", &["k=\"é\"", "n=3"], |row| row["k"] == "é" && row["n"] == 3),
        ("windows", &["n=3"], |row| row["n"] == 3),
        ("windows", &["window_start=2026-03-01T01:05:00Z", "k=a"], |row| {
            row["k"] == "a" && row["window_start"] == "2026-03-01T01:05:00Z"
        }),
        ("sessions", &["k=b"], |row| row["k"] == "b"),
        ("joined", &["k=a"], |row| row["k"] == "a"),
        ("joined", &["side=right"], |row| row["side"] == "right"),
        ("allowed", &["k=a"], |row| row["k"] == "a"),
        ("firsts", &["k=none of them"], |_| false),
    ] {
        let keys: Vec<&str> = asked.iter().flat_map(|key| ["--key", key]).collect();
        let want: Vec<Value> = all[node].iter().filter(|row| is_it(row)).cloned().collect();
        assert_eq!(stored(&folder, node, &keys), want, "{node} {asked:?}");
        assert!(!want.is_empty() || node == "firsts", "{node} {asked:?}");
    }

    // As a table, as Parquet, and in short: as many.
    let there = all["windows"].len();
    let table = done(&folder, &["state", "job.toml", "windows", "--limit", "2"]);
    assert!(table.ends_with(&format!("2 rows\n2 of {there} rows are shown; --limit shows more\n")), "{table}");
    done(&folder, &["state", "job.toml", "windows", "-o", "w.parquet"]);
    let sum = done(&folder, &["sql", "SELECT sum(total) AS n FROM w", "-s", "w=w.parquet", "--format", "csv"]);
    assert_eq!(sum, "n\n360\n");
    let overview: Value = serde_json::from_str(&done(&folder, &["state", "state", "--format", "json"])).unwrap();
    for node in NODES {
        let rows =
            overview["states"].as_array().unwrap().iter().find(|state| state["state"] == node).unwrap()["rows"].clone();
        assert_eq!(rows, all[node].len(), "{node}");
    }
    assert_eq!(overview["sources"], json!([{ "source": "others", "files": 1 }, { "source": "rows", "files": 3 }]));
    let earlier: Value =
        serde_json::from_str(&done(&folder, &["state", "state", "--epoch", "0", "--format", "json"])).unwrap();
    assert!(earlier["states"][3]["bytes"].as_u64() < overview["states"][3]["bytes"].as_u64(), "{earlier}");
}

#[test]
fn what_cannot_be_shown_is_told_with_what_to_do() {
    let folder = after_a_run("state-told");
    let state = |more: &[&'static str]| [&["state", "job.toml"], more].concat();
    fails(&folder, &state(&["group"]), 2, &["no state of a node `group`", "did you mean `groups`?"]);
    fails(&folder, &state(&["rows"]), 2, &["no state of a node `rows`"]);
    fails(&folder, &state(&["groups", "--key", "total=1"]), 2, &["`total` is no key", "`k`"]);
    fails(&folder, &state(&["windows", "--key", "m=1"]), 2, &["`m` is no column", "`window_start`"]);
    fails(&folder, &state(&["windows", "--key", "n=x"]), 2, &["`n` is of type int64, and `x` is no such value"]);
    fails(&folder, &state(&["windows", "--key", "n=1", "--key", "n=2"]), 2, &["`n` is given two values"]);
    fails(&folder, &state(&["windows", "--epoch", "9"]), 2, &["epoch 9", "epochs 0 to 3"]);
    fails(&folder, &state(&["windows", "--format", "parquet"]), 2, &["not printed", "-o"]);
    fails(&folder, &state(&["windows", "-o", "nowhere/w.json"]), 2, &["nowhere/w.json cannot be written"]);
    fails(&folder, &["state", "in"], 2, &["in is not a checkpoint"]);

    // The job is not kept any more: what there is can be told, and the file says the rest, if it is the same.
    fs::remove_dir_all(folder.0.join("state/jobs")).unwrap();
    assert!(done(&folder, &["state", "state"]).contains("sessions with gaps of 1 minute 30 seconds"));
    fails(&folder, &["state", "state", "groups"], 2, &["does not keep the job that epoch 3 was made with", "--job"]);
    assert_eq!(
        done(&folder, &["state", "state", "groups", "--job", "job.toml"]),
        done(&folder, &["state", "job.toml", "groups"])
    );
    let text = fs::read_to_string(folder.0.join("job.toml")).unwrap();
    fs::write(folder.0.join("job.toml"), text.replace("5 minutes", "6 minutes")).unwrap();
    fails(&folder, &["state", "job.toml", "groups"], 2, &["the job file was changed since epoch 3"]);

    // A bit is another one.
    let log = fs::read_dir(folder.0.join("state/log")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    bytes[200] ^= 1;
    fs::write(&log, bytes).unwrap();
    fails(&folder, &["state", "state"], 1, &["damaged"]);
}
