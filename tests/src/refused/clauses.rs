//! Clauses and functions that a stream cannot do.

use super::{query, refuse};

#[test]
fn clauses_that_a_stream_cannot_do() {
    refuse(vec![
        query(
            "ORDER BY",
            "SELECT url FROM events ORDER BY url",
            "",
            "ORDER BY needs a whole result",
            "ORDER BY",
            "complete",
        ),
        query("LIMIT", "SELECT url FROM events LIMIT 3", "", "LIMIT needs a whole result", "LIMIT", "complete"),
        query("OFFSET", "SELECT url FROM events OFFSET 3", "", "OFFSET needs a whole result", "OFFSET", "complete"),
        query(
            "ORDER BY in update mode",
            "SELECT url, count(*) AS n FROM events GROUP BY url ORDER BY n",
            "output_mode = \"update\"",
            "ORDER BY needs a whole result",
            "ORDER BY",
            "complete",
        ),
        query(
            "UNION of updates",
            "SELECT url, n FROM counts UNION ALL SELECT url, 1 FROM events",
            "[operator.counts]\nsql = \"SELECT url, count(*) AS n FROM events GROUP BY url\"\noutput_mode = \"update\"\n",
            "rows that replace earlier ones",
            "UNION",
            "append mode",
        ),
        query(
            "UNION of unlike queries",
            "SELECT id FROM events UNION ALL SELECT id, ts FROM events",
            "",
            "as many columns as each other",
            "SELECT id FROM events UNION ALL SELECT id, ts FROM events",
            "NULL AS name",
        ),
        query("INTERSECT", "SELECT id FROM events INTERSECT SELECT id FROM events", "", "INTERSECT", "INTERSECT", ""),
        query(
            "DISTINCT",
            "SELECT DISTINCT url FROM events",
            "",
            "DISTINCT would have to remember every row",
            "DISTINCT",
            "unbounded_state = true",
        ),
        query(
            "OVER",
            "SELECT id, sum(bytes) OVER (PARTITION BY url) AS s FROM events",
            "",
            "OVER needs all rows",
            "OVER",
            "window(…)",
        ),
        query(
            "row_number",
            "SELECT id, row_number() OVER (ORDER BY ts) AS s FROM events",
            "",
            "OVER needs all rows",
            "OVER",
            "window(…)",
        ),
        query(
            "sub-query in WHERE",
            "SELECT id FROM events WHERE id IN (SELECT bytes FROM events)",
            "",
            "sub-queries can stand in FROM only",
            "IN (SELECT",
            "FROM",
        ),
        query(
            "EXISTS",
            "SELECT id FROM events e WHERE EXISTS (SELECT 1 FROM events)",
            "",
            "sub-queries can stand in FROM only",
            "EXISTS (SELECT",
            "FROM",
        ),
        query(
            "scalar sub-query",
            "SELECT id, (SELECT max(bytes) FROM events) AS m FROM events",
            "",
            "sub-queries can stand in FROM only",
            "(SELECT",
            "FROM",
        ),
        query(
            "now()",
            "SELECT id, now() AS t FROM events",
            "",
            "`now` gives another answer each time",
            "now",
            "from the rows",
        ),
        query(
            "current_timestamp",
            "SELECT id, current_timestamp AS t FROM events",
            "",
            "gives another answer each time",
            "current_timestamp",
            "from the rows",
        ),
        query(
            "current_date",
            "SELECT id FROM events WHERE ts > current_date",
            "",
            "gives another answer each time",
            "current_date",
            "from the rows",
        ),
        query(
            "random()",
            "SELECT id FROM events WHERE random() < 0.5",
            "",
            "`random` gives another answer each time",
            "random",
            "from the rows",
        ),
        query(
            "uuid()",
            "SELECT id, uuid() AS u FROM events",
            "",
            "`uuid` gives another answer each time",
            "uuid",
            "from the rows",
        ),
        query(
            "ROLLUP",
            "SELECT url, id, count(*) AS n FROM events GROUP BY ROLLUP(url, id)",
            "output_mode = \"complete\"",
            "ROLLUP",
            "GROUP BY",
            "one operator per grouping",
        ),
        query("PREWHERE", "SELECT id FROM events PREWHERE id = 1", "", "PREWHERE is not supported", "PREWHERE", ""),
        query(
            "TABLESAMPLE",
            "SELECT id FROM events TABLESAMPLE (10 PERCENT)",
            "",
            "TABLESAMPLE is not supported",
            "TABLESAMPLE",
            "",
        ),
        query("FOR UPDATE", "SELECT id FROM events FOR UPDATE", "", "FOR is not supported", "FOR", ""),
        query("SORT BY", "SELECT id FROM events SORT BY id", "", "SORT BY is not supported", "SORT BY", ""),
        query("no FROM", "SELECT 1 AS one", "", "must read FROM", "SELECT", "FROM"),
        query(
            "unnest of no list",
            "SELECT unnest(id) AS v FROM events",
            "",
            "unnest takes a list or a struct",
            "unnest(id)",
            "string_to_array",
        ),
        query(
            "a call in FROM",
            "SELECT word FROM words(events)",
            "",
            "there is no such plugin",
            "words",
            "[plugin.NAME]",
        ),
        query(
            "recursive",
            "WITH RECURSIVE r AS (SELECT id FROM events UNION ALL SELECT id FROM r) SELECT id FROM r",
            "",
            "RECURSIVE",
            "RECURSIVE",
            "",
        ),
    ]);
}

#[test]
fn what_is_no_condition_is_refused_where_it_stands() {
    let complete = "output_mode = \"complete\"";
    let join =
        "SELECT e.id FROM events e JOIN events c ON e.id = c.id AND c.ts BETWEEN e.ts AND e.ts + INTERVAL '1 minute'";
    let cases = [
        (
            "SELECT count(*) FILTER (WHERE url) AS n FROM events",
            "FILTER (WHERE …) takes a condition, and `url` is utf8",
            "url",
        ),
        ("SELECT sum(id) FILTER (WHERE bytes - 1) AS n FROM events", "`bytes - 1` is int64", "bytes - 1"),
        ("SELECT id FROM events WHERE bytes", "WHERE takes a condition, and `bytes` is int64", "bytes"),
        ("SELECT id FROM events WHERE upper(url)", "WHERE takes a condition, and `upper(url)` is utf8", "upper(url)"),
        (
            "SELECT url FROM events GROUP BY url HAVING count(*)",
            "HAVING takes a condition, and `count(*)` is int64",
            "count(*)",
        ),
        ("SELECT url FROM events GROUP BY url HAVING max(bytes)", "HAVING takes a condition", "max(bytes)"),
        ("SELECT CASE WHEN bytes THEN 1 END AS n FROM events", "WHEN takes a condition, and `bytes` is int64", "bytes"),
        (
            "SELECT CASE WHEN id = 1 THEN 1 WHEN url THEN 2 END AS n FROM events",
            "WHEN takes a condition, and `url` is utf8",
            "url",
        ),
        ("SELECT id FROM events WHERE id = 1 AND url", "AND takes a condition, and `url` is utf8", "url"),
        ("SELECT id FROM events WHERE id = 1 OR bytes", "OR takes a condition, and `bytes` is int64", "bytes"),
        ("SELECT NOT url AS n FROM events", "NOT takes a condition, and `url` is utf8", "url"),
        ("SELECT bytes IS NOT TRUE AS n FROM events", "IS TRUE takes a condition, and `bytes` is int64", "bytes"),
        (
            "SELECT n FROM (SELECT id AS n, url FROM events WHERE url) AS q",
            "WHERE takes a condition, and `url` is utf8",
            "url",
        ),
    ];
    let plain = cases.map(|(sql, says, at)| query(sql, sql, complete, says, at, "compare with something: "));
    let on = [(" AND c.url", "AND takes a condition, and `c.url` is utf8", "c.url")];
    let on = on.map(|(more, says, at)| query("ON", &format!("{join}{more}"), "", says, at, "c.url <> ''"));
    let all =
        query("ON", "SELECT e.id FROM events e JOIN events c ON e.id", "", "ON takes a condition", "e.id", "e.id <> 0");
    refuse(plain.into_iter().chain(on).chain([all]).collect());
}
