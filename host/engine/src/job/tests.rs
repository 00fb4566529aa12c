//! A good job file with everything in it, and a table of bad ones: what is said, where it points, what helps.

mod refused;

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
fn a_value_by_itself_is_read_as_an_override_is() {
    for (text, value) in
        [("5", "5"), ("a b", "\"a b\""), ("[1, 2]", "[1,2]"), ("{ a = true }", "{\"a\":true}"), ("''", "\"\"")]
    {
        assert_eq!(parse_with_value("--with", text).unwrap().to_string(), value, "{text}");
    }
    for (text, message) in [("[1, nan]", "JSON, which has no such number"), ("${MILLSTREAM_TEST_UNSET}", "is not set")]
    {
        let error = parse_with_value("--with", text).unwrap_err();
        assert!(error.message().contains(message) && error.location().is_some(), "{error}");
    }
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
        _ => Vec::new(),
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
