//! Aggregates: rows of a group into one row, in steps that can be stored and merged.
//!
//! The host numbers the groups of a batch `0..n`, keeps one row of state columns per group in its checkpoint, and
//! calls three pure functions: `partial` (rows to states), `merge` (states to fewer states) and `finish` (states to
//! output). All work on whole columns over all groups at once; [`Groups`] has the usual sums. Where a group at a time
//! is easier to think of, implement [`Fold`](crate::Fold) instead.

use super::{About, Failure};
use crate::{
    batch::Batch, column::Column, config::Config, contract::types::Problem, data_type::Field, fields::Fields,
    kernel::Groups, schema::Schema,
};

/// An operator that makes one row of each group.
///
/// ```
/// use millstream_guest::prelude::*;
///
/// /// The sum and the greatest of `bytes`.
/// struct BytesSumAndMax {
///     bytes: Input<Int64>,
/// }
///
/// impl Aggregate for BytesSumAndMax {
///     fn bind(_config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
///         let (state, output) = (Fields::new().int128("sum").int64("max"), Fields::new().int64("sum").int64("max"));
///         Ok((Self { bytes: input.column_or(None, "bytes")?.int64()? }, Aggregation::of(state, output)))
///     }
///
///     fn partial(&self, groups: &Groups, rows: &Batch) -> Result<Vec<Column>, Failure> {
///         let bytes = rows.get(self.bytes);
///         Ok(vec![groups.total_i64(&bytes), groups.max_i64(&bytes)])
///     }
///
///     fn merge(&self, groups: &Groups, states: &Batch) -> Result<Vec<Column>, Failure> {
///         Ok(vec![groups.sum_totals(&states.at::<Decimal>(0)), groups.max_i64(&states.at::<Int64>(1))])
///     }
///
///     fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
///         let sums = kernel::narrow_i64(&states.at::<Decimal>(0), "sum")?;
///         Ok(vec![sums, states.columns.into_iter().nth(1).ok_or("two state columns")?])
///     }
/// }
///
/// millstream_guest::aggregate!(BytesSumAndMax);
///
/// # use millstream_guest::testing::{self, Table};
/// # fn main() {
/// let input = Table::new().int64("bytes", [Some(1), Some(5), None, Some(2)]);
/// let output = testing::aggregate::<BytesSumAndMax>("{}", &[0, 1, 2, 0], &input).unwrap();
/// assert_eq!(output, Table::new().int64("sum", [Some(3), Some(5), None]).int64("max", [Some(2), Some(5), None]));
/// testing::laws::<BytesSumAndMax>("{}", &input).unwrap();
/// # }
/// ```
pub trait Aggregate: Sized + 'static {
    /// Reads the configuration, asks for the columns that are needed, and says what states and output look like.
    /// Called once per instance, before any batch, and when the job is checked; it must give the same answer every
    /// time.
    ///
    /// # Errors
    /// If the configuration or the input's columns won't do.
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem>;

    /// Rows to states: the state columns, one row per group. A group without rows gets the state of nothing.
    ///
    /// # Errors
    /// If the batch cannot be dealt with.
    fn partial(&self, groups: &Groups<'_>, rows: &Batch) -> Result<Vec<Column>, Failure>;

    /// States to states: the state columns, one row per group. Associative; states come in the order of their input.
    ///
    /// # Errors
    /// If the states cannot be merged. No row can be blamed then: the job stops at the last committed epoch.
    fn merge(&self, groups: &Groups<'_>, states: &Batch) -> Result<Vec<Column>, Failure>;

    /// States to output: the output columns, one row per state.
    ///
    /// # Errors
    /// If a state has no result, a sum that does not fit its column for example. The host finds the groups for which
    /// alone `finish` fails, and sets each aside as a dead letter with its keys and this error; the others come out.
    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure>;

    /// States that an older version of the plugin stored to states of this one, row by row. Refused unless you
    /// write it; needed once [`Aggregation::state_version`] has been raised.
    ///
    /// # Errors
    /// If the older version's states cannot be carried over.
    fn migrate(&self, from_version: u32, old: &[Field], states: Batch) -> Result<Vec<Column>, Failure> {
        let _ = (old, states);
        Err(format!("states of version {from_version} cannot be carried over: the plugin has no `migrate`").into())
    }

    /// What it says about itself to whoever looks into the component.
    fn about() -> About {
        About::new()
    }
}

/// What an aggregate stores and returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregation {
    pub(crate) output: Fields,
    pub(crate) state: Fields,
    pub(crate) version: u32,
    pub(crate) adjustable: Vec<String>,
}

impl Aggregation {
    /// State columns and output columns. As an SQL function an aggregate must have exactly one output column.
    pub fn of(state: Fields, output: Fields) -> Self {
        Self { output, state, version: 1, adjustable: Vec::new() }
    }

    /// The state's version, 1 unless said otherwise. Raise it when the state's columns or their meaning change, and
    /// write [`Aggregate::migrate`].
    pub fn state_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// The entries of the configuration with these keys, at its top level, may be changed while there are states: a state means
    /// the same whatever they are. With any other entry changed a job refuses the states that it has.
    pub fn adjustable<'a>(mut self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        self.adjustable.extend(keys.into_iter().map(str::to_owned));
        self
    }
}
