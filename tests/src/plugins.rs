//! Plugins in jobs, as nodes and inside SQL. A row that a plugin rejects is a dead letter with its file and line, and
//! the others go on.

use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{Ran, assert_same_rows, here};

/// Two files of 100 lines: `a.log` with word `w0` to `w99`, `b.log` with `w100` to `w199`; lines with a number in
/// `poisoned` also hold the word `poison`.
pub fn lines(poisoned: impl Fn(usize) -> bool) -> Scratch {
    let scratch = Scratch::new();
    for (file, first) in [("a", 0), ("b", 100)] {
        let line = |n: usize| format!("w{n}{}\n", if poisoned(n) { " poison" } else { "" });
        scratch.write(&format!("in/{file}.log"), (first..first + 100).map(line).collect::<String>());
    }
    scratch
}

/// A job over [`lines`], one epoch a file, with plugin `p` and these nodes; the sinks are `out` of `x`.
pub fn job(plugin: &str, keys: &str, operators: &str) -> String {
    let path = here().join("../plugins").join(plugin);
    format!(
        r#"
name = "job"
checkpoint = "state"
[source.lines]
path = "in"
format = "text"
max_files_per_epoch = 1
[plugin.p]
path = {path:?}
{keys}
{operators}
[sink.out]
input = "x"
connector = "memory"
"#
    )
}

pub const NODE: &str = "[operator.x]\ninput = \"lines\"\nplugin = \"p\"\n";

pub fn sql(query: &str) -> String {
    format!("[operator.x]\nsql = \"\"\"{query}\"\"\"\n")
}

/// (file, line) of each dead letter.
pub fn places(scratch: &Scratch) -> Vec<(String, u64)> {
    let letters = scratch.lines("job.dead-letters.jsonl");
    letters.iter().map(|l| (l["file"].as_str().unwrap().to_owned(), l["line"].as_u64().unwrap())).collect()
}

pub fn at(numbers: &[usize]) -> Vec<(String, u64)> {
    let place = |n: &usize| (format!("in/{}.log", ["a", "b"][n / 100]), (n % 100 + 1) as u64);
    numbers.iter().map(place).collect()
}

pub fn values(ran: &Ran, column: &str) -> Vec<Value> {
    ran.rows("out").iter().map(|r| r.get(column).cloned().unwrap_or(Value::Null)).collect()
}

#[test]
fn rows_that_a_map_rejects_are_dead_letters_with_their_place() {
    let scratch = lines(|n| [3, 99, 100, 150].contains(&n));
    let ran = scratch.run(&job("hostile/rejects-some", "", NODE)).unwrap();
    assert_eq!(ran.rows("out").len(), 196);
    assert_eq!(ran.rows("out")[3], json!({"value": "w4", "copy": "w4"}));
    assert_eq!(places(&scratch), at(&[3, 99, 100, 150]));
    let letter = scratch.lines("job.dead-letters.jsonl")[2].clone();
    let row: Value = serde_json::from_str(letter["row"].as_str().unwrap()).unwrap();
    assert_eq!(row, json!({"value": "w100 poison"}));
    let rest = json!({"epoch": 1, "node": "x", "source": "lines", "file": "in/b.log", "line": 1, "reason": "contains \"poison\"", "row": letter["row"]});
    assert_eq!(letter, rest);
    assert_eq!((ran.summary.rows_in, ran.summary.rejected), (200, 4));
}

#[test]
fn a_row_that_a_flat_map_made_leads_back_to_its_line() {
    let scratch = lines(|n| n == 42 || n == 142);
    let operators = format!(
        "[operator.words]\ninput = \"lines\"\nplugin = \"p\"\n[plugin.r]\npath = {:?}\n[operator.x]\ninput = \"words\"\nplugin = \"r\"\nwith = {{ column = \"word\" }}\n",
        here().join("../plugins/hostile/rejects-some")
    );
    let ran = scratch.run(&job("split-words", "", &operators)).unwrap();
    // The word before the poisoned one stays.
    assert_eq!(values(&ran, "copy"), (0..200).map(|n| json!(format!("w{n}"))).collect::<Vec<_>>());
    assert_eq!(places(&scratch), at(&[42, 142]));
}

#[test]
fn aggregates_are_nodes_and_functions() {
    let scratch = lines(|_| false);
    let number = "CAST(substr(value, 2) AS BIGINT)";
    let numbered = format!("[operator.n]\nsql = \"SELECT {number} % 3 AS k, {number} AS bytes FROM lines\"\n");
    let want: Vec<Value> = (0..3i64)
        .map(|k| {
            let of = || (0..200i64).filter(move |n| n % 3 == k);
            json!({"k": k, "sum": of().sum::<i64>(), "max": of().max()})
        })
        .collect();
    for mode in ["complete", "update"] {
        let node = format!(
            "{numbered}[operator.x]\ninput = \"n\"\nplugin = \"p\"\ngroup_by = [\"k\"]\noutput_mode = \"{mode}\"\n"
        );
        let ran = scratch.run(&job("sum-and-max", "", &node).replace("\"state\"", &format!("\"{mode}\""))).unwrap();
        assert_same_rows(mode, ran.rows("out"), want.clone(), 0.0);
    }
    let query =
        sql(&format!("SELECT {number} % 3 AS k, p({number}) AS sum, max({number}) AS max FROM lines GROUP BY 1"));
    let ran = scratch.run(&job("sum-and-max", "", &format!("{query}output_mode = \"complete\""))).unwrap();
    assert_same_rows("in SQL", ran.rows("out"), want, 0.0);
}

#[test]
fn a_plugin_in_sql_rejects_the_row_of_the_node_that_calls_it() {
    let poisoned = [6, 7, 50, 51, 106, 107];
    let run = |query: &str| {
        let scratch = lines(|n| poisoned.contains(&n));
        let ran =
            scratch.run(&job("hostile/rejects-some", "", &sql(query))).unwrap_or_else(|e| panic!("{query}: {e:?}"));
        (ran, places(&scratch))
    };
    let number = "CAST(substr(split_part(value, ' ', 1), 2) AS BIGINT)";

    let (ran, letters) = run("SELECT upper(p(value)) AS v FROM lines");
    assert_eq!((ran.rows("out").len(), letters), (194, at(&poisoned)));
    assert_eq!(values(&ran, "v")[6], "W8");

    // Only the rows whose branch calls it.
    let (ran, letters) =
        run(&format!("SELECT CASE WHEN {number} % 2 = 0 THEN p(value) ELSE 'odd' END AS v FROM lines"));
    assert_eq!((ran.rows("out").len(), letters), (197, at(&[6, 50, 106])));
    assert_eq!(values(&ran, "v").iter().filter(|v| **v == "odd").count(), 100);

    let (ran, letters) = run(&format!("SELECT {number} AS n FROM lines WHERE p(value) LIKE '%9'"));
    assert_eq!((values(&ran, "n").len(), letters), (20, at(&poisoned)));

    // After a filter, rows still know their lines.
    let (ran, letters) = run(&format!("SELECT p(value) AS v FROM lines WHERE {number} >= 51 AND {number} < 107"));
    assert_eq!((ran.rows("out").len(), letters), (54, at(&[51, 106])));

    // One call or two, a row is rejected once.
    let (ran, letters) = run("SELECT p(value) AS v, length(p(value)) AS w FROM lines");
    assert_eq!((ran.rows("out").len(), letters), (194, at(&poisoned)));
}

#[test]
fn a_row_that_is_rejected_below_an_aggregation_counts_nowhere() {
    let scratch = lines(|n| n % 10 == 3);
    let query =
        "SELECT count(*) AS n, count(p(value)) AS p, count(*) FILTER (WHERE p(value) LIKE 'w1%') AS ones FROM lines";
    let ran =
        scratch.run(&job("hostile/rejects-some", "", &format!("{}output_mode = \"complete\"", sql(query)))).unwrap();
    // w1, w10 to w19 and w100 to w199, without those that end in 3.
    assert_eq!(ran.rows("out"), [json!({"n": 180, "p": 180, "ones": 1 + 9 + 90})]);
    assert_eq!(places(&scratch).len(), 20);
}

/// What is constant is decided when the query is planned, whatever the planner folds and when; a check says what a run does.
#[test]
fn constants_among_a_plugins_arguments_are_known_when_a_query_is_planned() {
    // Each run is of a job that has read nothing yet.
    let split = "value || ' second third'";
    for (number, word) in [("2", "second"), ("1 + 1", "second"), ("CAST('3' AS BIGINT)", "third"), ("- -1", "w0")] {
        let scratch = lines(|_| false);
        let query = sql(&format!("SELECT p({split}, {number}) AS w, upper(P({split}, {number})) AS u FROM lines"));
        let ran = scratch.run(&job("nth-word", "", &query)).unwrap_or_else(|e| panic!("{number}: {e:?}"));
        assert_eq!(values(&ran, "w")[0], json!(word), "{number}");
        assert_eq!(values(&ran, "u")[0], json!(word.to_uppercase()), "{number}");
    }
    // A call in GROUP BY is the same as an equal one that is selected.
    let scratch = lines(|_| false);
    let call = format!("p({split}, 3)");
    let query = sql(&format!("SELECT upper({call}) AS w, count(*) AS n FROM lines GROUP BY upper(P({split},  3))"));
    let ran = scratch.run(&job("nth-word", "", &format!("{query}output_mode = \"complete\""))).unwrap();
    assert_eq!(ran.rows("out"), [json!({"w": "THIRD", "n": 200})]);
    for column in ["length(value)", "-length(value)", "CASE WHEN value = 'w0' THEN 2 ELSE 2 END"] {
        let scratch = lines(|_| false);
        let query = sql(&format!("SELECT p({split}, {column}) AS w FROM lines"));
        let error =
            scratch.run(&job("nth-word", "", &query)).err().unwrap_or_else(|| panic!("{column} is no constant"));
        assert!(error.message().contains("a constant"), "{column}: {error:?}");
    }
    let number = "CAST(substr(value, 2) AS BIGINT)";
    for which in ["'max'", "'m' || 'ax'", "CAST('max' AS VARCHAR)"] {
        let scratch = lines(|_| false);
        let query = sql(&format!(
            "SELECT p({number}, {which}) AS greatest, p({number}, 'sum') AS sum, p({number}) AS again FROM lines"
        ));
        let ran = scratch.run(&job("sum-and-max", "", &format!("{query}output_mode = \"complete\""))).unwrap();
        assert_eq!(ran.rows("out"), [json!({"greatest": 199, "sum": 19900, "again": 19900})], "{which}");
    }
}
