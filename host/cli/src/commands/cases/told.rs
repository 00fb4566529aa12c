//! What came of cases, in words.

use millstream_engine::Error;
use serde_json::Value;

use super::Outcome;
use super::case::Case;
use super::compare::{Difference, What};
use super::laws::Law;
use crate::columns::plain;
use crate::text::count;

/// The most rows of a difference that are shown, and the most lines of a law.
const SHOWN: usize = 10;

/// What came of a case.
pub(super) fn case(case: &Case, outcome: &Outcome) -> String {
    let about = case.told.about.as_deref().map(|about| format!("  {about}")).unwrap_or_default();
    match outcome {
        Outcome::Held { rows_in, rows_out } => {
            format!("ok       {}: {} rows in, {} out\n", case.name, count(*rows_in), count(*rows_out as u64))
        }
        Outcome::Blessed(files) if files.is_empty() => format!("as it is {}\n", case.name),
        Outcome::Blessed(files) => format!("written  {}: {}\n", case.name, files.join(", ")),
        Outcome::Failed(error) => format!("FAILED   {}{about}\n{}", case.name, error_lines(error)),
        Outcome::Differs(differences) => {
            format!("FAILED   {}{about}\n{}", case.name, differences.iter().map(difference).collect::<String>())
        }
    }
}

fn error_lines(error: &Error) -> String {
    let help = error.help().map(|help| format!("  help: {help}\n")).unwrap_or_default();
    format!("  {}\n{help}", plain_lines(&error.to_string()))
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n  ")
}

fn difference(difference: &Difference) -> String {
    let file = difference.file;
    match &difference.what {
        What::NotThere => format!("  {file} is not there: --bless writes down what comes\n"),
        What::Order(at) => format!("  {file}: the same rows come in another order, from row {at} on\n"),
        What::Rows { missing, unexpected } => {
            let lines = |sign: &str, rows: &[Value]| -> String {
                let shown: String = rows.iter().take(SHOWN).map(|row| format!("    {sign} {row}\n")).collect();
                let more = rows.len().saturating_sub(SHOWN);
                if more > 0 { format!("{shown}    {sign} {} more\n", count(more as u64)) } else { shown }
            };
            format!(
                "  {file}: {} expected and not there (-), {} not expected (+)\n{}{}",
                count(missing.len() as u64),
                count(unexpected.len() as u64),
                lines("-", missing),
                lines("+", unexpected)
            )
        }
    }
}

/// Laws that do not hold.
pub(super) fn laws(laws: &[Law]) -> String {
    let broken = laws.iter().filter(|law| !law.holds());
    let told = broken.map(|law| {
        let lines: String = law.broken.iter().take(SHOWN).map(|line| format!("  {}\n", plain(line))).collect();
        format!("BROKEN   {}\n{lines}", law.of)
    });
    let mut told: String = told.collect();
    let comparisons: usize = laws.iter().filter(|law| law.holds()).map(|law| law.comparisons).sum();
    if comparisons > 0 {
        told += &format!(
            "ok       laws: the same on other instances and threads, in other slices, with no rows and with nulls ({} comparisons)\n",
            count(comparisons as u64)
        );
    }
    told
}

/// All of it in a line.
pub(super) fn all(cases: usize, failed: usize, laws: usize, broken: usize) -> String {
    let of = |all: usize, what: &str, wrong: usize, how: &str| {
        let (what, all) = (if all == 1 { what.to_owned() } else { format!("{what}s") }, count(all as u64));
        if wrong == 0 { format!("{all} {what}") } else { format!("{all} {what}, {} {how}", count(wrong as u64)) }
    };
    let laws = if laws == 0 { String::new() } else { format!("; {}", of(laws, "trial", broken, "BROKEN")) };
    format!("{}{laws}\n", of(cases, "case", failed, "FAILED"))
}
