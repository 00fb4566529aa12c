//! One epoch's results, put together in the order of its chunks: rows into sinks, partials for stateful operators,
//! dead letters with their places, event times, counters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::chunk::{ChunkOrigin, ChunkOutput};
use super::pass::{EpochContext, Passed};
use crate::connector::sink::Sink;
use crate::job::OnError;
use crate::name::{Name, Named};
use crate::operator::{AheadRows, Effects, Partial, Reject, Rows, Seen, cut_reason};
use crate::plan::Plan;
use crate::plan::dead_letters::{self, DeadLetter};
use crate::plan::late::{self, RowOrigin};
use crate::record::{Counters, SourceRange, WatermarkPair};
use crate::{Error, ErrorKind, Result};

/// Dead letters held before they are given to their sink.
const LETTERS: usize = 8192;

/// Bytes of their rows and reasons, likewise.
const LETTER_BYTES: usize = 16 << 20;

/// What a watermark node saw in one epoch.
#[derive(Debug, Default)]
pub(super) struct NodeSeen {
    pub all: Seen,
    /// The same per partition, of rows from sources that have partitions.
    pub partitions: BTreeMap<Arc<str>, Seen>,
}

/// What an epoch has come to so far.
pub(super) struct Gather<'a> {
    epoch: u64,
    /// Processing time at its start.
    started: i64,
    plan: &'a Plan,
    /// The watermarks of each stateful operator.
    pairs: &'a Named<WatermarkPair>,
    sinks: &'a mut Named<Box<dyn Sink>>,
    /// Per stateful operator, in the order of the chunks.
    pub partials: Named<Vec<Partial>>,
    /// Per watermark node whose rows there were.
    pub seen: BTreeMap<Name, NodeSeen>,
    /// The sources whose parts are partitions.
    partitioned: BTreeSet<Name>,
    /// The partition whose rows are taken.
    partition: Option<Arc<str>>,
    pub counters: Counters,
    /// The part being read, per source, and its lines so far.
    reading: BTreeMap<Name, (u32, u64)>,
    letters: Vec<DeadLetter>,
    letter_bytes: usize,
    /// Of those that were refused, how many are groups.
    pub groups_refused: u64,
}

impl<'a> Gather<'a> {
    /// Of an epoch that reads `ranges`, by source.
    pub fn new(
        context: EpochContext<'a>,
        plan: &'a Plan,
        ranges: &Named<SourceRange>,
        sinks: &'a mut Named<Box<dyn Sink>>,
    ) -> Self {
        let partitioned = ranges.iter().filter(|(_, range)| matches!(range, SourceRange::Offsets(_)));
        Self {
            epoch: context.epoch,
            started: context.started,
            plan,
            pairs: context.pairs,
            sinks,
            partials: plan.stateful.map(|_, _| Vec::new()),
            seen: BTreeMap::new(),
            partitioned: partitioned.map(|(name, _)| name.clone()).collect(),
            partition: None,
            counters: Counters::default(),
            reading: BTreeMap::new(),
            letters: Vec::new(),
            letter_bytes: 0,
            groups_refused: 0,
        }
    }

    /// Another range of a source begins: its files are counted anew.
    pub fn begin_range(&mut self) {
        self.reading.clear();
    }

    /// Takes the output of the next chunk.
    pub fn take_chunk(
        &mut self,
        origin: &ChunkOrigin,
        output: ChunkOutput<'_>,
        context: EpochContext<'_>,
    ) -> Result<()> {
        let ChunkOutput { part, skipped, lines, bytes, rows, positions, bad, passed, mut rest } = output;
        self.counters.rows_in += rows;
        self.counters.bytes_in += bytes;
        let reading = self.reading.entry(origin.source.clone()).or_insert((part, 0));
        if reading.0 != part {
            *reading = (part, 0);
        }
        let before = reading.1;
        reading.1 += lines;
        let called = |line: u32| origin.numbers.called(before, skipped, line);

        let is_partition = self.partitioned.contains(&origin.source);
        self.partition = origin.part.clone().filter(|_| is_partition);
        let source = origin.source.shared();
        // Bad rows and rejected ones by line, as a person reads the file.
        let mut letters: Vec<DeadLetter> = Vec::new();
        for row in bad {
            letters.push(DeadLetter {
                node: source.clone(),
                source: Some(source.clone()),
                file: origin.part.clone(),
                line: Some(called(row.line)),
                reason: row.reason,
                row: row.text,
                is_group: false,
            });
        }
        let origin_of = |row: u32| {
            let line = Some(called(positions.line(row as usize)));
            RowOrigin { source: Some(source.clone()), file: origin.part.clone(), line }
        };
        let mut passed = passed.into_iter();
        loop {
            let next = match passed.next() {
                Some(next) => next,
                None => match rest.next(context)? {
                    Some(next) => next,
                    None => break,
                },
            };
            self.take_passed(next, origin_of, std::mem::take(&mut letters))?;
        }
        // Of a chunk whose rows are bad all.
        letters.into_iter().try_for_each(|letter| self.letter(letter))
    }

    /// Takes what came of rows that a stateful operator gave.
    pub fn take_emitted(&mut self, passed: Passed) -> Result<()> {
        self.partition = None;
        self.take_passed(passed, |_| RowOrigin::default(), Vec::new())
    }

    fn take_passed(
        &mut self,
        passed: Passed,
        origin_of: impl Fn(u32) -> RowOrigin,
        mut letters: Vec<DeadLetter>,
    ) -> Result<()> {
        let Passed { sinks, partials, late, ahead, effects } = passed;
        for (sink, batch) in sinks {
            self.write(&sink, &batch)?;
        }
        for (operator, partial) in partials {
            self.partials[&operator].push(partial);
        }
        let Effects { rejects, partly_late, seen, .. } = effects;
        for reject in rejects {
            let RowOrigin { source, file, line } = origin_of(reject.origin);
            let Reject { node, reason, row, is_group, .. } = reject;
            letters.push(DeadLetter { node, source, file, line, reason, row, is_group });
        }
        letters.sort_by_key(|l| l.line);
        for letter in letters {
            self.letter(letter)?;
        }
        for (operator, rows) in late {
            *self.counters.late.entry(rows.node.to_string()).or_default() += rows.rows.len() as u64;
            let reason = late::reason(self.plan.stateful[&operator].operator.late_by(self.pairs[&operator]));
            self.set_aside(&operator, &rows.node, &rows.rows, &reason, &origin_of)?;
        }
        for (operator, AheadRows { rows, max_ahead }) in ahead {
            let node = self.plan.stateful[&operator].node();
            *self.counters.ahead.entry(node.to_owned()).or_default() += rows.len() as u64;
            self.set_aside(&operator, node, &rows, &late::ahead(max_ahead, self.started), &origin_of)?;
        }
        for (node, rows) in partly_late {
            *self.counters.partly_late.entry(node.to_string()).or_default() += rows;
        }
        for (node, one) in seen {
            let of_node = self.seen.entry(node).or_default();
            of_node.all.add(one);
            if let Some(partition) = self.partition.as_ref().filter(|_| one.rows > 0) {
                of_node.partitions.entry(partition.clone()).or_default().add(one);
            }
        }
        Ok(())
    }

    /// Rows that `operator` does not take go to its late output, if it names one.
    fn set_aside(
        &mut self,
        operator: &Name,
        node: &str,
        rows: &Rows,
        reason: &str,
        origin_of: &impl Fn(u32) -> RowOrigin,
    ) -> Result<()> {
        let Some(sink) = &self.plan.stateful[operator].late else { return Ok(()) };
        let origins: Vec<RowOrigin> = (0..rows.len()).map(|i| origin_of(rows.origin(i))).collect();
        let batch = late::batch(&self.plan.sinks[sink].schema, &rows.batch, self.epoch, node, reason, &origins);
        self.write(sink, &batch.map_err(does_not_fit)?)
    }

    fn write(&mut self, sink: &Name, batch: &RecordBatch) -> Result<()> {
        // Marks of event time stay inside the job.
        let schema = &self.plan.sinks[sink].schema;
        let batch = if batch.schema_ref() == schema {
            batch.clone()
        } else {
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(schema.clone(), batch.columns().to_vec(), &options)
                .map_err(does_not_fit)?
        };
        *self.counters.rows_out.entry(sink.to_string()).or_default() += batch.num_rows() as u64;
        self.sinks[sink].write(&batch).map_err(|e| e.context(format!("sink `{sink}`")))
    }

    fn letter(&mut self, letter: DeadLetter) -> Result<()> {
        let letter = DeadLetter { reason: cut_reason(letter.reason), ..letter };
        if self.plan.job.on_error == OnError::Fail {
            let place = match (&letter.file, letter.line) {
                (Some(file), Some(line)) => format!("{file}, line {line}: "),
                (None, Some(row)) => format!("row {row}: "),
                _ => String::new(),
            };
            // A row that a node made stands nowhere: what is in it says which one it is.
            let which = match (letter.is_group, place.is_empty()) {
                (true, _) => format!("the group {}", letter.row),
                (false, true) => format!("the row {}", letter.row),
                (false, false) => "a row".to_owned(),
            };
            let message = format!("{place}`{}` refused {which}: {}", letter.node, letter.reason);
            return Err(Error::new(ErrorKind::Data, message)
                .with_help("the job says on_error = \"fail\"; with \"dead-letter\" the rest would go on"));
        }
        *self.counters.rejected.entry(letter.node.to_string()).or_default() += 1;
        self.groups_refused += u64::from(letter.is_group);
        self.letter_bytes += letter.reason.len() + letter.row.len();
        self.letters.push(letter);
        if self.letters.len() >= LETTERS || self.letter_bytes >= LETTER_BYTES { self.send_letters() } else { Ok(()) }
    }

    /// Hands the dead letters held back to their sink.
    pub fn send_letters(&mut self) -> Result<()> {
        if self.letters.is_empty() {
            return Ok(());
        }
        let batch = dead_letters::batch(self.epoch, &self.letters);
        self.letters.clear();
        self.letter_bytes = 0;
        let letters = &self.plan.job.dead_letters.name.value;
        self.sinks[&letters.into()].write(&batch)
    }
}

/// The plan has checked that they do.
fn does_not_fit(e: ArrowError) -> Error {
    Error::internal(format!("rows do not fit their sink: {e}")).caused_by(e)
}
