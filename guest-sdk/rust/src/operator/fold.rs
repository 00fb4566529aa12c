//! Folds: the simple form of an aggregate, one group's state at a time as a plain Rust value.
//!
//! A fold costs some nanoseconds a row more than an [`Aggregate`] written over columns, and is half as long.

use super::{About, Aggregate, Aggregation, Failure, state::StateRow};
use crate::{
    batch::Batch,
    builder::RowBuilders,
    column::Column,
    config::Config,
    contract::types::Problem,
    data_type::Field,
    fields::Fields,
    kernel::Groups,
    kind::Kind,
    row::Row,
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
/// testing::fold_laws::<GeometricMean>("{}", &input).unwrap();
/// # }
/// ```
pub trait Fold: Sized + 'static {
    /// How the input columns are read: one kind, or a tuple of up to four.
    type Input: Inputs;

    /// A group's state: one [`StateCell`](super::StateCell), or a tuple of up to twelve: numbers, texts, lists of them, or
    /// [`Encoded`](super::Encoded), which is any type that serde knows. It starts as its type's default.
    type State: StateRow;

    /// A group's output: a plain value or a tuple.
    type Output: Row;

    /// The state's version. Raise it when the state's columns or their meaning change, and write [`Fold::migrate`].
    const STATE_VERSION: u32 = 1;

    /// The entries of the configuration, by their keys at its top level, that may be changed while there are states: see
    /// [`Aggregation::adjustable`].
    const ADJUSTABLE: &[&str] = &[];

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

    /// States that an older version of the plugin stored to states of this one, row by row: `states.at::<Int64>(0)` is
    /// the first of their columns, which `old` names. Refused unless you write it.
    ///
    /// # Errors
    /// If the older version's states cannot be carried over.
    fn migrate(&self, from_version: u32, old: &[Field], states: &Batch) -> Result<Vec<Self::State>, Failure> {
        let _ = (old, states);
        Err(format!("states of version {from_version} cannot be carried over: the plugin has no `migrate`").into())
    }

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
        let aggregation = Aggregation::of(F::State::fields(), output).state_version(F::STATE_VERSION);
        Ok((Self { fold, input }, aggregation.adjustable(F::ADJUSTABLE.iter().copied())))
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
        for (group, state) in groups.ids().iter().zip(F::State::read(states)?) {
            match &mut merged[*group as usize] {
                Some(into) => self.fold.merge(into, state),
                empty => *empty = Some(state),
            }
        }
        Ok(columns(merged.into_iter().map(Option::unwrap_or_default)))
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        Ok(columns(F::State::read(&states)?.into_iter().map(|state| self.fold.finish(state))))
    }

    fn migrate(&self, from_version: u32, old: &[Field], states: Batch) -> Result<Vec<Column>, Failure> {
        Ok(columns(self.fold.migrate(from_version, old, &states)?))
    }
}

fn columns<R: Row>(rows: impl IntoIterator<Item = R>) -> Vec<Column> {
    let mut builders = R::Builders::default();
    rows.into_iter().for_each(|row| row.push_to(&mut builders));
    builders.finish()
}
