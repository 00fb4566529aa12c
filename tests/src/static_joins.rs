//! Joins of a stream with a table that stands still: files of every format, tables that change under the job, that break,
//! that are empty.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, ListBuilder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_engine::ErrorKind;
use millstream_engine::job::Trigger;
use millstream_engine::run::{Environment, EpochReport, Observer, Pace, RunOptions, check};
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::assert_same_rows;

/// Stream `s` of keys and numbers, a file each epoch, and what joins it.
fn job(users: &str, sql: &str, more: &str) -> String {
    format!(
        "name = \"static\"\n[source.s]\npath = \"in\"\nformat = \"json\"\nmax_files_per_epoch = 1\n\
         schema = {{ k = \"utf8\", n = \"int64\", t = \"timestamp\" }}\nevent_time = \"t\"\nwatermark = \"0s\"\n\
         [source.users]\nstatic = true\n{users}\n[operator.x]\nsql = \"\"\"{sql}\"\"\"\n{more}\n\
         [sink.out]\ninput = \"x\"\nconnector = \"memory\"\n"
    )
}

const CSV: &str =
    "path = \"users.csv\"\nformat = \"csv\"\nschema = { k = \"utf8\", name = \"utf8\", least = \"int64\" }\n";

/// Files of the stream: keys, each with its number and a second of its own.
fn write(scratch: &Scratch, files: &[&[Option<&str>]]) {
    let mut n = 0;
    for (file, keys) in files.iter().enumerate() {
        let line = |key: &Option<&str>| {
            n += 1;
            format!("{}\n", json!({"k": key, "n": n, "t": format!("2026-03-01T09:00:{n:02}Z")}))
        };
        scratch.write(&format!("in/{file}.json"), keys.iter().map(line).collect::<String>());
    }
}

fn rows(scratch: &Scratch, users: &str, sql: &str) -> Vec<Value> {
    scratch.run(&job(users, sql, "")).unwrap_or_else(|e| panic!("{sql}: {e:?}")).rows("out")
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let fields: Vec<Field> = columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, c)| c).collect()).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn the_table_may_be_of_any_format() {
    let scratch = Scratch::new();
    write(&scratch, &[&[Some("x"), Some("y")], &[None, Some("q"), Some("x")]]);
    let sql = "SELECT n, u.name FROM s LEFT JOIN users u ON s.k = u.k";
    let want = [
        json!({"n": 1, "name": "ann"}),
        json!({"n": 2, "name": "bob"}),
        json!({"n": 3}),
        json!({"n": 4}),
        json!({"n": 5, "name": "ann"}),
    ];
    let csv = "path = \"users.csv\"\nformat = \"csv\"\ndelimiter = \";\"\nheader = false\nschema = { k = \"utf8\", name = \"utf8\" }";
    scratch.write("users.csv", "x;ann\ny;bob\n");
    assert_eq!(rows(&scratch, csv, sql), want);
    // Several files, an empty one and one without an end of line among them.
    for (file, text) in
        [("1", "{\"k\":\"x\",\"name\":\"ann\"}"), ("2", ""), ("3", "\n{\"k\":\"y\",\"name\":\"bob\"}\n{}\n")]
    {
        scratch.write(&format!("users/{file}.json"), text);
    }
    let json = "path = \"users\"\nformat = \"json\"\nschema = { name = \"utf8\", k = \"utf8\" }";
    assert_eq!(rows(&scratch, json, sql), want);
    let (k, name) = (StringArray::from(vec!["x", "y"]), StringArray::from(vec!["ann", "bob"]));
    scratch.write("users.parquet", parquet(vec![("name", Arc::new(name)), ("k", Arc::new(k))]));
    assert_eq!(rows(&scratch, "path = \"users.parquet\"\nformat = \"parquet\"", sql), want);
    scratch.write("users.txt", "x\nx\nz\n");
    let text = "SELECT n FROM s JOIN users ON k = value";
    let want = [1, 1, 5, 5].map(|n| json!({ "n": n }));
    assert_eq!(rows(&scratch, "path = \"users.txt\"\nformat = \"text\"", text), want);
}

#[test]
fn the_table_is_found_from_either_side_with_conditions_and_filters() {
    let scratch = Scratch::new();
    scratch.write("users.csv", "k,name,least\nx,ann,2\nx,bob,0\ny,cid,9\n,dan,0\n");
    write(&scratch, &[&[Some("x"), Some("y"), None, Some("q")]]);
    let rows = |sql: &str| rows(&scratch, CSV, sql);
    let left = "SELECT n, name FROM s LEFT JOIN users u ON s.k = u.k AND n >= least";
    let want = [json!({"n": 1, "name": "bob"}), json!({"n": 2}), json!({"n": 3}), json!({"n": 4})];
    assert_eq!(rows(left), want, "in the order of the stream's rows");
    let right = "SELECT n, upper(name) AS name FROM (SELECT * FROM users WHERE least < 5) u RIGHT JOIN s ON s.k = u.k";
    let want = [
        json!({"n": 1, "name": "ANN"}),
        json!({"n": 1, "name": "BOB"}),
        json!({"n": 2}),
        json!({"n": 3}),
        json!({"n": 4}),
    ];
    assert_eq!(rows(right), want);
    let inner = "SELECT n, name FROM s JOIN users u USING (k) WHERE n * 2 > least AND name <> 'ann'";
    assert_eq!(rows(inner), [json!({"n": 1, "name": "bob"})]);
    // A key that is computed on both sides, and one of two columns.
    let computed = "SELECT n, name FROM s JOIN users u ON upper(s.k) = upper(u.k) || '' AND s.n + 7 = u.least";
    assert_eq!(rows(computed), [json!({"n": 2, "name": "cid"})]);
    // Twice, each with its own rows.
    let twice = "SELECT n, u.name, v.name AS other FROM s JOIN users u ON s.k = u.k
                 LEFT JOIN (SELECT k, name FROM users WHERE least > 0) v ON s.k = v.k AND v.name <> u.name";
    let want = [
        json!({"n": 1, "name": "ann"}),
        json!({"n": 1, "name": "bob", "other": "ann"}),
        json!({"n": 2, "name": "cid"}),
    ];
    assert_eq!(rows(twice), want);
    // A stream keeps its event time: windows may follow.
    let windows = "SELECT window.start, name, count(*) AS n FROM s LEFT JOIN users u ON s.k = u.k
                   GROUP BY window(t, '1 second'), name";
    let start = |n: i64| format!("2026-03-01T09:00:{n:02}Z");
    let want = vec![
        json!({"start": start(1), "name": "ann", "n": 1}),
        json!({"start": start(1), "name": "bob", "n": 1}),
        json!({"start": start(2), "name": "cid", "n": 1}),
        json!({"start": start(3), "n": 1}),
    ];
    assert_same_rows("windows over a join", rows(windows), want, 0.0);
    // A pair whose condition cannot be computed takes the stream's row with it, once.
    let fails = "SELECT n, name FROM s LEFT JOIN users u ON s.k = u.k AND 10 / (n - 1) > least";
    assert_eq!(rows(fails), [json!({"n": 2, "name": "cid"}), json!({"n": 3}), json!({"n": 4})]);
    let letters = scratch.lines("static.dead-letters.jsonl");
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0]["line"], &letters[0]["node"]), (&json!(1), &json!("x")));
}

#[test]
fn keys_of_several_number_types_meet_and_what_is_joined_may_have_any_type() {
    let scratch = Scratch::new();
    write(&scratch, &[&[Some("x"), Some("y"), Some("z")]]);
    let mut tags = ListBuilder::new(StringBuilder::new());
    tags.append_value([Some("new"), None]);
    tags.append_null();
    let table = || {
        vec![
            ("id", Arc::new(Int32Array::from(vec![Some(1), Some(3)])) as ArrayRef),
            ("paid", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ]
    };
    let mut columns = table();
    columns.push(("tags", Arc::new(tags.finish())));
    scratch.write("users.parquet", parquet(columns));
    let users = "path = \"users.parquet\"\nformat = \"parquet\"";
    let sql = "SELECT n, paid, tags FROM s LEFT JOIN users ON n = id";
    let want = [json!({"n": 1, "paid": true, "tags": ["new", null]}), json!({"n": 2}), json!({"n": 3})];
    assert_eq!(rows(&scratch, users, sql), want);
    // Without a row, everything is null, whatever its type.
    let empty: Vec<(&str, ArrayRef)> = table().into_iter().map(|(name, c)| (name, c.slice(0, 0))).collect();
    let tags = ("tags", Arc::new(ListBuilder::new(StringBuilder::new()).finish()) as ArrayRef);
    scratch.write("users.parquet", parquet(empty.into_iter().chain([tags]).collect()));
    assert_eq!(rows(&scratch, users, sql), [1, 2, 3].map(|n| json!({ "n": n })));
    assert_eq!(rows(&scratch, users, &sql.replace("LEFT JOIN", "JOIN")), Vec::<Value>::new());
    scratch.write("users.csv", "k,name,least\n");
    let cast = "SELECT n, name FROM s LEFT JOIN users u ON CAST(s.n AS VARCHAR) = u.k";
    assert_eq!(rows(&scratch, CSV, cast), [1, 2, 3].map(|n| json!({ "n": n })));
    let sql = "SELECT n, name, least FROM users RIGHT JOIN s ON s.k = users.k AND n > least";
    assert_eq!(rows(&scratch, CSV, sql), [1, 2, 3].map(|n| json!({ "n": n })));
}

/// Changes the table's file after each epoch: none takes it away.
struct Editor {
    file: PathBuf,
    next: Mutex<Vec<Option<&'static str>>>,
    said: Mutex<Vec<String>>,
}

impl Editor {
    fn new(file: PathBuf, texts: &[Option<&'static str>]) -> Arc<Self> {
        let next = texts.iter().rev().copied().collect();
        Arc::new(Self { file, next: Mutex::new(next), said: Mutex::default() })
    }
}

impl Observer for Editor {
    fn epoch(&self, _: &EpochReport) {
        match self.next.lock().unwrap().pop() {
            Some(Some(text)) => std::fs::write(&self.file, text).unwrap(),
            Some(None) => std::fs::remove_file(&self.file).unwrap(),
            None => {}
        }
        // The next epoch is due to read again.
        std::thread::sleep(Duration::from_millis(3));
    }

    fn message(&self, message: &str) {
        self.said.lock().unwrap().push(message.to_owned());
    }
}

/// Runs the job, each epoch committed before the next one begins, with an editor at work. What was said of a table that stays
/// as it is is counted too.
fn edited(scratch: &Scratch, job: &str, texts: &[Option<&'static str>]) -> (Vec<Value>, Vec<String>) {
    let editor = Editor::new(scratch.path().join("users.csv"), texts);
    let options = RunOptions {
        observer: editor.clone(),
        environment: Environment { pace: Pace::one_by_one(), ..Environment::default() },
        ..RunOptions::default()
    };
    let ran = scratch.run_with(job, options).unwrap_or_else(|e| panic!("{e:?}"));
    let said = editor.said.lock().unwrap().clone();
    assert_eq!(ran.summary.not_refreshed, said.len() as u64);
    (ran.rows("out"), said)
}

#[test]
fn a_table_is_read_again_when_it_is_due_and_stays_when_it_cannot_be() {
    let scratch = Scratch::new();
    scratch.write("users.csv", "k,name,least\nx,ann,0\n");
    write(&scratch, &[&[Some("x")][..]; 7]);
    let texts = [
        Some("k,name,least\nx,bob,0\nx,cid,0\n"),
        Some("k,name,least\nx,bob,0\nx,dan,broken\n"),
        None,
        Some("k,name,least\n"),
        // The filter cannot be computed for a row: this is no table to join with.
        Some("k,name,least\nx,fay,7\nx,eve,-1\n"),
        Some("k,name,least\nx,gus,0\n"),
    ];
    let sql = "SELECT n, name FROM s LEFT JOIN (SELECT * FROM users WHERE 10 / (least + 1) > 0) u ON s.k = u.k";
    let (have, said) = edited(&scratch, &job(&format!("{CSV}refresh = \"1ms\""), sql, ""), &texts);
    let row = |n: i64, name: &str| json!({"n": n, "name": name});
    let want = [
        row(1, "ann"),
        row(2, "bob"),
        row(2, "cid"),
        row(3, "bob"),
        row(3, "cid"),
        row(4, "bob"),
        row(4, "cid"),
        json!({"n": 5}),
        json!({"n": 6}),
        row(7, "gus"),
    ];
    assert_eq!(have, want);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().all(|s| s.contains("`users` could not be read again, its old rows stay")), "{said:?}");
    assert!(said[0].contains("users.csv, line 3"), "{said:?}");
    assert!(said[1].contains("users.csv` does not exist"), "{said:?}");
    assert!(said[2].contains("ivide by zero"), "{said:?}");

    // Without `refresh` it is read once.
    scratch.write("users.csv", "k,name,least\nx,ann,0\n");
    let (have, said) = edited(&scratch, &job(CSV, sql, ""), &texts);
    assert_eq!((have, said), ((1..=7).map(|n| row(n, "ann")).collect(), Vec::new()));
}

#[test]
fn a_snapshot_is_joined_with_the_table_of_its_epoch() {
    let scratch = Scratch::new();
    scratch.write("users.csv", "k,name,least\nx,ann,0\ny,bob,0\n");
    write(&scratch, &[&[Some("x"), Some("y")], &[Some("x")]]);
    let sql = "SELECT name, c.n FROM (SELECT k, count(*) AS n FROM s GROUP BY k) c JOIN users u ON c.k = u.k";
    let job = job(&format!("{CSV}refresh = \"1ms\""), sql, "output_mode = \"complete\"");
    let (have, _) = edited(&scratch, &job, &[Some("k,name,least\nx,dan,0\nx,eve,0\n")]);
    let want = vec![json!({"name": "dan", "n": 2}), json!({"name": "eve", "n": 2})];
    assert_same_rows("snapshot", have, want, 0.0);
}

#[test]
fn a_table_that_cannot_be_read_is_refused_at_start_and_at_check() {
    let scratch = Scratch::new();
    write(&scratch, &[&[Some("x")]]);
    let sql = "SELECT n, name FROM s JOIN users u ON s.k = u.k";
    let refuse = |users: &str, sql: &str, says: &str| {
        let text = job(users, sql, "");
        let checked = scratch.job(&text).and_then(|job| check(job, None).map(drop));
        for refused in [checked, scratch.run(&text).map(drop)] {
            let refused = refused.expect_err("it cannot be read");
            assert!(refused.message().contains(says), "{refused:?}");
            assert!(refused.message().contains("static source `users`"), "{refused:?}");
            assert!(
                matches!(refused.kind(), ErrorKind::Data | ErrorKind::Invalid | ErrorKind::Unavailable),
                "{refused:?}"
            );
        }
        assert!(!scratch.path().join("static.dead-letters.jsonl").exists(), "nothing was run");
    };
    scratch.write("users.csv", "k,name,least\nx,ann,0\nx,dan,broken\n");
    refuse(CSV, sql, "users.csv, line 3");
    scratch.write("users.csv", "k,name,least\nx,ann,0\nx,eve,-1\n");
    refuse(CSV, &format!("{sql} AND 10 / (u.least + 1) > 0"), "ivide by zero");
    refuse(CSV, &sql.replace("u.k", "CAST(10 / (u.least + 1) AS VARCHAR)"), "ivide by zero");
    std::fs::create_dir(scratch.path().join("nothing")).unwrap();
    refuse(&CSV.replace("users.csv", "nothing"), sql, "there is no file");
    scratch.write("users.json", "{\"k\":\"x\",\"name\":\"ann\"}\n\n{\"k\":\"y\"");
    refuse(
        "path = \"users.json\"\nformat = \"json\"\nschema = { k = \"utf8\", name = \"utf8\" }",
        sql,
        "users.json, line 3",
    );
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    assert_eq!(numbers.data_type(), &DataType::Int32);
    scratch.write("users.parquet", &parquet(vec![("k", numbers)])[..40]);
    let text =
        job("path = \"users.parquet\"\nformat = \"parquet\"\nschema = { k = \"utf8\", name = \"utf8\" }", sql, "");
    assert!(scratch.run(&text).err().expect("it is half a file").message().contains("users.parquet"));
}

#[test]
fn a_job_that_goes_on_reads_the_table_as_it_is_then() {
    let scratch = Scratch::new();
    write(&scratch, &[&[Some("x")][..]; 3]);
    let sql = "SELECT n, name FROM s LEFT JOIN users u ON s.k = u.k";
    let sink = "[sink.files]\ninput = \"x\"\nconnector = \"file\"\npath = \"out\"\nformat = \"json\"\n";
    let text = format!("checkpoint = \"state\"\n{}{sink}", job(CSV, sql, ""));
    let once = || RunOptions { trigger: Some(Trigger::Once), ..RunOptions::default() };
    scratch.write("users.csv", "k,name,least\nx,ann,0\n");
    assert_eq!(scratch.run_with(&text, once()).unwrap().rows("out"), [json!({"n": 1, "name": "ann"})]);
    // What cannot be read is refused before anything is computed.
    scratch.write("users.csv", "k,name,least\nx,ann,broken\n");
    assert!(scratch.run_with(&text, once()).is_err());
    scratch.write("users.csv", "k,name,least\nx,bob,0\nx,cid,0\n");
    let want = [json!({"n": 2, "name": "bob"}), json!({"n": 2, "name": "cid"})];
    assert_eq!(scratch.run_with(&text, once()).unwrap().rows("out"), want);
    scratch.write("users.csv", "k,name,least\ny,dan,0\n");
    assert_eq!(scratch.run_with(&text, once()).unwrap().rows("out"), [json!({"n": 3})]);
    // What was committed stays as it was.
    let published = scratch.published("out");
    assert_eq!(published.len(), 3);
    assert_eq!(String::from_utf8_lossy(&published[0].1), "{\"n\":1,\"name\":\"ann\"}\n");
}

#[test]
fn a_table_larger_than_its_memory_is_refused_with_what_to_do() {
    let scratch = Scratch::new();
    write(&scratch, &[&[Some("k1")], &[Some("k2")]]);
    let table = |n: usize| (0..n).map(|i| format!("k{i},name {i},{i}\n")).collect::<String>();
    let users = |more: &str| format!("{CSV}{more}\n");
    let sql = "SELECT s.k, name, least FROM s JOIN users u ON s.k = u.k";
    scratch.write("users.csv", format!("k,name,least\n{}", table(20_000)));
    let error = scratch.run(&job(&users("max_memory = \"1MiB\""), sql, "")).err().expect("it is larger");
    assert_eq!(error.kind(), ErrorKind::Quota);
    let message = error.message();
    assert!(
        message.contains("static source `users`") && message.contains("than the 1 MiB that `max_memory`"),
        "{message}"
    );
    assert!(error.help().is_some_and(|h| h.contains("max_memory") && h.contains("stream")), "{error:?}");
    assert!(error.location().is_some(), "{error:?}");
    // The rows have room and what finds them has none, or what is computed of them.
    for (sql, memory) in [
        (sql, "1200KiB"),
        ("SELECT s.k, t.big FROM s JOIN (SELECT k, repeat(name, 1000) AS big FROM users) t ON s.k = t.k", "8MiB"),
    ] {
        let error = scratch.run(&job(&users(&format!("max_memory = \"{memory}\"")), sql, "")).err();
        let error = error.unwrap_or_else(|| panic!("{memory} is enough"));
        assert!(error.message().contains("that `max_memory` allows: 20000 were read"), "{error}");
    }
    // At a refresh what was there stays.
    scratch.write("users.csv", format!("k,name,least\n{}", table(3)));
    let texts = [Some(&*format!("k,name,least\n{}", table(20_000)).leak())];
    let (have, said) = edited(&scratch, &job(&users("max_memory = \"1MiB\"\nrefresh = \"1ms\""), sql, ""), &texts);
    assert_eq!(have.len(), 2, "{have:?}");
    assert!(said.iter().any(|m| m.contains("`users` could not be read again") && m.contains("max_memory")), "{said:?}");
    assert_eq!(scratch.run(&job(&users(""), sql, "")).unwrap().rows("out").len(), 2);
}
