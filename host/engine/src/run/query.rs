//! A one-off query over files: a job that is made up, run on all there is, and forgotten.
//!
//! All files are one epoch, so that no row is late, and at its end all windows are closed. An outermost aggregation gives
//! its whole result (complete mode); `ORDER BY` and `LIMIT`, which a stream's rows cannot have, are applied to what came
//! out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

use super::{RunOptions, check, run};
use crate::format::{format_of, infer_schema, parse_type};
use crate::job::{FileFormat, Job, Trigger};
use crate::sink::MemoryTables;
use crate::source::files_of;
use crate::sql::{Whole, split_order};
use crate::{Error, Result};

/// A table of a one-off query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryTable {
    /// What the query calls it.
    pub name: String,
    /// A file, a folder or a pattern.
    pub path: PathBuf,
    /// The column that is its event time; none = the only timestamp column, if there is just one.
    pub event_time: Option<String>,
}

/// What a query gave.
#[derive(Debug)]
pub struct Answer {
    /// The rows.
    pub batch: RecordBatch,
    /// Rows that were read.
    pub rows_in: u64,
    /// Rows that could not be used, each with why.
    pub rejected: u64,
}

/// Runs `sql` over `tables`; relative paths count from `base`.
///
/// # Errors
/// A file that is not there or whose columns cannot be told; a query that cannot be run, pointing into it.
pub fn query(sql: &str, tables: &[QueryTable], base: &Path, mut options: RunOptions) -> Result<Answer> {
    if sql.contains("'''") {
        return Err(Error::invalid("a query has no ''' in it"));
    }
    let sql = &sql.replace("${", "$${");
    let (inner, order) = split_order(sql)?;
    let mut head = "name = \"query\"\nfinal_watermark = true\n".to_owned();
    for table in tables {
        head += &source(table, base)?;
    }
    // Quoted so that no character of the query means something else. All there is has a bound.
    let job = |sql: &str, mode: &str| {
        let text = format!(
            "{head}[operator.result]\nsql = '''\n{sql}'''\nunbounded_state = true\n{mode}[sink.answer]\ninput = \"result\"\nconnector = \"memory\"\n[dead_letters]\nconnector = \"memory\"\n"
        );
        Job::parse(&text, Path::new("query"), base, &[])
    };
    let complete = |sql: &str| job(sql, "output_mode = \"complete\"\n");
    let (job, order) = match complete(sql).and_then(|job| check(job, None)) {
        Ok(_) => (complete(sql)?, None),
        Err(_) => match complete(&inner).and_then(|job| check(job, None)) {
            Ok(_) => (complete(&inner)?, order),
            Err(_) => (job(&inner, "")?, order),
        },
    };
    let memory = MemoryTables::default();
    options.memory = memory.clone();
    options.trigger = Some(Trigger::AvailableNow);
    let summary = run(job, options)?;
    let answer = memory.table("answer");
    let failed = |e: arrow::error::ArrowError| Error::internal(format!("the result: {e}")).caused_by(e);
    let batches = answer.snapshot().map_err(|e| Error::internal(e.to_string()))?;
    let schema = answer.schema().ok_or_else(|| Error::internal("the query has no result"))?;
    let whole = concat_batches(&schema, &batches).map_err(failed)?;
    let batch = match order {
        None => whole,
        Some(Whole { sql }) => crate::sql::over(&sql, whole)?,
    };
    Ok(Answer { batch, rows_in: summary.rows_in, rejected: summary.rejected })
}

/// The source of a table, as a job file has it.
fn source(table: &QueryTable, base: &Path) -> Result<String> {
    let QueryTable { name, path, event_time } = table;
    let whole = base.join(path);
    let shown = whole.to_str().ok_or_else(|| Error::invalid(format!("{} is not UTF-8", whole.display())))?;
    let first = files_of(shown)?.into_iter().next();
    let first = first.ok_or_else(|| Error::invalid(format!("`{name}`: there is no file in {}", path.display())))?;
    let format = format_of(&first).ok_or_else(|| {
        Error::invalid(format!("`{name}`: the name of {} does not say what is in it", first.display()))
            .with_help("names end with .csv, .tsv, .json, .jsonl, .ndjson, .parquet, .txt or .log, each also with .gz")
    })?;
    let quoted = |text: &str| serde_json::to_string(text).expect("a string is JSON, and so TOML");
    let mut text = format!("[source.{}]\npath = {}\n", quoted(name), quoted(shown));
    text += match format {
        FileFormat::Text => "format = \"text\"\n",
        FileFormat::Json => "format = \"json\"\n",
        FileFormat::Parquet => "format = \"parquet\"\n",
        FileFormat::Csv { delimiter: b'\t', .. } => "format = \"csv\"\ndelimiter = \"\\t\"\n",
        FileFormat::Csv { .. } => "format = \"csv\"\n",
    };
    let mut times = Vec::new();
    if let Some(columns) = infer_schema(&first, format)? {
        let fields: Vec<String> = columns.iter().map(|(n, t)| format!("{} = {}", quoted(n), quoted(t))).collect();
        writeln!(text, "schema = {{ {} }}", fields.join(", ")).expect("a string takes everything");
        let is_time = |t: &str| matches!(parse_type(t), Ok(DataType::Timestamp(..)));
        times.extend(columns.into_iter().filter(|(_, t)| is_time(t)).map(|(n, _)| n));
    }
    let event_time = event_time.clone().or(if times.len() == 1 { times.pop() } else { None });
    if let Some(column) = event_time {
        writeln!(text, "event_time = {}\nwatermark = \"0s\"", quoted(&column)).expect("a string takes everything");
    }
    Ok(text)
}
