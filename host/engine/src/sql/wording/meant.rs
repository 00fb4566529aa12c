//! What may have been meant by a word that the parser, or the planner, stops at: what stands around it tells.

use crate::job::suggest;

const KEYWORDS: [&str; 14] = [
    "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "UNION", "JOIN", "INNER", "LEFT",
    "DISTINCT", "BETWEEN",
];

/// Words that are lengths of time.
const UNITS: [&str; 8] = ["SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"];

/// How `there`, which stands between `before` and `behind`, was meant.
pub(in crate::sql) fn otherwise(before: &str, there: &str, behind: &str) -> Option<String> {
    let words = Words(before);
    let last = words.last(0).to_uppercase();
    if last.len() >= 3
        && !KEYWORDS.contains(&last.as_str())
        && let Some(near) = suggest::nearest(&last, KEYWORDS)
    {
        let keyword = KEYWORDS.into_iter().find(|k| *k == near)?;
        return Some(format!("did you mean {keyword}?"));
    }
    if there.len() > 2 && there.starts_with('"') && there.ends_with('"') {
        return Some(format!(
            "a name stands in double quotes, a text in single ones: '{}'",
            &there[1..there.len() - 1]
        ));
    }
    if there.len() > 2 && there.starts_with('`') && there.ends_with('`') {
        return None;
    }
    let first = there.chars().next()?;
    let next = behind.trim_start();
    Some(match first {
        '\u{2018}' | '\u{2019}' | '\u{201C}' | '\u{201D}' => "write straight quotes: 'text'".to_owned(),
        ',' if ends_with_digit(before) && next.starts_with(|c: char| c.is_ascii_digit()) && !words.is_in_list() => {
            "a fraction has a point: 1.5".to_owned()
        }
        ',' if ["ALL", "ANY", "SOME"].contains(&words.before_bracket().as_str()) => {
            "write a list as = ANY (ARRAY[1, 2]); greater than all of some is > greatest(1, 2)".to_owned()
        }
        ',' if words.has("BETWEEN") => "write BETWEEN 1 AND 2".to_owned(),
        '*' if before.trim_end().ends_with('*') => "write power(x, 2)".to_owned(),
        '?' => "write CASE WHEN condition THEN one ELSE other END, or coalesce(x, other)".to_owned(),
        '=' if next.starts_with('>') || there == "=>" => "at least is written >=".to_owned(),
        ')' if before.trim_end().to_uppercase().ends_with("IN (") => {
            "IN takes one value at least: IN (1, 2)".to_owned()
        }
        ')' if words.open_brackets() < 0 || (words.open_brackets() == 0 && next.is_empty()) => {
            "this bracket closes none: leave it out, or open one before it".to_owned()
        }
        _ if last == "IS" => "IS stands before NULL, TRUE and FALSE; values are compared with =".to_owned(),
        '\'' if last == "IN" => "IN takes a list in brackets: IN ('a', 'b')".to_owned(),
        _ if last == "IN" => "IN takes a list in brackets: IN (1, 2)".to_owned(),
        _ if last == "GLOB" || there.eq_ignore_ascii_case("GLOB") => {
            "write LIKE 'a%', or regexp_like(text, '^a')".to_owned()
        }
        _ if ["PARTITION", "ORDER"].iter().any(|clause| there.eq_ignore_ascii_case(clause))
            && next.get(..2).is_some_and(|by| by.eq_ignore_ascii_case("BY"))
            && words.is_in_call() =>
        {
            "rows by key are handed over as TABLE: FROM my_plugin(TABLE node PARTITION BY key)".to_owned()
        }
        _ if ["ASC", "DESC", "NULLS"].iter().any(|word| there.eq_ignore_ascii_case(word))
            && words.is_in_table_argument() =>
        {
            "the rows of a key come with the earliest first: ORDER BY and the column alone".to_owned()
        }
        _ if last == "AND" || last == "OR" => format!("a condition is missing before {last}"),
        _ if last == "WHEN" || words.last(1).eq_ignore_ascii_case("CASE") || there.eq_ignore_ascii_case("THEN") => {
            "write CASE WHEN condition THEN one ELSE other END: END closes it".to_owned()
        }
        _ if is_unit(&last) && words.last(1).ends_with(|c: char| c.is_ascii_digit()) => {
            format!("write INTERVAL '{} {}'", words.last(1), words.last(0).to_lowercase())
        }
        _ => return None,
    })
}

/// Whether it names a length of time: what a unit is where a column should stand.
pub(in crate::sql) fn is_unit(word: &str) -> bool {
    let word = word.to_uppercase();
    UNITS.contains(&word.strip_suffix('S').unwrap_or(&word))
}

fn ends_with_digit(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_digit())
}

/// What stands before a place.
struct Words<'t>(&'t str);

impl<'t> Words<'t> {
    /// The last word but `skipped`; empty where something else stands there.
    fn last(&self, skipped: usize) -> &'t str {
        let is_word = |c: &char| c.is_alphanumeric() || *c == '_';
        let mut rest = self.0.trim_end();
        for _ in 0..skipped {
            let len: usize = rest.chars().rev().take_while(is_word).map(char::len_utf8).sum();
            rest = rest[..rest.len() - len].trim_end();
        }
        let len: usize = rest.chars().rev().take_while(is_word).map(char::len_utf8).sum();
        &rest[rest.len() - len..]
    }

    /// The word before the bracket that is open.
    fn before_bracket(&self) -> String {
        let Some((before, _)) = self.0.rsplit_once('(') else { return String::new() };
        Words(before).last(0).to_uppercase()
    }

    /// Whether the bracket that is open is that of a call in `FROM`.
    fn is_in_call(&self) -> bool {
        let Some((before, _)) = self.0.rsplit_once('(') else { return false };
        self.open_brackets() > 0 && Words(before).last(1).eq_ignore_ascii_case("FROM")
    }

    /// Whether that call takes `TABLE`.
    fn is_in_table_argument(&self) -> bool {
        let inside = self.0.rsplit_once('(').map_or("", |(_, inside)| inside);
        self.is_in_call() && inside.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("TABLE"))
    }

    /// Whether one of the last words is this.
    fn has(&self, word: &str) -> bool {
        self.0.to_uppercase().split_whitespace().rev().take(4).any(|w| w == word)
    }

    /// Brackets that are open, less those that are closed and were not.
    fn open_brackets(&self) -> i64 {
        let outside = self.0.split('\'').step_by(2);
        outside.flat_map(str::chars).map(|c| i64::from(c == '(') - i64::from(c == ')')).sum()
    }

    /// Whether a comma may stand here.
    fn is_in_list(&self) -> bool {
        self.open_brackets() > 0 || !self.0.to_uppercase().contains("WHERE")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_word_tells_what_was_meant() {
        for (before, there, behind, says) in [
            ("SELECT id FORM ", "t", "", "did you mean FROM?"),
            ("SELECT id FROM t WHERE s = ", "\"abc\"", "", "single ones: 'abc'"),
            ("SELECT id FROM t WHERE s = ", "\u{2018}", "abc\u{2019}", "straight quotes"),
            ("SELECT id FROM t WHERE x > 1", ",", "5", "a fraction has a point"),
            ("SELECT id FROM t WHERE x BETWEEN 1", ",", " 2", "1.5"),
            ("SELECT id FROM t WHERE x BETWEEN a", ",", " b", "BETWEEN 1 AND 2"),
            ("SELECT x *", "*", " 2", "power(x, 2)"),
            ("SELECT id FROM t WHERE x > ALL (1", ",", " 2)", "greatest"),
            ("SELECT id FROM t WHERE s IN (", ")", "", "one value at least"),
            ("SELECT id FROM t WHERE s IN ", "'abc'", "", "in brackets"),
            ("SELECT id FROM t WHERE x > 1", ")", "", "closes none"),
            ("SELECT id FROM t WHERE AND ", "x", " > 1", "missing before AND"),
            ("SELECT CASE WHEN ", "ok", " THEN 1 FROM t", "END closes it"),
            ("SELECT ts + 1 hour ", "AS", " a", "write INTERVAL '1 hour'"),
            ("SELECT id FROM t WHERE s IS ", "'abc'", "", "compared with ="),
            ("SELECT * FROM p(t ", "PARTITION", " BY k)", "TABLE node PARTITION BY key"),
            ("SELECT * FROM p(TABLE t PARTITION BY k ORDER BY ts ", "DESC", ")", "the column alone"),
        ] {
            let said = otherwise(before, there, behind).unwrap_or_default();
            assert!(said.contains(says), "{before}|{there}|{behind}: {said}");
        }
        assert_eq!(otherwise("SELECT id, ", "x", " FROM t"), None);
        assert_eq!(otherwise("SELECT coalesce(id, 1", ",", " 2) FROM t"), None);
    }
}
