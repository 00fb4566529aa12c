//! Formats of times: `%Y-%m-%d`, as everywhere here, and `yyyy-MM-dd`, which users of Spark and Java write. The latter has no
//! `%`, and so means something only as what it is.

use chrono::format::{Item, StrftimeItems};
use datafusion_expr::Expr;

/// Functions that take a format, and at which place.
const TAKE: [(&str, usize); 8] = [
    ("to_char", 1),
    ("to_date", 1),
    ("to_timestamp", 1),
    ("to_timestamp_micros", 1),
    ("to_timestamp_millis", 1),
    ("to_timestamp_nanos", 1),
    ("to_timestamp_seconds", 1),
    ("to_unixtime", 1),
];

/// The place among its arguments at which the function `name` takes a format.
pub(in crate::sql) fn place(name: &str) -> Option<usize> {
    let name = if name == "date_format" { "to_char" } else { name };
    TAKE.iter().find(|(taking, _)| *taking == name).map(|(_, at)| *at)
}

/// What is wrong with the format in `expr`, if it has one.
pub(in crate::sql) fn wrong(expr: &Expr) -> Option<String> {
    let format = format(expr)?;
    let is_format = format.contains('%') && !StrftimeItems::new(format).any(|item| matches!(item, Item::Error));
    (!is_format).then(|| format!("`{format}` is no format of a time"))
}

/// How to mend a format in `expr`.
pub(in crate::sql) fn help(expr: &Expr) -> Option<String> {
    format(expr).map(|_| "write it as in '%Y-%m-%d %H:%M:%S', or in '%d.%m.%y'".to_owned())
}

fn format(expr: &Expr) -> Option<&str> {
    let Expr::ScalarFunction(f) = expr else { return None };
    match f.args.get(place(f.func.name())?)? {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// `yyyy-MM-dd` as `%Y-%m-%d`; none where it has a letter that means nothing else here.
pub(in crate::sql) fn of_java(format: &str) -> Option<String> {
    if format.contains('%') {
        return None;
    }
    let letters: Vec<char> = format.chars().collect();
    let mut out = String::new();
    let (mut at, mut fields) = (0, 0);
    while let Some(&c) = letters.get(at) {
        if c == '\'' {
            let close = letters[at + 1..].iter().position(|c| *c == '\'')?;
            let text: String = letters[at + 1..at + 1 + close].iter().collect();
            out += if close == 0 { "'" } else { &text };
            at += close + 2;
            continue;
        }
        let run = letters[at..].iter().take_while(|next| **next == c).count();
        at += run;
        if !c.is_ascii_alphabetic() {
            out.extend(std::iter::repeat_n(c, run));
            continue;
        }
        fields += 1;
        out += match (c, run) {
            ('y' | 'u', 1 | 4) => "%Y",
            ('y', 2) => "%y",
            ('M' | 'L', 2) => "%m",
            ('M' | 'L', 1) => "%-m",
            ('M' | 'L', 3) => "%b",
            ('M' | 'L', 4) => "%B",
            ('d', 2) => "%d",
            ('d', 1) => "%-d",
            ('D', 3) => "%j",
            ('H', 2) => "%H",
            ('H', 1) => "%-H",
            ('h', 2) => "%I",
            ('h', 1) => "%-I",
            ('m', 2) => "%M",
            ('m', 1) => "%-M",
            ('s', 2) => "%S",
            ('s', 1) => "%-S",
            ('S', 3) => "%3f",
            ('S', 6) => "%6f",
            ('S', 9) => "%9f",
            ('a', 1) => "%p",
            ('E', 1..=3) => "%a",
            ('E', 4) => "%A",
            ('X' | 'x', 3) => "%:z",
            ('X' | 'x' | 'Z', 1..=2) => "%z",
            _ => return None,
        };
    }
    (fields > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_formats_are_ours_in_other_letters() {
        for (java, ours) in [
            ("yyyy-MM-dd HH:mm:ss.SSS", "%Y-%m-%d %H:%M:%S.%3f"),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "%Y-%m-%dT%H:%M:%S%:z"),
            ("d MMM yy", "%-d %b %y"),
            ("''yyyy''", "'%Y'"),
        ] {
            assert_eq!(of_java(java).as_deref(), Some(ours), "{java}");
        }
        for none in ["%Y", "QQQ", "", "12:00", "yyyy'", "foo"] {
            assert_eq!(of_java(none), None, "{none}");
        }
    }
}
