//! Sessions of clicks that come in any order.

use millstream_guest::testing::{KeyedJob, Table, keyed, keyed_laws};

use super::*;

const WITH: &str = r#"{"gap_seconds": 10, "ends": ["page"]}"#;

fn clicks(clicks: &[(&str, i64, &str)]) -> Table {
    Table::new()
        .utf8("user", clicks.iter().map(|(user, ..)| *user))
        .timestamp("at", clicks.iter().map(|(_, at, _)| at * 1_000_000))
        .utf8("page", clicks.iter().map(|(.., page)| *page))
}

fn job() -> KeyedJob {
    keyed::<Sessionise>(WITH, &["user"], &clicks(&[])).expect("it binds").event_time("at")
}

/// User, start, last, end, clicks, first and last page; in seconds.
fn sessions(table: &Table) -> Vec<String> {
    let value = |value: Value| match value {
        Value::Int(micros) if micros >= 1_000_000 => (micros / 1_000_000).to_string(),
        other => other.to_string().replace('`', ""),
    };
    (0..table.rows()).map(|row| table.row(row).into_iter().map(value).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn clicks_within_the_gap_are_one_session() {
    let mut job = job();
    let rows = [("ann", 101, "/b"), ("bob", 103, "/x"), ("ann", 100, "/a"), ("ann", 110, "/c"), ("ann", 120, "/d")];
    assert_eq!(job.rows(&clicks(&rows)).unwrap().table.rows(), 0);
    assert_eq!(sessions(&job.watermark(112_999_999).unwrap().table), [""; 0]);
    let came = job.watermark(120_000_000).unwrap();
    assert_eq!(sessions(&came.table), ["bob 103 103 113 1 /x /x", "ann 100 110 120 3 /a /c"]);
    assert_eq!(sessions(&job.watermark(130_000_000).unwrap().table), ["ann 120 120 130 1 /d /d"]);
    assert_eq!(job.states(), 0);
}

#[test]
fn a_click_between_two_sessions_makes_one_of_them() {
    let mut job = job();
    job.rows(&clicks(&[("ann", 100, "/a"), ("ann", 118, "/c")])).unwrap();
    assert_eq!(job.timers(&["ann".into()]).len(), 2);
    job.rows(&clicks(&[("ann", 109, "/b")])).unwrap();
    assert_eq!(job.timers(&["ann".into()]).len(), 1);
    assert_eq!(sessions(&job.watermark(200_000_000).unwrap().table), ["ann 100 118 128 3 /a /c"]);
}

#[test]
fn late_clicks_go_aside_and_those_without_a_time_are_refused() {
    let mut job = job();
    let rows = clicks(&[("ann", 100, "/a"), ("ann", 99, "/b")]);
    let came = job.epoch(&rows, 99_000_000).unwrap();
    assert_eq!(came.late, rows.take(&[1]));
    assert_eq!(job.states(), 1);
    let wrong = keyed::<Sessionise>(r#"{"gap_seconds": 0}"#, &["user"], &rows).err().unwrap();
    assert_eq!(wrong.to_string(), "bind: `gap_seconds`: a gap has one second or more");
}

#[test]
fn the_laws_hold() {
    let page = |n: i64| ["/a", "/b", "/c"][(n * 7 % 3) as usize];
    let rows: Vec<_> =
        (0..90i64).map(|n| (["ann", "bob"][(n * 5 % 2) as usize], 100 + n * 37 % 200, page(n))).collect();
    keyed_laws::<Sessionise>(WITH, &["user"], Some("at"), &clicks(&rows)).unwrap();
}
