//! What is told of a row for which an expression fails, in the words of whoever wrote the query.

use arrow::error::ArrowError;
use datafusion_common::DataFusionError;

use crate::format::with_our_types;
use crate::panics::{Panic, says_too_large};
use crate::{Error, ErrorKind};

const NO_ROOM: &str = "give it more, or let other programs have less; what was committed is kept";

/// Whether it is the host that has no room: no row is to blame for that.
fn no_room(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::ResourcesExhausted(_) => true,
        DataFusionError::ArrowError(arrow, _) => matches!(arrow.as_ref(), ArrowError::MemoryError(_)),
        DataFusionError::IoError(io) => io.kind() == std::io::ErrorKind::OutOfMemory,
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => no_room(inner),
        _ => false,
    }
}

/// What is said of units and lengths of time, in words that have the value in them.
fn of_times(text: &str) -> Option<String> {
    let value = |before: &str, after: &str| {
        let (_, rest) = text.split_once(before)?;
        rest.split_once(after).map(|(value, _)| value.to_owned())
    };
    let unit = value("Unsupported date_trunc granularity: '", "'").map(|unit| format!("'{unit}' is no unit of time"));
    let unit = unit.or_else(|| text.starts_with("Granularity of `date_trunc`").then(|| "its unit is null".to_owned()));
    let part = || value("ate part '", "' not supported").map(|part| format!("'{part}' is no part of a time"));
    let length = || value("syntax for type interval: \"", "\"").map(|text| format!("'{text}' is no length of time"));
    unit.or_else(part).or_else(length)
}

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
    if no_room(&error) {
        let message = format!("the machine has no memory for `{words}`");
        return Error::new(ErrorKind::Unavailable, message).with_help(NO_ROOM).caused_by(error);
    }
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
    let too_far = [
        "cannot cast timezone to different timezone",
        "date arithmetic overflow",
        "to temporal for ",
        "timestamp out of range",
        "exceeds the representable i64 range",
    ];
    let lower = text.to_lowercase();
    if too_far.iter().any(|said| lower.contains(said)) {
        return "the time lies too far from today".to_owned();
    }
    if let Some(said) = of_times(text) {
        return said;
    }
    if text.contains("converting from i64 to i32") {
        return "it is no date".to_owned();
    }
    let text = text.split("\nThis issue was likely").next().unwrap_or(text);
    let line = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    with_our_types(&line)
}
