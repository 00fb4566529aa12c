//! What an epoch costs: in proportion to what is new, not to what there is.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::scratch::Scratch;
use crate::support::Ran;

/// Bytes of the files below `folder`.
fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = folder.read_dir() else { return 0 };
    entries.map(|e| e.unwrap().path()).map(|p| if p.is_dir() { bytes(&p) } else { p.metadata().unwrap().len() }).sum()
}

fn line(second: i64, user: i64, bytes: i64) -> String {
    let t = format!("2026-03-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
    format!("{{\"t\":\"{t}\",\"user\":\"user-{user:07}\",\"bytes\":{bytes}}}\n")
}

fn run(scratch: &Scratch, name: &str, mode: &str, sql: &str) -> Ran {
    let job = format!(
        r#"
name = "costs"
checkpoint = "{name}"
[source.s]
path = "in"
format = "json"
schema = {{ t = "timestamp", user = "utf8", bytes = "int64" }}
max_files_per_epoch = 1
event_time = "t"
watermark = "2 hours"
[operator.x]
sql = "{sql}"
{mode}
[sink.out]
input = "x"
connector = "memory"
"#
    );
    scratch.run(&job).unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

/// 20,000 users, then epochs of 100 rows, half of them of users who were there before.
#[test]
fn distinct_values_are_written_once() {
    let distinct = "count(DISTINCT user) AS users, count(DISTINCT user) FILTER (WHERE bytes > 50) AS some, \
                    sum(DISTINCT bytes) AS sum, count(DISTINCT user, bytes) AS pairs";
    for (name, mode, group, end) in [
        ("all", "output_mode = \"complete\"", "", true),
        ("changes", "output_mode = \"update\"", "", true),
        ("windows", "", "GROUP BY window(t, '1 hour')", false),
        ("slices", "", "GROUP BY window(t, '2 hours', '1 hour')", false),
        ("by-user", "output_mode = \"complete\"", "GROUP BY bytes % 2", false),
        ("sessions", "", "GROUP BY session_window(t, '10 minutes')", false),
        ("all-sessions", "output_mode = \"complete\"", "GROUP BY session_window(t, '10 minutes')", true),
    ] {
        let scratch = Scratch::new();
        let sql = format!("SELECT {distinct} FROM s {group}");
        scratch.write("in/000.json", (0..20_000).map(|n| line(n % 600, n, n % 100)).collect::<String>());
        run(&scratch, name, mode, &sql);
        let log = scratch.path().join(name).join("log");
        let before = bytes(&log);
        let epochs = 5;
        for epoch in 0..epochs {
            let rows = (0..100).map(|n| {
                let user = if n % 2 == 0 { n } else { 20_000 + epoch * 100 + n };
                line(600 + n, user, user % 100)
            });
            scratch.write(&format!("in/{:03}.json", epoch + 1), rows.collect::<String>());
        }
        let ran = run(&scratch, name, mode, &sql);
        let each = (bytes(&log) - before) / epochs as u64;
        // Three sets, 50 new entries each, and what an epoch's record takes.
        assert!(before > 400_000, "{name}: {before} bytes for the first epoch");
        assert!(each < 16_000, "{name}: {each} bytes for an epoch of 50 new users");
        if end {
            let want = json!({"users": 20_250, "some": 20_250 * 49 / 100 + 3, "sum": 4950, "pairs": 20_250});
            let have = ran.rows("out").pop().unwrap();
            assert_eq!(
                (&have["users"], &have["sum"], &have["pairs"]),
                (&want["users"], &want["sum"], &want["pairs"]),
                "{name}"
            );
        }
    }
}

/// A session of 20,000 users and one of 50 before or after it, then rows in the gap between them.
#[test]
fn sessions_that_grow_together_write_the_smaller_set() {
    let sql = "SELECT session_window.start, count(DISTINCT user) AS users, sum(DISTINCT bytes) AS sum, count(DISTINCT user, bytes) AS pairs \
               FROM s GROUP BY session_window(t, '10 minutes')";
    for (name, mode) in [("open", ""), ("all", "output_mode = \"complete\"")] {
        for other in [0, 4000] {
            let scratch = Scratch::new();
            let large = (0..20_000).map(|n| line(2000 + n % 600, n, n % 100));
            let small = (0..50).map(|n| line(other + n, 19_975 + n, n % 100));
            scratch.write("in/000.json", large.chain(small).collect::<String>());
            let run = || run(&scratch, name, mode, sql);
            let ran = run();
            if !mode.is_empty() {
                assert_eq!(ran.rows("out").len(), 2);
            }
            let log = scratch.path().join(name).join("log");
            let before = bytes(&log);
            let gap = if other == 0 { [500, 1000, 1500] } else { [3000, 3500, 3900] };
            scratch.write("in/001.json", gap.map(|second| line(second, 30_000, 7)).concat());
            let ran = run();
            let written = bytes(&log) - before;
            assert!(before > 400_000, "{name}: {before} bytes for the first epoch");
            assert!(written < 8_000, "{name}, {other}: {written} bytes for 50 users more");
            if !mode.is_empty() {
                let start = if other == 0 { "2026-03-01T00:00:00Z" } else { "2026-03-01T00:33:20Z" };
                // Of the 50 users 25 were there before, each with other bytes then.
                let want = json!({"start": start, "users": 20_026, "sum": 4950, "pairs": 20_051});
                assert_eq!(ran.rows("out"), [want], "{name}, {other}");
            }
        }
    }
}

/// Three keys over an hour, in windows of a day that begin every ten seconds: 9,000 windows and 360 slices.
#[test]
fn windows_of_many_slices_cost_what_comes_out() {
    let scratch = Scratch::new();
    let rows = (0..3600).flat_map(|second| (0..3).map(move |user| line(second, user, second)));
    scratch.write("in/000.json", rows.collect::<String>());
    let sql = "SELECT window.start, user, count(*) AS n, sum(bytes) AS total FROM s GROUP BY window(t, '1 day', '10 seconds'), user";
    let began = Instant::now();
    let ran = run(&scratch, "day", "output_mode = \"complete\"", sql);
    let took = began.elapsed();
    let rows = ran.rows("out");
    assert_eq!(rows.len(), 3 * (8640 + 359));
    let whole = rows.iter().filter(|r| r["n"] == 3600).count();
    assert_eq!(whole, 3 * (8640 - 359));
    assert!(took.as_secs() < 20, "{took:?}");
}
