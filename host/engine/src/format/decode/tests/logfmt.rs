//! logfmt against a slow reader that takes a line apart by `find`, and leaves escapes to serde.

use arrow::datatypes::SchemaRef;
use proptest::prelude::*;

use super::{decode, file, model, reasons, schema, with_mutations};
use crate::format::decode::numbers;
use crate::format::{Check, FileFormat};

fn logfmt_schema() -> SchemaRef {
    schema(&[("msg", "utf8"), ("n", "int64"), ("ok", "boolean")])
}

fn is_blank(c: char) -> bool {
    c <= ' '
}

/// Keys and values of a line, and whether they are written with escapes; none if it cannot be read.
fn pairs(line: &str) -> Option<Vec<(&str, String, bool)>> {
    let mut pairs = Vec::new();
    let mut rest = line.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let (key, behind) = rest.split_at(rest.find(|c| is_blank(c) || c == '=' || c == '"').unwrap_or(rest.len()));
        let mut escaped = false;
        let (value, behind) = match behind.strip_prefix('=') {
            Some(quoted) if quoted.starts_with('"') => {
                let is_plain = |at: &usize| {
                    let before = &quoted[1..*at];
                    (before.len() - before.trim_end_matches('\\').len()) % 2 == 0
                };
                let end = quoted.match_indices('"').map(|(at, _)| at).skip(1).find(is_plain)?;
                // Control characters may stand there as they are, which serde does not take; behind a backslash they may not.
                if !quoted[..end].match_indices(|c| c < ' ').all(|(at, _)| is_plain(&at)) {
                    return None;
                }
                let escape = |c: char| if c < ' ' { format!("\\u{:04x}", c as u32) } else { c.to_string() };
                let text: String = quoted[..=end].chars().map(escape).collect();
                escaped = quoted[..end].contains('\\');
                (serde_json::from_str(&text).ok()?, &quoted[end + 1..])
            }
            Some(bare) => {
                let (value, behind) = bare.split_at(bare.find(is_blank).unwrap_or(bare.len()));
                if value.contains('"') {
                    return None;
                }
                (value.to_owned(), behind)
            }
            None => ("true".to_owned(), behind),
        };
        if key.is_empty() || behind.starts_with(|c| !is_blank(c)) {
            return None;
        }
        pairs.push((key, value, escaped));
        rest = behind.trim_start_matches(is_blank);
    }
    Some(pairs)
}

/// What columns make of a line.
fn row(line: &str) -> Option<Option<Vec<Option<String>>>> {
    let Some(pairs) = pairs(line) else { return Some(None) };
    if pairs.is_empty() {
        return None;
    }
    let last = |key| pairs.iter().rev().find(|(k, _, _)| *k == key);
    // What has escapes is a text, and nothing else.
    let other = |key| {
        last(key)
            .filter(|(_, value, _)| !value.is_empty())
            .map(|(_, value, escaped)| if *escaped { "\\".into() } else { value.clone() })
    };
    let (n, ok) = (other("n"), other("ok"));
    let number = n.as_deref().map(numbers::integer::<i64>);
    let flag = ok.map(|ok| ok.to_ascii_lowercase());
    if number == Some(None) || flag.as_ref().is_some_and(|flag| flag != "true" && flag != "false") {
        return Some(None);
    }
    Some(Some(vec![last("msg").map(|(_, value, _)| value.clone()), number.flatten().map(|n| n.to_string()), flag]))
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let pair = prop::sample::select(vec!["msg", "n", "ok", "Msg", "other", "é"]).prop_flat_map(|key| {
        let value = prop_oneof![
            "=-?[0-9]{1,4}",
            "=(true|FALSE)",
            "=[a-zé/?&=]{0,6}",
            "=\"([a-zé =\t]|\\\\[\"\\\\nrt/]|\\\\u00[0-9a-f]{2}){0,6}\"",
            Just(String::new()),
        ];
        value.prop_map(move |value| format!("{key}{value}"))
    });
    prop::collection::vec((pair, prop::sample::select(vec![" ", "  ", "\t"])), 0..6)
        .prop_map(|pairs| pairs.into_iter().map(|(pair, gap)| pair + gap).collect::<String>().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn logfmt_as_by_the_slow_reader(file in file(with_mutations(line())), size in 1usize..200) {
        let decoded = decode(FileFormat::Logfmt, &logfmt_schema(), &[0, 1, 2], Check::Declared, &file, size);
        prop_assert_eq!(decoded.without_reasons(), model(&file, 1, row));
    }

    #[test]
    fn which_logfmt_rows_are_bad_does_not_depend_on_what_is_wanted(file in file(with_mutations(line())), size in 1usize..200) {
        let some = decode(FileFormat::Logfmt, &logfmt_schema(), &[2], Check::Declared, &file, size);
        let mut all = model(&file, 1, row);
        for (_, cells) in &mut all.rows {
            *cells = vec![cells[2].clone()];
        }
        prop_assert_eq!(some.without_reasons(), all);
    }

    #[test]
    fn any_text_is_read_as_by_the_slow_reader(line in "[ansmg=\"\\\\ u0\t\r]{0,24}") {
        let decoded = decode(FileFormat::Logfmt, &logfmt_schema(), &[0, 1, 2], Check::Declared, line.as_bytes(), 1000);
        prop_assert_eq!(decoded.without_reasons(), model(line.as_bytes(), 1, row));
    }
}

#[test]
fn a_line_that_is_no_logfmt_says_where_and_how_to_mend_it() {
    let file = "=1\n\"a\"\na\"b\"=1\nn=1 msg=a\"b\"\n\n msg=\"a\nmsg=\"a\"b\nmsg=\"\\d\"\nn=x\nn\nn= msg= other=\"\n";
    assert_eq!(
        reasons(FileFormat::Logfmt, &logfmt_schema(), &[0], Check::Declared, file),
        [
            "not valid logfmt at byte 1: a key expected before `=`",
            "not valid logfmt at byte 1: a quote where a key is: a text in quotes stands behind `key=`",
            "not valid logfmt at byte 2: a quote where a key is: a text in quotes stands behind `key=`",
            "not valid logfmt at byte 10: a quote inside a value that does not begin with one: write `key=\"…\"`, and it as `\\\"`",
            "not valid logfmt at byte 6: the quote that opens here is not closed; a line break inside is `\\n`",
            "not valid logfmt at byte 8: a blank expected behind the quote: a quote inside a text is `\\\"`",
            "not valid logfmt at byte 6: not an escape of JSON: a backslash is `\\\\`",
            "column `n`: `x` is not an int64",
            "column `n`: `true` is not an int64",
            "not valid logfmt at byte 15: the quote that opens here is not closed; a line break inside is `\\n`",
        ]
    );
}
