//! `millstream sql QUERY --source NAME=PATH`

use std::process::ExitCode;

use millstream_engine::connector::sink::is_closed_pipe;
use millstream_engine::format::format_named;
use millstream_engine::run::{Answered, QueryTable, ask};
use millstream_engine::{Error, ErrorKind, Result};

use crate::args::SqlArgs;
use crate::{answer, stop, text};

/// What the program gives where rows could not be used and nobody said that they may be left out.
const ROWS_LEFT_OUT: u8 = 3;

/// Asks the query and prints its rows; what could not be used is told on standard error.
pub(crate) fn sql(args: &SqlArgs) -> Result<ExitCode> {
    stop::at_once()?;
    let base = std::env::current_dir()
        .map_err(|e| Error::new(ErrorKind::Unavailable, format!("the current folder is gone: {e}")).caused_by(e))?;
    let answered = match ask(&args.query, &tables(args)?, &base, answer::printer(args.format)) {
        // Whoever read the rows (`| head`) has seen enough.
        Err(error) if is_closed_pipe(&error) => return Ok(ExitCode::SUCCESS),
        answered => answered?,
    };
    for note in &answered.notes {
        eprintln!("note: {note}");
    }
    if answered.refused == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{}", left_out(&answered));
    if args.skip_bad_rows {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("the answer is without them; with --skip-bad-rows that is no failure");
    Ok(ExitCode::from(ROWS_LEFT_OUT))
}

fn tables(args: &SqlArgs) -> Result<Vec<QueryTable>> {
    if let Some((name, _)) = args.read_as.iter().find(|(name, _)| !args.sources.iter().any(|(s, _)| s == name)) {
        return Err(Error::invalid(format!("--read-as names `{name}`, which is no --source")));
    }
    let table = |(name, path): &(String, String)| {
        let mut table = QueryTable::new(name, path);
        table.multiline = args.multiline;
        if let Some((_, word)) = args.read_as.iter().find(|(of, _)| of == name) {
            let format = format_named(&word.to_ascii_lowercase());
            let unknown = || Error::invalid(format!("--read-as {name}={word}: `{word}` is no format"));
            table.format =
                Some(format.ok_or_else(|| unknown().with_help("formats are csv, tsv, json, logfmt, text, parquet"))?);
        }
        Ok(table)
    };
    args.sources.iter().map(table).collect()
}

/// How many rows or groups could not be used, and of the first one where it stands, or which it is, and why.
fn left_out(answered: &Answered) -> String {
    let (groups, rows) = (answered.groups_refused, answered.refused - answered.groups_refused);
    let first = answered.first_refused.as_ref().map_or(String::new(), |first| {
        let place = match (&first.file, first.line) {
            (Some(file), Some(line)) => format!("{file}, line {line}: "),
            (Some(file), None) => format!("{file}: "),
            // All rows together are a group without keys.
            _ if rows == 0 && first.row != "{}" => format!("of {}: ", first.row),
            _ => String::new(),
        };
        // What a job file calls so is an option here.
        format!(", the first: {place}{}", first.reason.replace("`multiline = true`", "`--multiline`"))
    });
    let of_rows = || format!("{} of {} rows", text::count(rows), text::count(answered.rows_in));
    let of_groups = || format!("{} {}", text::count(groups), if groups == 1 { "group" } else { "groups" });
    let what = match (rows, groups) {
        (_, 0) => of_rows(),
        (0, _) => of_groups(),
        _ => format!("{} and {}", of_rows(), of_groups()),
    };
    format!("{what} could not be used{first}")
}
