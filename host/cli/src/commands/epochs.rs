//! `millstream epochs CHECKPOINT`

use std::fmt::Write;

use millstream_engine::checkpoint::look;
use millstream_engine::record::EpochRecord;
use millstream_engine::storage::LocalStorage;
use millstream_engine::{Error, Result};

use super::{checkpoint_folder, print};
use crate::args::EpochsArgs;
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

const HEAD: [&str; 8] = ["epoch", "started", "in", "out", "late", "rejected", "watermark", "plugins"];

/// Columns of numbers stand on the right.
const NUMBERS: [bool; 8] = [true, false, true, true, true, true, false, false];

fn table(epochs: &[EpochRecord]) -> String {
    let mut rows: Vec<[String; 8]> = vec![HEAD.map(str::to_owned)];
    rows.extend(epochs.iter().map(cells));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut out = String::new();
    let mut records = epochs.iter();
    for (n, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for ((cell, width), number) in row.iter().zip(&widths).zip(NUMBERS) {
            let cell = if number { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            write!(line, "{cell}  ").expect("a String takes all text");
        }
        writeln!(out, "{}", line.trim_end()).expect("a String takes all text");
        for failed in records.by_ref().take(usize::from(n > 0)).flat_map(|record| &record.not_swapped) {
            let indent = widths[0] + 2;
            writeln!(out, "{:indent$}{}", "", failed.reason).expect("a String takes all text");
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
        format!("{name} {}{swapped}", digest.get(..12).unwrap_or(digest))
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
