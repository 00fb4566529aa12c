//! Random lines of JSON, and of what is nearly that.

use proptest::prelude::*;

use crate::format::decode::tests::with_mutations;

/// Any value that some column takes or nearly takes, nested `depth` deep at the most.
pub fn value(depth: u32) -> BoxedStrategy<String> {
    let text = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => (-200i64..200_000).prop_map(|n| n.to_string()),
        4 => "[a-z/0-9ß€😀 ]{0,12}".prop_map(|s| format!("\"{s}\"")),
        2 => text(&["null", "true", "false", "\"\"", "\"NaN\"", "\"Infinity\"", "\"true\"", "\"7\"", "\"7.5\"", "-0"]),
        2 => text(&["1.0", "1.5", "-2.25", "1e3", "1E-2", "0.005", "9999.995", "9999.994", "1e400", "01", "1.", "+1", ".5"]),
        2 => text(&["1772355605", "1772355605.25", "-0.0000001", "-1.5", "1772355605250", "1.772355605e9", "253402300799.9999999",
                    "253402300800", "-62135596800", "-62135596800.1", "1e999999999", "0.5e-999999999999"]),
        2 => text(&["\"2025-01-01T12:00:00\"", "\"2025-01-01T12:00:00.125Z\"", "\"2025-02-29\"", "\"2024-02-29\"", "\"0000-01-01\"",
                    "\"9999-12-31T23:59:59-01:00\"", "\"yesterday\""]),
        1 => text(&["\"00ff\"", "\"0\"", "\"12.345\"", "\"-12.345\"", "\"1e2\"", "\"a\\u0041\\n\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\x\""]),
        1 => text(&["tru", "nul", "\"x", "{", "]", "", "{\"a\" 1}", "[1,]", "{\"a\":1,}", "[[]", "\"\u{1}\""]),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let list = prop::collection::vec(value(depth - 1), 0..3).prop_map(|items| format!("[{}]", items.join(" ,")));
    prop_oneof![3 => leaf, 2 => object(depth - 1), 2 => list].boxed()
}

fn object(depth: u32) -> BoxedStrategy<String> {
    let keys = &["n", "x", "t", "url", "flag", "day", "cost", "raw", "items", "deep", "u\\u0072l", "other", "N", ""];
    let key = prop::sample::select(&keys[..]);
    let nested = if depth == 0 { Just("{}".to_owned()).boxed() } else { object(depth - 1) };
    // A value of the key's own type is what gets furthest.
    let member = (key, value(depth), any::<i8>(), nested, any::<bool>(), 0..4u8);
    let member = member.prop_map(move |(key, any, n, nested, other, which)| {
        let value = match key {
            _ if which == 0 => any,
            "x" | "cost" => format!("{n}.25"),
            "t" if other => format!("17723556{:02}.5", n.unsigned_abs() % 100),
            "t" => "\"2026-03-01T09:00:05Z\"".to_owned(),
            "flag" => other.to_string(),
            "day" => "\"2026-03-01\"".to_owned(),
            "raw" => "\"0aFF\"".to_owned(),
            "items" if depth >= 3 && other => format!("[{n}, null]"),
            "items" => format!("[{nested},{nested}]"),
            "deep" | "url" => nested,
            _ => n.to_string(),
        };
        format!("\"{key}\": {value}")
    });
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))).boxed()
}

/// Any line: mostly an object.
pub fn line() -> impl Strategy<Value = Vec<u8>> {
    let tokens = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"n\"",
        "\"deep\"",
        "\"items\"",
        "1",
        "-",
        "null",
        " ",
        "\\",
        "\"",
        "\t",
        "1.5",
        "é",
    ];
    let soup = prop::collection::vec(prop::sample::select(&tokens[..]), 0..12).prop_map(|t| t.concat());
    let ends = prop::sample::select(&["", "", "", "", "", "", "", " ", "x", "{}"][..]);
    with_mutations(prop_oneof![
        20 => (object(4), ends).prop_map(|(object, end)| (object + end).into_bytes()),
        2 => soup.prop_map(String::into_bytes),
        1 => value(2).prop_map(String::into_bytes),
        1 => Just(b" \t".to_vec()),
        1 => prop::collection::vec(any::<u8>().prop_filter("a line", |b| *b != b'\n'), 0..12),
    ])
}
