//! Queries with names that nothing has, and text that is no SQL.

use super::{job, query, refuse};

#[test]
fn queries_with_wrong_names_or_syntax() {
    refuse(vec![
        query(
            "a function of another type",
            "SELECT url, sum(url) AS s FROM events GROUP BY url",
            "output_mode = \"complete\"",
            "there is no `sum` of utf8",
            "sum(url)",
            "CAST its argument",
        ),
        query(
            "unknown column",
            "SELECT urll FROM events",
            "",
            "there is no column `urll`",
            "urll",
            "did you mean `url`?",
        ),
        query(
            "unknown column in WHERE",
            "SELECT url FROM events WHERE byte > 1",
            "",
            "there is no column `byte`",
            "byte",
            "did you mean `bytes`?",
        ),
        query(
            "unknown table",
            "SELECT url FROM event",
            "",
            "there is no source or operator `event`",
            "event",
            "did you mean `events`?",
        ),
        query("reads itself", "SELECT id FROM x", "", "operator `x` reads itself", "x", "direction"),
        job(
            "cycle through SQL",
            "[operator.a]\nsql = \"SELECT * FROM b\"\n[operator.b]\nsql = \"SELECT * FROM a\"\n[sink.out]\ninput = \"a\"",
            "`a` reads `b` reads `a`",
            "b",
            "direction",
        ),
        query(
            "misspelt keyword",
            "SELEC url FROM events",
            "",
            "expected SELECT or WITH, found SELEC",
            "SELEC",
            "SELECT …",
        ),
        query(
            "clause cut short",
            "SELECT url FROM events WHERE",
            "",
            "expected an expression, but the query ends",
            "WHERE",
            "a value is missing",
        ),
        query("open bracket", "SELECT count(url FROM events", "", "expected ), found FROM", "FROM", ""),
        query(
            "two statements",
            "SELECT id FROM events; SELECT url FROM events",
            "",
            "2 statements",
            "SELECT id FROM events; SELECT url FROM events",
            "",
        ),
        query("no query", "DELETE FROM events", "", "begins with SELECT", "DELETE", "WHERE"),
        query(
            "unknown function",
            "SELECT uper(url) AS u FROM events",
            "",
            "there is no function `uper`",
            "uper",
            "did you mean `upper`?",
        ),
        query(
            "wrong argument type",
            "SELECT abs(url) AS u FROM events",
            "",
            "there is no `abs` of a text",
            "abs(url)",
            "abs(numeric)",
        ),
        query(
            "types that do not compare",
            "SELECT id FROM events WHERE ts > true",
            "",
            "there is no `timestamp > boolean`: these types cannot be compared",
            "ts > true",
            "CAST one of them",
        ),
        query(
            "column twice",
            "SELECT id, url AS id FROM events",
            "",
            "`id` may mean two columns",
            "id",
            "AS other_name",
        ),
        query("unnamed twice", "SELECT id, id FROM events", "", "two columns are named `id`", "id", "AS other_name"),
        query(
            "not in GROUP BY",
            "SELECT url, id, count(*) AS n FROM events GROUP BY url",
            "output_mode = \"complete\"",
            "`id` is neither in GROUP BY nor inside an aggregate",
            "id",
            "GROUP BY",
        ),
        query(
            "ambiguous",
            "SELECT url FROM (SELECT url, url FROM events)",
            "",
            "two columns are named `url`",
            "url",
            "AS other_name",
        ),
        query(
            "literal of no number",
            "SELECT CAST('a' AS BIGINT) AS n FROM events",
            "",
            "Cannot cast string 'a' to value of int64 type",
            "'a'",
            "for every row",
        ),
    ]);
}

#[test]
fn names_that_fit_two_columns_without_regard_to_case() {
    let of = |sql: &str| {
        format!(
            "name = \"x\"\n[source.events]\npath = \"input\"\nformat = \"json\"\nschema = {{ userId = \"int64\", userID = \"int64\", NAME = \"utf8\" }}\n[operator.x]\nsql = \"\"\"{sql}\"\"\"\n[sink.out]\ninput = \"x\""
        )
    };
    let (two, exact) = (of("SELECT name, USERID FROM events"), of("SELECT \"name\" FROM events"));
    refuse(vec![
        job(
            "two that fit",
            &two,
            "`USERID` may mean the columns `userID` or `userId`",
            "USERID",
            "write \"userID\" or \"userId\"",
        ),
        job("quotes are exact", &exact, "there is no column `name`", "\"name\"", "double quotes"),
    ]);
}
