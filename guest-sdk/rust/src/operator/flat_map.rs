//! Flat-maps: one row in, any number out. A flat-map returns its own columns and, for each output row, the input row
//! it came from; the host carries over the other columns that are wanted downstream.
//!
//! An input of a few megabytes may expand to gigabytes. So an [`Expander`] stops at a bound ([`Expander::MAX_ROWS`],
//! [`Expander::MAX_BYTES`]) and tells the host where to go on; the host calls again with the rest. Operators need
//! not think of it, as long as they write through the expander.

use super::{About, Failure};
use crate::{
    batch::Batch, buffer::BufferBuilder, builder::RowBuilders, column::Column, config::Config,
    contract::types::Problem, fields::Fields, reject::Rejects, row::Row, schema::Schema,
};

/// An operator that makes any number of rows from each.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// /// One row for each `key=value` pair of a query string.
/// struct QueryPairs {
///     query: Input<Utf8>,
/// }
///
/// impl FlatMap for QueryPairs {
///     fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
///         Ok((Self { query: input.column("query")?.utf8()? }, Fields::new().utf8("key").utf8("value")))
///     }
///
///     fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure> {
///         let queries = batch.get(self.query);
///         Ok(out.each_row(|row, pairs| {
///             for pair in queries.get(row).unwrap_or_default().split('&') {
///                 pairs.push(pair.split_once('=').unwrap_or((pair, "")));
///             }
///         }))
///     }
/// }
///
/// millstream_guest::flat_map!(QueryPairs);
///
/// # use millstream_guest::testing::{self, Table};
/// # fn main() {
/// let input = Table::new().int64("id", [7, 8]).utf8("query", ["a=1&b=2", "c"]);
/// let output = testing::flat_map::<QueryPairs>("{}", &input).unwrap().table;
/// assert_eq!(output.select(&["id", "key", "value"]),
///     Table::new().int64("id", [7, 7, 8]).utf8("key", ["a", "b", "c"]).utf8("value", ["1", "2", ""]));
/// # }
/// ```
pub trait FlatMap: Sized + 'static {
    /// Reads the configuration, asks for the columns that are needed, and says which columns calls return. Called
    /// once per instance, before any batch, and when the job is checked; it must give the same answer every time.
    ///
    /// # Errors
    /// If the configuration or the input's columns won't do.
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem>;

    /// One batch, written through `out`.
    ///
    /// # Errors
    /// If the batch as a whole cannot be dealt with.
    fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure>;

    /// What it says about itself to whoever looks into the component.
    fn about() -> About {
        About::new()
    }
}

/// A flat-map's answer, made by an [`Expander`].
#[derive(Clone, Debug)]
pub struct Expanded {
    /// For each output row the input row it came from, never going down.
    pub parents: BufferBuilder<u32>,
    /// The columns, in the order of the fields that `bind` gave.
    pub columns: Vec<Column>,
    /// Rows that go to the dead letters.
    pub rejects: Rejects,
    /// How many input rows are dealt with; the host calls again with the rest.
    pub consumed: u32,
    /// Where to go on inside row `consumed`, if it is half done.
    pub resume: Option<u64>,
}

/// Where a flat-map writes to: knows where this call begins, and when it is enough.
#[derive(Clone, Debug)]
pub struct Expander {
    pub(crate) rows: usize,
    pub(crate) resume: Option<u64>,
    pub(crate) max_rows: usize,
    pub(crate) max_bytes: usize,
}

impl Expander {
    /// After so many output rows a call stops.
    pub const MAX_ROWS: usize = 1_000_000;
    /// After so many bytes in the output columns a call stops.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    pub(crate) fn new(batch: &Batch, resume: Option<u64>) -> Self {
        Self { rows: batch.rows(), resume, max_rows: Self::MAX_ROWS, max_bytes: Self::MAX_BYTES }
    }

    /// Calls `expand(row, sink)` for the input rows in order; what it pushes into the sink are that row's output
    /// rows. If the output grows too large in the middle of a row, `expand` is called for the same row in the next
    /// call too, and what was returned already is passed over: so it must push the same rows each time.
    pub fn each_row<B: RowBuilders + Default>(self, mut expand: impl FnMut(usize, &mut RowSink<B>)) -> Expanded {
        let mut sink = RowSink {
            columns: B::default(),
            parents: BufferBuilder::default(),
            rejects: Rejects::new(),
            row: 0,
            row_start: 0,
            pass_over: self.resume.unwrap_or(0),
            pushed: 0,
            stopped: false,
            max_rows: self.max_rows,
            max_bytes: self.max_bytes,
        };
        for row in 0..self.rows {
            if sink.is_full() {
                return sink.expanded(row, None);
            }
            (sink.row, sink.row_start, sink.pushed) = (row as u32, sink.parents.len(), 0);
            expand(row, &mut sink);
            if sink.stopped {
                let returned = sink.pass_over + (sink.parents.len() - sink.row_start) as u64;
                return sink.expanded(row, (returned > 0).then_some(returned));
            }
            sink.pass_over = 0;
        }
        sink.expanded(self.rows, None)
    }
}

/// Takes the output rows of one input row after the other.
#[derive(Debug)]
pub struct RowSink<B> {
    columns: B,
    parents: BufferBuilder<u32>,
    rejects: Rejects,
    row: u32,
    /// Where this input row's output begins.
    row_start: usize,
    /// So many of this input row's output rows were returned by calls before.
    pass_over: u64,
    /// So many were pushed for it, those passed over included.
    pushed: u64,
    stopped: bool,
    max_rows: usize,
    max_bytes: usize,
}

impl<B: RowBuilders> RowSink<B> {
    /// One more output row: a plain value or a tuple.
    pub fn push<R: Row<Builders = B>>(&mut self, row: R) {
        self.pushed += 1;
        if self.pushed <= self.pass_over || self.stopped {
            return;
        }
        if self.is_full() {
            self.stopped = true;
            return;
        }
        row.push_to(&mut self.columns);
        self.parents.push(self.row);
    }

    /// Refuses the input row; what was pushed for it is taken back.
    pub fn reject(&mut self, reason: impl AsRef<str>) {
        self.columns.truncate(self.row_start);
        self.parents.truncate(self.row_start);
        self.stopped = false;
        self.rejects.push(self.row as usize, reason);
        // Whatever is still pushed for this row goes nowhere.
        self.pass_over = u64::MAX;
    }

    /// Whether the call has returned as much as it may and a row was turned away: what is pushed now comes again in
    /// the next call, so a loop that makes very many rows may end here.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn is_full(&self) -> bool {
        self.parents.len() >= self.max_rows || (!self.parents.is_empty() && self.columns.bytes() >= self.max_bytes)
    }

    fn expanded(self, consumed: usize, resume: Option<u64>) -> Expanded {
        Expanded {
            parents: self.parents,
            columns: self.columns.finish(),
            rejects: self.rejects,
            consumed: consumed as u32,
            resume,
        }
    }
}
