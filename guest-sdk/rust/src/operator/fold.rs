//! Folds: the simple form of an aggregate, one group's state at a time as a plain Rust value.
//!
//! A fold costs some nanoseconds a row more than an [`Aggregate`] written over columns, and is half as long.

use super::{About, Aggregate, Aggregation, Failure};
use crate::{
    batch::Batch,
    column::Column,
    config::Config,
    contract::types::Problem,
    fields::Fields,
    kernel::Groups,
    kind::{self, Kind},
    row::{Cell, Days, Micros, Row, RowBuilders},
    schema::{Input, Schema},
};

/// An aggregate by a state that rows are added to. Export it with [`fold!`](crate::fold).
///
/// ```
/// use millstream_guest::prelude::*;
///
/// /// The geometric mean of `value`.
/// struct GeometricMean;
///
/// impl Fold for GeometricMean {
///     type Input = Number;
///     type State = (f64, i64); // sum of the logarithms, count
///     type Output = Option<f64>;
///
///     fn bind(_config: &Config, input: &Schema) -> Result<(Self, Input<Number>, Fields), Problem> {
///         Ok((Self, input.column_or(None, "value")?.number()?, Fields::new().float64("mean")))
///     }
///
///     fn add(&self, (sum, count): &mut (f64, i64), value: Option<f64>) {
///         let Some(value) = value else { return };
///         *sum += value.ln();
///         *count += 1;
///     }
///
///     fn merge(&self, into: &mut (f64, i64), later: (f64, i64)) {
///         *into = (into.0 + later.0, into.1 + later.1);
///     }
///
///     fn finish(&self, (sum, count): (f64, i64)) -> Option<f64> {
///         (count > 0).then(|| (sum / count as f64).exp())
///     }
/// }
///
/// millstream_guest::fold!(GeometricMean);
///
/// # use millstream_guest::testing::{self, Table};
/// # fn main() {
/// let input = Table::new().float64("value", [Some(2.0), Some(8.0), None]);
/// let output = testing::fold::<GeometricMean>("{}", &[0, 0, 1], &input).unwrap();
/// assert_eq!(output, Table::new().float64("mean", [Some(4.0), None]));
/// # }
/// ```
pub trait Fold: Sized + 'static {
    /// How the input columns are read: one kind, or a tuple of up to four.
    type Input: Inputs;

    /// A group's state: one [`StateCell`], or a tuple of up to eight. It starts as its type's default.
    type State: StateRow;

    /// A group's output: a plain value or a tuple.
    type Output: Row;

    /// Reads the configuration, asks for the columns that are needed, and says which columns come out. Called once
    /// per instance, before any batch, and when the job is checked; it must give the same answer every time.
    ///
    /// # Errors
    /// If the configuration or the input's columns won't do.
    fn bind(config: &Config, input: &Schema) -> Result<(Self, <Self::Input as Inputs>::Handles, Fields), Problem>;

    /// Adds a row to its group's state.
    fn add(&self, state: &mut Self::State, row: <Self::Input as Inputs>::Values<'_>);

    /// Adds a state to another one of the same group, of rows that came before. Either may be that of no rows, which
    /// changes nothing.
    fn merge(&self, into: &mut Self::State, later: Self::State);

    /// A group's output.
    fn finish(&self, state: Self::State) -> Self::Output;

    /// What it says about itself to whoever looks into the component.
    fn about() -> About {
        About::new()
    }
}

/// The columns that a fold reads.
pub trait Inputs {
    /// What `bind` returns for them.
    type Handles: Copy + std::fmt::Debug + 'static;
    /// The columns' views.
    type Views<'a>;
    /// One row of them.
    type Values<'a>;

    /// The views of a batch's columns.
    fn views(handles: Self::Handles, batch: &Batch) -> Self::Views<'_>;

    /// Row `row`.
    fn values<'a>(views: &Self::Views<'a>, row: usize) -> Self::Values<'a>;
}

impl<K: Kind> Inputs for K {
    type Handles = Input<K>;
    type Views<'a> = K::View<'a>;
    type Values<'a> = Option<K::Value<'a>>;

    fn views(handle: Input<K>, batch: &Batch) -> K::View<'_> {
        batch.get(handle)
    }

    fn values<'a>(view: &K::View<'a>, row: usize) -> Option<K::Value<'a>> {
        K::value(view, row)
    }
}

macro_rules! inputs {
    ($(($($kind:ident $index:tt),*))*) => {$(
        impl<$($kind: Kind),*> Inputs for ($($kind,)*) {
            type Handles = ($(Input<$kind>,)*);
            type Views<'a> = ($($kind::View<'a>,)*);
            type Values<'a> = ($(Option<$kind::Value<'a>>,)*);

            fn views(handles: Self::Handles, batch: &Batch) -> Self::Views<'_> {
                ($(batch.get(handles.$index),)*)
            }

            fn values<'a>(views: &Self::Views<'a>, row: usize) -> Self::Values<'a> {
                ($($kind::value(&views.$index, row),)*)
            }
        }
    )*};
}

inputs! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

/// A value that a state can hold: it goes into a column and comes back out of it.
pub trait StateCell: Cell + Default {
    /// The column's kind.
    type Kind: Kind;

    /// Back from the column.
    fn from_value(value: Option<<Self::Kind as Kind>::Value<'_>>) -> Self;

    /// One more field, for this value.
    fn field(fields: Fields, name: String) -> Fields;
}

macro_rules! state_cells {
    ($($type:ty: $kind:ident, $field:ident, |$value:ident| $back:expr;)*) => {$(
        impl StateCell for $type {
            type Kind = kind::$kind;

            fn from_value(value: Option<<kind::$kind as Kind>::Value<'_>>) -> Self {
                value.map(|$value| $back).unwrap_or_default()
            }

            fn field(fields: Fields, name: String) -> Fields {
                fields.$field(name).not_null()
            }
        }

        impl StateCell for Option<$type> {
            type Kind = kind::$kind;

            fn from_value(value: Option<<kind::$kind as Kind>::Value<'_>>) -> Self {
                value.map(|$value| $back)
            }

            fn field(fields: Fields, name: String) -> Fields {
                fields.$field(name)
            }
        }
    )*};
}

state_cells! {
    bool: Bool, bool, |value| value;
    i32: Int32, int32, |value| value;
    i64: Int64, int64, |value| value;
    u64: Uint64, uint64, |value| value;
    i128: Decimal, int128, |value| value;
    f64: Float64, float64, |value| value;
    Micros: Timestamp, timestamp, |value| Micros(value);
    Days: Date, date, |value| Days(value);
    String: Utf8, utf8, |value| value.to_owned();
    Vec<u8>: Binary, binary, |value| value.to_vec();
}

/// A group's state: one [`StateCell`] or a tuple of them.
pub trait StateRow: Row + Default {
    /// The state columns.
    fn fields() -> Fields;

    /// The states of a batch.
    fn read(batch: &Batch) -> Vec<Self>;
}

impl<C: StateCell> StateRow for C {
    fn fields() -> Fields {
        C::field(Fields::new(), "state0".into())
    }

    fn read(batch: &Batch) -> Vec<Self> {
        let view = batch.at::<C::Kind>(0);
        (0..batch.rows()).map(|row| C::from_value(C::Kind::value(&view, row))).collect()
    }
}

macro_rules! states {
    ($(($($cell:ident $index:tt),*))*) => {$(
        impl<$($cell: StateCell),*> StateRow for ($($cell,)*) {
            fn fields() -> Fields {
                let fields = Fields::new();
                $(let fields = $cell::field(fields, format!("state{}", $index));)*
                fields
            }

            fn read(batch: &Batch) -> Vec<Self> {
                let views = ($(batch.at::<$cell::Kind>($index),)*);
                (0..batch.rows()).map(|row| ($($cell::from_value($cell::Kind::value(&views.$index, row)),)*)).collect()
            }
        }
    )*};
}

states! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

/// A [`Fold`] as an [`Aggregate`]; what [`fold!`](crate::fold) exports.
pub struct Folding<F: Fold> {
    fold: F,
    input: <F::Input as Inputs>::Handles,
}

impl<F: Fold> Aggregate for Folding<F> {
    fn about() -> About {
        F::about()
    }

    fn bind(config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
        let (fold, input, output) = F::bind(config, input)?;
        Ok((Self { fold, input }, Aggregation::of(F::State::fields(), output)))
    }

    fn partial(&self, groups: &Groups<'_>, rows: &Batch) -> Result<Vec<Column>, Failure> {
        let mut states: Vec<F::State> = (0..groups.count()).map(|_| F::State::default()).collect();
        let views = F::Input::views(self.input, rows);
        for (row, group) in groups.ids().iter().enumerate() {
            self.fold.add(&mut states[*group as usize], F::Input::values(&views, row));
        }
        Ok(columns(states))
    }

    fn merge(&self, groups: &Groups<'_>, states: &Batch) -> Result<Vec<Column>, Failure> {
        let mut merged: Vec<Option<F::State>> = (0..groups.count()).map(|_| None).collect();
        for (group, state) in groups.ids().iter().zip(F::State::read(states)) {
            match &mut merged[*group as usize] {
                Some(into) => self.fold.merge(into, state),
                empty => *empty = Some(state),
            }
        }
        Ok(columns(merged.into_iter().map(Option::unwrap_or_default)))
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        Ok(columns(F::State::read(&states).into_iter().map(|state| self.fold.finish(state))))
    }
}

fn columns<R: Row>(rows: impl IntoIterator<Item = R>) -> Vec<Column> {
    let mut builders = R::Builders::default();
    rows.into_iter().for_each(|row| row.push_to(&mut builders));
    builders.finish()
}
