//! A trial in words: a line for each comparison, what differs, and a verdict.

use std::fmt::Write;
use std::path::Path;

use arrow::datatypes::FieldRef;
use millstream_engine::Error;
use millstream_plugin::verify::{Difference, Outcome, Report, Verdict};
use millstream_plugin::{OperatorInfo, PluginKind};

use super::given::named;
use crate::text::count;

/// The most failures that are shown.
const FAILURES: usize = 3;
/// The width of a line of explanation.
const LINE: usize = 92;
/// The width of a comparison's name.
const WAY: usize = 32;

/// With which rows an operator was tried.
pub(super) fn tried_with(
    report: &Report,
    fields: &[FieldRef],
    keys: &[String],
    event_time: Option<&str>,
    input: Option<&Path>,
) -> String {
    let mut of = match input {
        Some(path) => format!("{} rows of {}", count(report.rows as u64), path.display()),
        None => format!("{} rows made of seed {}: {}", count(report.rows as u64), report.seed, named(fields)),
    };
    if report.kind == PluginKind::Keyed {
        of.push_str(&format!("; key {}", keys.join(", ")));
        of.push_str(&event_time.map_or("; no event time".to_owned(), |column| format!("; event time {column}")));
    }
    of
}

/// All of a report; `of`: with which rows, `again`: the command that repeats it.
pub(super) fn report(report: &Report, of: &str, again: &str) -> String {
    let mut out = format!("{} `{}`, {of}\n", report.kind, report.operator);
    let mut line = |text: &str| writeln!(out, "  {}", text.trim_end()).expect("a String takes all text");
    for comparison in &report.comparisons {
        let compared = format!("{:>7} {}", count(comparison.compared as u64), comparison.unit);
        let times = if comparison.times > 1 { format!(", {} times", comparison.times) } else { String::new() };
        let the_same = |but: &str| format!("the same{but}{times}");
        let (outcome, apart) = match &comparison.outcome {
            Outcome::Same => (the_same(""), None),
            Outcome::Rounding(first) => (the_same(" but for rounding"), Some(first)),
            Outcome::Differs { count: differ, first } => {
                (format!("{} of them DIFFER", count(*differ as u64)), Some(first))
            }
        };
        line(&format!("{:<WAY$}{compared:<16}{outcome}", comparison.way.to_string()));
        apart.iter().flat_map(|first| lines(first)).for_each(|text| line(&format!("    {text}")));
        if comparison.is_different() {
            wrapped(&format!("usually {}", comparison.way.cause(comparison.unit)))
                .iter()
                .for_each(|text| line(&format!("    {text}")));
        }
    }
    for failure in report.failures.iter().take(FAILURES) {
        line(&format!("fails with {}: {}", failure.subject, failure.message));
    }
    if report.failures.len() > FAILURES {
        line(&format!("fails with {} more", report.failures.len() - FAILURES));
    }
    if report.verdict() != Verdict::Deterministic {
        line(&format!("to repeat it: {again}"));
    }
    writeln!(out, "{}", verdict(report)).expect("a String takes all text");
    out
}

fn lines(Difference { subject, what, plain, other }: &Difference) -> [String; 3] {
    [format!("{subject}: {what}"), format!("  at first  {plain}"), format!("  then      {other}")]
}

/// A text in lines that a terminal has room for.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if last == 0 => line.push_str(word),
            Some(line) if last + 1 + word.chars().count() <= LINE => line.extend([" ", word]),
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

fn verdict(report: &Report) -> String {
    let differ = report.comparisons.iter().filter(|comparison| comparison.is_different()).count();
    let (all, failures) = (report.comparisons.len(), report.failures.len());
    let mut verdict = match report.verdict() {
        Verdict::Deterministic => format!("deterministic, as far as was tried: {all} comparisons, none differs"),
        Verdict::NotDeterministic => format!("NOT deterministic: {differ} of {all} comparisons differ"),
        Verdict::Fails if all == 0 => {
            format!("FAILS {failures} times, too often to compare the rest: a job would stop")
        }
        Verdict::Fails => format!("FAILS {failures} times, each time in the same way; nothing else differs"),
    };
    if report.refused > 0 {
        verdict.push_str(&format!("; {} rows are refused with a reason", count(report.refused as u64)));
    }
    if report.rounds() {
        verdict.push_str("; other cuts round floats otherwise, a replay has the same cuts");
    }
    if !report.says_so {
        verdict.push_str("; it says of itself that it is not deterministic");
    }
    verdict
}

/// An operator that could not be tried beside others.
pub(super) fn refused(operator: &OperatorInfo, error: &Error) -> String {
    let help = error.help().map_or(String::new(), |help| format!("  {help}\n"));
    format!("{} `{}`\n  {}\n{help}NOT tried\n\n", operator.kind, operator.name, error.message())
}

/// What all operators of a plugin come to; `None` could not be tried.
pub(super) fn all(verdicts: &[Option<Verdict>]) -> String {
    let of = |verdict: Option<Verdict>| verdicts.iter().filter(|one| **one == verdict).count();
    let parts = [
        (of(Some(Verdict::Deterministic)), "deterministic"),
        (of(Some(Verdict::NotDeterministic)), "NOT deterministic"),
        (of(Some(Verdict::Fails)), "failing"),
        (of(None), "not tried"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(many, _)| *many > 0).map(|(many, what)| format!("{many} {what}")).collect();
    format!("{} operators: {}\n", verdicts.len(), parts.join(", "))
}
