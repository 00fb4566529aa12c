//! Joins that would keep rows for ever, or that have no meaning.

use super::{Case, job, query, refuse};

/// What stands before the query: a second stream, and a static source.
const USERS: &str = r#"
[source.clicks]
path = "input"
format = "json"
schema = { id = "int64", url = "utf8", at = "timestamp", page = "utf8" }
event_time = "at"
watermark = "1 minute"

[source.plain]
path = "input"
format = "json"
schema = { id = "int64", at = "timestamp" }

[source.users]
path = "users.json"
format = "json"
schema = { id = "int64", name = "utf8" }
static = true
"#;

const WORD: &str = "[plugin.word]\npath = \"PLUGINS/nth-word\"\nwith = { n = 1 }";

fn join(name: &'static str, sql: &str, keys: &str, says: &'static str, at: &'static str, help: &'static str) -> Case {
    let Case { job: of_query, .. } = query(name, sql, keys, says, at, help);
    job(name, &format!("{USERS}{of_query}"), says, at, help)
}

#[test]
fn joins_of_streams_that_would_keep_rows_for_ever_or_have_no_meaning() {
    let on = |on: &str| format!("SELECT e.id FROM events e JOIN clicks c ON {on}");
    let near = "c.at BETWEEN e.ts AND e.ts + INTERVAL '1 minute'";
    refuse(vec![
        join(
            "no bound",
            &on("e.id = c.id"),
            "",
            "rows of both sides would be kept for ever: nothing says how near `e.ts` and `c.at` must be",
            "JOIN",
            "AND c.at BETWEEN e.ts AND e.ts + INTERVAL '1 minute'",
        ),
        join(
            "no upper bound",
            &on("e.id = c.id AND c.at >= e.ts"),
            "",
            "rows of `e` would be kept for ever: nothing says how much later `c.at` may be than `e.ts`",
            "JOIN",
            "AND c.at <= e.ts + INTERVAL '1 minute'",
        ),
        join(
            "no lower bound",
            &on("e.id = c.id AND c.at <= e.ts"),
            "",
            "rows of `c` would be kept for ever",
            "JOIN",
            "AND c.at >= e.ts - INTERVAL '1 minute'",
        ),
        join(
            "months",
            &on("e.id = c.id AND c.at BETWEEN e.ts AND e.ts + INTERVAL '1 month'"),
            "",
            "would be kept for ever",
            "JOIN",
            "unbounded_state = true",
        ),
        join(
            "bounds of another column",
            &on("e.id = c.id AND c.at BETWEEN e.other AND e.other + INTERVAL '1 minute'"),
            "",
            "nothing says how near `e.ts` and `c.at` must be",
            "JOIN",
            "BETWEEN e.ts AND e.ts + INTERVAL '1 minute'",
        ),
        join(
            "a stream without event time",
            "SELECT e.id FROM events e JOIN plain p ON e.id = p.id AND p.at = e.ts",
            "",
            "`p` has no event time with a watermark",
            "JOIN",
            "event_time",
        ),
        join("no key", &on(near), "", "needs a key", "JOIN", "ON a.key = b.key"),
        join("no key but a comparison", &on(&format!("e.id < c.id AND {near}")), "", "needs a key", "JOIN", "a.key"),
        join(
            "a plugin that decides which rows have no match",
            &format!("SELECT e.id FROM events e LEFT JOIN clicks c ON e.id = c.id AND {near} AND word(c.url) = 'x'"),
            WORD,
            "a plugin cannot be called here in ON",
            "JOIN",
            "before the join",
        ),
        join(
            "a plugin as key",
            &on(&format!("word(e.url) = c.url AND {near}")),
            WORD,
            "needs a key: an equality between a column",
            "JOIN",
            "a.key",
        ),
        join("cross join", "SELECT e.id FROM events e CROSS JOIN clicks c", "", "needs a key", "JOIN", "a.key"),
        join("comma join", "SELECT e.id, c.url FROM events e, clicks c", "", "needs a key", ",", "a.key"),
        join(
            "mismatched key types",
            &on(&format!("e.id = c.url AND {near}")),
            "",
            "mismatched key types: `id` is int64, `url` is utf8",
            "e.id",
            "CAST",
        ),
        join(
            "mismatched types with USING",
            "SELECT id FROM events JOIN (SELECT url AS id, at FROM clicks) c USING (id)",
            "",
            "mismatched key types",
            "id",
            "CAST",
        ),
        join(
            "ambiguous column",
            &format!("SELECT id FROM events e JOIN clicks c ON e.id = c.id AND {near}"),
            "",
            "`id` may mean two columns",
            "id",
            "a_table.id",
        ),
        join(
            "two columns of one name",
            &format!("SELECT e.id, c.id FROM events e JOIN clicks c ON e.id = c.id AND {near}"),
            "",
            "two columns named `id`",
            "x",
            "AS other_name",
        ),
        join(
            "update mode",
            &on(&format!("e.id = c.id AND {near}")),
            "output_mode = \"update\"",
            "a join gives each row once, in append mode; update mode is of aggregations",
            "JOIN",
            "leave output_mode out",
        ),
        join(
            "complete mode",
            &on(&format!("e.id = c.id AND {near}")),
            "output_mode = \"complete\"",
            "complete mode is of aggregations",
            "JOIN",
            "operator of its own",
        ),
        join(
            "anti join",
            &format!("SELECT e.id FROM events e LEFT ANTI JOIN clicks c ON e.id = c.id AND {near}"),
            "",
            "ANTI joins are not supported",
            "ANTI JOIN",
            "LEFT JOIN",
        ),
        join(
            "right semi join",
            &format!("SELECT c.id FROM events e RIGHT SEMI JOIN clicks c ON e.id = c.id AND {near}"),
            "",
            "RIGHT SEMI JOIN is not supported",
            "RIGHT SEMI JOIN",
            "LEFT SEMI JOIN",
        ),
        join(
            "null-safe equality",
            &on(&format!("(e.id IS NOT DISTINCT FROM c.id) AND {near}")),
            "",
            "keys that are null match nothing",
            "JOIN",
            "coalesce(…)",
        ),
        job(
            "aggregation in complete mode as input",
            &format!(
                "{USERS}[operator.n]\nsql = \"SELECT url, max(ts) AS ts, count(*) AS n FROM events GROUP BY url\"\noutput_mode = \"complete\"\n[operator.x]\nsql = \"SELECT n FROM n JOIN clicks ON n.url = clicks.url AND at = ts\"\n[sink.out]\ninput = \"x\"\n"
            ),
            "a join cannot follow a node in complete mode",
            "JOIN",
            "append mode",
        ),
        job(
            "event time on a join",
            &format!(
                "{USERS}[operator.x]\nsql = \"SELECT e.id, e.ts FROM events e JOIN clicks c ON e.id = c.id AND {near}\"\nevent_time = \"ts\"\nwatermark = \"1s\"\n[sink.out]\ninput = \"x\"\n"
            ),
            "a join goes by the event times of its inputs",
            "ts",
            "source",
        ),
    ]);
}

#[test]
fn static_sides_that_have_no_meaning() {
    refuse(vec![
        join(
            "static side kept",
            "SELECT u.id FROM users u LEFT JOIN events e ON u.id = e.id",
            "",
            "LEFT JOIN would keep the rows of `users` that have no match",
            "LEFT JOIN",
            "RIGHT JOIN",
        ),
        join(
            "static side kept on the right",
            "SELECT u.id FROM events e RIGHT JOIN users u ON u.id = e.id",
            "",
            "RIGHT JOIN would keep the rows of `users`",
            "RIGHT JOIN",
            "LEFT JOIN",
        ),
        join(
            "full join",
            "SELECT u.id FROM events e FULL JOIN users u ON u.id = e.id",
            "",
            "FULL JOIN would keep",
            "FULL JOIN",
            "LEFT JOIN",
        ),
        join(
            "semi join",
            "SELECT e.id FROM events e LEFT SEMI JOIN users u ON u.id = e.id",
            "",
            "is joined with the static source `users` by JOIN",
            "JOIN",
            "SELECT of the stream's columns",
        ),
        join("static alone", "SELECT id FROM users", "", "`users` is a static source", "users", "JOIN users ON"),
        join(
            "two static ones",
            "SELECT a.id FROM users a JOIN users b ON a.id = b.id",
            "",
            "`users` is a static source",
            "users",
            "JOIN users ON",
        ),
        join(
            "no key",
            "SELECT e.id FROM events e JOIN users u ON e.id < u.id",
            "",
            "needs a key",
            "JOIN",
            "ON a.key = b.key",
        ),
        join(
            "mismatched key types",
            "SELECT e.id FROM events e JOIN users u ON e.url = u.id",
            "",
            "mismatched key types",
            "e.url",
            "CAST",
        ),
        job(
            "a sink of a static source",
            &format!("{USERS}[sink.out]\ninput = \"users\"\n"),
            "`users` is a static source",
            "users",
            "join a stream with it",
        ),
        job(
            "a static source that is not there",
            &format!("{}[sink.out]\ninput = \"events\"\n", USERS.replace("users.json", "missing.json")),
            "does not exist",
            "missing.json",
            "",
        ),
        job(
            "event time on a static source",
            &USERS.replace("static = true", "static = true\nevent_time = \"at\""),
            "a static source has no event time",
            "event_time",
            "leave `event_time` out",
        ),
        job(
            "refresh of a stream",
            &USERS.replace("static = true", "refresh = \"1 minute\""),
            "`refresh` needs `static = true`",
            "refresh",
            "",
        ),
        job(
            "a static source read in epochs",
            &USERS.replace("static = true", "static = true\nmax_files_per_epoch = 1"),
            "read as a whole",
            "max_files_per_epoch",
            "",
        ),
    ]);
}
