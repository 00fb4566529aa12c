//! What every [`Source`] must keep to, whatever it reads.

#![allow(clippy::unwrap_used, reason = "a suite says what is wrong by a panic")]

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;

use super::{Known, NextLook, Source};
use crate::ErrorKind;
use crate::record::SourceRange;
use crate::state::Table;

/// All rows of a range as text, each with its file and line.
///
/// # Panics
/// The source or its decoder does not keep to it.
pub fn rows(source: &dyn Source, range: &SourceRange, columns: &[usize]) -> Vec<String> {
    let decoder = source.decoder(columns).unwrap();
    let mut rows = Vec::new();
    let (mut part, mut next, mut lines) = (None, 0, 0);
    for chunk in source.read(range).unwrap() {
        let chunk = chunk.unwrap();
        if part != Some(chunk.part) {
            assert!(part.is_none_or(|before| before < chunk.part), "parts are read in order");
            (part, next, lines) = (Some(chunk.part), 0, 0);
        }
        assert_eq!(chunk.index, next, "chunks are numbered from 0");
        next += 1;
        let decoded = decoder.decode(&chunk).unwrap();
        assert_eq!(decoded.batch.schema(), decoder.schema());
        let name = source.part_name(range, chunk.part);
        let text = text(&decoded.batch);
        rows.extend(
            text.into_iter()
                .enumerate()
                .map(|(i, row)| format!("{name}:{} {row}", lines + u64::from(decoded.rows.line(i)) + 1)),
        );
        rows.extend(decoded.bad.into_iter().map(|b| format!("{name}:{} {}", lines + u64::from(b.line) + 1, b.reason)));
        lines += decoded.lines;
    }
    rows
}

fn text(batch: &RecordBatch) -> Vec<String> {
    if batch.num_columns() == 0 {
        return vec![String::new(); batch.num_rows()];
    }
    let table = pretty_format_batches(std::slice::from_ref(batch)).unwrap().to_string();
    let lines: Vec<&str> = table.lines().collect();
    // Widths differ from batch to batch; the cells do not.
    lines[3..lines.len() - 1].iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Plans until nothing comes, from where `state` says on, and puts there what a job would.
fn plan_all(source: &mut dyn Source, state: &mut Table) -> Vec<SourceRange> {
    let mut ranges = Vec::new();
    for now in 0.. {
        match source.plan(now * 1_000_000, Known::of(Some(state))).unwrap() {
            Some(range) => {
                keep(source, &range, state);
                ranges.push(range);
            }
            None if now > 0 => break,
            None => {}
        }
    }
    ranges
}

/// Puts the entries of a range into the state.
pub fn keep(source: &mut dyn Source, range: &SourceRange, state: &mut Table) {
    let read = source.entries(range).into_iter().map(|(key, value)| (key, Some(value)));
    for (key, value) in read.collect::<Vec<_>>().into_iter().chain(source.housekeeping()) {
        match value {
            Some(value) => drop(state.put(0, &key, &value)),
            None => drop(state.delete(0, &key)),
        }
    }
}

/// Runs the suite on what `open` opens, time after time, over input that does not change. It must give at least two
/// ranges.
///
/// # Panics
/// The source does not keep to it.
pub fn conforms(open: impl Fn() -> Box<dyn Source>) {
    let mut source = open();
    let mut state = Table::new(4);
    let ranges = plan_all(&mut *source, &mut state);
    assert!(ranges.len() > 1, "the suite wants more than one epoch");
    let every: Vec<usize> = (0..source.schema().fields().len()).collect();
    let per_range: Vec<Vec<String>> = ranges.iter().map(|range| rows(&*source, range, &every)).collect();
    assert_eq!(plan_all(&mut *open(), &mut Table::new(4)), ranges, "planning depends on the input only");
    assert_eq!(source.plan(i64::MAX, Known::of(Some(&state))).unwrap(), None, "nothing comes twice");
    if let NextLook::At(time) = source.next_look(5) {
        assert!(time > 5, "the next look is later than this one");
    }

    let partitions = source.partitions();
    assert!(partitions.iter().all(|partition| partition.is_read), "all of it was planned: {partitions:?}");
    for range in ranges.iter().filter(|_| !partitions.is_empty()) {
        let SourceRange::Offsets(offsets) = range else { panic!("what has partitions plans their offsets") };
        let named = |name: &String| partitions.iter().any(|partition| partition.name == *name);
        assert!(offsets.keys().all(named), "{range:?} has partitions that the source does not name");
    }

    // Any range can be read again, in any order, by any instance.
    let other = open();
    for (range, before) in ranges.iter().zip(&per_range).rev() {
        assert_eq!(&rows(&*other, range, &every), before);
    }
    // One epoch with all of it, or several: the same rows.
    let mut all: Vec<&String> = per_range.iter().flatten().collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "ranges do not overlap");

    // A restored source goes on right behind the committed ranges.
    for committed in 0..=ranges.len() {
        let mut state = Table::new(4);
        ranges[..committed].iter().for_each(|range| keep(&mut *source, range, &mut state));
        let mut restored = open();
        restored.restore(&mut Known::of(Some(&state)).iter()).unwrap();
        assert_eq!(plan_all(&mut *restored, &mut state), ranges[committed..]);
    }
    let wrong = open().restore(&mut [(&b"key"[..], &b"value"[..])].into_iter()).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Corrupt);

    // Some columns, in any order, or none: the same rows.
    let last = every.len() - 1;
    let some = rows(&*source, &ranges[0], &[last]);
    assert_eq!(some.len(), per_range[0].len());
    assert_eq!(rows(&*source, &ranges[0], &[]).len(), some.len());
    assert_eq!(source.decoder(&[last, 0]).unwrap().schema().field(1), source.schema().field(0));

    let foreign = match ranges[0] {
        SourceRange::Rows { .. } => SourceRange::Files(Vec::new()),
        _ => SourceRange::Rows { from: 0, to: 1 },
    };
    assert!(source.read(&foreign).is_err());
}
