//! Bad jobs: what is said, where it points, what helps.

use super::{parse, place, small};
use crate::error::ErrorKind;

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
        ("\"text\"", "\"text\"\nheader = true", "`header` goes with format = \"csv\" only", "header", (5, 1), "leave it out, or give format = \"csv\""),
        ("\"text\"", "\"text\"\nmultiline = true", "`multiline` goes with format = \"csv\" only", "multiline", (5, 1), ""),
        ("\"text\"", "\"csv\"\nschema.a = \"utf8\"\nsurplus_fields = \"keep\"", "unknown value of `surplus_fields`: `keep`", "keep", (6, 19), "`ignore`"),
        ("\"text\"", "\"csv\"\nschema.a = \"utf8\"\ndelimiter = \";;\"", "`delimiter` must be one ASCII character", "\";;\"", (6, 13), "\\t"),
        ("\"text\"", "\"text\"\nseed = 1", "`seed` goes with connector = \"generate\" only", "seed", (5, 1), ""),
        ("path = \"data\"\nformat = \"text\"", "connector = \"generate\"\nrows_of = \"card\"", "unknown value of `rows_of`: `card`", "card", (4, 12), "did you mean `cards`?"),
        ("path = \"data\"\nformat = \"text\"", "connector = \"generate\"\ncards = 5", "`cards` goes with rows_of = \"cards\" only", "cards", (4, 1), "leave it out, or give rows_of = \"cards\""),
        ("path = \"data\"\nformat = \"text\"", "connector = \"generate\"\nrows_of = \"cards\"\ncards = 10_000_001", "`cards` must be 10000000 or less", "10_000_001", (5, 9), "memory"),
        ("path = \"data\"\nformat = \"text\"", "connector = \"generate\"\nrows_of = \"bids\"\nmean_delay = \"1s\"", "`mean_delay` goes with rows_of = \"access-logs\" or \"cards\" only", "mean_delay", (5, 1), "leave it out"),
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
        ("", "[operator.a]\n", "[operator.a] has neither `sql` nor `plugin` nor `dedup` nor `throttle`", "a", (7, 11), "sql = "),
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
