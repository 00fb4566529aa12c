//! A good job file with everything in it, and a table of bad ones: what is said, where it points, what helps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::connector::Connectors;
use crate::connector::file::FileSourceSpec;
use crate::connector::generate::GenerateSpec;
use crate::format::FileFormat;

fn known() -> Vec<ConnectorKeys> {
    Connectors::built_in().keys()
}

fn parse(text: &str) -> Result<Job> {
    parse_with(text, &[])
}

fn parse_with(text: &str, overrides: &[(&str, &str)]) -> Result<Job> {
    let overrides: Vec<_> = overrides.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Job::parse(text, Path::new("jobs/job.toml"), Path::new("/jobs"), &known(), &overrides)
}

/// The text that an error points at, and its line and column from 1.
fn place(error: &Error) -> (String, usize, usize) {
    let location = error.location().expect("every error of a job file has a place");
    assert_eq!(location.file, Path::new("jobs/job.toml"));
    let before = &location.text[..location.span.start];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (location.text[location.span.clone()].to_owned(), line, column)
}

const EVERYTHING: &str = r#"
name = "everything"
checkpoint = "state/everything"
trigger = { every = "1s" }
on_error = "fail"
final_watermark = true
max_state_memory = "2 GiB"

[source.logs]
path = "data/*.json"
format = "json"
schema = { url = "utf8", bytes = "int64", at = "timestamp" }
max_files_per_epoch = 2
max_bytes_per_epoch = "10 MB"
event_time = "at"
watermark = "1 minute"
idle_after = "30s"

[source.lines]
connector = "file"
path = "/var/log/lines.csv"
format = "csv"
header = false
delimiter = ";"
schema.b = "utf8"
schema.a = "utf8"

[source.made]
connector = "generate"
seed = 7
rows_per_second = 1000
rows = 10_000
start = 2026-02-01T00:00:00+01:00
mean_delay = "1s"
event_time = "timestamp"

[plugin.words]
path = "../plugins/split-words"
limits = { memory = "64MiB", time = "100ms" }
with = { separator = "," }

[operator.last]
sql = '''
SELECT word FROM words
'''
output_mode = "complete"
watermark_policy = "max"

[operator.pages]
input = "words"
plugin = "words"
group_by = ["word"]
output_mode = "update"
event_time = "at"
watermark = "2 hours"
late = "late_rows"

[operator.words]
input = "logs"
plugin = "words"
with = { separator = " ", limit = 3, deep = { list = [1.5, true] } }

[sink.console]
input = "pages"
max_rows = 5

[sink.late_rows]
connector = "memory"

[sink.files]
input = "last"
connector = "file"
path = "out"
format = "parquet"
changelog = true

[dead_letters]
path = "/tmp/dead.jsonl"
"#;

#[test]
fn a_job_with_everything() {
    let job = parse(EVERYTHING).unwrap();
    assert_eq!(job.name, "everything");
    assert_eq!(job.checkpoint, Some(PathBuf::from("/jobs/state/everything")));
    assert_eq!(job.trigger, Trigger::Every(Duration::from_secs(1)));
    assert_eq!(job.on_error, OnError::Fail);
    assert!(job.final_watermark);
    assert_eq!(job.max_state_memory, Some(2 << 30));

    let names: Vec<_> = job.sources.iter().map(|source| source.name.value.as_str()).collect();
    assert_eq!(names, ["logs", "lines", "made"], "sources keep the order of the file");
    let event_time = job.sources[0].event_time.as_ref().unwrap();
    assert_eq!((event_time.delay, event_time.idle_after), (Some(60_000_000), Some(30_000_000)));
    let logs = FileSourceSpec::of(&job.sources[0].options);
    assert_eq!(logs.path.value, "/jobs/data/*.json");
    assert_eq!(logs.format, FileFormat::Json);
    assert_eq!((logs.max_files_per_epoch, logs.max_bytes_per_epoch), (Limit::At(2), Limit::At(10_000_000)));
    let columns: Vec<_> =
        logs.schema.iter().flatten().map(|(name, kind)| (name.as_str(), kind.value.as_str())).collect();
    assert_eq!(columns, [("url", "utf8"), ("bytes", "int64"), ("at", "timestamp")]);
    let lines = FileSourceSpec::of(&job.sources[1].options);
    assert_eq!(lines.path.value, "/var/log/lines.csv");
    assert_eq!(lines.format, FileFormat::Csv { header: false, delimiter: b';' });
    let columns: Vec<_> = lines.schema.iter().flatten().map(|(name, _)| name.as_str()).collect();
    assert_eq!(columns, ["b", "a"], "columns keep the order of the file");
    let made = GenerateSpec::of(&job.sources[2].options);
    assert_eq!((made.seed, made.rows, made.rows_per_second), (7, Some(10_000), Some(1000)));
    assert_eq!(made.start, value::instant("2026-01-31T23:00:00Z").unwrap());
    assert_eq!((made.mean_delay, made.max_delay), (1_000_000, 60_000_000));

    let words = &job.plugins["words"];
    assert_eq!(words.path.value, Path::new("/jobs/../plugins/split-words"));
    assert_eq!((words.memory, words.time), (Some(64 << 20), Some(Duration::from_millis(100))));
    assert_eq!(words.config, r#"{"separator":","}"#);

    let names: Vec<_> = job.operators.iter().map(|operator| operator.name.value.as_str()).collect();
    assert_eq!(names, ["last", "words", "pages"], "inputs stand before their users");
    let Logic::Plugin { config, .. } = &job.operators[1].logic else { panic!("words is a plugin operator") };
    assert_eq!(config, r#"{"deep":{"list":[1.5,true]},"limit":3,"separator":" "}"#);
    let Logic::Plugin { group_by, .. } = &job.operators[2].logic else { panic!("pages is a plugin operator") };
    assert_eq!(group_by[0].value, "word");
    assert_eq!(job.operators[2].late.as_ref().unwrap().value, "late_rows");
    assert_eq!(job.operators[0].watermark_policy, WatermarkPolicy::Max);

    let console = &job.sinks[0].options;
    assert_eq!((console.connector, console.count("max_rows")), ("console", Some(5)));
    assert_eq!(job.sinks[1].options.connector, "memory");
    let files = &job.sinks[2].options;
    assert_eq!((files.path("path"), files.word("format")), (Some(Path::new("/jobs/out")), Some("parquet")));
    assert!(files.is("changelog"));
    assert_eq!(job.dead_letters.options.path("path"), Some(Path::new("/tmp/dead.jsonl")));
}

const SMALL: &str = r#"name = "small"
[source.logs]
path = "data"
format = "text"
[sink.out]
input = "logs"
"#;

#[test]
fn defaults() {
    let job = parse(SMALL).unwrap();
    assert_eq!(job.trigger, Trigger::Continuous);
    assert_eq!(job.on_error, OnError::DeadLetter);
    assert!(job.checkpoint.is_none() && !job.final_watermark && job.max_state_memory.is_none());
    let console = &job.sinks[0].options;
    assert_eq!((console.connector, console.count("max_rows")), ("console", Some(20)));
    let letters = &job.dead_letters.options;
    assert_eq!((letters.connector, letters.word("format")), ("file", Some("json")));
    assert_eq!(letters.path("path"), Some(Path::new("/jobs/small.dead-letters.jsonl")));
}

/// Replaces `from` in [`SMALL`] by `to`, or adds `to` at the end.
fn small(from: &str, to: &str) -> String {
    assert!(from.is_empty() || SMALL.contains(from), "{from} stands in the job");
    if from.is_empty() { format!("{SMALL}{to}") } else { SMALL.replace(from, to) }
}

/// What is changed in the small job into what, what is said, the text it points at, line and column, what the help
/// says.
type Bad = (&'static str, &'static str, &'static str, &'static str, (usize, usize), &'static str);

#[test]
fn bad_jobs_are_refused_with_place_and_hint() {
    #[rustfmt::skip]
    let table: &[Bad] = &[
        ("name = \"small\"\n", "", "the job file has no `name`", "[source.logs]", (1, 1), "add `name = \"job\"`"),
        ("\"small\"", "\"a b\"", "`a b` cannot be the name of a job", "a b", (1, 9), "letters"),
        ("name = \"small\"", "name = 3", "`name` must be a string, not an integer", "3", (1, 8), "name ="),
        ("name = \"small\"", "name = \"small", "not valid TOML: invalid basic string", "", (1, 14), "quotes"),
        ("name =", "trigge = \"once\"\nname =", "unknown key `trigge` in the job file", "trigge", (1, 1), "did you mean `trigger`?"),
        ("name =", "trigger = \"avail-now\"\nname =", "unknown trigger `avail-now`", "avail-now", (1, 12), "`available-now`"),
        ("name =", "trigger = \"10s\"\nname =", "unknown trigger `10s`", "\"10s\"", (1, 11), "{ every = \"10s\" }"),
        ("name =", "trigger = { every = \"10 parsecs\" }\nname =", "`10 parsecs` is not a duration: `parsecs` is no unit", "10 parsecs", (1, 22), "250ms"),
        ("name =", "trigger = { every = \"0s\" }\nname =", "an interval must be", "\"0s\"", (1, 21), "continuous"),
        ("name =", "trigger = {}\nname =", "trigger has no `every`", "trigger", (1, 1), "every = \"1s\""),
        ("name =", "on_error = \"stop\"\nname =", "unknown value of `on_error`: `stop`", "stop", (1, 13), "`fail`"),
        ("name =", "checkpoint = \"s3://a/b\"\nname =", "object storage", "s3://a/b", (1, 15), "folder"),
        ("name =", "final_watermark = \"yes\"\nname =", "`final_watermark` must be true or false, not a string", "\"yes\"", (1, 19), "true"),
        ("[source.logs]", "[sauce.logs]", "unknown key `sauce` in the job file", "sauce", (2, 2), "`source`"),
        ("[source.logs]", "[source]", "`path` stands directly in [source]", "path", (3, 1), "[source.NAME]"),
        ("[source.logs]", "[source.\"a/b\"]", "`a/b` cannot be the name of a source", "\"a/b\"", (2, 9), "letters"),
        ("format = \"text\"", "formt = \"text\"", "unknown key `formt` in [source.logs]", "formt", (4, 1), "did you mean `format`?"),
        ("format = \"text\"\n", "", "[source.logs] has no `format`", "logs", (2, 9), "add `format = "),
        ("path = \"data\"\n", "", "[source.logs] has no `path`", "logs", (2, 9), "add `path = "),
        ("\"data\"", "\"\"", "`path` is empty", "\"\"", (3, 8), "give it a value"),
        ("\"text\"", "\"jsonl\"", "unknown format `jsonl`", "jsonl", (4, 11), "did you mean `json`?"),
        ("\"text\"", "\"json\"", "[source.logs] has no `schema`", "logs", (2, 9), "schema = {"),
        ("\"text\"", "\"json\"\nschema = { a = 1 }", "`a` must be a string, not an integer", "1", (5, 16), ""),
        ("\"text\"", "\"json\"\nschema = {}", "`schema` names no column", "{}", (5, 10), ""),
        ("\"text\"", "\"text\"\nschema = { a = \"utf8\" }", "takes no `schema`", "schema", (5, 1), "`value`"),
        ("\"text\"", "\"text\"\nheader = true", "`header` goes with format = \"csv\" only", "header", (5, 1), ""),
        ("\"text\"", "\"text\"\nmultiline = true", "`multiline` goes with format = \"csv\" only", "multiline", (5, 1), ""),
        ("\"text\"", "\"csv\"\nschema.a = \"utf8\"\nsurplus_fields = \"keep\"", "unknown value of `surplus_fields`: `keep`", "keep", (6, 19), "`ignore`"),
        ("\"text\"", "\"csv\"\nschema.a = \"utf8\"\ndelimiter = \";;\"", "`delimiter` must be one ASCII character", "\";;\"", (6, 13), "\\t"),
        ("\"text\"", "\"text\"\nseed = 1", "`seed` goes with connector = \"generate\" only", "seed", (5, 1), ""),
        ("\"text\"", "\"text\"\nconnector = \"kafka\"", "unknown connector `kafka`", "kafka", (5, 14), "`file`, `generate`"),
        ("\"text\"", "\"text\"\nmax_files_per_epoch = 0", "`max_files_per_epoch` must be 1 or more, not 0", "0", (5, 23), ""),
        ("\"text\"", "\"text\"\nmax_files_per_epoch = 1.5", "`max_files_per_epoch` must be a whole number, not 1.5", "1.5", (5, 23), "= 1"),
        ("\"text\"", "\"text\"\non_error = \"fail\"", "`on_error` is a key of the job, not of [source.logs]", "on_error", (5, 1), "above the first table"),
        ("\"text\"", "\"text\"\nmax_bytes_per_epoch = \"1 MO\"", "`1 MO` is not a size: `MO` is no unit", "1 MO", (5, 24), "64MiB"),
        ("\"text\"", "\"text\"\nwatermark = \"1s\"", "`watermark` needs `event_time` beside it", "watermark", (5, 1), ""),
        ("\"text\"", "\"text\"\nevent_time = \"ts\"\nwatermark = 60", "`watermark` must be a duration, not an integer", "60", (6, 13), "1 minute"),
        ("input = \"logs\"", "input = \"lgos\"", "there is no source or operator `lgos`", "lgos", (6, 10), "did you mean `logs`?"),
        ("input = \"logs\"", "input = \"out\"", "there is no source or operator `out`", "out", (6, 10), "is a sink"),
        ("input = \"logs\"\n", "", "[sink.out] has no `input`", "out", (5, 7), "add `input"),
        ("[sink.out]\ninput = \"logs\"\n", "", "the job has no sink", "", (1, 1), "[sink.NAME]"),
        ("[sink.out]", "[sink.dead_letters]", "`dead_letters` is the name of the job's own sink", "dead_letters", (5, 7), ""),
        ("input = \"logs\"", "input = \"logs\"\nmax_rows = 0", "`max_rows` must be 1 or more", "0", (7, 12), ""),
        ("input = \"logs\"", "input = \"logs\"\npath = \"x\"", "`path` goes with connector = \"file\" only", "path", (7, 1), ""),
        ("input = \"logs\"", "input = \"logs\"\nconnector = \"file\"\npath = \"x\"\nformat = \"text\"", "unknown format `text`", "text", (9, 11), "`parquet`"),
        ("", "[source.logs]\n", "`logs` is defined twice", "logs", (7, 9), "rename"),
        ("", "[operator.logs]\nsql = \"SELECT 1\"", "`logs` is already the name of a source", "logs", (7, 11), "differ"),
        ("", "[operator.a]\n", "[operator.a] has neither `sql` nor `plugin` nor `dedup`", "a", (7, 11), "sql = "),
        ("", "[operator.a]\nsq = \"SELECT 1\"", "unknown key `sq` in [operator.a]", "sq", (8, 1), "did you mean `sql`?"),
        ("", "[operator.a]\nsql = \"SELECT 1\"\nplugin = \"p\"", "[operator.a] has both `sql` and `plugin`", "plugin", (9, 1), ""),
        ("", "[operator.a]\nsql = \"SELECT 1\"\ninput = \"logs\"", "`input` goes with `plugin`", "input", (9, 1), ""),
        ("", "[operator.a]\nplugin = \"p\"\ninput = \"logs\"", "there is no plugin `p`", "p", (8, 11), "[plugin.p]"),
        ("", "[operator.a]\nplugin = \"p\"", "[operator.a] has no `input`", "a", (7, 11), ""),
        ("", "[operator.a]\nsql = \"SELECT 1\"\nlate = \"uot\"", "there is no sink `uot` for late rows", "uot", (9, 9), "`out`"),
        ("", "[operator.a]\nsql = \"SELECT 1\"\nlate = \"out\"", "sink `out` takes the rows of `logs` already", "out", (9, 9), ""),
        ("", "[operator.a]\nsql = \"SELECT 1\"\noutput_mode = \"apend\"", "unknown output mode `apend`", "apend", (9, 16), "did you mean `append`?"),
        ("", "[plugin.p]\npath = \"oci://x\"", "from this machine's disk only", "oci://x", (8, 9), ".wasm"),
        ("", "[plugin.p]\npath = \"x\"\nlimits = { cpu = 1 }", "unknown key `cpu` in limits of [plugin.p]", "cpu", (9, 12), "`memory`, `time`"),
        ("", "[plugin.p]\npath = \"x\"\nwith = { a = nan }", "no such number", "nan", (9, 14), ""),
        ("", "[plugin.p]\npath = \"x\"\n[operator.a]\nplugin = \"p\"\ninput = \"b\"\n[operator.b]\nplugin = \"p\"\ninput = \"a\"", "operators read each other in a circle: `a` reads `b` reads `a`", "b", (11, 10), "direction"),
        ("", "[plugin.p]\npath = \"x\"\n[operator.a]\nplugin = \"p\"\ninput = \"a\"", "operator `a` reads itself", "a", (11, 10), ""),
        ("", "[plugin.p]\npath = \"x\"\n[operator.a]\nplugin = \"p\"\ninput = \"p\"", "there is no source or operator `p`", "p", (11, 10), "is a plugin"),
        ("", "[dead_letters]\nformat = \"csv\"", "unknown format `csv`", "csv", (8, 11), "`json`"),
        ("\"data\"", "\"${MILLSTREAM_TEST_UNSET}/x\"", "the environment variable `MILLSTREAM_TEST_UNSET` is not set", "${MILLSTREAM_TEST_UNSET}", (3, 9), ""),
        ("\"data\"", "\"a${x\"", "`${` is not closed", "${", (3, 10), "$${"),
    ];
    for (from, to, message, at, (line, column), help) in table {
        let text = small(from, to);
        let error = parse(&text).expect_err(message);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        assert!(error.message().contains(message), "{text}\nsaid: {error}\nexpected: {message}");
        assert_eq!(place(&error), ((*at).into(), *line, *column), "{text}\n{error}");
        let said = error.help().unwrap_or_default();
        assert!(said.contains(help), "{text}\n{error}\nhelp: {said}\nexpected: {help}");
    }
}

#[test]
fn overrides_replace_what_the_file_says() {
    let job = parse_with(
        EVERYTHING,
        &[
            ("trigger", "\"available-now\""),
            ("trigger", "once"),
            ("source.logs.path", "/elsewhere/*.json"),
            ("source.logs.max_files_per_epoch", "5"),
            ("plugin.words.limits.time", "2s"),
            ("operator.words.with.\"a.b\"", "[1, 2]"),
            ("sink.console.connector", "memory"),
        ],
    );
    let error = job.expect_err("a memory sink has no max_rows");
    assert_eq!(error.message(), "`max_rows` goes with connector = \"console\" only");

    let overrides = [
        ("trigger", "\"available-now\""),
        ("source.logs.path", "/elsewhere/*.json"),
        ("source.logs.max_files_per_epoch", "5"),
        ("plugin.words.limits.time", "2 s"),
        ("operator.words.with.\"a.b\"", "[1, 2]"),
    ];
    let job = parse_with(EVERYTHING, &overrides).unwrap();
    assert_eq!(job.trigger, Trigger::AvailableNow);
    let logs = FileSourceSpec::of(&job.sources[0].options);
    assert_eq!((logs.path.value.as_str(), logs.max_files_per_epoch), ("/elsewhere/*.json", Limit::At(5)));
    assert_eq!(&job.text.text[logs.path.span.clone()], "/elsewhere/*.json");
    assert_eq!(job.plugins["words"].time, Some(Duration::from_secs(2)));
    let Logic::Plugin { config, .. } = &job.operators[1].logic else { panic!("words is a plugin operator") };
    assert!(config.contains(r#""a.b":[1,2]"#), "{config}");
}

#[test]
fn bad_overrides_are_refused_like_bad_files() {
    let lines = SMALL.lines().count();
    for (key, value, message, at, help) in [
        ("source.lgos.path", "x", "--set: the job has no source `lgos`", "source.lgos.path", "did you mean `logs`?"),
        ("source.logs.pth", "x", "unknown key `pth` in [source.logs]", "source.logs.pth", "did you mean `path`?"),
        ("name.x", "x", "--set: `name` is a string, so it has no `x`", "name.x", "as a whole"),
        ("a b", "x", "--set: `a b` is no key", "a b", "source.logs.path"),
        ("trigger", "sometimes", "unknown trigger `sometimes`", "sometimes", "`once`"),
        ("source.logs.path", "${MILLSTREAM_TEST_UNSET}", "the environment variable", "${MILLSTREAM_TEST_UNSET}", "$${"),
    ] {
        let error = parse_with(SMALL, &[(key, value)]).expect_err(message);
        assert!(error.message().starts_with(message), "{error}");
        let (text, line, _) = place(&error);
        assert_eq!((text.as_str(), line), (at, lines + 1), "{error}");
        assert!(error.help().unwrap_or_default().contains(help), "{error}: {:?}", error.help());
    }
}

#[test]
fn environment_variables_are_values_not_structure() {
    let path = std::env::var("PATH").unwrap();
    let job = parse(&small("\"data\"", "'/x${PATH}/$${PATH}'")).unwrap();
    let logs = FileSourceSpec::of(&job.sources[0].options);
    assert_eq!(logs.path.value, format!("/x{path}/${{PATH}}"));
    assert_eq!(logs.path.locate(0..1), logs.path.span, "a changed text has no exact places");
}

#[test]
fn places_inside_sql_are_places_in_the_file() {
    for quoted in [
        "\"SELECT wrong FROM logs\"",
        "'SELECT wrong FROM logs'",
        "'''\nSELECT wrong\n  FROM logs'''",
        "\"\"\"SELECT wrong FROM logs\"\"\"",
        "\"\"\"\r\nSELECT wrong FROM logs\n\"\"\"",
    ] {
        let text = small("", &format!("[operator.a]\nsql = {quoted}\n"));
        let job = parse(&text).unwrap();
        let Logic::Sql(sql) = &job.operators[0].logic else { panic!("a is SQL") };
        assert_eq!(&job.text.text[sql.span.clone()], sql.value);
        let at = sql.value.find("wrong").unwrap();
        assert_eq!(&job.text.text[sql.locate(at..at + 5)], "wrong");
    }
    let job = parse(&small("", "[operator.a]\nsql = \"SELECT \\\"wrong\\\"\"")).unwrap();
    let Logic::Sql(sql) = &job.operators[0].logic else { panic!("a is SQL") };
    assert_eq!(sql.locate(8..13), sql.span, "escapes shift places: the whole text is pointed at");
}

#[test]
fn sql_inputs_are_ordered_when_they_are_known() {
    let text = small("", "[operator.c]\nsql = \"b\"\n[operator.a]\nsql = \"logs\"\n[operator.b]\nsql = \"a\"\n");
    let inputs = |operator: &OperatorSpec| match &operator.logic {
        Logic::Sql(sql) => vec![(sql.value.clone(), sql.span.clone())],
        Logic::Plugin { .. } | Logic::Dedup { .. } => Vec::new(),
    };
    let mut job = parse(&text).unwrap();
    job.order(inputs).unwrap();
    let names: Vec<_> = job.operators.iter().map(|operator| operator.name.value.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);

    let mut job = parse(&text.replace("\"logs\"\n[operator.b]", "\"c\"\n[operator.b]")).unwrap();
    let error = job.order(inputs).unwrap_err();
    assert_eq!(error.message(), "operators read each other in a circle: `c` reads `b` reads `a` reads `c`");
    assert_eq!(place(&error).0, "b");
}

#[test]
fn the_digest_is_of_what_the_job_says() {
    let digest = |text: &str| parse(text).unwrap().digest().to_owned();
    let base = digest(SMALL);
    assert_eq!(base, digest(&format!("# a comment\n{}", SMALL.replace(" = ", "="))));
    assert_eq!(base, digest(&format!("trigger = \"once\"\ncheckpoint = \"x\"\n{SMALL}")));
    assert_ne!(base, digest(&SMALL.replace("\"data\"", "\"other\"")));
    let schema = |columns: &str| digest(&SMALL.replace("\"text\"", &format!("\"json\"\nschema = {{ {columns} }}")));
    assert_ne!(schema("a = \"utf8\", b = \"utf8\""), schema("b = \"utf8\", a = \"utf8\""));
    let set = parse_with(SMALL, &[("source.logs.path", "other")]).unwrap();
    assert_eq!(set.digest(), digest(&SMALL.replace("\"data\"", "\"other\"")));
}

#[test]
fn a_file_that_is_not_there() {
    let error = Job::load(Path::new("/no/such/job.toml"), &known(), &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().starts_with("cannot read the job file /no/such/job.toml"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("job.toml"), SMALL).unwrap();
    let error = Job::load(folder.path(), &known(), &[]).unwrap_err();
    assert!(error.help().unwrap().ends_with("job.toml?"));
    let job = Job::load(&folder.path().join("job.toml"), &known(), &[]).unwrap();
    let logs = FileSourceSpec::of(&job.sources[0].options);
    assert_eq!(Path::new(&logs.path.value), folder.path().join("data"));
}

#[test]
fn no_text_makes_the_reader_panic() {
    // Every prefix and every job with one character left out: an error or a job, never a panic, spans in bounds.
    for at in (0..EVERYTHING.len()).step_by(3) {
        let mut without = EVERYTHING.to_owned();
        without.remove(at);
        for text in [&EVERYTHING[..at], &without] {
            if let Err(error) = parse(text)
                && let Some(location) = error.location()
            {
                assert!(location.text.get(location.span.clone()).is_some(), "{text}\n{error}");
            }
        }
    }
}

#[test]
fn paths_are_shown_without_detours_unless_these_lead_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    std::fs::create_dir_all(base.join("a/b")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(base.join("a/b"), base.join("link")).unwrap();
    assert_eq!(super::absolute(&base.join("a"), "../state"), base.join("state"));
    assert_eq!(super::absolute(&base.join("a/b"), "../../c"), base.join("c"));
    assert_eq!(super::absolute(&base, "gone/../c"), base.join("gone/../c"));
    #[cfg(unix)]
    assert_eq!(super::absolute(&base.join("link"), "../c"), base.join("link/../c"));
}
