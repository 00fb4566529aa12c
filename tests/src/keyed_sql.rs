//! Keyed plugins called in SQL: what `FROM sessionise(TABLE clicks PARTITION BY user)` gives is what a node of its own gives, over
//! epochs and restarts.

use millstream_engine::run::check;
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{here, runtime};

/// A job over the files of `in`, one an epoch: `operators` make `x`.
fn job(operators: &str) -> String {
    let sessionise = here().join("../plugins/sessionise");
    let words = here().join("../plugins/split-words");
    let pack = here().join("../host/plugin/tests/guest/several");
    format!(
        "name = \"job\"\ncheckpoint = \"state\"\n\
         [source.clicks]\npath = \"in\"\nformat = \"json\"\nmax_files_per_epoch = 1\n\
         schema = {{ user = \"utf8\", site = \"utf8\", url = \"utf8\", at = \"timestamp\", n = \"int64\" }}\n\
         event_time = \"at\"\nwatermark = \"1 second\"\n\
         [plugin.sessionise]\npath = {sessionise:?}\nwith = {WITH}\n\
         [plugin.words]\npath = {words:?}\nwith = {{ column = \"url\", separator = \"/\" }}\n\
         [plugin.pack]\npath = {pack:?}\n\
         {operators}\n[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n"
    )
}

const WITH: &str = "{ gap_seconds = 5, ends = [\"url\"] }";

fn sql(query: &str) -> String {
    job(&format!("[operator.x]\nsql = \"\"\"{query}\"\"\""))
}

fn as_operator() -> String {
    job(&format!("[operator.x]\ninput = \"clicks\"\nplugin = \"sessionise\"\nkey_by = [\"user\"]\nwith = {WITH}"))
}

/// File number `number` of some clicks: those of three users in the ten seconds that begin at `10 * number`.
fn add(scratch: &Scratch, number: u32) {
    let row = |n: u32| {
        let (user, second) = (["ann", "bob", "cid"][(n * n % 3) as usize], 10 * number + n * 7 % 10);
        let site = ["a", "b"][(n % 2) as usize];
        let at = format!("2026-03-01T09:{:02}:{:02}Z", second / 60, second % 60);
        json!({ "user": user, "site": site, "url": format!("/{n}"), "at": at, "n": n })
    };
    let rows = (number * 4..number * 4 + 4 + number % 2).map(|n| format!("{}\n", row(n)));
    scratch.write(&format!("in/{number:02}.json"), rows.collect::<String>());
}

/// What comes out of a job over ten files, which is stopped and goes on after each of `stops`; between them it is
/// `jobs`, one after the other.
fn rows_of(jobs: &[&str], stops: &[u32]) -> Vec<Value> {
    let scratch = Scratch::new();
    let (mut rows, mut next) = (Vec::new(), 0);
    for (run, stop) in stops.iter().copied().chain([10]).enumerate() {
        (next..stop).for_each(|number| add(&scratch, number));
        next = stop;
        let job = jobs[run.min(jobs.len() - 1)];
        let ran = scratch.run(job).unwrap_or_else(|e| panic!("{job}: {e:?}"));
        assert_eq!(ran.summary.resumed_from.is_some(), run > 0, "{job}");
        rows.extend(ran.rows("out"));
    }
    assert!(!rows.is_empty(), "{jobs:?}");
    rows
}

#[test]
fn a_call_gives_what_a_node_of_its_own_gives() {
    let expected = rows_of(&[&as_operator()], &[]);
    for query in [
        "SELECT * FROM sessionise(TABLE clicks PARTITION BY user)",
        "SELECT * FROM Sessionise ( table(Clicks) partition by USER ) AS s",
        "SELECT s.* FROM sessionise(TABLE clicks PARTITION BY (user) ORDER BY at) s",
        "WITH s AS (SELECT * FROM sessionise(TABLE clicks PARTITION BY \"user\")) SELECT * FROM s",
        "SELECT * FROM (SELECT * FROM sessionise(TABLE clicks PARTITION BY user)) AS s WHERE clicks > 0",
        "SELECT * FROM sessionise(TABLE (SELECT at, url, user FROM clicks WHERE n >= 0) PARTITION BY user)",
    ] {
        let query = sql(query);
        assert_eq!(rows_of(&[&query], &[]), expected, "{query}");
        assert_eq!(rows_of(&[&query], &[3, 4, 8]), expected, "{query}");
    }
}

#[test]
fn a_node_of_its_own_may_become_a_call_and_keeps_its_state() {
    let (operator, call) = (as_operator(), sql("SELECT * FROM sessionise(TABLE clicks PARTITION BY user)"));
    let expected = rows_of(&[&operator], &[]);
    assert_eq!(rows_of(&[&operator, &call, &operator], &[2, 5]), expected);
    // By other columns it is another state.
    let scratch = Scratch::new();
    add(&scratch, 0);
    scratch.run(&call).unwrap();
    let error = scratch.run(&sql("SELECT * FROM sessionise(TABLE clicks PARTITION BY site)")).map(|_| ()).unwrap_err();
    assert!(error.message().contains("`x`"), "{error}");
}

#[test]
fn keys_of_several_columns_and_calls_that_take_the_rows_of_others() {
    let by_two =
        rows_of(&[&sql("SELECT site, user, clicks FROM sessionise(TABLE clicks PARTITION BY site, user)")], &[4]);
    let as_operator = as_operator().replace("key_by = [\"user\"]", "key_by = [\"site\", \"user\"]");
    let expected = rows_of(&[&as_operator], &[]);
    let named = |row: &Value| json!({ "site": row["site"], "user": row["user"], "clicks": row["clicks"] });
    assert_eq!(by_two, expected.iter().map(named).collect::<Vec<_>>());

    // A flat-map takes a table without keys, and a query in its place.
    let words = rows_of(&[&sql("SELECT word, user FROM words(TABLE clicks) WHERE word <> ''")], &[]);
    assert_eq!(words, rows_of(&[&sql("SELECT word, user FROM words(clicks) WHERE word <> ''")], &[]));
    let below = rows_of(&[&sql("SELECT n, below FROM pack.below(TABLE (SELECT n FROM clicks WHERE n < 3))")], &[]);
    assert_eq!(below.len(), 3, "{below:?}");

    // Sessions of sessions, in windows: the end of a session is event time.
    let nested = "SELECT window.start AS minute, sum(clicks) AS n FROM sessionise(TABLE (
        SELECT \"end\" AS at, user, first_url AS url FROM sessionise(TABLE clicks PARTITION BY user)) PARTITION BY user)
        GROUP BY window(\"end\", '30 seconds')";
    let whole = rows_of(&[&sql(nested)], &[]);
    assert_eq!(rows_of(&[&sql(nested)], &[2, 6]), whole);
}

#[test]
fn several_calls_of_a_query_have_states_of_their_own() {
    let both = |a: &str, b: &str| {
        sql(&format!(
            "SELECT 'a' AS of, user, clicks FROM sessionise(TABLE (SELECT * FROM clicks WHERE site = '{a}') PARTITION BY user)
             UNION ALL
             SELECT 'b' AS of, user, clicks FROM sessionise(TABLE (SELECT * FROM clicks WHERE site = '{b}') PARTITION BY user)"
        ))
    };
    let sorted = |rows: Vec<Value>| {
        let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
        rows.sort();
        rows
    };
    let whole = sorted(rows_of(&[&both("a", "b")], &[]));
    assert_eq!(sorted(rows_of(&[&both("a", "b")], &[3, 7])), whole);
    assert!(
        whole.iter().any(|row| row.contains("\"of\":\"a\"")) && whole.iter().any(|row| row.contains("\"of\":\"b\""))
    );
}

#[test]
fn event_time_may_be_named_on_the_query_and_late_rows_go_out_whole() {
    let text = sql("SELECT * FROM sessionise(TABLE clicks PARTITION BY user)");
    let text = text
        .replace("event_time = \"at\"\nwatermark = \"1 second\"\n", "")
        .replace("[operator.x]\n", "[operator.x]\nevent_time = \"at\"\nwatermark = \"1 second\"\nlate = \"late\"\n");
    let text = format!("{text}[sink.late]\nconnector = \"memory\"\n");
    let scratch = Scratch::new();
    (0..6).for_each(|number| add(&scratch, number));
    scratch.write(
        "in/06.json",
        "{\"user\":\"ann\",\"site\":\"a\",\"url\":\"/late\",\"at\":\"2026-03-01T09:00:00Z\",\"n\":7}\n",
    );
    let ran = scratch.run(&text).unwrap();
    assert!(!ran.rows("out").is_empty());
    let late = ran.rows("late");
    assert_eq!(
        (late.len(), &late[0]["site"], &late[0]["n"], &late[0]["url"]),
        (1, &json!("a"), &json!(7), &json!("/late"))
    );
}

#[test]
fn the_plan_says_what_is_called_by_what_it_reads_and_keeps() {
    let scratch = Scratch::new();
    add(&scratch, 0);
    let text = sql("SELECT user, clicks FROM sessionise(TABLE clicks PARTITION BY user)");
    let plan = check(scratch.job(&text).unwrap(), Some(&runtime())).unwrap();
    let told = format!("{:?}", plan.explain());
    for part in ["plugin sessionise by user", "sessionise reads", "one state per (user)", "user utf8"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("site utf8"), "what nobody reads is not read: {told}");
}
