//! A stateful operator of whatever partials: as plans hold it, and the loop runs it.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;

use arrow::datatypes::SchemaRef;

use super::fingerprint::{Fingerprint, Former, Old};
use super::{Closed, Due, Effects, EpochEnd, Explanation, Reading, Rows, Stateful, StoredColumns};
use crate::executor::Workers;
use crate::record::WatermarkPair;
use crate::state::Table;
use crate::{Error, Result};

/// What a chunk left for a stateful operator: of a type that only the operator knows.
#[derive(Debug)]
pub struct Partial(Box<dyn Any + Send>);

/// [`Stateful`] without its type of partials. Every stateful operator is one; the methods are explained there.
pub trait AnyStateful: Send + Sync + Debug {
    /// [`Stateful::partial`].
    fn partial(&self, input: usize, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<Partial>>;

    /// [`Stateful::close`].
    ///
    /// # Errors
    /// As there; and where a partial is another operator's.
    fn close(&self, end: &EpochEnd, partials: Vec<Partial>, tables: &mut [&mut Table]) -> Result<Closed>;

    /// [`Stateful::tables`].
    fn tables(&self) -> &'static [&'static str];

    /// [`Stateful::takes_in_early`].
    fn takes_in_early(&self) -> bool;

    /// [`Stateful::schema`].
    fn schema(&self) -> SchemaRef;

    /// [`Stateful::fingerprint`].
    fn fingerprint(&self) -> Fingerprint;

    /// [`Stateful::former_fingerprint`].
    fn former_fingerprint(&self) -> Former;

    /// [`Stateful::bring_over`].
    ///
    /// # Errors
    /// As there.
    fn bring_over(&self, old: &Old, tables: &mut [&mut Table], workers: &Workers) -> Result<()>;

    /// [`Stateful::explain`].
    fn explain(&self) -> Explanation;

    /// [`Stateful::late_by`].
    fn late_by(&self, at: WatermarkPair) -> Option<i64>;

    /// [`Stateful::next_due`].
    fn next_due(&self, tables: &[&Table]) -> Option<Due>;

    /// [`Stateful::stored_columns`].
    fn stored_columns(&self, called: &BTreeMap<usize, String>) -> Option<StoredColumns>;

    /// [`Stateful::read`].
    ///
    /// # Errors
    /// As there.
    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()>;

    /// [`Stateful::has_enough`].
    fn has_enough(&self) -> bool;

    /// Itself, for who knows its type.
    fn as_any(&self) -> &dyn Any;
}

impl<O: Stateful + 'static> AnyStateful for O {
    fn partial(&self, input: usize, rows: Rows, at: WatermarkPair, effects: &mut Effects) -> Result<Option<Partial>> {
        Ok(Stateful::partial(self, input, rows, at, effects)?.map(|partial| Partial(Box::new(partial))))
    }

    fn close(&self, end: &EpochEnd, partials: Vec<Partial>, tables: &mut [&mut Table]) -> Result<Closed> {
        let own = |Partial(partial): Partial| match partial.downcast::<O::Partial>() {
            Ok(own) => Ok(*own),
            Err(_) => Err(Error::internal(format!("{self:?} was given what is another operator's"))),
        };
        Stateful::close(self, end, partials.into_iter().map(own).collect::<Result<_>>()?, tables)
    }

    fn tables(&self) -> &'static [&'static str] {
        Stateful::tables(self)
    }

    fn takes_in_early(&self) -> bool {
        Stateful::takes_in_early(self)
    }

    fn schema(&self) -> SchemaRef {
        Stateful::schema(self)
    }

    fn fingerprint(&self) -> Fingerprint {
        Stateful::fingerprint(self)
    }

    fn former_fingerprint(&self) -> Former {
        Stateful::former_fingerprint(self)
    }

    fn bring_over(&self, old: &Old, tables: &mut [&mut Table], workers: &Workers) -> Result<()> {
        Stateful::bring_over(self, old, tables, workers)
    }

    fn explain(&self) -> Explanation {
        Stateful::explain(self)
    }

    fn late_by(&self, at: WatermarkPair) -> Option<i64> {
        Stateful::late_by(self, at)
    }

    fn next_due(&self, tables: &[&Table]) -> Option<Due> {
        Stateful::next_due(self, tables)
    }

    fn stored_columns(&self, called: &BTreeMap<usize, String>) -> Option<StoredColumns> {
        Stateful::stored_columns(self, called)
    }

    fn read(&self, tables: &[&Table], reading: &mut Reading<'_>) -> Result<()> {
        Stateful::read(self, tables, reading)
    }

    fn has_enough(&self) -> bool {
        Stateful::has_enough(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
