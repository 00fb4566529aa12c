//! Joins, where neither the cases that a real Spark answered nor the simulation say it: conditions in several places, joins
//! of joins, windows that both sides lie in, null keys, static sources that change.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_engine::run::{Environment, EpochReport, Observer, Pace, RunOptions};
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::assert_same_rows;

/// Two streams and what is asked of them.
fn job(sql: &str, keys: &str) -> String {
    let source = |name: &str| {
        format!(
            "[source.{name}]\npath = \"in/{name}\"\nformat = \"json\"\nmax_files_per_epoch = 1\n\
             schema = {{ k = \"utf8\", n = \"int64\", t = \"timestamp\" }}\nevent_time = \"t\"\nwatermark = \"5s\"\n"
        )
    };
    format!(
        "name = \"joins\"\n{}{}{}[operator.x]\nsql = \"\"\"{sql}\"\"\"\n{keys}\n[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n",
        source("a"),
        source("b"),
        source("c")
    )
}

/// A row of the streams; `second` of one minute, or of the next ones.
fn row(k: Option<&str>, n: i64, second: i64) -> Value {
    json!({"k": k, "n": n, "t": at(second)})
}

fn at(second: i64) -> String {
    format!("2026-03-01T09:{:02}:{:02}Z", second / 60, second % 60)
}

fn write(scratch: &Scratch, source: &str, part: usize, rows: &[Value]) {
    let text: String = rows.iter().map(|r| format!("{r}\n")).collect();
    scratch.write(&format!("in/{source}/{part}.json"), text);
}

/// Some rows of all streams over three epochs, and a fourth that moves the watermark.
fn streams(scratch: &Scratch) -> [Vec<(Option<&'static str>, i64, i64)>; 3] {
    let keys = [Some("x"), Some("y"), None, Some("z")];
    let mut all = [Vec::new(), Vec::new(), Vec::new()];
    for (s, (source, step)) in ["a", "b", "c"].into_iter().zip([7, 11, 13]).enumerate() {
        for part in 0..3 {
            let rows: Vec<_> = (0..20)
                .map(|i| {
                    let n = i64::from(part * 20 + i);
                    (keys[((n * step) % 4) as usize], n, n + (n * step) % 4)
                })
                .collect();
            let shown: Vec<Value> = rows.iter().map(|(k, n, t)| row(*k, *n, *t)).collect();
            write(scratch, source, part as usize, &shown);
            all[s].extend(rows);
        }
        write(scratch, source, 3, &[row(Some("end"), -1, 600)]);
        all[s].push((Some("end"), -1, 600));
    }
    all
}

#[test]
fn where_above_an_inner_join_bounds_it_and_commas_join() {
    let scratch = Scratch::new();
    let [a, b, _] = streams(&scratch);
    let mut want = Vec::new();
    for (k, n, t) in &a {
        for (_, m, u) in b.iter().filter(|(l, ..)| l.is_some() && l == k) {
            if (-2..=3).contains(&(u - t)) && n + m > 10 && n % 2 == 0 {
                want.push(json!({"n": n, "m": m}));
            }
        }
    }
    assert!(want.len() > 20);
    for sql in [
        "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND b.t >= a.t - INTERVAL '2 seconds'
         WHERE b.t - a.t <= INTERVAL '3 seconds' AND a.n + b.n > 10 AND a.n % 2 = 0",
        "SELECT a.n, b.n AS m FROM a, b
         WHERE a.k = b.k AND a.t < b.t + INTERVAL '2001 milliseconds' AND b.t - INTERVAL '3 seconds' <= a.t
           AND a.n + b.n > 10 AND a.n % 2 = 0",
        "SELECT a.n, e.m FROM a JOIN (SELECT k, t, n AS m FROM b) e USING (k)
         WHERE e.t BETWEEN a.t - INTERVAL '2 seconds' AND a.t + INTERVAL '3 seconds' AND n + m > 10 AND n % 2 = 0",
    ] {
        let ran = scratch.run(&job(sql, "")).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
        assert_same_rows(sql, ran.rows("out"), want.clone(), 0.0);
    }
}

#[test]
fn rows_come_out_in_one_order_whatever_the_threads() {
    let scratch = Scratch::new();
    streams(&scratch);
    let sql =
        "SELECT a.k, a.n, b.n AS m FROM a FULL JOIN b ON a.k = b.k AND b.t BETWEEN a.t - INTERVAL '9 seconds' AND a.t";
    let run = |threads| {
        let options = RunOptions { threads: Some(threads), ..RunOptions::default() };
        scratch.run_with(&job(sql, ""), options).unwrap().rows("out")
    };
    let one = run(1);
    assert!(one.len() > 100);
    assert_eq!(one, run(4));
}

#[test]
fn rows_of_one_window_join_by_date_bin_and_come_out_alone_when_it_is_over() {
    let scratch = Scratch::new();
    let [a, b, _] = streams(&scratch);
    let mut want = Vec::new();
    for (k, n, t) in &a {
        let found: Vec<_> = b.iter().filter(|(l, _, u)| l.is_some() && l == k && u / 10 == t / 10).collect();
        want.extend(found.iter().map(|(_, m, _)| json!({"n": n, "m": m})));
        // The last row of all has no watermark behind it.
        if found.is_empty() && *n >= 0 {
            want.push(json!({"n": n}));
        }
    }
    want.retain(|row| row["m"] != json!(-1) || row["n"] == json!(-1));
    let sql = "SELECT a.n, b.n AS m FROM a LEFT JOIN b
               ON a.k = b.k AND date_bin(INTERVAL '10 seconds', a.t) = date_bin(INTERVAL '10 seconds', b.t)";
    let ran = scratch.run(&job(sql, "")).unwrap();
    assert_same_rows("date_bin", ran.rows("out"), want.clone(), 0.0);
    let minutes = "SELECT a.n, b.n AS m FROM a JOIN b ON date_trunc('minute', a.t) = date_trunc('minute', b.t)";
    let pairs = a.iter().flat_map(|(_, n, t)| {
        b.iter().filter(move |(_, _, u)| u / 60 == t / 60).map(move |(_, m, _)| json!({"n": n, "m": m}))
    });
    let ran = scratch.run(&job(minutes, "")).unwrap();
    assert_same_rows("date_trunc as the only key", ran.rows("out"), pairs.collect(), 0.0);
}

#[test]
fn a_join_of_a_join_goes_by_either_event_time() {
    let scratch = Scratch::new();
    let [a, b, c] = streams(&scratch);
    let mut want = Vec::new();
    for (k, n, t) in a.iter().filter(|(k, ..)| k.is_some()) {
        for (_, m, u) in b.iter().filter(|(l, _, u)| l == k && (0..=4).contains(&(u - t))) {
            for (_, o, _) in c.iter().filter(|(l, _, v)| l == k && (-3..=3).contains(&(v - u))) {
                want.push(json!({"n": n, "m": m, "o": o}));
            }
        }
    }
    assert!(want.len() > 50);
    let sql = "SELECT a.n, b.n AS m, c.n AS o FROM a
               JOIN b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL '4 seconds'
               JOIN c ON b.k = c.k AND c.t BETWEEN b.t - INTERVAL '3 seconds' AND b.t + INTERVAL '3 seconds'";
    let ran = scratch.run(&job(sql, "")).unwrap();
    assert_same_rows("three streams", ran.rows("out"), want, 0.0);
}

#[test]
fn state_that_may_grow_joins_without_bounds() {
    let scratch = Scratch::new();
    let [a, b, _] = streams(&scratch);
    let pairs = a
        .iter()
        .filter(|(k, ..)| k.is_some())
        .flat_map(|(k, n, _)| b.iter().filter(move |(l, ..)| l == k).map(move |(_, m, _)| json!({"n": n, "m": m})));
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k";
    let ran = scratch.run(&job(sql, "unbounded_state = true")).unwrap();
    assert_same_rows("for ever", ran.rows("out"), pairs.collect(), 0.0);
    // One side has a bound: the other's rows are kept for ever.
    let after = a.iter().filter(|(k, ..)| k.is_some()).flat_map(|(k, n, t)| {
        b.iter().filter(move |(l, _, u)| l == k && u >= t).map(move |(_, m, _)| json!({"n": n, "m": m}))
    });
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND b.t >= a.t";
    let ran = scratch.run(&job(sql, "unbounded_state = true")).unwrap();
    assert_same_rows("from then on", ran.rows("out"), after.collect(), 0.0);
}

#[test]
fn many_rows_of_one_key_and_a_long_run_leave_the_state_of_what_is_open() {
    let scratch = Scratch::new();
    // A thousand rows a side of one key, in ten epochs of a hundred seconds each.
    for part in 0..10 {
        for source in ["a", "b"] {
            let rows: Vec<Value> = (0..100).map(|i| row(Some("hot"), part * 100 + i, part * 100 + i)).collect();
            write(&scratch, source, part as usize, &rows);
        }
    }
    scratch.write("in/c/0.json", "");
    let most = Watch::default();
    let observer = std::sync::Arc::new(most);
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL '20 seconds'";
    let options = RunOptions { observer: observer.clone(), ..RunOptions::default() };
    let ran = scratch.run_with(&job(sql, ""), options).unwrap();
    let want: Vec<Value> =
        (0..1000i64).flat_map(|n| (n..=n + 20).filter(|m| *m < 1000).map(move |m| json!({"n": n, "m": m}))).collect();
    assert_same_rows("hot", ran.rows("out"), want, 0.0);
    // A row is about 50 bytes; of some 130 seconds' rows at once, chunked.
    let bytes = observer.0.load(Ordering::Relaxed);
    assert!(bytes > 0 && bytes < 60_000, "{bytes} bytes of state");
}

/// The most state there was at an epoch's end, in bytes.
#[derive(Default)]
struct Watch(AtomicU64);

impl Observer for Watch {
    fn epoch(&self, report: &EpochReport) {
        self.0.fetch_max(report.state_bytes, Ordering::Relaxed);
    }
}

#[test]
fn a_row_without_a_time_is_a_dead_letter_and_so_is_one_whose_condition_fails_with_a_static_side() {
    let scratch = Scratch::new();
    write(&scratch, "a", 0, &[row(Some("x"), 1, 1), json!({"k": "x", "n": 2})]);
    write(&scratch, "b", 0, &[row(Some("x"), 3, 1)]);
    scratch.write("in/c/0.json", "");
    let sql = "SELECT a.n, b.n AS m FROM a JOIN b ON a.k = b.k AND a.t = b.t";
    let ran = scratch.run(&job(sql, "")).unwrap();
    assert_same_rows("null time", ran.rows("out"), vec![json!({"n": 1, "m": 3})], 0.0);
    let letters = scratch.lines("joins.dead-letters.jsonl");
    assert_eq!(letters.len(), 1);
    assert!(letters[0]["reason"].as_str().unwrap().contains("event time is null"), "{letters:?}");
    assert_eq!((&letters[0]["line"], &letters[0]["node"]), (&json!(2), &json!("x")));
}

fn with_users(sql: &str, more: &str) -> String {
    job(sql, "")
        + &format!(
            "[source.users]\npath = \"users.csv\"\nformat = \"csv\"\nschema = {{ k = \"utf8\", name = \"utf8\", least = \"int64\" }}\nstatic = true\n{more}\n"
        )
}

#[test]
fn a_static_side_is_found_from_either_side_with_conditions_and_filters() {
    let scratch = Scratch::new();
    scratch.write("users.csv", "k,name,least\nx,ann,2\nx,bob,0\ny,cid,9\n,dan,0\n");
    write(&scratch, "a", 0, &[row(Some("x"), 1, 1), row(Some("y"), 2, 2), row(None, 3, 3), row(Some("q"), 4, 4)]);
    for other in ["b", "c"] {
        scratch.write(&format!("in/{other}/0.json"), "");
    }
    let rows = |sql: &str| scratch.run(&with_users(sql, "")).unwrap_or_else(|e| panic!("{sql}: {e:?}")).rows("out");
    let left = "SELECT n, name FROM a LEFT JOIN users u ON a.k = u.k AND n >= least";
    let want = vec![json!({"n": 1, "name": "bob"}), json!({"n": 2}), json!({"n": 3}), json!({"n": 4})];
    assert_eq!(rows(left), want, "in the order of the stream's rows");
    let right = "SELECT n, upper(name) AS name FROM (SELECT * FROM users WHERE least < 5) u RIGHT JOIN a ON a.k = u.k";
    let want = [
        json!({"n": 1, "name": "ANN"}),
        json!({"n": 1, "name": "BOB"}),
        json!({"n": 2}),
        json!({"n": 3}),
        json!({"n": 4}),
    ];
    assert_eq!(rows(right), want);
    let inner = "SELECT n, name FROM a JOIN users u USING (k) WHERE n * 2 > least AND name <> 'ann'";
    assert_eq!(rows(inner), [json!({"n": 1, "name": "bob"})]);
    // A stream with event time keeps it: windows may follow, and a stream joined with another one.
    let windows = "SELECT window.start, name, count(*) AS n FROM a JOIN users u ON a.k = u.k GROUP BY window(t, '1 second'), name";
    assert_eq!(rows(windows).len(), 0, "no window is over yet");
    let both = "SELECT a.n, name FROM a JOIN users u ON a.k = u.k JOIN b ON a.k = b.k AND a.t = b.t";
    assert_eq!(rows(both).len(), 0);
    // A pair whose condition cannot be computed takes the stream's row with it.
    let fails = "SELECT n, name FROM a JOIN users u ON a.k = u.k AND 10 / (n - 1) > least";
    assert_eq!(rows(fails), [json!({"n": 2, "name": "cid"})]);
    let letters = scratch.lines("joins.dead-letters.jsonl");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["line"], json!(1));
}

/// Changes the static side's file after each epoch.
struct Editor {
    file: PathBuf,
    next: Mutex<Vec<&'static str>>,
    said: Mutex<Vec<String>>,
}

impl Observer for Editor {
    fn epoch(&self, _: &EpochReport) {
        if let Some(text) = self.next.lock().unwrap().pop() {
            std::fs::write(&self.file, text).unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }

    fn message(&self, message: &str) {
        self.said.lock().unwrap().push(message.to_owned());
    }
}

#[test]
fn a_static_side_is_read_again_when_it_is_due_and_stays_when_it_cannot_be() {
    let scratch = Scratch::new();
    let file = scratch.write("users.csv", "k,name,least\nx,ann,0\n");
    for part in 0..4 {
        write(&scratch, "a", part, &[row(Some("x"), part as i64, 1)]);
    }
    for other in ["b", "c"] {
        scratch.write(&format!("in/{other}/0.json"), "");
    }
    let next = vec!["k,name,least\nx,eve,0\n", "k,name,least\nx,dan,broken\n", "k,name,least\nx,bob,0\nx,cid,0\n"];
    let editor = std::sync::Arc::new(Editor { file, next: Mutex::new(next), said: Mutex::default() });
    let options = RunOptions {
        observer: editor.clone(),
        environment: Environment { pace: Pace::one_by_one(), ..Environment::default() },
        ..RunOptions::default()
    };
    let sql = "SELECT n, name FROM a JOIN users u ON a.k = u.k";
    let ran = scratch.run_with(&with_users(sql, "refresh = \"1ms\""), options).unwrap();
    let found: Vec<(i64, String)> =
        ran.rows("out").iter().map(|r| (r["n"].as_i64().unwrap(), r["name"].as_str().unwrap().to_owned())).collect();
    let want = [(0, "ann"), (1, "bob"), (1, "cid"), (2, "bob"), (2, "cid"), (3, "eve")];
    assert_eq!(found, want.map(|(n, name)| (n, name.to_owned())));
    let said = editor.said.lock().unwrap().join("\n");
    assert!(said.contains("`users` could not be read again, its old rows stay"), "{said}");
    assert!(said.contains("line 2"), "{said}");

    // At start it is refused.
    scratch.write("users.csv", "k,name,least\nx,dan,broken\n");
    let refused = scratch.run(&with_users(sql, "")).err().expect("it cannot be read");
    assert!(refused.message().contains("static source `users`"), "{refused:?}");
    assert!(refused.message().contains("users.csv, line 2"), "{refused:?}");
}
