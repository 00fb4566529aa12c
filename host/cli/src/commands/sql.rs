//! `millstream sql QUERY --source NAME=PATH`

use std::path::PathBuf;

use arrow::csv::WriterBuilder;
use arrow::json::LineDelimitedWriter;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use millstream_engine::run::{QueryTable, RunOptions, query};
use millstream_engine::{Error, ErrorKind, Result};

use super::print;
use crate::args::{AnswerFormat, SqlArgs};

/// Runs the query and prints its rows; what could not be used is told on standard error.
pub(crate) fn sql(args: &SqlArgs) -> Result<()> {
    let base = std::env::current_dir()
        .map_err(|e| Error::new(ErrorKind::Unavailable, format!("the current folder is gone: {e}")).caused_by(e))?;
    if let Some((name, _)) = args.event_times.iter().find(|(name, _)| !args.sources.iter().any(|(s, _)| s == name)) {
        return Err(Error::invalid(format!("--event-time names `{name}`, which is no --source")));
    }
    let table = |(name, path): &(String, String)| {
        let event_time = args.event_times.iter().find(|(of, _)| of == name).map(|(_, column)| column.clone());
        QueryTable { name: name.clone(), path: PathBuf::from(path), event_time }
    };
    let tables: Vec<QueryTable> = args.sources.iter().map(table).collect();
    let answer = query(&args.query, &tables, &base, RunOptions::default())?;
    print(&shown(&answer.batch, args.format)?)?;
    if answer.rejected > 0 {
        eprintln!("{} of {} rows could not be used", answer.rejected, answer.rows_in);
    }
    Ok(())
}

fn shown(batch: &RecordBatch, format: AnswerFormat) -> Result<String> {
    let failed = |e: arrow::error::ArrowError| {
        Error::new(ErrorKind::Invalid, format!("the rows cannot be shown so: {e}")).caused_by(e)
    };
    let mut bytes = Vec::new();
    match format {
        AnswerFormat::Table => {
            let table = pretty_format_batches(std::slice::from_ref(batch)).map_err(failed)?;
            let rows = batch.num_rows();
            return Ok(format!("{table}\n{rows} {}\n", if rows == 1 { "row" } else { "rows" }));
        }
        AnswerFormat::Csv => {
            WriterBuilder::new().with_header(true).build(&mut bytes).write(batch).map_err(failed)?;
        }
        AnswerFormat::Json => {
            let mut writer = LineDelimitedWriter::new(&mut bytes);
            writer.write(batch).and_then(|()| writer.finish()).map_err(failed)?;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
