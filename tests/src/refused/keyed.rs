//! Sessions, windows of windows, deduplication and truncated times that have no meaning.

use super::{job, query, refuse};

const TWO: &str = "[operator.a]\nsql = \"SELECT window, window.start AS s, url, count(*) AS n FROM events GROUP BY window(ts, '1 minute'), url\"\n";

#[test]
fn sessions_and_windows_of_windows_that_have_no_meaning() {
    let by_session =
        |session: &str| format!("SELECT session_window.start, count(*) AS n FROM events GROUP BY {session}");
    let over_windows = |select: &str| format!("{TWO}[operator.b]\nsql = \"{select}\"\n[sink.out]\ninput = \"b\"");
    refuse(vec![
        query(
            "session in update mode",
            &by_session("session_window(ts, '5 minutes')"),
            "output_mode = \"update\"",
            "a session cannot be emitted in update mode",
            "session_window",
            "\"append\" or \"complete\"",
        ),
        query(
            "no gap",
            &by_session("session_window(ts, '0 seconds')"),
            "",
            "a session's gap must be greater than zero",
            "session_window",
            "",
        ),
        query(
            "negative gap",
            &by_session("session_window(ts, '-5 minutes')"),
            "",
            "a session's gap must be greater than zero",
            "session_window",
            "",
        ),
        query(
            "gap from a column",
            &by_session("session_window(ts, url)"),
            "",
            "the session's gap: must be a constant",
            "session_window",
            "",
        ),
        query(
            "gap of a month",
            &by_session("session_window(ts, '1 month')"),
            "",
            "months differ in length",
            "session_window",
            "",
        ),
        query("gap missing", &by_session("session_window(ts)"), "", "takes a time and a gap", "session_window(ts)", ""),
        query(
            "session over another column",
            &by_session("session_window(other, '5 minutes')"),
            "",
            "session_window over `other`, which is not the event time",
            "session_window",
            "session_window(ts, …)",
        ),
        query(
            "session and window",
            "SELECT count(*) AS n FROM events GROUP BY session_window(ts, '5 minutes'), window(ts, '1 minute')",
            "",
            "one window only",
            "window",
            "second query",
        ),
        query(
            "two windows, one of them by its place",
            "SELECT window(ts, '1 minute') AS w, count(*) AS n FROM events GROUP BY 1, window(ts, '2 minutes')",
            "",
            "one window only",
            "window",
            "second query",
        ),
        query(
            "session_window.middle",
            "SELECT session_window.middle, count(*) AS n FROM events GROUP BY session_window(ts, '1 minute')",
            "",
            "a window has no `session_window.middle`",
            "session_window.middle",
            "session_window.start",
        ),
        query(
            "session outside GROUP BY",
            "SELECT session_window(ts, '1 minute') AS w FROM events",
            "",
            "session_window(…) can only stand in GROUP BY",
            "session_window",
            "GROUP BY session_window",
        ),
        job(
            "window over a window's start",
            &over_windows("SELECT window.start, sum(n) AS n FROM a GROUP BY window(window.start, '5 minutes')"),
            "start or end is no event time",
            "window",
            "window(window, …)",
        ),
        job(
            "window over another column of windows",
            &over_windows("SELECT window.start, sum(n) AS n FROM a GROUP BY window(s, '5 minutes')"),
            "window over `s`, which is not the event time: that is `window`",
            "window",
            "window(window, …)",
        ),
        query(
            "window_time of a time",
            "SELECT window_time(ts) AS t FROM events",
            "",
            "`window_time` takes a window, not timestamp",
            "window_time(ts)",
            "",
        ),
        job(
            "aggregation after update mode",
            "[operator.a]\nsql = \"SELECT url, count(*) AS n FROM events GROUP BY url\"\noutput_mode = \"update\"\n[operator.b]\nsql = \"SELECT n, count(*) AS m FROM a GROUP BY n\"\noutput_mode = \"complete\"\n[sink.out]\ninput = \"b\"",
            "an aggregation cannot follow a node in update mode",
            "GROUP BY",
            "append mode for the first",
        ),
        query(
            "months in append mode",
            "SELECT date_trunc('month', ts) AS m, count(*) AS n FROM events GROUP BY date_trunc('month', ts)",
            "",
            "months differ in length",
            "date_trunc",
            "output_mode = \"complete\"",
        ),
        query(
            "bins of a month in append mode",
            "SELECT date_bin(INTERVAL '1 month', ts) AS m, count(*) AS n FROM events GROUP BY 1",
            "",
            "months differ in length",
            "date_bin",
            "days, hours",
        ),
    ]);
}

#[test]
fn deduplication_that_nothing_bounds_or_that_has_no_meaning() {
    let dedup = |keys: &str, more: &str| {
        format!("[operator.x]\ninput = \"events\"\ndedup = {{ {keys} }}\n{more}\n[sink.out]\ninput = \"x\"")
    };
    refuse(vec![
        query(
            "DISTINCT ON",
            "SELECT DISTINCT ON (url) url, ts FROM events",
            "",
            "DISTINCT ON is not supported",
            "DISTINCT",
            "dedup = { keys",
        ),
        query(
            "DISTINCT in update mode",
            "SELECT DISTINCT url, ts FROM events",
            "output_mode = \"update\"",
            "DISTINCT appends",
            "DISTINCT",
            "output_mode",
        ),
        query(
            "DISTINCT without event time",
            "SELECT DISTINCT url, other FROM events",
            "",
            "the event time is not among its columns",
            "DISTINCT",
            "unbounded_state = true",
        ),
        job(
            "DISTINCT of groups that are replaced",
            "[operator.a]\nsql = \"SELECT url, count(*) AS n FROM events GROUP BY url\"\noutput_mode = \"update\"\n[operator.b]\nsql = \"SELECT DISTINCT n FROM a\"\n[sink.out]\ninput = \"b\"",
            "DISTINCT cannot follow a node whose rows replace earlier ones",
            "DISTINCT",
            "append mode",
        ),
        job("dedup without keys", &dedup("within = \"1 minute\"", ""), "has no `keys`", "dedup", "keys = [\"id\"]"),
        job("dedup by nothing", &dedup("keys = []", ""), "`keys` names no column", "[]", ""),
        job(
            "dedup by a column twice",
            &dedup("keys = [\"id\", \"url\", \"id\"]", ""),
            "`id` is named twice to tell rows apart by",
            "id",
            "leave one of them out",
        ),
        job(
            "dedup by an unknown column",
            &dedup("keys = [\"id\", \"tss\"]", ""),
            "`events` has no column `tss` to tell rows apart by",
            "tss",
            "did you mean `ts`?",
        ),
        job(
            "dedup within a time, with the event time",
            &dedup("keys = [\"id\", \"ts\"], within = \"1 minute\"", ""),
            "`within` has no meaning where the event time, `ts`, is a key",
            "\"1 minute\"",
            "leave `within` out",
        ),
        job(
            "dedup with an output mode",
            &dedup("keys = [\"id\"]", "output_mode = \"update\""),
            "`output_mode` goes with an aggregation",
            "output_mode",
            "",
        ),
        job(
            "dedup without a watermark",
            "name = \"x\"\n[source.events]\npath = \"input\"\nformat = \"json\"\nschema = { id = \"int64\", ts = \"timestamp\" }\nevent_time = \"ts\"\n[operator.x]\ninput = \"events\"\ndedup = { keys = [\"id\"] }\n[sink.out]\ninput = \"x\"",
            "a dedup needs event time with a watermark",
            "events",
            "unbounded_state = true",
        ),
        job(
            "dedup and SQL",
            "[operator.x]\nsql = \"SELECT id FROM events\"\ndedup = { keys = [\"id\"] }\n[sink.out]\ninput = \"x\"",
            "has both `sql` and `dedup`",
            "dedup",
            "does one thing",
        ),
    ]);
}

#[test]
fn throttles_that_no_time_bounds_or_that_have_no_meaning() {
    let throttle = |said: &str, more: &str| {
        format!("[operator.x]\ninput = \"events\"\nthrottle = {{ {said} }}\n{more}\n[sink.out]\ninput = \"x\"")
    };
    let whole = "keys = [\"url\"], rows = 2, per = \"1 minute\"";
    refuse(vec![
        job(
            "throttle without keys",
            &throttle("rows = 2, per = \"1 minute\"", ""),
            "has no `keys`",
            "throttle",
            "[\"user\"]",
        ),
        job(
            "throttle without rows",
            &throttle("keys = [\"url\"], per = \"1 minute\"", ""),
            "has no `rows`",
            "throttle",
            "10",
        ),
        job(
            "throttle without a while",
            &throttle("keys = [\"url\"], rows = 2", ""),
            "has no `per`",
            "throttle",
            "\"1 minute\"",
        ),
        job(
            "throttle of nothing",
            &throttle("keys = [\"url\"], rows = 0, per = \"1 minute\"", ""),
            "`rows` must be 1 or more, not 0",
            "0",
            "",
        ),
        job(
            "throttle in no time",
            &throttle("keys = [\"url\"], rows = 2, per = \"0 s\"", ""),
            "no row lies in windows of no length",
            "\"0 s\"",
            "per = ",
        ),
        job(
            "throttle by an unknown column",
            &throttle("keys = [\"ulr\"], rows = 2, per = \"1 minute\"", ""),
            "`events` has no column `ulr`",
            "ulr",
            "did you mean `url`?",
        ),
        job(
            "throttle with an output mode",
            &throttle(whole, "output_mode = \"update\""),
            "`output_mode` goes with an aggregation",
            "output_mode",
            "",
        ),
        job(
            "throttle for ever",
            &throttle(whole, "unbounded_state = true"),
            "`unbounded_state` goes with a query or a dedup",
            "unbounded_state",
            "",
        ),
        job(
            "throttle without a watermark",
            "name = \"x\"\n[source.events]\npath = \"input\"\nformat = \"json\"\nschema = { id = \"int64\", ts = \"timestamp\" }\nevent_time = \"ts\"\n[operator.x]\ninput = \"events\"\nthrottle = { keys = [\"id\"], rows = 2, per = \"1 minute\" }\n[sink.out]\ninput = \"x\"",
            "a throttle goes by event time with a watermark",
            "events",
            "add `event_time` and `watermark`",
        ),
        job(
            "throttle of groups that are replaced",
            "[operator.a]\nsql = \"SELECT url, count(*) AS n FROM events GROUP BY url\"\noutput_mode = \"update\"\n[operator.x]\ninput = \"a\"\nthrottle = { keys = [\"url\"], rows = 2, per = \"1 minute\" }\n[sink.out]\ninput = \"x\"",
            "a throttle cannot follow a node whose rows replace earlier ones",
            "a",
            "append mode",
        ),
    ]);
}
