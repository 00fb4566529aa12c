//! What the parser says: what it expected, what it found, and what may have been meant.

use datafusion_sql::sqlparser::parser::ParserError;

use super::{About, Reworded};
use crate::sql::parse::depth::{TOO_DEEP, TOO_MANY, TOO_MANY_CASTS};

/// Says a parser's error in our words; `asked_once`: of a query that is in no job.
pub(super) fn reword(error: &ParserError, asked_once: bool) -> Reworded {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return Reworded::new("the query is nested too deep", name_parts(asked_once));
        }
    };
    let (said, place) = placed(text);
    let said = said.trim();
    let reworded = match said.strip_prefix("Expected: ").and_then(|rest| rest.split_once(", found: ")) {
        Some((expected, "EOF")) => {
            let message = format!("expected {}, but the query ends", spelled(expected));
            return Reworded::new(message, missing(expected)).about(About::End);
        }
        Some((expected, found)) => {
            Reworded::new(format!("expected {}, found {found}", spelled(expected)), missing(expected))
        }
        None => other(said, asked_once),
    };
    match place {
        Some((line, column)) => reworded.about(About::Line(line, column)),
        None => reworded,
    }
}

fn name_parts(asked_once: bool) -> &'static str {
    match asked_once {
        true => "give inner parts a name: WITH name AS (SELECT …)",
        false => "give inner parts a name: WITH name AS (SELECT …), or make them operators of their own",
    }
}

fn other(said: &str, asked_once: bool) -> Reworded {
    if said == TOO_DEEP {
        return Reworded::new(
            "brackets, calls, CASE or sub-queries are nested more than 50 deep from here on",
            name_parts(asked_once),
        );
    }
    if said == TOO_MANY_CASTS {
        return Reworded::new(
            "CAST, or a call like it, is nested more than 16 deep from here on",
            name_parts(asked_once),
        );
    }
    if said == TOO_MANY {
        return Reworded::new(
            "more than 500 operators stand one after the other",
            "write x IN (…) in place of x = … OR x = …, or give parts a name: WITH name AS (SELECT …)",
        );
    }
    if said.starts_with("Unterminated") || said.starts_with("Unexpected EOF while in") || said.contains("before EOF") {
        let (what, close) = match said {
            s if s.contains("comment") => ("a comment", "*/"),
            s if s.contains("dollar") => ("a text", "$$"),
            s if s.contains("delimiter") => ("a name in quotes", "the same quote"),
            _ => ("a text", "'"),
        };
        let more = if close == "'" { "; a quote inside of a text is doubled: 'it''s'" } else { "" };
        return Reworded::new(format!("{what} that begins here does not end"), format!("close it with {close}{more}"));
    }
    if said.starts_with("No infix parser") {
        return Reworded::new("an operator stands here that is none between two values", "");
    }
    if said.starts_with("INTERVAL requires a unit") {
        return Reworded::new("INTERVAL needs a unit", "write INTERVAL '1 hour'");
    }
    if let Some(what) = said.strip_prefix("Unexpected character ") {
        return Reworded::new(format!("a `{}` means nothing here", what.trim_matches('\'')), "");
    }
    if said.contains("'FROM' or ','") {
        return Reworded::new("EXTRACT takes a part of a time, FROM and the time", "write EXTRACT(hour FROM ts)");
    }
    let said = said.strip_prefix("Expected ").map_or_else(|| said.to_owned(), |rest| format!("expected {rest}"));
    Reworded::new(said.replace('\'', "`"), "")
}

/// What to look for where the parser expected something else.
fn missing(expected: &str) -> &'static str {
    match expected {
        ")" => "close the bracket that is open before it",
        "an expression" => "a value is missing here, or a comma or an operator is too many",
        "end of statement" => "look before it: a comma, AS, or an operator may be missing",
        "an SQL statement" => "write SELECT … FROM …",
        _ => "look before it: a word may be missing, or misspelt",
    }
}

/// What the parser expects, as a reader would call it.
fn spelled(expected: &str) -> String {
    match expected {
        "an expression" | "end of statement" => expected.to_owned(),
        "an SQL statement" => "SELECT or WITH".to_owned(),
        "identifier" => "a name".to_owned(),
        other if other.contains("NORMALIZED FROM after IS") => "NULL, NOT NULL, TRUE or FALSE after IS".to_owned(),
        other => other.replace("identifier", "a name"),
    }
}

/// A message, and the line and column that it ends with.
fn placed(text: &str) -> (&str, Option<(u64, u64)>) {
    let Some((said, place)) = text.rsplit_once(" at Line: ") else { return (text, None) };
    let number = |text: &str| text.trim().trim_end_matches('.').parse().ok();
    let place = place.split_once(", Column: ").and_then(|(line, column)| Some((number(line)?, number(column)?)));
    (said, place)
}
