//! A query that is asked once is in no job: whatever is wrong with it, nothing that is said of it speaks of one.

use millstream_engine::run::{QueryTable, query};

use super::mistakes::{MISTAKES, THEIRS};
use crate::scratch::Scratch;

/// What is in a job file, and what a run of it has.
const OF_A_JOB: [&str; 21] = [
    "job",
    "sink",
    "source",
    "node",
    "nodes",
    "stream",
    "streams",
    "epoch",
    "epochs",
    "output_mode",
    "mode",
    "watermark",
    "trigger",
    "static",
    "dedup",
    "plugin",
    "plugins",
    "operator",
    "unbounded_state",
    "event_time",
    "late",
];

/// Beside what a job's queries have wrong.
const MISTAKES_ALONE: [&str; 25] = [
    "SELECT * FROM main.events",
    "SELECT * FROM read_csv('x.csv')",
    "SELECT * FROM words(events)",
    "SELECT * FROM 'x.csv'",
    "SELECT *",
    "SELECT a",
    "VALUES (1, 2), (3)",
    "SELECT * FROM events, unnest(events.tags)",
    "SELECT * FROM events, generate_series(1, id)",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r",
    "INSERT INTO events VALUES (1)",
    "CREATE TABLE x AS SELECT * FROM events",
    "COPY (SELECT * FROM events) TO 'x.csv'",
    "DELETE FROM events",
    "SET threads = 4",
    "DESCRIBE events",
    "EXPLAIN SELECT * FROM events",
    ".tables",
    "\\d events",
    "SELECT 1; SELECT 2",
    "SELECT id FROM events SORT BY id",
    "SELECT id FROM events LIMIT 1 BY url",
    "SELECT CAST(id AS FOO) AS x FROM events",
    "SELECT id FROM events WHERE (id, url) IN (SELECT id, url FROM events)",
    "SELECT max_by(id) AS m FROM events",
];

#[test]
fn what_is_asked_once_is_told_of_no_job() {
    let scratch = Scratch::new();
    scratch.write(
        "events.jsonl",
        r#"{"id":1,"url":"/a","ts":"2026-03-01T09:00:00Z","other":"2026-03-01T09:00:01Z","bytes":1,"tags":["x"],"ok":true,"price":1.5,"data":{"Object":"x","n":1},"day":"2026-03-01","amount":1.25}"#,
    );
    scratch.write("users.jsonl", "{\"id\":1,\"name\":\"a\",\"ts\":\"2026-01-01T00:00:00Z\"}\n");
    let tables = [QueryTable::new("events", "events.jsonl"), QueryTable::new("users", "users.jsonl")];
    let mut wrong = Vec::new();
    for (number, sql) in MISTAKES_ALONE.iter().chain(&MISTAKES).enumerate() {
        let error = match query(sql, &tables, scratch.path()) {
            Err(error) => error,
            // What a stream cannot do can be no mistake here.
            Ok(_) if number >= MISTAKES_ALONE.len() => continue,
            Ok(_) => {
                wrong.push(format!("{sql}\n   was not refused"));
                continue;
            }
        };
        let help = error.help().unwrap_or_default();
        let told = format!("{sql}\n   {}\n   help: {help}", error.message());
        println!("{told}");
        let said = format!("{} {help}", error.message()).replace("--source", "");
        // A part of a time is called so.
        let said = said.replace("microsecond, epoch", "");
        // What stands in quotes is the query's.
        let own: String = said.split(['`', '\'']).step_by(2).collect::<Vec<_>>().join(" ");
        let mut words = own.split(|c: char| !c.is_alphanumeric() && c != '_');
        let of_a_job = words.find(|word| OF_A_JOB.contains(&word.to_lowercase().as_str()));
        // Operators of SQL are none of a job's.
        let of_a_job = of_a_job.filter(|word| *word != "operator" || own.contains("an operator of"));
        let theirs = THEIRS.iter().find(|word| own.contains(**word)).copied();
        let nowhere = error.location().is_none().then_some("without a place");
        if let Some(what) = of_a_job.or(theirs).or(nowhere) {
            wrong.push(format!("{told}\n   is told {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
