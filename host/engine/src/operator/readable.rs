//! Names of columns as a person would write them. Those that the planner makes of calls, `sum(logs.bytes)` and
//! `count(Int64(1))`, have names of tables in them and literals as it keeps them.

use crate::time::shown_length;

/// The name of a column, where the planner made it of a call.
pub fn readable(name: &str) -> String {
    if !name.contains('(') {
        return name.to_owned();
    }
    for window in ["session_window", "window"] {
        if name.strip_prefix(window).is_some_and(|rest| rest.starts_with('(') && rest.ends_with(')')) {
            return window.to_owned();
        }
    }
    // What is to be taken apart, and with a depth what came of it.
    if let Some(inner) = name.strip_prefix("__unnest_placeholder(").and_then(|rest| rest.strip_suffix(')')) {
        return match inner.rsplit_once(",depth=") {
            Some((of, _)) => format!("unnest({})", without_tables(&plain_literals(of))),
            None => without_tables(&plain_literals(inner)),
        };
    }
    without_tables(&plain_literals(name))
}

/// The name of any expression that the planner has named; one that a user gave may look the same.
pub fn readable_expression(name: &str) -> String {
    if name.contains('(') && !name.contains(' ') {
        return readable(name);
    }
    without_tables(&plain_literals(name))
}

/// `Utf8("a")` is 'a' and `Int64(1)` is 1 to who wrote them.
fn plain_literals(text: &str) -> String {
    let mut text = text.replace("count(Int64(1))", "count(*)");
    let interval = ("IntervalMonthDayNano(\"IntervalMonthDayNano { ", " }\")", "");
    for (open, close, quote) in
        [interval, ("Utf8(\"", "\")", "'"), ("Int64(", ")", ""), ("Float64(", ")", ""), ("Boolean(", ")", "")]
    {
        while let Some(start) = text.find(open) {
            let from = start + open.len();
            let Some(len) = text[from..].find(close) else { break };
            let value = &text[from..from + len];
            let value = if open == interval.0 { interval_of(value) } else { format!("{quote}{value}{quote}") };
            text.replace_range(start..from + len + close.len(), &value);
        }
    }
    text
}

/// `months: 0, days: 0, nanoseconds: 600000000000` as it was written.
fn interval_of(fields: &str) -> String {
    let number = |name: &str| {
        let field = fields.split(", ").find_map(|f| f.strip_prefix(name)?.strip_prefix(": "));
        field.and_then(|n| n.parse::<i64>().ok())
    };
    match (number("months"), number("days"), number("nanoseconds")) {
        (Some(0), Some(days), Some(ns)) => {
            let us = days.saturating_mul(86_400_000_000).saturating_add(ns / 1000);
            format!("INTERVAL '{}{}'", if us < 0 { "-" } else { "" }, shown_length(us))
        }
        _ => format!("INTERVAL '{fields}'"),
    }
}

/// `sum(logs.bytes)` is `sum(bytes)`; what stands in quotes stays.
fn without_tables(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut word = String::new();
    let mut quoted = false;
    let mut letters = name.chars().peekable();
    while let Some(c) = letters.next() {
        quoted ^= c == '\'';
        let in_word = !quoted && (c.is_alphanumeric() || c == '_');
        let names_table = c == '.' && !quoted && word.starts_with(|c: char| !c.is_numeric());
        if in_word {
            word.push(c);
        } else if names_table && letters.peek().is_some_and(|c| c.is_alphabetic() || *c == '_') {
            word.clear();
        } else {
            out.push_str(&word);
            word.clear();
            out.push(c);
            if c == ',' && !quoted && letters.peek() != Some(&' ') {
                out.push(' ');
            }
        }
    }
    out + &word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_planner_made_read_like_the_query() {
        for (name, said) in [
            ("count(Int64(1))", "count(*)"),
            ("sum(logs.bytes)", "sum(bytes)"),
            ("round(t.x,Float64(1.5))", "round(x, 1.5)"),
            ("window(logs.timestamp,Utf8(\"10 minutes\"))", "window"),
            ("nth(t.line,Utf8(\"a.b c.d\"))", "nth(line, 'a.b c.d')"),
            (
                "date_bin(IntervalMonthDayNano(\"IntervalMonthDayNano { months: 0, days: 0, nanoseconds: 600000000000 }\"),logs.ts)",
                "date_bin(INTERVAL '10 minutes', ts)",
            ),
            ("__unnest_placeholder(t.tags)", "tags"),
            ("__unnest_placeholder(t.tags,depth=1)", "unnest(tags)"),
            ("dotted.name", "dotted.name"),
        ] {
            assert_eq!(readable(name), said);
        }
        for (name, said) in [
            ("t.x + Int64(1)", "x + 1"),
            ("t.x", "x"),
            ("Utf8(\"lit\")", "'lit'"),
            ("t.x IS NULL", "x IS NULL"),
            (
                "CASE WHEN t.x > Int64(1) THEN Utf8(\"a.b\") ELSE Boolean(true) END",
                "CASE WHEN x > 1 THEN 'a.b' ELSE true END",
            ),
            ("count(*) FILTER (WHERE t.x > Int64(1))", "count(*) FILTER (WHERE x > 1)"),
        ] {
            assert_eq!(readable_expression(name), said);
        }
    }
}
