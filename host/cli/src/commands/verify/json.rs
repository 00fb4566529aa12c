//! A trial for machines: an object in a line.

use millstream_engine::Error;
use millstream_plugin::OperatorInfo;
use millstream_plugin::verify::{Comparison, Difference, Outcome, Report, Verdict};
use serde_json::{Value, json};

/// All of a report; `again` is the command that repeats it.
pub(super) fn report(report: &Report, again: &str) -> String {
    let failures: Vec<Value> = (report.failures.iter())
        .map(|failure| json!({ "subject": failure.subject, "message": failure.message }))
        .collect();
    let verdict = match report.verdict() {
        Verdict::Deterministic => "deterministic",
        Verdict::NotDeterministic => "not-deterministic",
        Verdict::Fails => "fails",
    };
    let told = json!({
        "operator": report.operator,
        "kind": report.kind.name(),
        "rows": report.rows,
        "seed": report.seed,
        "verdict": verdict,
        "says_deterministic": report.says_so,
        "refused": report.refused,
        "failures": failures,
        "comparisons": report.comparisons.iter().map(comparison).collect::<Vec<_>>(),
        "again": again,
    });
    format!("{told}\n")
}

fn comparison(one: &Comparison) -> Value {
    let (outcome, differ, first) = match &one.outcome {
        Outcome::Same => ("same", 0, None),
        Outcome::Rounding(first) => ("rounding", 0, Some(first)),
        Outcome::Differs { count, first } => ("differs", *count, Some(first)),
    };
    let first = first.map(|Difference { subject, what, plain, other }| {
        json!({ "subject": subject, "what": what, "plain": plain, "other": other })
    });
    json!({
        "way": one.way.name(),
        "times": one.times,
        "compared": one.compared,
        "unit": one.unit.to_string(),
        "outcome": outcome,
        "differ": differ,
        "first": first,
    })
}

/// An operator that could not be tried.
pub(super) fn refused(operator: &OperatorInfo, error: &Error) -> String {
    let told = json!({
        "operator": operator.name,
        "kind": operator.kind.name(),
        "verdict": "not-tried",
        "error": error.message(),
        "help": error.help(),
    });
    format!("{told}\n")
}
