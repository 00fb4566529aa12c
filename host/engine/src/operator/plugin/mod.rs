//! Plugins as operators: filter, map, flat-map.
//!
//! A plugin is called with at most [`ROWS_PER_CALL`] rows and, unless one row is longer, [`BYTES_PER_CALL`]. Rows that it rejects, and rows that make it fail alone (see
//! [`super::isolate()`]), go to the dead letters; the rest of the batch goes on.

mod columns;
mod logs;
mod operator;
mod stored_state;

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, BooleanBufferBuilder, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use millstream_plugin::{
    BoundFilter, BoundFlatMap, BoundMap, CallOptions, Expanded, Mapped, PluginError, Reject, Selection, TrapKind,
};

pub use columns::{ColumnFrom, extended};
pub use logs::{LogLine, PluginLogs};
pub use operator::PluginOperator;
pub use stored_state::unreadable_state;

use self::columns::{assemble, concat_columns};
use super::isolate::{Attempt, Blame, Fault, isolate};
use super::room::Sizes;
use super::rows::arrow_failed;
use super::{Effects, Room, Rows, Transform, row_as_json};
use crate::{Error, ErrorKind, Result};

/// Rows handed over in one call: enough to make the call's cost vanish, few enough to stay in the cache.
pub const ROWS_PER_CALL: usize = 8192;

/// Bytes of the columns that it reads, handed over in one call: texts are copied into the plugin's memory, and what it
/// makes of them lies there as well, which has 64 MiB by default.
pub const BYTES_PER_CALL: u64 = 4 << 20;

/// How a plugin is called under each attempt of the rule for failures.
pub(super) fn options(attempt: Attempt) -> CallOptions {
    match attempt {
        Attempt::First => CallOptions::default(),
        Attempt::Patient => CallOptions::RETRY,
        Attempt::Search { of_whole } => CallOptions { time_divisor: of_whole, ..CallOptions::default() },
    }
}

impl std::convert::From<PluginError> for Error {
    fn from(e: PluginError) -> Self {
        let kind = match &e {
            PluginError::NotAComponent { .. }
            | PluginError::MissingExport { .. }
            | PluginError::NewerContract { .. }
            | PluginError::OlderContract { .. }
            | PluginError::NoSuchOperator { .. }
            | PluginError::Refused { .. }
            | PluginError::Unsupported(_) => ErrorKind::Invalid,
            PluginError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::Invalid,
            PluginError::NoRoom(_) => ErrorKind::Unavailable,
            PluginError::Engine(_) => ErrorKind::Internal,
            _ => ErrorKind::Plugin,
        };
        Self::new(kind, e.to_string())
    }
}

impl Blame for PluginError {
    fn fault(&self) -> Fault {
        match self {
            e if e.is_call_failure() => Fault::Rows,
            Self::NoRoom(_) | Self::Engine(_) | Self::NotStarted(_) => Fault::Host,
            _ => Fault::Caller,
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::Trap(trap) if trap.kind == TrapKind::TimeLimit)
    }

    fn row(&self) -> Option<usize> {
        PluginError::row(self).map(|row| row as usize)
    }
}

/// What a call returned.
pub trait Returned {
    /// How many bytes were made.
    fn bytes(&self) -> u64;
}

impl Returned for Selection {
    fn bytes(&self) -> u64 {
        0
    }
}

impl Returned for Mapped {
    fn bytes(&self) -> u64 {
        self.columns.iter().map(|c| c.get_buffer_memory_size() as u64).sum()
    }
}

impl Returned for Expanded {
    fn bytes(&self) -> u64 {
        let places = 4 * self.parents.len() as u64;
        places + self.columns.iter().map(|c| c.get_buffer_memory_size() as u64).sum::<u64>()
    }
}

/// Calls a plugin for one operator.
#[derive(Debug, Clone)]
pub struct PluginCalls {
    node: Arc<str>,
    plugin: Arc<str>,
}

/// Results by the rows they are for, and rows that failed alone with the reason.
pub type CallResults<T> = (Vec<(Range<usize>, T)>, Vec<(usize, String)>);

impl PluginCalls {
    /// The plugin's name.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// For operator `node`, which uses the plugin named `plugin`.
    pub fn new(node: Arc<str>, plugin: Arc<str>) -> Self {
        Self { node, plugin }
    }

    /// Calls with all rows of `batch`, some at a time; the plugin `reads` these columns. What it returns takes of the
    /// `room`.
    pub fn run<T: Returned>(
        &self,
        batch: &RecordBatch,
        reads: &[usize],
        room: &mut Room,
        mut call: impl FnMut(&RecordBatch, CallOptions) -> Result<T, PluginError>,
    ) -> Result<CallResults<T>> {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let sizes = Sizes::of_all(reads.iter().map(|c| batch.column(*c)));
        let (mut next, end) = (0, batch.num_rows());
        while next < end {
            let (start, rows) = (next, sizes.fitting(next, end, ROWS_PER_CALL, BYTES_PER_CALL));
            next += rows;
            let found = isolate(rows, |part, attempt| {
                let returned = call(&batch.slice(start + part.start, part.len()), options(attempt))?;
                // Good parts of a call that failed are held too.
                room.take(returned.bytes()).map_err(Failed::Room)?;
                Ok(returned)
            });
            let (parts, failing) = found.map_err(|stopped| {
                let row = |row| row_as_json(batch, start + row);
                stopped.into_error("rows", row, Failed::into_error).context(self.place())
            })?;
            good.extend(parts.into_iter().map(|(r, t)| (start + r.start..start + r.end, t)));
            bad.extend(failing.into_iter().map(|(row, e)| (start + row, e.to_string())));
        }
        Ok((good, bad))
    }

    fn place(&self) -> String {
        format!("operator `{}`, plugin `{}`", self.node, self.plugin)
    }
}

/// Why a call has no result.
enum Failed {
    Plugin(PluginError),
    /// There is no room for it beside the others.
    Room(Error),
}

impl Failed {
    fn into_error(self) -> Error {
        match self {
            Self::Plugin(e) => e.into(),
            Self::Room(e) => e,
        }
    }
}

impl From<PluginError> for Failed {
    fn from(e: PluginError) -> Self {
        Self::Plugin(e)
    }
}

impl Blame for Failed {
    fn fault(&self) -> Fault {
        match self {
            Self::Plugin(e) => e.fault(),
            Self::Room(_) => Fault::Caller,
        }
    }

    fn is_timeout(&self) -> bool {
        matches!(self, Self::Plugin(e) if e.is_timeout())
    }

    fn row(&self) -> Option<usize> {
        match self {
            Self::Plugin(e) => Blame::row(e),
            Self::Room(_) => None,
        }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plugin(e) => e.fmt(f),
            Self::Room(e) => e.fmt(f),
        }
    }
}

/// Notes rejects of all parts, and failing rows, as dead letters; returns their rows, ascending.
fn note(
    node: &Arc<str>,
    rows: &Rows,
    rejects: impl Iterator<Item = (usize, Vec<Reject>)>,
    failing: Vec<(usize, String)>,
    effects: &mut Effects,
) -> Vec<u32> {
    let rejected = rejects.flat_map(|(start, list)| list.into_iter().map(move |r| (start + r.row as usize, r.reason)));
    let mut all: Vec<(usize, String)> = rejected.chain(failing).collect();
    all.sort_by_key(|r| r.0);
    for (row, reason) in &all {
        effects.reject(node, rows, *row, reason.clone());
    }
    all.into_iter().map(|r| r.0 as u32).collect()
}

/// Keeps the rows that a plugin selects.
#[derive(Debug)]
pub struct PluginFilter {
    calls: PluginCalls,
    bound: BoundFilter,
}

impl PluginFilter {
    /// `bound` was bound to the schema of the rows that will come.
    pub fn new(calls: PluginCalls, bound: BoundFilter) -> Self {
        Self { calls, bound }
    }
}

impl Transform for PluginFilter {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let (parts, failing) =
            self.calls.run(&rows.batch, self.bound.reads(), &mut effects.room, |part, options| {
                self.bound.call_with(part, options)
            })?;
        let mut keep = BooleanBufferBuilder::new(rows.len());
        let mut rejects = Vec::new();
        for (range, Selection { keep: kept, rejects: list }) in parts {
            // Rows that failed alone lie between the parts.
            keep.append_n(range.start - keep.len(), false);
            keep.append_buffer(&kept);
            if !list.is_empty() {
                rejects.push((range.start, list));
            }
        }
        keep.append_n(rows.len() - keep.len(), false);
        for row in note(&self.calls.node, &rows, rejects.into_iter(), failing, effects) {
            keep.set_bit(row as usize, false);
        }
        rows.filter(&BooleanArray::new(keep.finish(), None))
    }
}

/// Adds the columns that a plugin computes.
#[derive(Debug)]
pub struct PluginMap {
    calls: PluginCalls,
    bound: BoundMap,
    layout: Vec<ColumnFrom>,
    schema: SchemaRef,
}

impl PluginMap {
    /// Output column `i` comes from `layout[i]` and is field `i` of `schema`.
    pub fn new(calls: PluginCalls, bound: BoundMap, layout: Vec<ColumnFrom>, schema: SchemaRef) -> Self {
        Self { calls, bound, layout, schema }
    }
}

impl Transform for PluginMap {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let (parts, failing) =
            self.calls.run(&rows.batch, self.bound.reads(), &mut effects.room, |part, options| {
                self.bound.call_with(part, options)
            })?;
        let failed: Vec<u32> = failing.iter().map(|f| f.0 as u32).collect();
        let (mut columns, mut rejects) = (Vec::new(), Vec::new());
        for (range, Mapped { columns: returned, rejects: list }) in parts {
            columns.push(returned);
            rejects.push((range.start, list));
        }
        let gone = note(&self.calls.node, &rows, rejects.into_iter(), failing, effects);
        // Rows that failed have no values at all; rejected ones have values that are ignored.
        let computed = rows.without(&failed)?;
        let output = self.bound.output();
        let returned: Vec<ArrayRef> =
            (0..output.len()).map(|c| concat_columns(&columns, c, output[c].data_type())).collect::<Result<_>>()?;
        let n = computed.len();
        let batch = assemble(&self.schema, &self.layout, computed.batch.columns(), &returned, n)?;
        let mut before = failed.iter().peekable();
        let mut shift = 0;
        let mut rejected = Vec::new();
        for row in gone {
            if before.next_if(|f| **f == row).is_some() {
                shift += 1;
            } else {
                rejected.push(row - shift);
            }
        }
        computed.with_batch(batch).without(&rejected)
    }
}

/// Replaces each row by the rows that a plugin makes of it.
#[derive(Debug)]
pub struct PluginFlatMap {
    calls: PluginCalls,
    bound: BoundFlatMap,
    layout: Vec<ColumnFrom>,
    schema: SchemaRef,
}

impl PluginFlatMap {
    /// The columns that come out.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Output column `i` comes from `layout[i]` and is field `i` of `schema`; input columns are repeated for each row.
    pub fn new(calls: PluginCalls, bound: BoundFlatMap, layout: Vec<ColumnFrom>, schema: SchemaRef) -> Self {
        Self { calls, bound, layout, schema }
    }
}

impl Transform for PluginFlatMap {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let (parts, failing) =
            self.calls.run(&rows.batch, self.bound.reads(), &mut effects.room, |part, options| {
                self.bound.call_with(part, options)
            })?;
        let (mut columns, mut rejects, mut parents) = (Vec::new(), Vec::new(), Vec::<u32>::new());
        for (range, Expanded { parents: of, columns: returned, rejects: list }) in parts {
            parents.extend(of.values().iter().map(|p| p + range.start as u32));
            columns.push(returned);
            rejects.push((range.start, list));
        }
        let gone = note(&self.calls.node, &rows, rejects.into_iter(), failing, effects);
        let output = self.bound.output();
        let mut returned: Vec<ArrayRef> =
            (0..output.len()).map(|c| concat_columns(&columns, c, output[c].data_type())).collect::<Result<_>>()?;
        if !gone.is_empty() {
            // What a plugin returned for a row that it rejected in the end is ignored.
            let kept: Vec<u32> =
                (0..parents.len() as u32).filter(|i| gone.binary_search(&parents[*i as usize]).is_err()).collect();
            parents = kept.iter().map(|i| parents[*i as usize]).collect();
            let kept = UInt32Array::from(kept);
            returned = returned.iter().map(|c| take(c, &kept, None).map_err(arrow_failed)).collect::<Result<_>>()?;
        }
        // A long line is repeated for each of its rows: counted before that is done.
        let carried = self.layout.iter().filter_map(|from| match from {
            ColumnFrom::Input(i) => Some(rows.batch.column(*i)),
            ColumnFrom::Plugin(_) => None,
        });
        effects.room.take(Sizes::of_all(carried).of_rows(&parents)).map_err(|e| e.context(self.calls.place()))?;
        let parents = UInt32Array::from(parents);
        let mut input = rows.batch.columns().to_vec();
        for from in &self.layout {
            if let ColumnFrom::Input(i) = from {
                input[*i] = take(&input[*i], &parents, None).map_err(arrow_failed)?;
            }
        }
        let batch = assemble(&self.schema, &self.layout, &input, &returned, parents.len())?;
        let origins = parents.values().iter().map(|p| rows.origin(*p as usize)).collect();
        Ok(Rows { batch, origin: super::RowOrigins::At(origins) })
    }
}
