//! `millstream epochs CHECKPOINT`

use std::fmt::Write;

use millstream_engine::checkpoint::look;
use millstream_engine::record::EpochRecord;
use millstream_engine::run::report::short;
use millstream_engine::storage::LocalStorage;
use millstream_engine::{Error, Result};

use super::{checkpoint_folder, print};
use crate::args::EpochsArgs;
use crate::columns::{self, Column, Side};
use crate::text;

/// Shows the epochs that a checkpoint's log has.
pub(crate) fn epochs(args: &EpochsArgs) -> Result<()> {
    let folder = checkpoint_folder(&args.checkpoint)?;
    let looked = look(&LocalStorage::new(&folder))?;
    let skipped = args.last.map_or(0, |last| looked.epochs.len().saturating_sub(last));
    let shown = &looked.epochs[skipped..];
    if args.json {
        let line = |record| serde_json::to_string(record).map(|line| line + "\n");
        let lines: std::result::Result<String, _> = shown.iter().map(line).collect();
        return print(&lines.map_err(|e| Error::internal(format!("a record is no JSON: {e}")))?);
    }
    let mut out = format!("checkpoint {} of job `{}`: ", folder.display(), looked.job);
    match (shown.first(), shown.last()) {
        (Some(first), Some(last)) => out += &format!("epochs {} to {}\n\n", first.epoch, last.epoch),
        _ => out += "no epoch is committed\n",
    }
    if !shown.is_empty() {
        out += &table(shown);
    }
    print(&out)
}

const COLUMNS: [Column; 8] = [
    ("epoch", Side::Right),
    ("started", Side::Left),
    ("in", Side::Right),
    ("out", Side::Right),
    ("late", Side::Right),
    ("rejected", Side::Right),
    ("watermark", Side::Left),
    ("plugins", Side::Left),
];

fn table(epochs: &[EpochRecord]) -> String {
    let rows: Vec<[String; 8]> = epochs.iter().map(cells).collect();
    let mut lines = columns::lines(&COLUMNS, &rows).into_iter();
    let head = lines.next().unwrap_or_default();
    let indent = head.find(COLUMNS[1].0).unwrap_or(0);
    let mut out = head + "\n";
    for (line, record) in lines.zip(epochs) {
        writeln!(out, "{line}").expect("a String takes all text");
        for line in record.not_swapped.iter().flat_map(|failed| failed.reason.lines()) {
            writeln!(out, "{:indent$}{line}", "").expect("a String takes all text");
        }
    }
    out
}

fn cells(record: &EpochRecord) -> [String; 8] {
    let counters = &record.counters;
    let plugins = record.plugins.iter().map(|(name, digest)| {
        let swapped = match record.swapped.get(name) {
            Some(swapped) if swapped.since == record.epoch => " (swapped)",
            _ => "",
        };
        let canary = record.canary.as_ref().filter(|canary| canary.plugin == *name);
        let canary = canary.map(|canary| format!(" ({} {})", canary.share, short(&canary.digest))).unwrap_or_default();
        format!("{name} {}{swapped}{canary}", short(digest))
    });
    let watermarks = record.watermarks.values().map(|pair| pair.close);
    [
        record.epoch.to_string(),
        text::instant(record.started.div_euclid(1000) * 1000).unwrap_or_default(),
        counters.rows_in.to_string(),
        counters.rows_out.values().sum::<u64>().to_string(),
        counters.late.values().sum::<u64>().to_string(),
        counters.rejected.values().sum::<u64>().to_string(),
        watermarks.min().map_or_else(|| "-".to_owned(), text::watermark),
        plugins.collect::<Vec<_>>().join(", "),
    ]
}
