//! Calls of plugins in FROM that cannot be.

use super::{Case, job, refuse};

const PLUGINS: &str = "[plugin.sessionise]\npath = \"PLUGINS/sessionise\"\nwith = { time = \"ts\" }\n[plugin.split]\npath = \"PLUGINS/split-words\"\nwith = { column = \"url\" }\n[plugin.keep]\npath = \"PLUGINS/keep-containing\"\nwith = { column = \"url\", text = \"a\" }\n[source.users]\npath = \"users.json\"\nformat = \"json\"\nstatic = true\nschema = { id = \"int64\", name = \"utf8\", ts = \"timestamp\" }\n[operator.counts]\nsql = \"SELECT url, max(ts) AS ts, count(*) AS n FROM events GROUP BY url\"\noutput_mode = \"update\"\n";

fn call(name: &'static str, query: &str, keys: &str, says: &'static str, at: &'static str, help: &'static str) -> Case {
    let operator =
        format!("[operator.x]\nsql = \"\"\"{query}\"\"\"\n{keys}\n[sink.out]\ninput = \"x\"\nconnector = \"memory\"\n");
    job(name, &format!("{PLUGINS}{operator}"), says, at, help)
}

#[test]
fn calls_in_from_that_cannot_be() {
    refuse(vec![
        call(
            "no key",
            "SELECT * FROM sessionise(TABLE events)",
            "",
            "`sessionise` is keyed: it keeps state per key, and this call says of no key",
            "sessionise(TABLE events)",
            "FROM sessionise(TABLE events PARTITION BY key)",
        ),
        call(
            "no key, nor TABLE",
            "SELECT * FROM sessionise(events)",
            "",
            "this call says of no key",
            "sessionise(events)",
            "PARTITION BY key",
        ),
        call(
            "a key twice",
            "SELECT * FROM sessionise(TABLE events PARTITION BY url, id, URL)",
            "",
            "PARTITION BY names `url` twice",
            "PARTITION BY",
            "leave one of them out",
        ),
        call(
            "no such column",
            "SELECT * FROM sessionise(TABLE events PARTITION BY urll)",
            "",
            "there is no column `urll` to partition by",
            "urll",
            "did you mean `url`?",
        ),
        call(
            "an expression",
            "SELECT * FROM sessionise(TABLE events PARTITION BY lower(url))",
            "",
            "PARTITION BY in a call takes columns, and `lower(url)` is none",
            "PARTITION BY",
            "compute it in a query first",
        ),
        call(
            "no such table",
            "SELECT * FROM sessionise(TABLE evints PARTITION BY url)",
            "",
            "`evints`",
            "evints",
            "did you mean `events`?",
        ),
        call(
            "no such plugin",
            "SELECT * FROM sessions(TABLE events PARTITION BY url)",
            "",
            "`sessions` in FROM is called as a function, and there is no such plugin",
            "sessions",
            "did you mean `sessionise`?",
        ),
        call(
            "a flat-map by key",
            "SELECT * FROM split(TABLE events PARTITION BY url)",
            "",
            "`split` is no keyed operator, but a flat-map: it has no keys",
            "split",
            "leave PARTITION BY",
        ),
        call(
            "a filter",
            "SELECT * FROM keep(events)",
            "",
            "it is no flat-map, which makes rows of rows, and not keyed",
            "keep",
            "",
        ),
        call(
            "more arguments",
            "SELECT * FROM sessionise(TABLE events PARTITION BY url, 5)",
            "",
            "PARTITION BY in a call takes columns, and `5` is none",
            "PARTITION BY",
            "",
        ),
        call(
            "arguments before a table",
            "SELECT * FROM sessionise(5, events)",
            "",
            "`sessionise` in FROM takes the rows of one table, and nothing else",
            "sessionise",
            "`with` of the plugin",
        ),
        call(
            "no table",
            "SELECT * FROM sessionise('events')",
            "",
            "takes the rows of one table, and nothing else",
            "sessionise",
            "TABLE node PARTITION BY key",
        ),
        call(
            "a WITH query",
            "WITH e AS (SELECT * FROM events) SELECT * FROM sessionise(TABLE e PARTITION BY url)",
            "",
            "`sessionise` takes the rows of a node, and `e` is none",
            "sessionise",
            "TABLE (SELECT …)",
        ),
        call(
            "a static table",
            "SELECT * FROM sessionise(TABLE users PARTITION BY name)",
            "",
            "`users` is a static source",
            "users",
            "",
        ),
        call(
            "after update mode",
            "SELECT * FROM sessionise(TABLE counts PARTITION BY url)",
            "",
            "a keyed operator cannot follow a node whose rows replace earlier ones",
            "sessionise(TABLE counts PARTITION BY url)",
            "append mode",
        ),
        call(
            "complete mode",
            "SELECT * FROM sessionise(TABLE events PARTITION BY url)",
            "output_mode = \"complete\"",
            "a keyed operator has no whole result to give in complete mode",
            "sessionise(TABLE events PARTITION BY url)",
            "\"append\" or \"update\"",
        ),
        call(
            "another order",
            "SELECT * FROM sessionise(TABLE events PARTITION BY url ORDER BY other)",
            "",
            "rows come by key as they came, or by their event time; `other` is none",
            "other",
            "write ORDER BY ts",
        ),
        call(
            "as a scalar function",
            "SELECT sessionise(url) FROM events",
            "",
            "`sessionise` is a keyed operator, which makes rows of rows: it is called in FROM",
            "sessionise",
            "FROM sessionise(TABLE node PARTITION BY key)",
        ),
        call(
            "a table in a scalar function",
            "SELECT sessionise(TABLE events PARTITION BY url) FROM events",
            "",
            "TABLE … PARTITION BY … is what a call in FROM takes",
            "TABLE",
            "FROM my_plugin(TABLE node PARTITION BY key)",
        ),
        call(
            "a flat-map as a scalar function",
            "SELECT split(url) FROM events",
            "",
            "`split` is a flat-map, which makes rows of rows: it is called in FROM",
            "split",
            "FROM split(node)",
        ),
        call(
            "a column that is read of another type",
            "SELECT * FROM sessionise(TABLE (SELECT url, 'x' AS ts FROM events) PARTITION BY url)",
            "",
            "`ts` is utf8",
            "sessionise",
            "",
        ),
    ]);
}
