//! Sessions, windows by other names, windows of windows and deduplication where a golden job cannot say it.

use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::support::{Ran, assert_same_rows, here};

/// Files of rows `(second of 09:00, user, bytes)`.
fn events(scratch: &Scratch, files: &[&[(i64, &str, i64)]]) {
    for (n, rows) in files.iter().enumerate() {
        let line = |(t, user, bytes): &(i64, &str, i64)| {
            format!("{{\"t\":\"{}\",\"user\":\"{user}\",\"bytes\":{bytes}}}\n", at(*t))
        };
        scratch.write(&format!("in/{n}.json"), rows.iter().map(line).collect::<String>());
    }
}

fn at(second: i64) -> String {
    format!("2026-03-01T{:02}:{:02}:{:02}Z", 9 + second / 3600, second / 60 % 60, second % 60)
}

/// A job over these events, ten seconds of lateness allowed, whose operators are `operators`; `x` goes to the sink `out`.
fn run(scratch: &Scratch, operators: &str, more: &str) -> Ran {
    let job = format!(
        r#"
name = "times"
{more}
[source.s]
path = "in"
format = "json"
schema = {{ t = "timestamp", user = "utf8", bytes = "int64" }}
max_files_per_epoch = 1
event_time = "t"
watermark = "10s"
{operators}
[sink.out]
input = "x"
connector = "memory"
"#
    );
    scratch.run(&job).unwrap()
}

#[test]
fn sessions_take_every_kind_of_aggregate() {
    let scratch = Scratch::new();
    // The session of `a` is put together from three epochs, the third of which closes the gap between the first two.
    events(
        &scratch,
        &[
            &[(0, "a", 1), (5, "a", 2), (2, "b", 9)],
            &[(25, "a", 2), (24, "a", 4)],
            &[(15, "a", 8), (30, "b", 1)],
            &[(100, "c", 5)],
        ],
    );
    let plugin = here().join("../plugins/sum-and-max");
    let more = format!("final_watermark = true\n[plugin.total]\npath = {plugin:?}\n");
    let operators = r#"
[operator.x]
sql = """
SELECT session_window.start, session_window.end AS until, user, count(*) AS n, count(DISTINCT bytes) AS kinds, count(DISTINCT user, bytes % 2) AS pairs,
       sum(bytes) FILTER (WHERE bytes > 1) AS large, total(bytes) AS total,
       total(DISTINCT bytes) FILTER (WHERE bytes < 9) AS once, array_agg(bytes ORDER BY bytes) AS ordered
FROM s WHERE bytes <> 5 GROUP BY user, session_window(t, '10 seconds') HAVING session_window.end > session_window.start
"""
"#;
    let ran = run(&scratch, operators, &more);
    let row = |start: i64, until: i64, user: &str, rest: Value| {
        let mut row = json!({"start": at(start), "until": at(until), "user": user});
        row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        row
    };
    let want = vec![
        row(
            0,
            35,
            "a",
            json!({"n": 5, "kinds": 4, "pairs": 2, "large": 16, "total": 17, "once": 15, "ordered": [1, 2, 2, 4, 8]}),
        ),
        row(2, 12, "b", json!({"n": 1, "kinds": 1, "pairs": 1, "large": 9, "total": 9, "once": null, "ordered": [9]})),
        row(30, 40, "b", json!({"n": 1, "kinds": 1, "pairs": 1, "total": 1, "once": 1, "ordered": [1]})),
    ];
    assert_same_rows("sessions", ran.rows("out"), want, 0.0);
    assert_eq!((ran.summary.late, ran.summary.rejected), (0, 0));
}

#[test]
fn sessions_of_all_rows_together_and_windows_over_sessions() {
    let scratch = Scratch::new();
    events(&scratch, &[&[(0, "a", 1), (9, "b", 2)], &[(30, "a", 4)], &[(55, "c", 8)], &[(200, "d", 16)]]);
    let operators = r#"
[operator.sessions]
sql = "SELECT session_window, count(*) AS n, sum(bytes) AS bytes FROM s GROUP BY session_window(t, '10 seconds')"
[operator.x]
sql = "SELECT window.start, count(*) AS sessions, sum(n) AS n FROM sessions GROUP BY window(session_window, '1 minute')"
[sink.sessions]
input = "sessions"
connector = "memory"
"#;
    let ran = run(&scratch, operators, "");
    let sessions: Vec<Value> = ran
        .rows("sessions")
        .into_iter()
        .map(|r| json!({"s": r["session_window"]["start"], "e": r["session_window"]["end"], "n": r["n"]}))
        .collect();
    let want = vec![
        json!({"s": at(0), "e": at(19), "n": 2}),
        json!({"s": at(30), "e": at(40), "n": 1}),
        json!({"s": at(55), "e": at(65), "n": 1}),
    ];
    assert_same_rows("sessions", sessions, want, 0.0);
    // The third session ends in the second minute.
    let want = vec![json!({"start": at(0), "sessions": 2, "n": 3}), json!({"start": at(60), "sessions": 1, "n": 1})];
    assert_same_rows("windows", ran.rows("out"), want, 0.0);
}

#[test]
fn complete_mode_gives_all_sessions_each_time_and_none_is_late() {
    let scratch = Scratch::new();
    events(&scratch, &[&[(0, "a", 1)], &[(200, "a", 2)], &[(5, "a", 4)]]);
    let operators = r#"
[operator.x]
sql = "SELECT session_window.start, sum(bytes) AS bytes FROM s GROUP BY session_window(t, '10 seconds') ORDER BY start"
output_mode = "complete"
"#;
    let ran = run(&scratch, operators, "");
    let want = vec![json!({"start": at(0), "bytes": 5}), json!({"start": at(200), "bytes": 2})];
    assert_eq!(ran.rows("out"), want);
    assert_eq!(ran.summary.late, 0);
}

#[test]
fn truncated_event_time_is_a_window_by_another_name() {
    let files: [&[(i64, &str, i64)]; 4] = [
        &[(0, "a", 1), (59, "a", 2), (60, "b", 4)],
        &[(125, "a", 8), (30, "a", 16)],
        &[(40, "a", 32), (119, "b", 64), (300, "c", 1)],
        &[(10, "a", 1), (310, "c", 2)],
    ];
    let of = |group: &str, mode: &str| {
        let scratch = Scratch::new();
        events(&scratch, &files);
        let sql = format!(
            "SELECT {group} AS start, user, sum(bytes) AS bytes, count(*) FILTER (WHERE {group} > '1970-01-01') AS n FROM s GROUP BY {group}, user"
        );
        let sql = match group.strip_prefix("window ") {
            Some(window) => {
                format!("SELECT window.start, user, sum(bytes) AS bytes, count(*) AS n FROM s GROUP BY {window}, user")
            }
            None => sql,
        };
        let ran = run(&scratch, &format!("[operator.x]\nsql = \"{sql}\"\noutput_mode = \"{mode}\"\n"), "");
        (ran.rows("out"), ran.summary.late)
    };
    for mode in ["append", "update", "complete"] {
        for (window, others) in [
            ("window window(t, '1 minute')", ["date_trunc('minute', t)", "date_bin('60 seconds', t)"]),
            (
                "window window(t, '90 seconds', '90 seconds', '20 seconds')",
                [
                    "date_bin(INTERVAL '90 seconds', t, TIMESTAMP '2026-03-01T08:58:50Z')",
                    "date_bin(INTERVAL '90 seconds', t, TIMESTAMP '2030-01-01T00:00:20Z')",
                ],
            ),
        ] {
            let want = of(window, mode);
            assert!(!want.0.is_empty() && (want.1 > 0) == (mode != "complete"), "{window} {mode}: {want:?}");
            for other in others {
                let have = of(other, mode);
                assert_same_rows(&format!("{other}, {mode}"), have.0, want.0.clone(), 0.0);
                assert_eq!(have.1, want.1, "{other}, {mode}: late rows");
            }
        }
    }
}

#[test]
fn a_week_begins_on_monday_and_months_are_expressions_in_complete_mode() {
    let scratch = Scratch::new();
    // The 1st of March 2026 is a Sunday.
    events(&scratch, &[&[(0, "a", 1), (16 * 3600, "a", 2)]]);
    let operators = r#"
[operator.x]
sql = "SELECT date_trunc('week', t) AS week, date_trunc('month', t) AS month, count(*) AS n FROM s GROUP BY 1, 2"
output_mode = "complete"
"#;
    // Hours past midnight: of the next day.
    scratch.write("in/0.json", "{\"t\":\"2026-03-01T09:00:00Z\"}\n{\"t\":\"2026-03-02T00:00:00Z\"}\n");
    let ran = run(&scratch, operators, "");
    let want = vec![
        json!({"week": "2026-02-23T00:00:00Z", "month": "2026-03-01T00:00:00Z", "n": 1}),
        json!({"week": "2026-03-02T00:00:00Z", "month": "2026-03-01T00:00:00Z", "n": 1}),
    ];
    assert_same_rows("weeks", ran.rows("out"), want, 0.0);
    let append = operators.replace("date_trunc('month', t) AS month", "user").replace("complete", "append");
    let ran = run(&scratch, &append, "final_watermark = true");
    let weeks: Vec<Value> = ran.rows("out").into_iter().map(|r| json!({"week": r["week"], "n": r["n"]})).collect();
    let want = vec![json!({"week": "2026-02-23T00:00:00Z", "n": 1}), json!({"week": "2026-03-02T00:00:00Z", "n": 1})];
    assert_same_rows("weeks as windows", weeks, want, 0.0);
}

#[test]
fn a_window_is_a_key_for_what_follows() {
    let scratch = Scratch::new();
    events(&scratch, &[&[(0, "a", 1), (1, "a", 2), (2, "b", 4)], &[(100, "a", 8)], &[(300, "a", 1)]]);
    let operators = r#"
[operator.users]
sql = "SELECT window, user, sum(bytes) AS bytes FROM s GROUP BY window(t, '1 minute'), user"
[operator.x]
sql = "SELECT w.window.start, window_time(window) AS t, count(*) AS users FROM users AS w GROUP BY window"
[operator.once]
sql = "SELECT DISTINCT window FROM users"
[sink.once]
input = "once"
connector = "memory"
"#;
    let ran = run(&scratch, operators, "");
    let want = vec![
        json!({"start": at(0), "t": "2026-03-01T09:00:59.999999Z", "users": 2}),
        json!({"start": at(60), "t": "2026-03-01T09:01:59.999999Z", "users": 1}),
    ];
    assert_same_rows("windows of windows", ran.rows("out"), want, 0.0);
    assert_eq!(ran.rows("once").len(), 2);
    assert_eq!(ran.summary.late, 0);
}

#[test]
fn the_first_row_passes_whole_and_late_ones_have_all_their_columns() {
    let scratch = Scratch::new();
    events(
        &scratch,
        &[
            &[(0, "a", 1), (1, "a", 2), (2, "b", 4)],
            &[(30, "a", 8), (2, "b", 16)],
            &[(31, "b", 32), (1, "c", 64)],
            // The watermark has come to 20: `a` is forgotten, `b` is not.
            &[(32, "a", 128), (33, "b", 256), (20, "d", 512), (21, "d", 1024)],
        ],
    );
    let operators = r#"
[operator.x]
input = "s"
dedup = { keys = ["user"], within = "20 seconds" }
late = "late"
[sink.late]
connector = "memory"
"#;
    let ran = run(&scratch, operators, "");
    let row = |t: i64, user: &str, bytes: i64| json!({"t": at(t), "user": user, "bytes": bytes});
    let want = vec![row(0, "a", 1), row(2, "b", 4), row(1, "c", 64), row(32, "a", 128), row(21, "d", 1024)];
    assert_eq!(ran.rows("out"), want, "in the order of the input");
    let mut late = ran.rows("late");
    late.iter_mut().for_each(|row| row.as_object_mut().unwrap().retain(|column, _| !column.starts_with('_')));
    assert_eq!(late, vec![row(20, "d", 512)]);

    let forever = run(&scratch, "[operator.x]\nsql = \"SELECT DISTINCT user FROM s\"\nunbounded_state = true\n", "");
    assert_eq!(forever.rows("out"), ["a", "b", "c", "d"].map(|user| json!({"user": user})));
}

#[test]
fn late_rows_of_a_query_with_several_stateful_operators() {
    let scratch = Scratch::new();
    events(&scratch, &[&[(0, "a", 1), (0, "a", 1), (1, "b", 2)], &[(100, "a", 4)], &[(101, "a", 8)], &[(90, "c", 16)]]);
    let operators = r#"
[operator.x]
sql = """
SELECT window.start AS start, count(*) AS users, sum(times) AS rows
FROM (SELECT window, user, count(*) AS times FROM s GROUP BY window(t, '1 minute'), user) GROUP BY window
UNION ALL
SELECT t, bytes, 0 FROM (SELECT DISTINCT t, user, bytes FROM s)
"""
late = "late"
[sink.late]
connector = "memory"
"#;
    let ran = run(&scratch, operators, "");
    let row = |t: i64, users: i64, rows: i64| json!({"start": at(t), "users": users, "rows": rows});
    // The window of the first minute, and every row but the second and the late one.
    let want = vec![row(0, 2, 3), row(0, 1, 0), row(1, 2, 0), row(100, 4, 0), row(101, 8, 0)];
    assert_same_rows("both branches", ran.rows("out"), want, 0.0);
    // Late for the deduplication only, since its minute is still open.
    let late = ran.rows("late");
    assert_eq!(late.len(), 1, "{late:?}");
    let said = ["t", "user", "bytes", "_node", "_line", "_reason", "times"].map(|column| late[0][column].clone());
    let reason = "late: the watermark was 2026-03-01T09:01:30Z";
    assert_eq!(said, [json!(at(90)), json!("c"), json!(16), json!("x"), json!(1), json!(reason), Value::Null]);
}

/// Rows that come out of windows and sessions, one row an epoch, and are deduplicated by their last instants.
fn last_instants(group: &str, times: &[(&str, &str)]) -> (Vec<Value>, u64) {
    let scratch = Scratch::new();
    for (n, (time, user)) in times.iter().enumerate() {
        scratch.write(&format!("in/{n}.json"), format!("{{\"t\":\"2026-03-01T00:{time}Z\",\"user\":\"{user}\"}}\n"));
    }
    let operators = format!(
        r#"
[operator.w]
sql = "SELECT window_time({}) AS at, user, count(*) AS n FROM s GROUP BY {group}, user"
[operator.x]
sql = "SELECT DISTINCT at, user, n FROM w"
"#,
        group.split('(').next().unwrap()
    );
    let job = format!(
        "name = \"last\"\n[source.s]\npath = \"in\"\nformat = \"json\"\nschema = {{ t = \"timestamp\", user = \"utf8\" }}\nmax_files_per_epoch = 1\nevent_time = \"t\"\nwatermark = \"0s\"\n{operators}[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n"
    );
    let ran = scratch.run(&job).unwrap();
    (ran.rows("out"), ran.summary.late)
}

#[test]
fn a_windows_row_is_not_late_where_the_watermark_came_from_its_last_instant() {
    // As asked of Spark 4.3: after the second row the watermark is 00:00:59.999, not 59.999999.
    let times = [("00:30", "a"), ("00:59.999999", "a"), ("01:00", "b"), ("01:30", "b"), ("03:00", "c")];
    let (rows, late) = last_instants("window(t, '1 minute')", &times);
    let row =
        |minute: &str, user: &str| json!({"at": format!("2026-03-01T00:{minute}:59.999999Z"), "user": user, "n": 2});
    assert_same_rows("windows", rows, vec![row("00", "a"), row("01", "b")], 0.0);
    assert_eq!(late, 0);
}

#[test]
fn a_sessions_row_is_not_late_at_the_very_watermark() {
    // The session of `a` ends at 20.000001, just past the watermark of 20.000; Spark drops its row.
    let times = [("00:10.000001", "a"), ("00:20", "b"), ("00:20.001", "b"), ("00:50", "b")];
    let (rows, late) = last_instants("session_window(t, '10 seconds')", &times);
    let want = vec![
        json!({"at": "2026-03-01T00:00:20Z", "user": "a", "n": 1}),
        json!({"at": "2026-03-01T00:00:30.000999Z", "user": "b", "n": 2}),
    ];
    assert_same_rows("sessions", rows, want, 0.0);
    assert_eq!(late, 0);
}
