//! `min` and `max` of floats. DataFusion's take a NaN for less than everything as it comes, or for more, and begin with the
//! greatest finite number; ours go by the one rule of floats ([`crate::operator::floats`]): NaN is the greatest.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Fields, Float16Type, Float32Type, Float64Type};

use serde_json::{Map, Value};

use super::function::{AggregateFunction, Finished, FunctionError};
use crate::Error;
use crate::operator::floats::normal;
use crate::operator::isolate::Attempt;

/// Which one is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `min`.
    Least,
    /// `max`.
    Greatest,
}

/// The least or the greatest of floats, which are given normal; its state is what has been found so far.
#[derive(Debug)]
pub struct Extreme {
    which: Which,
    /// DataFusion's, for how it is told and what its state is.
    of: Arc<dyn AggregateFunction>,
    data_type: DataType,
}

impl Extreme {
    /// What `function`, a `min` or `max` of floats by name, is for; none if it is another one.
    pub fn instead_of(function: &Arc<dyn AggregateFunction>, name: &str) -> Option<Self> {
        let which = match name {
            "min" => Which::Least,
            "max" => Which::Greatest,
            _ => return None,
        };
        let data_type = function.state_fields().first()?.data_type().clone();
        matches!(data_type, DataType::Float16 | DataType::Float32 | DataType::Float64).then(|| Self {
            which,
            of: function.clone(),
            data_type,
        })
    }

    fn of_groups(
        &self,
        groups: &[u32],
        n: usize,
        values: &ArrayRef,
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        let found = match self.data_type {
            DataType::Float16 => found::<Float16Type>(self.which, groups, n, values, filter),
            DataType::Float32 => found::<Float32Type>(self.which, groups, n, values, filter),
            _ => found::<Float64Type>(self.which, groups, n, values, filter),
        };
        found.map(|found| vec![found]).ok_or_else(|| {
            let message = format!("{} was given {}", self.of.describe(), values.data_type());
            FunctionError::Other(Error::internal(message))
        })
    }
}

fn found<T: ArrowPrimitiveType>(
    which: Which,
    groups: &[u32],
    n: usize,
    values: &ArrayRef,
    filter: Option<&BooleanArray>,
) -> Option<ArrayRef> {
    let values = values.as_primitive_opt::<T>()?;
    let mut found: Vec<Option<T::Native>> = vec![None; n];
    // On normal floats the total order is ours.
    let is_better = |new: T::Native, old: T::Native| match which {
        Which::Least => new.is_lt(old),
        Which::Greatest => new.is_gt(old),
    };
    for (row, group) in groups.iter().enumerate() {
        if values.is_null(row) || filter.is_some_and(|f| f.is_null(row) || !f.value(row)) {
            continue;
        }
        let (new, best) = (values.value(row), &mut found[*group as usize]);
        if best.is_none_or(|old| is_better(new, old)) {
            *best = Some(new);
        }
    }
    Some(Arc::new(PrimitiveArray::<T>::from_iter(found)))
}

impl AggregateFunction for Extreme {
    fn state_fields(&self) -> &Fields {
        self.of.state_fields()
    }

    fn identity(&self) -> Map<String, Value> {
        self.of.identity()
    }

    fn describe(&self) -> String {
        self.of.describe()
    }

    fn partial(
        &self,
        groups: &[u32],
        n: usize,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        _: Attempt,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        self.of_groups(groups, n, &args[0], filter)
    }

    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        // Those that were stored before there was one rule need not be normal.
        self.of_groups(groups, n, &normal(states[0].clone()), None)
    }

    fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError> {
        Ok(vec![normal(states[0].clone())].into())
    }
}
