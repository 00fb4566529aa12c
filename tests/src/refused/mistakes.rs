//! Mistakes that users of Spark, DuckDB and `psql` make, a line each: every one is told at a place in the query, with what is
//! wrong and how to mend it, and without a word of a library's own. And what they write that is no mistake here.

use millstream_engine::ErrorKind;
use millstream_engine::run::check;

use crate::scratch::Scratch;
use crate::support::runtime;

const NODES: &str = r#"
name = "mistakes"
[source.events]
path = "input"
format = "json"
schema = { id = "int64", url = "utf8", ts = "timestamp", other = "timestamp", bytes = "int64", tags = "list<utf8>", ok = "boolean", price = "float64", data = "struct<Object: utf8, n: int64>", day = "date", amount = "decimal(10,2)" }
event_time = "ts"
watermark = "1 minute"
[source.users]
path = "users.json"
format = "json"
schema = { id = "int64", name = "utf8", ts = "timestamp" }
static = true
[sink.out]
input = "x"
connector = "memory"
"#;

/// Checks a job of this query, with `SELECT … GROUP BY` of no window in complete mode.
fn checked(scratch: &Scratch, sql: &str) -> millstream_engine::Result<()> {
    let whole = sql.contains("GROUP BY") && !sql.to_lowercase().contains("window(") && !sql.contains("TUMBLE");
    let mode = if whole { "output_mode = \"complete\"\n" } else { "" };
    let mode = if sql.contains("ORDER BY window") { "output_mode = \"complete\"\n" } else { mode };
    let text = format!("{NODES}[operator.x]\nsql = '''{sql}'''\n{mode}");
    scratch.job(&text).and_then(|job| check(job, Some(&runtime())).map(|_| ()))
}

/// What only a library's authors know.
pub(super) const THEIRS: [&str; 34] = [
    "DataFusion",
    "datafusion",
    "Arrow",
    "sqlparser",
    "sqltorel",
    "ast node",
    "Utf8",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Float32",
    "Float64",
    "Date32",
    "Decimal128",
    "Timestamp(",
    "Struct(",
    "List(",
    "Interval(",
    "DataType",
    "NativeType",
    "TypeSignature",
    "oercion",
    "signature",
    "ScalarValue",
    "Expr",
    "LogicalPlan",
    "Projection",
    "chema",
    "planning",
    "UDF",
    "Internal",
    "not implemented",
    "Some(",
];

/// Mistakes that are the whole query's: there is no smaller place.
const WHOLE: [&str; 4] = ["nothing", "; SELECT", "SELECT * FROM events GROUP BY", "UNION ALL SELECT id, url"];

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path().join("input")).unwrap();
    scratch.write("users.json", "{\"id\":1,\"name\":\"a\",\"ts\":\"2026-01-01T00:00:00Z\"}\n");
    scratch
}

#[test]
fn mistakes_of_users_are_told_in_their_words() {
    let scratch = scratch();
    let mut wrong = Vec::new();
    let deep = format!("SELECT {}1{} AS n FROM events", "(".repeat(80), ")".repeat(80));
    let chain = format!("SELECT id FROM events WHERE id = 0{}", " OR id = 1".repeat(100_000));
    let unions = vec!["SELECT id FROM events"; 5_000].join(" UNION ALL ");
    let nested = |before: &str, behind: &str, times: usize| {
        format!("SELECT {}1{} AS n FROM events", before.repeat(times), behind.repeat(times))
    };
    let after = |words: &str, times: usize| format!("SELECT id{} AS n FROM events", words.repeat(times));
    let deep = [
        deep,
        chain,
        unions,
        nested("(", ")", 10_000),
        nested("abs(", ")", 5_000),
        nested("CAST(", " AS BIGINT)", 5_000),
        // The parser reads a mistake in each of these twice.
        nested("CAST(", " AS AS BIGINT)", 40),
        nested("CASE WHEN ok THEN 1 ELSE ", " END", 5_000),
        nested("NOT ", "", 10_000),
        nested("- ", "", 10_000),
        nested("[", "]", 5_000),
        after(" || url", 5_000),
        after(" IS NULL", 5_000),
        after(" LIKE url", 5_000),
        after(" AT TIME ZONE 'UTC'", 5_000),
        after("::bigint", 5_000),
        after("[1]", 5_000),
        after(".n", 5_000),
        format!("SELECT * FROM {}events{}", "(SELECT * FROM ".repeat(2_000), ")".repeat(2_000)),
    ];
    for sql in MISTAKES.iter().copied().chain(deep.iter().map(String::as_str)) {
        let shown = &sql[..sql.len().min(100)];
        let Err(error) = checked(&scratch, sql) else {
            wrong.push(format!("{shown}\n   was not refused"));
            continue;
        };
        let at = error.location().map_or("(nowhere)", |l| &l.text[l.span.clone()]);
        let help = error.help().unwrap_or_default();
        let told = format!("{shown}\n   {}\n   at: {}\n   help: {help}", error.message(), &at[..at.len().min(60)]);
        println!("{told}");
        let whole = at == sql && !WHOLE.iter().any(|part| sql.contains(part));
        let leaked = THEIRS.iter().find(|word| error.message().contains(**word) || help.contains(**word));
        let bad = [
            (error.kind() != ErrorKind::Invalid, "of the wrong kind"),
            (at == "(nowhere)" || at.is_empty() || whole, "without a place"),
            (help.is_empty(), "without help"),
            (error.message().contains('\n'), "of several lines"),
            (leaked.is_some(), "in a library's words"),
        ];
        wrong.extend(
            bad.into_iter().filter(|(bad, _)| *bad).map(|(_, what)| format!("{told}\n   is told {what}: {leaked:?}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn long_is_not_deep() {
    let scratch = scratch();
    let numbers = |between: &str, n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(between);
    let whens: String = (0..2_000).map(|i| format!(" WHEN id = {i} AND NOT ok THEN {i}")).collect();
    for sql in [
        format!("SELECT id FROM events WHERE id IN ({})", numbers(", ", 20_000)),
        format!("SELECT concat(url, {}) AS n FROM events", numbers(", ", 5_000)),
        format!("SELECT url || {} AS n FROM events", numbers(" || ", 480)),
        format!("SELECT CASE{whens} END AS n FROM events"),
        format!("SELECT {}id{} AS n FROM events", "abs(".repeat(45), ")".repeat(45)),
        format!("SELECT {}id{} AS n FROM events", "CAST(".repeat(16), " AS BIGINT)".repeat(16)),
    ] {
        // With the stack that the program has.
        let refused = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(256 << 20);
            thread.spawn_scoped(scope, || checked(&scratch, &sql).err()).unwrap().join().unwrap()
        });
        assert!(refused.is_none(), "{}…: {refused:?}", &sql[..100.min(sql.len())]);
    }
}

#[test]
fn what_other_dialects_call_otherwise_is_no_mistake() {
    let scratch = scratch();
    let refused = |sql: &&str| checked(&scratch, sql).err().map(|e| format!("{sql}\n   {}", e.message()));
    let wrong: Vec<String> = MEANT.iter().filter_map(refused).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

pub(super) const MISTAKES: [&str; 277] = [
    "SELECT CASE WHEN id THEN 1 ELSE 2 END AS a FROM events",
    "SELECT urll FROM events",
    "SELECT e.urll FROM events e",
    "SELECT f.url FROM events e",
    "SELECT uper(url) AS u FROM events",
    "SELECT abs(url) AS u FROM events",
    "SELECT upper(url, 3) AS u FROM events",
    "SELECT upper() AS u FROM events",
    "SELECT substr(url) AS u FROM events",
    "SELECT round(url, 'a') AS u FROM events",
    "SELECT date_trunc('foo', ts) AS u FROM events",
    "SELECT date_trunc(hour, ts) AS u FROM events",
    "SELECT date_trunc('hour') AS u FROM events",
    "SELECT date_part('foo', ts) AS u FROM events",
    "SELECT extract(foo FROM ts) AS u FROM events",
    "SELECT date_bin('foo', ts) AS u FROM events",
    "SELECT to_char(ts, '%Q') AS u FROM events",
    "SELECT to_timestamp(url, '%Q') AS u FROM events",
    "SELECT to_timestamp('abc') AS u FROM events",
    "SELECT regexp_like(url, '[') AS u FROM events",
    "SELECT regexp_replace(url, '(', 'x') AS u FROM events",
    "SELECT url FROM events WHERE url RLIKE '('",
    "SELECT url FROM events WHERE url ~ '('",
    "SELECT url FROM events WHERE url SIMILAR TO '('",
    "SELECT encode(url, 'foo') AS u FROM events",
    "SELECT decode(url, 'base65') AS u FROM events",
    "SELECT split_part(url, '/', 0) AS u FROM events",
    "SELECT 12/0 AS u FROM events",
    "SELECT CAST('x' AS BIGINT) AS u FROM events",
    "SELECT CAST('2026-13-01' AS DATE) AS u FROM events",
    "SELECT TIMESTAMP '2026-99-01' AS u FROM events",
    "SELECT INTERVAL 'foo' AS u FROM events",
    "SELECT ts + INTERVAL '1 foo' AS u FROM events",
    "SELECT 9223372036854775807 + 1 AS u FROM events",
    "SELECT json_get_int(url, 1.5) AS u FROM events",
    "SELECT json_get_int(id, 'a') AS u FROM events",
    "SELECT json_get_int() AS u FROM events",
    "SELECT CAST(url AS foo) AS u FROM events",
    "SELECT url::foo AS u FROM events",
    "SELECT CAST(url AS json) AS u FROM events",
    "SELECT CAST(url AS decimal(100,2)) AS u FROM events",
    "SELECT CAST(tags AS BIGINT) AS u FROM events",
    "SELECT CAST(ok AS TIMESTAMP) AS u FROM events",
    "SELECT CAST(data AS BIGINT) AS u FROM events",
    "SELECT CAST(url AS BIGINT) + 'a' AS u FROM events",
    "SELECT url + 1 AS u FROM events",
    "SELECT url + ts AS u FROM events",
    "SELECT ts + 1 AS u FROM events",
    "SELECT ts + ts AS u FROM events",
    "SELECT tags + 1 AS u FROM events",
    "SELECT -url AS u FROM events",
    "SELECT NOT url AS u FROM events",
    "SELECT NOT id AS u FROM events",
    "SELECT id AND ok AS u FROM events",
    "SELECT data || 'a' AS u FROM events",
    "SELECT id FROM events WHERE ts > true",
    "SELECT id FROM events WHERE ts > 5",
    "SELECT id FROM events WHERE ts > 'abc'",
    "SELECT id FROM events WHERE id = 'abc'",
    "SELECT id FROM events WHERE tags = 'a'",
    "SELECT id FROM events WHERE data = 'a'",
    "SELECT id FROM events WHERE id IN ('a', 2)",
    "SELECT id FROM events WHERE id IN (ts, 2)",
    "SELECT id FROM events WHERE id BETWEEN 'a' AND ts",
    "SELECT id FROM events WHERE id LIKE 'a%'",
    "SELECT id FROM events WHERE ts LIKE '2026%'",
    "SELECT id FROM events WHERE url LIKE 5",
    "SELECT id FROM events WHERE url LIKE 'a' ESCAPE 'xx'",
    "SELECT id FROM events WHERE url",
    "SELECT id FROM events WHERE id",
    "SELECT id FROM events WHERE 'yes'",
    "SELECT id FROM events WHERE ok || id > 3",
    r#"SELECT id FROM events WHERE url = "abc""#,
    "SELECT id FROM events WHERE sum(bytes) > 3",
    "SELECT id FROM events WHERE max(bytes) OVER () > 3",
    "SELECT url, sum(bytes) FROM events",
    "SELECT url, id, count(*) AS n FROM events GROUP BY url",
    "SELECT url, id + 1 AS i, count(*) AS n FROM events GROUP BY url",
    "SELECT * FROM events GROUP BY url",
    "SELECT url, sum(max(bytes)) AS n FROM events GROUP BY url",
    "SELECT url, sum(url) AS n FROM events GROUP BY url",
    "SELECT url, sum(ts) AS n FROM events GROUP BY url",
    "SELECT url, avg(url) AS n FROM events GROUP BY url",
    "SELECT url, sum(bytes, id) AS n FROM events GROUP BY url",
    "SELECT url, sum() AS n FROM events GROUP BY url",
    "SELECT url, approx_percentile_cont(bytes, 'a') AS n FROM events GROUP BY url",
    "SELECT url, approx_percentile_cont(bytes) AS n FROM events GROUP BY url",
    "SELECT url, approx_percentile_cont(bytes, 2) AS n FROM events GROUP BY url",
    "SELECT url, approx_percentile_cont(bytes, bytes) AS n FROM events GROUP BY url",
    "SELECT url, approx_distinct(price) AS n FROM events GROUP BY url",
    "SELECT url, nth_value(bytes, 0) AS n FROM events GROUP BY url",
    "SELECT url, sum(NULL) AS n FROM events GROUP BY url",
    "SELECT url, sum(*) AS n FROM events GROUP BY url",
    "SELECT url, percentile(bytes, 0.5) AS n FROM events GROUP BY url",
    "SELECT url, mode(bytes) AS n FROM events GROUP BY url",
    "SELECT url, string_agg(url) AS n FROM events GROUP BY url",
    "SELECT url, first(bytes) AS n FROM events GROUP BY url",
    "SELECT url, count(*) AS n FROM events GROUP BY 5",
    "SELECT url, count(*) AS n FROM events GROUP BY 0",
    "SELECT url, count(*) AS n FROM events GROUP BY url ORDER BY 9",
    "SELECT url, count(*) AS n FROM events GROUP BY url ORDER BY m",
    "SELECT url, count(*) AS n FROM events GROUP BY url HAVING m > 3",
    "SELECT url, count(*) AS n FROM events GROUP BY url HAVING bytes > 3",
    "SELECT url, count(*) AS n FROM events GROUP BY url LIMIT 'a'",
    "SELECT url, count(*) AS n FROM events GROUP BY url LIMIT -1",
    "SELECT url, count(*) AS n FROM events GROUP BY url FETCH FIRST 3 ROWS WITH TIES",
    "SELECT url, count(*) AS n FROM events GROUP BY url ORDER BY ALL",
    "SELECT url, count(*) AS n FROM events GROUP BY GROUPING SETS ((url), ())",
    "SELECT count(*) AS n FROM events GROUP BY sum(bytes)",
    "SELECT id FROM events HAVING id > 3",
    "SELECT id FROM event",
    "SELECT id FROM db.events",
    "SELECT id FROM",
    "SELECT id",
    "SELECT id FORM events",
    "SELEC id FROM events",
    "SELECT id url ts FROM events",
    "SELECT id FROM events WHERE",
    "SELECT id FROM events WHER id = 3",
    "SELECT id FROM events WHERE id = ",
    "SELECT id FROM events WHERE (id = 3",
    "SELECT id FROM events WHERE id = 3)",
    "SELECT id FROM events WHERE id == = 3",
    "SELECT count(id FROM events",
    "SELECT id FROM events WHERE url = 'abc",
    r#"SELECT id FROM events WHERE url = "abc"#,
    "SELECT id FROM events /* comment",
    "-- nothing",
    "SELECT id FROM events; SELECT id FROM events",
    "INSERT INTO out SELECT id FROM events",
    "CREATE TABLE t AS SELECT id FROM events",
    "CREATE VIEW t AS SELECT id FROM events",
    "UPDATE events SET id = 3",
    "DELETE FROM events",
    "DROP TABLE events",
    "EXPLAIN SELECT id FROM events",
    "DESCRIBE events",
    "SHOW TABLES",
    "SET x = 3",
    "VALUES (1), (2)",
    "TABLE events",
    "SELECT 1",
    "SELECT * ",
    "SELECT FROM events",
    "SELECT *, id FROM events",
    "SELECT id, id FROM events",
    "SELECT e.* FROM events f",
    "SELECT * EXCEPT (foo) FROM events",
    "SELECT * RENAME (id AS i) FROM events",
    "SELECT TOP 3 id FROM events",
    "SELECT id AS (a, b) FROM events",
    "SELECT * FROM events PIVOT (sum(bytes) FOR url IN ('a', 'b'))",
    "SELECT * FROM events UNPIVOT (v FOR k IN (id, bytes))",
    "SELECT id, tag FROM events LATERAL VIEW explode(tags) t AS tag",
    "SELECT id, unnest(url) AS tag FROM events",
    "SELECT id, unnest(tags) + 1 AS tag FROM events",
    "SELECT id, tag FROM events, UNNEST(tags) AS t(tag)",
    "SELECT id, tag FROM events CROSS JOIN UNNEST(tags) AS t(tag)",
    "SELECT id FROM events QUALIFY row_number() OVER (PARTITION BY url ORDER BY ts) = 1",
    "SELECT id, row_number() OVER w AS n FROM events WINDOW w AS (PARTITION BY url)",
    "SELECT id, lag(id) OVER (ORDER BY ts) AS n FROM events",
    "SELECT id, row_number() AS n FROM events",
    "SELECT id, lag(id) AS n FROM events",
    "SELECT id FROM events TABLESAMPLE (10 PERCENT)",
    "SELECT id FROM events SORT BY id",
    "SELECT id FROM events CLUSTER BY id",
    "SELECT id FROM events DISTRIBUTE BY id",
    "SELECT id FROM events LIMIT 3",
    "SELECT id FROM events ORDER BY id",
    "SELECT DISTINCT ON (url) url, id FROM events",
    "SELECT id FROM events UNION SELECT id FROM events",
    "SELECT id FROM events UNION ALL SELECT id, url FROM events",
    "SELECT id FROM events EXCEPT SELECT id FROM events",
    "SELECT id FROM events MINUS SELECT id FROM events",
    "SELECT id FROM events WHERE id IN (SELECT id FROM users)",
    "SELECT id FROM events WHERE EXISTS (SELECT 1 FROM users)",
    "SELECT (SELECT max(id) FROM users) AS m FROM events",
    "SELECT id FROM events WHERE id > ALL (SELECT id FROM users)",
    "SELECT id FROM (SELECT id FROM events",
    "SELECT x.id FROM (SELECT id FROM events) AS x WHERE y.id = 3",
    "WITH a AS (SELECT id FROM events) SELECT id FROM b",
    "WITH a AS (SELECT id FROM events), a AS (SELECT id FROM events) SELECT id FROM a",
    "WITH a (x, y) AS (SELECT id FROM events) SELECT x FROM a",
    "WITH RECURSIVE r AS (SELECT id FROM events UNION ALL SELECT id FROM r) SELECT id FROM r",
    "SELECT events.id FROM events JOIN users ON events.id = users.name",
    "SELECT id FROM events JOIN users ON events.id = users.id",
    "SELECT events.id FROM events JOIN users USING (foo)",
    "SELECT events.id FROM events CROSS JOIN users",
    "SELECT events.id FROM events, users",
    "SELECT events.id FROM events JOIN users",
    "SELECT events.id FROM events LEFT ANTI JOIN users ON events.id = users.id",
    "SELECT events.id FROM events ASOF JOIN users ON events.id = users.id",
    "SELECT e.id FROM events e JOIN events e ON e.id = e.id",
    "SELECT data.foo AS o FROM events",
    "SELECT data['foo'] AS o FROM events",
    "SELECT url.foo AS o FROM events",
    "SELECT tags['a'] AS o FROM events",
    "SELECT tags[:2] AS o FROM events",
    "SELECT data[1] AS o FROM events",
    "SELECT url[1] AS o FROM events",
    "SELECT url -> 'a' AS o FROM events",
    "SELECT url ->> 'a' AS o FROM events",
    "SELECT url:a AS o FROM events",
    "SELECT data:a.b AS o FROM events",
    "SELECT url ? 'a' AS o FROM events",
    "SELECT id FROM events WHERE id = ?",
    "SELECT id FROM events WHERE id = $1",
    "SELECT id FROM events WHERE id = :x",
    "SELECT @x AS u FROM events",
    "SELECT id # 3 AS u FROM events",
    "SELECT id ** 3 AS u FROM events",
    "SELECT url & 3 AS u FROM events",
    "SELECT id ! 3 AS u FROM events",
    "SELECT ~id AS u FROM events",
    "SELECT id XOR ok AS u FROM events",
    "SELECT if(ok, 1) AS u FROM events",
    "SELECT nvl(bytes) AS a FROM events",
    "SELECT coalesce() AS a FROM events",
    "SELECT coalesce(id, ts) AS a FROM events",
    "SELECT CASE WHEN ok THEN 1 ELSE ts END AS a FROM events",
    "SELECT CASE id WHEN 'a' THEN 1 END AS a FROM events",
    "SELECT CASE WHEN ok THEN 1 AS a FROM events",
    "SELECT greatest(id, ts) AS a FROM events",
    "SELECT nullif(id, ts) AS a FROM events",
    "SELECT concat(data, 'a') AS a FROM events",
    "SELECT array_length(url) AS a FROM events",
    "SELECT array_has(tags, ts) AS a FROM events",
    "SELECT ARRAY[1, 'a', ts] AS a FROM events",
    "SELECT named_struct('a') AS a FROM events",
    "SELECT map(1) AS a FROM events",
    "SELECT hour(ts) AS h, year(ts) AS y, dayofweek(ts) AS d FROM events",
    "SELECT date_add(ts, 3) AS h FROM events",
    "SELECT date_add(day, 3) AS h FROM events",
    "SELECT date_sub(day, 3) AS h FROM events",
    "SELECT datediff('day', ts, ts) AS h FROM events",
    "SELECT date_diff('day', ts, ts) AS h FROM events",
    "SELECT from_unixtime(id) AS h, unix_timestamp(ts) AS u FROM events",
    "SELECT unix_timestamp() AS u FROM events",
    "SELECT current_timestamp() AS u FROM events",
    "SELECT now() AS u FROM events",
    "SELECT getdate() AS u FROM events",
    "SELECT rand() AS u FROM events",
    "SELECT strptime(url, '%Y') AS u FROM events",
    "SELECT get_json_object(url, '$.a') AS u FROM events",
    "SELECT json_extract(url, '$.a') AS u FROM events",
    "SELECT from_json(url, 'a INT') AS u FROM events",
    "SELECT to_json(data) AS u FROM events",
    "SELECT md5(url) AS u FROM events",
    "SELECT dayname(ts) AS d FROM events",
    "SELECT monthname(ts) AS m FROM events",
    "SELECT mode(id) AS m FROM events",
    "SELECT sha2(url, 256) AS u FROM events",
    "SELECT hash(url) AS u FROM events",
    "SELECT trim(id) AS u FROM events",
    "SELECT floor(price TO hour) AS u FROM events",
    r#"SELECT url COLLATE "de" AS u FROM events"#,
    "SELECT DATE '2026-13-01' AS u FROM events",
    "SELECT TIME '25:00' AS u FROM events",
    "SELECT X'zz' AS u FROM events",
    "SELECT 1_000 AS u FROM events",
    "SELECT 'a' 'b' AS u FROM events",
    "SELECT true + 1 AS u FROM events",
    "SELECT window(ts, '1 hour') AS w FROM events",
    "SELECT window(ts, '1 hour').start AS w FROM events",
    "SELECT window(ts, '2 hours').start, count(*) AS n FROM events GROUP BY window(ts, '1 hour')",
    "SELECT window.begin, count(*) AS n FROM events GROUP BY window(ts, '1 hour')",
    "SELECT window(ts, '1 hour').begin, count(*) AS n FROM events GROUP BY window(ts, '1 hour')",
    "SELECT window(ts).start, count(*) AS n FROM events GROUP BY window(ts)",
    "SELECT count(*) AS n FROM events GROUP BY window(url, '1 hour')",
    "SELECT count(*) AS n FROM events GROUP BY window(ts, '1 foo')",
    "SELECT count(*) AS n FROM events GROUP BY window(ts, 3)",
    "SELECT count(*) AS n FROM events GROUP BY window(ts, url)",
    "SELECT count(*) AS n FROM events GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)",
    "SELECT session_window.start, count(*) AS n FROM events GROUP BY session_window(ts)",
    "SELECT date_trunc(url, ts) AS u FROM events",
    "SELECT url, count(*) AS n FROM events GROUP BY url WITH ROLLUP",
    "SELECT ts AT TIME ZONE 'foo' AS u FROM events",
];

const MEANT: [&str; 109] = [
    "SELECT mod(id, 7) AS m, datediff(day, ts) AS n, date_diff('2026-03-02', day) AS d FROM events",
    "SELECT regexp_extract(url, 'a(b)') AS u, regexp_extract(url, 'a(b)', 0) AS w FROM events",
    "SELECT regexp_extract(url, 'a(b)', 1) AS u FROM events",
    "SELECT url, max_by(id, ts) AS m, arg_min(id, price) FILTER (WHERE ok) AS a FROM events GROUP BY url",
    "FROM events",
    "SELECT strftime(ts, '%Y') AS u, sign(id) AS s, date(ts) AS d, epoch(ts) AS e FROM events",
    "SELECT len(tags) + 1 AS n, string_split(url, '/') AS parts FROM events",
    "SELECT URL, Bytes FROM Events",
    "SELECT date_trunc('hour', url) AS u FROM events",
    "SELECT to_char(ts, 'yyyy-MM-dd') AS u FROM events",
    "SELECT date_format(ts, 'yyyy-MM-dd HH:mm') AS u FROM events",
    "SELECT to_date(url, 'yyyy-MM-dd') AS u FROM events",
    "SELECT id/0 AS u FROM events",
    "SELECT ts + INTERVAL 1 HOUR AS u FROM events",
    "SELECT ts + INTERVAL '1' HOUR AS u FROM events",
    "SELECT CASE WHEN id > 0 THEN 1 ELSE 12/0 END AS u FROM events",
    "SELECT coalesce(id, 12/0) AS u FROM events",
    "SELECT 9223372036854775808 AS u FROM events",
    "SELECT url::string AS u FROM events",
    "SELECT CAST(url AS varchar(3)) AS u FROM events",
    "SELECT CAST(ts AS timestamp(3)) AS u FROM events",
    "SELECT CAST(ts AS timestamptz) AS u FROM events",
    "SELECT CAST(ts AS TIMESTAMP WITH TIME ZONE) AS u FROM events",
    "SELECT CAST(id AS TIMESTAMP) AS u FROM events",
    "SELECT ts - ts AS u FROM events",
    "SELECT url || id AS u FROM events",
    "SELECT tags || 'a' AS u FROM events",
    "SELECT id FROM events WHERE url = 5",
    "SELECT id FROM events WHERE url ILIKE 'A%'",
    "SELECT id FROM events WHERE ok == true",
    "SELECT id FROM events WHERE !ok",
    "SELECT id FROM events WHERE ok && id > 3",
    "SELECT `id`, `url` FROM `events`",
    "SELECT [id] FROM events",
    "SELECT id FROM events WHERE id <=> 3",
    "SELECT id FROM events WHERE id IS NOT DISTINCT FROM 3 AND url = 'a'",
    "SELECT url, count() AS n FROM events GROUP BY url",
    "SELECT url, max(data) AS n FROM events GROUP BY url",
    "SELECT url, max(tags) AS n FROM events GROUP BY url",
    "SELECT url, median(bytes) AS n FROM events GROUP BY url",
    "SELECT url, string_agg(url, ',') AS n FROM events GROUP BY url",
    "SELECT url, nth_value(bytes, 2) AS n FROM events GROUP BY url",
    "SELECT url, any_value(bytes) AS n FROM events GROUP BY url",
    "SELECT url, grouping(url) AS n FROM events GROUP BY url",
    "SELECT url, count(*) AS n FROM events GROUP BY url FETCH FIRST 3 ROWS ONLY",
    "SELECT url, count(*) AS n FROM events GROUP BY ALL",
    "SELECT count(*) AS n FROM events GROUP BY tags",
    "SELECT id, FROM events",
    "SELECT id FROM events;",
    "FROM events SELECT id",
    "SELECT * EXCLUDE (id) FROM events",
    "SELECT * REPLACE (id + 1 AS id) FROM events",
    "SELECT * ILIKE '%a%' FROM events",
    "SELECT id, explode(tags) AS tag FROM events",
    "SELECT id, unnest(tags) AS tag FROM events",
    "SELECT id FROM events UNION ALL SELECT url FROM events",
    "SELECT id FROM events UNION ALL BY NAME SELECT id FROM events",
    "SELECT id FROM events WHERE id = ANY (ARRAY[1,2])",
    "SELECT id FROM events WHERE 'a' = ANY(tags)",
    "SELECT events.id FROM events JOIN users USING (id)",
    "SELECT events.id FROM events NATURAL JOIN users",
    "SELECT data.Object AS o FROM events",
    "SELECT data.object AS o FROM events",
    "SELECT data['object'] AS o FROM events",
    "SELECT data.Object FROM events",
    "SELECT tags[0] AS o FROM events",
    "SELECT tags[1:2] AS o FROM events",
    "SELECT id ^ 3 AS u FROM events",
    "SELECT id // 2 AS u FROM events",
    "SELECT id % 0 AS u FROM events",
    "SELECT id | 3 AS u, id & 4 AS v, id << 2 AS w FROM events",
    "SELECT concat(tags, 'a') AS a FROM events",
    "SELECT array_has(tags, 3) AS a FROM events",
    "SELECT [1, 2] AS a FROM events",
    "SELECT struct(1, 2) AS a FROM events",
    "SELECT {'a': 1} AS a FROM events",
    "SELECT hour(url) AS h FROM events",
    "SELECT size(tags) AS a, cardinality(tags) AS b, array_contains(tags, 'a') AS c FROM events",
    "SELECT length(id) AS u FROM events",
    "SELECT length(tags) AS u FROM events",
    "SELECT TRIM(LEADING 'a' FROM url) AS u FROM events",
    "SELECT POSITION('a' IN url) AS u FROM events",
    "SELECT SUBSTRING(url FROM 2 FOR 3) AS u FROM events",
    "SELECT SUBSTRING(url FOR 3) AS u FROM events",
    "SELECT OVERLAY(url PLACING 'a' FROM 2) AS u FROM events",
    "SELECT ts AT TIME ZONE 'Europe/Berlin' AS u FROM events",
    "SELECT id AS select FROM events",
    "SELECT id AS order FROM events",
    "SELECT id AS end FROM events",
    "SELECT id AS 'a' FROM events",
    r#"SELECT id AS "a b" FROM events"#,
    "SELECT id 'a' FROM events",
    "SELECT 1e400 AS u FROM events",
    "SELECT 0x1F AS u FROM events",
    r"SELECT e'a\n' AS u FROM events",
    "SELECT 'it''s' AS u FROM events",
    r#"SELECT "url" || 'a' AS u FROM events"#,
    "SELECT NULL AS u FROM events",
    "SELECT amount + price AS u, amount * 2 AS v FROM events",
    "SELECT window(ts, '1 hour').start, count(*) AS n FROM events GROUP BY window(ts, '1 hour')",
    "SELECT window(TS, '1 hour').end AS e, count(*) AS n FROM events GROUP BY window(ts, '1 hour')",
    "SELECT window.start AS ts, count(*) AS n FROM events GROUP BY window(ts, '1 hour') ORDER BY window(ts, '1 hour').start DESC",
    "SELECT window.start AS ts, count(*) AS n FROM events GROUP BY window(ts, '1 hour') ORDER BY window.end",
    "SELECT window.start AS w, count(*) AS n FROM events GROUP BY window(ts, '1 hour') HAVING window(ts, '1 hour').start > TIMESTAMP '2026-01-01T00:00:00Z'",
    "SELECT count(*) AS Total, url AS Page FROM events GROUP BY window(ts, '1 hour'), URL HAVING TOTAL > 3",
    "SELECT url::long AS u FROM events",
    "SELECT 7 DIV 2 AS u FROM events",
    "SELECT CAST(url AS int64) AS u FROM events",
    "SELECT nvl(bytes, 0) AS a, ifnull(bytes, 0) AS b, nvl2(bytes, 1, 2) AS c, iif(ok, 1, 2) AS d, if(ok, 1, 2) AS e FROM events",
];
