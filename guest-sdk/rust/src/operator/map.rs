//! Maps: one row in, one row out. A map returns its new columns only; the host keeps the others. Also what a scalar
//! SQL function is.

use super::{About, Failure};
use crate::{
    batch::Batch, builder::RowBuilders, column::Column, config::Config, contract::types::Problem, fields::Fields,
    reject::Rejects, row::Row, schema::Schema,
};

/// An operator that adds columns, or replaces them (an output column that bears an input column's name).
///
/// ```
/// use millstream_guest::prelude::*;
///
/// /// Adds `celsius`, from a column of degrees Fahrenheit.
/// struct ToCelsius {
///     degrees: Input<Number>,
/// }
///
/// impl Map for ToCelsius {
///     fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
///         let degrees = input.column_or(config.optional_text("column")?.as_deref(), "fahrenheit")?.number()?;
///         Ok((Self { degrees }, Fields::new().float64("celsius")))
///     }
///
///     fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
///         Ok(kernel::map_f64(&batch.get(self.degrees), |f| (f - 32.0) / 1.8).into())
///     }
/// }
///
/// millstream_guest::map!(ToCelsius);
///
/// # use millstream_guest::testing::{self, Table};
/// # fn main() {
/// let input = Table::new().float64("fahrenheit", [Some(212.0), None]);
/// let output = testing::map::<ToCelsius>("{}", &input).unwrap();
/// assert_eq!(output.table, input.float64("celsius", [Some(100.0), None]));
/// # }
/// ```
pub trait Map: Sized + 'static {
    /// Reads the configuration, asks for the columns that are needed, and says which columns calls return. Called
    /// once per instance, before any batch, and when the job is checked; it must give the same answer every time.
    ///
    /// # Errors
    /// If the configuration or the input's columns won't do.
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem>;

    /// One batch: the new columns, a row for each row of the batch.
    ///
    /// # Errors
    /// If the batch as a whole cannot be dealt with.
    fn call(&self, batch: Batch) -> Result<Mapped, Failure>;

    /// What it says about itself to whoever looks into the component.
    fn about() -> About {
        About::new()
    }
}

/// A map's answer. One [`Column`] or a `Vec` of them converts with `.into()`.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The new columns, in the order of the fields that `bind` gave.
    pub columns: Vec<Column>,
    /// Rows that go to the dead letters; what the columns hold for them is ignored, but must be there.
    pub rejects: Rejects,
}

impl Mapped {
    /// Row by row: `row(i)` is row `i`'s new values, a plain value or a tuple.
    pub fn each<R: Row>(batch: &Batch, mut row: impl FnMut(usize) -> R) -> Self {
        Self::try_each(batch, |i| Ok(row(i)))
    }

    /// Row by row: `row(i)` is row `i`'s new values, or the reason why the row is refused.
    pub fn try_each<R: Row>(batch: &Batch, mut row: impl FnMut(usize) -> Result<R, String>) -> Self {
        let mut columns = R::Builders::default();
        let mut rejects = Rejects::new();
        for i in 0..batch.rows() {
            match row(i) {
                Ok(values) => values.push_to(&mut columns),
                Err(reason) => {
                    columns.push_nulls();
                    rejects.push(i, reason);
                }
            }
        }
        Self { columns: columns.finish(), rejects }
    }

    /// The same, with these rows refused.
    pub fn with_rejects(mut self, rejects: Rejects) -> Self {
        self.rejects = rejects;
        self
    }
}

impl From<Vec<Column>> for Mapped {
    fn from(columns: Vec<Column>) -> Self {
        Self { columns, rejects: Rejects::new() }
    }
}

impl From<Column> for Mapped {
    fn from(column: Column) -> Self {
        vec![column].into()
    }
}
