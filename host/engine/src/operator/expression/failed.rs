//! What is told of a row for which an expression fails, in the words of whoever wrote the query.

use datafusion_common::DataFusionError;

use crate::format::with_our_types;
use crate::panics::{Panic, says_too_large};
use crate::{Error, ErrorKind};

/// A library's panic over an expression: as a rule the result does not fit into a column.
pub(super) fn panicked(panic: &Panic, expr: &str) -> Error {
    Error::new(
        ErrorKind::Data,
        if panic.is_too_large() {
            format!("the result of `{expr}` is too large")
        } else {
            format!("the engine failed on this row, at `{expr}`: {panic}")
        },
    )
}

/// What an expression could not compute is the data's fault (a division by zero, a cast that does not fit), unless
/// an error of ours travels inside.
pub(crate) fn evaluation_failed(error: DataFusionError, words: &str) -> Error {
    let error = match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) if ours.kind() == ErrorKind::Quota => {
                return ours.context(format!("the result of `{words}` is too large"));
            }
            Ok(ours) => return *ours,
            Err(other) => DataFusionError::External(other),
        },
        other => other,
    };
    let why = why(&error);
    let message = if says_too_large(&why) && why.contains("offset") {
        format!("the result of `{words}` is too large")
    } else {
        format!("`{words}` failed: {why}")
    };
    Error::new(ErrorKind::Data, message).caused_by(error)
}

/// Why an expression has no value, in one line. Which library speaks, and what it calls types, is nothing to a user.
fn why(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    // Which library speaks is nothing to a user, nor whose issue tracker there is.
    let mut text = text.split("\nThis issue was likely caused by a bug in DataFusion").next().unwrap_or_default();
    let speakers = [
        "Arrow error: ",
        "Cast error: ",
        "Execution error: ",
        "Compute error: ",
        "External error: ",
        "Internal error: ",
        "Error during planning: ",
        "Parser error: ",
    ];
    while let Some(rest) = speakers.iter().find_map(|s| text.strip_prefix(s)) {
        text = rest;
    }
    // A pattern's error draws a picture of several lines; its last one says what is wrong.
    if text.contains("regex parse error")
        && let Some(what) = text.split("\nerror: ").nth(1).and_then(|what| what.lines().next())
    {
        return format!("the pattern is none: {}", what.trim().trim_end_matches(['"', ')']));
    }
    let too_far = ["Cannot cast timezone to different timezone", "date arithmetic overflow", "to temporal for "];
    if too_far.iter().any(|said| text.contains(said)) {
        return "the time lies too far from today".to_owned();
    }
    if text.contains("converting from i64 to i32") {
        return "it is no date".to_owned();
    }
    let text = text.split("\nThis issue was likely").next().unwrap_or(text);
    let line = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    with_our_types(&line)
}
