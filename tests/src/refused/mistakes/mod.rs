//! Mistakes that users of Spark, DuckDB and `psql` make, a line each: every one is told at a place in the query, with what is
//! wrong and how to mend it, and without a word of a library's own. And what they write that is no mistake here.

mod made;
mod meant;

use millstream_engine::ErrorKind;
use millstream_engine::run::check;

pub(super) use self::made::MISTAKES;
use self::meant::MEANT;
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
