//! `millstream state CHECKPOINT [NODE]`

use std::fs::File;
use std::io::{BufWriter, stdout};
use std::ops::ControlFlow;
use std::path::Path;

use millstream_engine::checkpoint::{AtEpoch, read_at};
use millstream_engine::connector::Connectors;
use millstream_engine::connector::sink::is_closed_pipe;
use millstream_engine::executor::Executor;
use millstream_engine::job::Job;
use millstream_engine::operator::StoredNode;
use millstream_engine::run::{
    Environment, ReadSoFar, StateOverview, StoredRows, StoredRowsOptions, StoredSource, overview,
};
use millstream_engine::storage::LocalStorage;
use millstream_engine::{Error, ErrorKind, Result};
use serde_json::json;

use super::{checkpoint_folder, print, runtime};
use crate::answer::{Out, stored_printer};
use crate::args::{StateArgs, StateFormat};
use crate::columns::{self, Column, Side};
use crate::text;

/// Rows that a table has if nobody says how many.
const ROWS: u64 = 100;

/// Shows what a checkpoint's state holds.
pub(crate) fn state(args: &StateArgs) -> Result<()> {
    let format = format(args)?;
    let folder = checkpoint_folder(&args.checkpoint)?;
    let storage = LocalStorage::new(&folder);
    let at = read_at(&storage, args.epoch, &Executor::of_process().workers(None))?;
    match &args.node {
        None => print(&match format {
            StateFormat::Json => as_json(&at, &overview(&at)?),
            _ => picture(&folder, &at, &overview(&at)?),
        }),
        Some(node) => match rows(args, node, format, at, &storage) {
            // Whoever read them (`| head`) has seen enough.
            Err(error) if is_closed_pipe(&error) => Ok(()),
            done => done,
        },
    }
}

fn format(args: &StateArgs) -> Result<StateFormat> {
    let ending = args.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    let by_ending = match ending {
        Some("parquet") => StateFormat::Parquet,
        Some("json" | "jsonl" | "ndjson") => StateFormat::Json,
        _ => StateFormat::Table,
    };
    let format = args.format.unwrap_or(by_ending);
    if format == StateFormat::Parquet && args.node.is_none() {
        return Err(Error::invalid("the overview is not written as Parquet")
            .with_help("name a node whose rows are to be written, or use --format json"));
    }
    if format == StateFormat::Parquet && args.output.is_none() {
        return Err(Error::invalid("a Parquet file is not printed").with_help("name the file with -o"));
    }
    Ok(format)
}

/// Prints a node's rows.
fn rows(args: &StateArgs, node: &str, format: StateFormat, at: AtEpoch, storage: &LocalStorage) -> Result<()> {
    let environment = Environment::default();
    let file = args.job.as_ref().or(Some(&args.checkpoint).filter(|path| path.is_file()));
    let job = file.map(|file| Job::load(file, &Connectors::built_in().keys(), &[])).transpose()?;
    let runtime = match at.record.plugins.is_empty() {
        true => None,
        false => Some(runtime(|line| eprintln!("{line}"))?),
    };
    let map = args.map.as_deref();
    let options = StoredRowsOptions { node, map, job: job.as_ref(), runtime, environment: &environment };
    let stored = StoredRows::find(at, storage, options)?;
    let wanted = stored.wanted(&args.key)?;
    let out: Out = match &args.output {
        Some(file) => Box::new(BufWriter::new(File::create(file).map_err(|e| cannot_write(file, e))?)),
        None => Box::new(stdout()),
    };
    let mut printer = stored_printer(format, stored.columns(), out);
    let is_table = format == StateFormat::Table;
    let limit = args.limit.unwrap_or(if is_table { ROWS } else { u64::MAX });
    let (mut there, mut shown) = (0, 0);
    let mut print_all = || {
        printer.begin(&stored.columns().schema)?;
        stored.read(&wanted, &mut |batch| {
            there += batch.num_rows() as u64;
            let more = (limit - shown).min(batch.num_rows() as u64);
            if more > 0 {
                printer.rows(&batch.slice(0, more as usize))?;
                shown += more;
            }
            // A table says how many there are.
            Ok(if !is_table && shown >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        printer.end()
    };
    let printed = print_all();
    printed.map_err(|e| match &args.output {
        Some(file) if e.kind() == ErrorKind::Unavailable => e.context(file.display().to_string()),
        _ => e,
    })?;
    match &args.output {
        Some(file) => print(&format!("{}: {} of `{node}`\n", file.display(), in_rows(shown))),
        None if there > shown => {
            print(&format!("{} of {} are shown; --limit shows more\n", text::count(shown), in_rows(there)))
        }
        None => Ok(()),
    }
}

fn in_rows(count: u64) -> String {
    format!("{} {}", text::count(count), if count == 1 { "row" } else { "rows" })
}

fn cannot_write(file: &Path, e: std::io::Error) -> Error {
    Error::new(ErrorKind::Invalid, format!("{} cannot be written", file.display()))
        .with_help("name a file in a folder that is there, and that this user may write to")
        .caused_by(e)
}

const NODES: [Column; 6] = [
    ("state", Side::Left),
    ("what", Side::Left),
    ("by", Side::Left),
    ("rows", Side::Right),
    ("bytes", Side::Right),
    ("holds", Side::Left),
];

const SOURCES: [Column; 2] = [("source", Side::Left), ("read", Side::Left)];

fn picture(folder: &Path, at: &AtEpoch, overview: &StateOverview) -> String {
    let kind = if at.is_savepoint { "savepoint" } else { "checkpoint" };
    let started = text::instant(at.record.started.div_euclid(1000) * 1000).unwrap_or_default();
    let mut out = format!("{kind} {} of job `{}`: after epoch {}", folder.display(), at.job, at.record.epoch);
    out += &format!(", which began at {started}\n\n");
    let nodes: Vec<[String; 6]> = overview.nodes.iter().map(cells).collect();
    out += &match nodes.is_empty() {
        true => "no node keeps state\n".to_owned(),
        false => columns::lines(&NODES, &nodes).join("\n") + "\n",
    };
    if !overview.sources.is_empty() {
        let read = |source: &StoredSource| {
            let read = match source.read {
                ReadSoFar::Files => text::files(source.entries),
                ReadSoFar::Rows(rows) => in_rows(rows),
                ReadSoFar::Partitions => {
                    format!("up to an offset in each of {} partitions", text::count(source.entries))
                }
            };
            [source.name.clone(), read]
        };
        let sources: Vec<[String; 2]> = overview.sources.iter().map(read).collect();
        out += &format!("\n{}\n", columns::lines(&SOURCES, &sources).join("\n"));
    }
    out
}

fn cells(node: &StoredNode) -> [String; 6] {
    let StoredNode { plugins, timers, map_entries, distinct, .. } = node;
    let of_plugins = plugins.iter().map(|(name, version)| format!("state version {version} of `{name}`"));
    let mut holds: Vec<String> = of_plugins.collect();
    let counted = |count: Option<u64>, one: &str, many: &str| {
        count.map(|count| format!("{} {}", text::count(count), if count == 1 { one } else { many }))
    };
    holds.extend(counted(*timers, "timer", "timers"));
    holds.extend(counted(*map_entries, "entry of maps", "entries of maps"));
    holds.extend(counted(*distinct, "distinct value", "distinct values"));
    let by = if node.keys.is_empty() { "-".to_owned() } else { node.keys.join(", ") };
    let rows = text::count(node.rows);
    [node.name.clone(), node.what.clone(), by, rows, text::bytes(node.bytes), holds.join(", ")]
}

fn as_json(at: &AtEpoch, overview: &StateOverview) -> String {
    let nodes = overview.nodes.iter().map(|node| {
        let plugins = node.plugins.iter().map(|(name, version)| json!({ "plugin": name, "state_version": version }));
        json!({
            "state": node.name,
            "what": node.what,
            "keys": node.keys,
            "rows": node.rows,
            "bytes": node.bytes,
            "plugins": plugins.collect::<Vec<_>>(),
            "timers": node.timers,
            "map_entries": node.map_entries,
            "distinct": node.distinct,
        })
    });
    let sources = overview.sources.iter().map(|source| match source.read {
        ReadSoFar::Files => json!({ "source": source.name, "files": source.entries }),
        ReadSoFar::Rows(rows) => json!({ "source": source.name, "rows": rows }),
        ReadSoFar::Partitions => json!({ "source": source.name, "partitions": source.entries }),
    });
    let all = json!({
        "job": at.job,
        "checkpoint": at.id,
        "savepoint": at.is_savepoint,
        "epoch": at.record.epoch,
        "started": text::instant(at.record.started),
        "states": nodes.collect::<Vec<_>>(),
        "sources": sources.collect::<Vec<_>>(),
    });
    format!("{all}\n")
}
