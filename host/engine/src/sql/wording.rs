//! DataFusion's errors in the words of those who write jobs: columns without the names of tables, the types of the job
//! file, one line, and what to do about it.

use std::collections::BTreeMap;

use datafusion_common::{DataFusionError, SchemaError};

use super::plugin::PluginFunction;
use crate::job::suggest;

/// What a user is told.
pub(super) struct Reworded {
    pub message: String,
    pub help: Option<String>,
    /// It is about a function that only `OVER` knows.
    pub is_over: bool,
}

impl Reworded {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()), is_over: false }
    }
}

/// Functions that stand before `OVER` and nowhere else.
const OVER: [&str; 8] = ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"];

const NAME_IT: &str = "give one of them another name: … AS other_name";

/// Says `error` in our words.
pub(super) fn reword(error: &DataFusionError, plugins: &BTreeMap<String, PluginFunction>) -> Reworded {
    if let DataFusionError::SchemaError(schema, _) = innermost(error) {
        return reword_schema(schema);
    }
    if let DataFusionError::NotImplemented(what) = innermost(error)
        && !what.contains("not ")
    {
        if let Some(node) = what.strip_prefix("Unsupported ast node in sqltorel: ") {
            let name: String = node.chars().take_while(|c| c.is_alphanumeric()).collect();
            return Reworded {
                message: format!("`{}` is not supported", name.to_uppercase()),
                help: (name == "RLike").then(|| "write regexp_like(text, 'pattern')".to_owned()),
                is_over: false,
            };
        }
        return Reworded { message: format!("`{what}` is not supported"), help: None, is_over: false };
    }
    let text = error.strip_backtrace();
    let text = without_speaker(&text);
    if let Some(name) = between(text, "Invalid function '", "'") {
        return unknown_function(name, between(text, "Did you mean '", "'"), plugins);
    }
    if text.contains("failed to match any signature")
        && let Some(name) = between(text, "Function '", "'")
    {
        let given = between(text, "(DataType: ", ")").map(in_our_types);
        let of = given.map_or(String::new(), |given| format!(" of {given}"));
        return Reworded::new(format!("there is no `{name}`{of}"), "CAST its argument to a type that it takes");
    }
    if text.starts_with("UNION queries have different number of columns") {
        return Reworded::new(
            "the queries of a UNION must give as many columns as each other",
            "write the same columns in the same order, NULL AS name where one is missing",
        );
    }
    if text.starts_with("Projections require unique expression names") {
        let name = between(text, "expression \"", "\"").map_or(text, unqualified);
        return Reworded::new(format!("two columns are named `{name}`"), NAME_IT);
    }
    if text.contains("must be in GROUP BY or an aggregate function") {
        let name = between(text, "column \"", "\"").map_or(text, unqualified);
        return Reworded::new(
            format!("`{name}` is neither in GROUP BY nor inside an aggregate"),
            format!("add it to GROUP BY, or say which of a group's values is meant, for example max({name})"),
        );
    }
    let line = text.lines().next().unwrap_or(text);
    let line = line.split(" at Line: ").next().unwrap_or(line);
    let line = line.split(". No function matches").next().unwrap_or(line);
    let message = match line.strip_prefix("Expected: ").and_then(|rest| rest.split_once(", found: ")) {
        Some((expected, "EOF")) => format!("expected {expected}, but the query ends"),
        Some((expected, found)) => format!("expected {expected}, found {found}"),
        None => in_our_types(&line.replace('\'', "`")),
    };
    Reworded { message, help: None, is_over: false }
}

fn reword_schema(error: &SchemaError) -> Reworded {
    match error {
        SchemaError::FieldNotFound { field, .. } if field.relation.as_ref().is_some_and(|r| r.table() == "window") => {
            Reworded::new(
                format!("there is no `window` for `window.{}`: the query does not group by one", field.name),
                "add GROUP BY window(ts, '10 minutes')",
            )
        }
        SchemaError::FieldNotFound { field, valid_fields } => {
            let other_case = |name: &&str| *name != field.name && name.eq_ignore_ascii_case(&field.name);
            if let Some(name) = valid_fields.iter().map(|f| f.name.as_str()).find(other_case) {
                let help = format!("write \"{name}\": a name without quotes is read in lower case");
                return Reworded::new(format!("there is no column `{}`", field.name), help);
            }
            let names = valid_fields.iter().map(|f| f.name.as_str());
            Reworded::new(format!("there is no column `{}`", field.name), suggest::choices(&field.name, names))
        }
        SchemaError::AmbiguousReference { field } => {
            let help = format!(
                "say whose it is, with the table's name before it: a_table.{}; or give one another name: … AS other_name",
                field.name
            );
            Reworded::new(format!("`{}` may mean two columns", field.name), help)
        }
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            Reworded::new(format!("two columns are named `{name}`"), NAME_IT)
        }
    }
}

fn unknown_function(name: &str, nearest: Option<&str>, plugins: &BTreeMap<String, PluginFunction>) -> Reworded {
    if OVER.contains(&name) {
        let message = "OVER needs all rows of its partition, and a stream's rows never end";
        return Reworded { is_over: true, ..Reworded::new(message, "group by window(…) instead") };
    }
    if plugins.contains_key(name) {
        let message = format!("`{name}` is a plugin, but neither a map nor an aggregate: SQL cannot call it");
        return Reworded::new(message, "make it an operator of its own, which reads the same input");
    }
    let message = format!("there is no function `{name}`");
    match nearest.and_then(|near| suggest::nearest(name, [near])) {
        Some(near) => Reworded::new(message, format!("did you mean `{near}`?")),
        None => Reworded { message, help: None, is_over: false },
    }
}

fn innermost(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => innermost(inner),
        other => other,
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// `url` of `events.url`; an expression stays what it is.
fn unqualified(name: &str) -> &str {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    if name.chars().all(plain) { name.rsplit('.').next().unwrap_or(name) } else { name }
}

/// Arrow's types by the names that the job file has for them.
pub(super) fn in_our_types(text: &str) -> String {
    let timestamp = text.replace("Timestamp(µs, \"UTC\")", "timestamp").replace("Timestamp(µs)", "timestamp");
    let mut out = String::new();
    let mut rest = timestamp.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_uppercase()) {
        let end = rest[at..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(rest.len(), |n| at + n);
        let before_is_word = rest[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        out += &rest[..at];
        out += match &rest[at..end] {
            word if before_is_word => word,
            "Utf8" | "LargeUtf8" | "Utf8View" => "utf8",
            "Boolean" => "boolean",
            "Int8" => "int8",
            "Int16" => "int16",
            "Int32" => "int32",
            "Int64" => "int64",
            "UInt8" => "uint8",
            "UInt16" => "uint16",
            "UInt32" => "uint32",
            "UInt64" => "uint64",
            "Float32" => "float32",
            "Float64" => "float64",
            "Date32" => "date",
            word => word,
        };
        rest = &rest[end..];
    }
    out + rest
}

/// Without the words that say which part of DataFusion is speaking.
fn without_speaker(text: &str) -> &str {
    let mut text = text.trim();
    let prefixes = [
        "SQL error: ",
        "ParserError(\"",
        "TokenizerError(\"",
        "Error during planning: ",
        "Schema error: ",
        "type_coercion\ncaused by\n",
        "This feature is not implemented: ",
        "Arrow error: ",
        "Cast error: ",
        "External error: ",
        "Execution error: ",
        "Internal error: ",
    ];
    while let Some(rest) = prefixes.iter().find_map(|p| text.strip_prefix(p)) {
        text = rest;
    }
    text.trim_end_matches("\")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_job_files_names() {
        let text = "Timestamp(µs, \"UTC\") > Boolean, List(Int64), a_Int8, Interval";
        assert_eq!(in_our_types(text), "timestamp > boolean, List(int64), a_Int8, Interval");
    }
}
