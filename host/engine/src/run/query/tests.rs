//! What is told from a sample never shows in an answer, nor does where the parts of the input end.

use std::fmt::Write as _;

use arrow::util::pretty::pretty_format_batches;

use super::*;

/// Nothing is looked at as a whole, of one file only.
const SAMPLED: Limits = Limits { few: 0, files: 1, ..LIMITS };

fn asked(limits: Limits, folder: &Path, sql: &str) -> String {
    let tables = [QueryTable::new("t", "t"), QueryTable::new("u", "u")];
    match query_within(limits, sql, &tables, folder) {
        Ok(answer) => {
            let table = pretty_format_batches(std::slice::from_ref(&answer.batch)).unwrap().to_string();
            let mut lines: Vec<&str> = table.lines().collect();
            if !sql.contains("ORDER BY") {
                lines.sort_unstable();
            }
            format!("{}\n{} refused\n", lines.join("\n"), answer.answered.refused)
        }
        Err(e) => format!("{e:?}"),
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn what_a_sample_does_not_show_is_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(
        folder,
        "t/1.jsonl",
        "{\"id\": 1, \"v\": 2, \"s\": {\"a\": 1}, \"l\": [], \"z\": null, \"at\": \"2026-03-01\"}\n",
    );
    write(
        folder,
        "t/2.jsonl",
        "{\"id\": 2, \"v\": 0.5, \"s\": {\"b\": true}, \"l\": [4], \"z\": 10, \"at\": \"2026-03-01T01:00:00Z\", \"new\": \"x\"}\n\
         {\"id\": 3, \"v\": 12345678901234567890, \"z\": 9, \"at\": \"soon\"}\n",
    );
    for sql in [
        "SELECT * FROM t ORDER BY id",
        "SELECT id, new FROM t ORDER BY id",
        "SELECT max(z) AS z FROM t",
        "SELECT sum(v) AS v FROM t",
        "SELECT s FROM t ORDER BY id",
        "SELECT s['b'] AS b FROM t ORDER BY id",
        "SELECT l[1] AS l FROM t ORDER BY id",
        "SELECT at FROM t ORDER BY id",
        "SELECT count(*) AS n FROM t",
        "SELECT id FROM t WHERE v > 1",
        "SELECT nowhere FROM t",
    ] {
        assert_eq!(asked(SAMPLED, folder, sql), asked(LIMITS, folder, sql), "{sql}");
    }
    assert!(asked(SAMPLED, folder, "SELECT max(z) AS z FROM t").contains("| 10 |"), "numbers, not texts");
}

#[test]
fn a_large_answer_is_not_held_and_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "t/1.csv", "id,v\n1,a\n2,b\n3,\n");
    for sql in ["SELECT * FROM t", "SELECT v, count(*) AS n FROM t GROUP BY v"] {
        assert_eq!(asked(Limits { held: 1, ..SAMPLED }, folder, sql), asked(LIMITS, folder, sql), "{sql}");
    }
}

#[test]
fn where_parts_end_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut t, mut u) = ("id,g,v,at\n".to_owned(), "g,w\n".to_owned());
    // Some megabytes, so that there are several chunks.
    for i in 0..150_000u64 {
        let mixed = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let second = i % 60;
        writeln!(t, "{i},g{},{mixed},2026-03-01T09:{:02}:{second:02}Z", mixed % 50, i / 2500).unwrap();
        if i % 5000 == 0 {
            writeln!(u, "g{},{}", mixed % 60, i).unwrap();
        }
    }
    write(folder, "t/1.csv", &t);
    write(folder, "u/1.csv", &u);
    let small = Limits { parts: (1, 1 << 20), ..LIMITS };
    for sql in [
        "SELECT g, count(*) AS n, sum(v) AS v FROM t GROUP BY g",
        "SELECT max(n) AS n FROM (SELECT g, count(*) AS n FROM t GROUP BY g) x",
        "SELECT id, v FROM t ORDER BY v DESC, id LIMIT 20 OFFSET 3",
        "SELECT sum(v) AS v FROM (SELECT v FROM t ORDER BY v LIMIT 1000) x",
        "SELECT id FROM t LIMIT 5",
        "SELECT count(*) AS n FROM (SELECT id FROM t LIMIT 100000) x",
        "SELECT DISTINCT g FROM t",
        "SELECT window.start, count(*) AS n, count(DISTINCT g) AS g FROM t GROUP BY window(at, '10 minutes')",
        "SELECT g, count(*) AS n FROM t GROUP BY session_window(at, '5 minutes'), g",
        "SELECT t.g, count(*) AS n, max(w) AS w FROM t LEFT JOIN u ON t.g = u.g GROUP BY t.g",
        "SELECT count(*) AS n FROM t WHERE g IN (SELECT g FROM u)",
        "SELECT count(*) AS n FROM t WHERE g NOT IN (SELECT g FROM u)",
        "SELECT count(*) AS n FROM t WHERE v > (SELECT avg(v) FROM t)",
        "SELECT g FROM t UNION SELECT g FROM u",
        "SELECT max(s) AS s, sum(r * id % 7) AS r FROM (SELECT id, sum(v) OVER (PARTITION BY g ORDER BY at ROWS 9 PRECEDING) AS s, rank() OVER (ORDER BY v) AS r FROM t) x",
        "SELECT g, max(n) AS n FROM (SELECT g, row_number() OVER (PARTITION BY g ORDER BY v) AS n FROM t) x GROUP BY g",
    ] {
        let (one, several) = (asked(LIMITS, folder, sql), asked(small, folder, sql));
        assert!(!one.starts_with("Error"), "{sql}: {one}");
        assert_eq!(several, one, "{sql}");
    }
}
