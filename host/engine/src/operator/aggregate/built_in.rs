//! SQL's aggregates, computed by DataFusion's accumulators.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::{SortColumn, lexsort_to_indices, take};
use arrow::datatypes::Fields;
use datafusion_common::DataFusionError;
use datafusion_expr::{EmitTo, GroupsAccumulator};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::GroupsAccumulatorAdapter;
use datafusion_functions_aggregate_common::order::AggregateOrderSensitivity;
use datafusion_physical_expr::aggregate::AggregateFunctionExpr;
use serde_json::{Map, Value};

use super::function::{AggregateFunction, Finished, FunctionError, told_by};
use crate::operator::expression::unplaced;
use crate::operator::isolate::Attempt;
use crate::operator::rows::arrow_failed;
use crate::{Error, ErrorKind};

/// To be raised when what a stored state means changes, by us or by the library, while its columns stay as they are.
const STATE_VERSION: u32 = 1;

/// Groups, arguments and filter of rows that were put in order.
type Ordered = (Vec<usize>, Vec<ArrayRef>, Option<BooleanArray>);

/// One of DataFusion's aggregates.
#[derive(Debug)]
pub struct BuiltIn {
    expr: Arc<AggregateFunctionExpr>,
    state_fields: Fields,
}

impl BuiltIn {
    /// The aggregate `expr`, whose arguments are evaluated by the caller.
    pub fn new(expr: Arc<AggregateFunctionExpr>) -> Result<Self, DataFusionError> {
        let state_fields = expr.state_fields()?.into();
        Ok(Self { expr, state_fields })
    }

    /// What it does not take, a type or a constant: some say so only when they begin to compute.
    pub fn begins(&self) -> Result<(), DataFusionError> {
        match self.expr.groups_accumulator_supported() {
            true => self.expr.create_groups_accumulator().map(drop),
            false => self.expr.create_accumulator().map(drop),
        }
    }

    fn accumulator(&self) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        if self.expr.groups_accumulator_supported() {
            self.expr.create_groups_accumulator()
        } else {
            let expr = self.expr.clone();
            Ok(Box::new(GroupsAccumulatorAdapter::new(move || expr.create_accumulator())))
        }
    }

    fn failed(&self, e: DataFusionError) -> FunctionError {
        let text = e.strip_backtrace();
        let error = Error::new(ErrorKind::Data, format!("aggregate `{}` failed: {text}", self.expr.name()));
        FunctionError::Other(error.caused_by(e))
    }

    /// An aggregate like `array_agg(x ORDER BY y)` takes its rows in order.
    fn in_order(
        &self,
        groups: &[usize],
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Ordered, FunctionError> {
        let by = self.expr.order_bys();
        let first = args.len() - by.len();
        let mut columns: Vec<SortColumn> = by
            .iter()
            .zip(&args[first..])
            .map(|(b, values)| SortColumn { values: values.clone(), options: Some(b.options) })
            .collect();
        let position: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..groups.len() as u32));
        columns.push(SortColumn { values: position, options: None });
        let order = lexsort_to_indices(&columns, None).map_err(arrow_failed)?;
        let sorted = |a: &dyn Array| take(a, &order, None).map_err(|e| FunctionError::Other(arrow_failed(e)));
        let groups = order.values().iter().map(|i| groups[*i as usize]).collect();
        let args = args.iter().map(|a| sorted(a)).collect::<Result<_, _>>()?;
        let filter = filter.map(|f| sorted(f)).transpose()?.map(|f| f.as_boolean().clone());
        Ok((groups, args, filter))
    }
}

/// DataFusion counts groups in `usize`.
fn wide(groups: &[u32]) -> Vec<usize> {
    groups.iter().map(|g| *g as usize).collect()
}

impl AggregateFunction for BuiltIn {
    fn state_fields(&self) -> &Fields {
        &self.state_fields
    }

    fn identity(&self) -> Map<String, Value> {
        let mut identity = told_by(self.expr.fun().name(), STATE_VERSION, &self.state_fields);
        for (what, said) in [("distinct", self.expr.is_distinct()), ("ignores nulls", self.expr.ignore_nulls())] {
            if said {
                identity.insert(what.to_owned(), true.into());
            }
        }
        let order = self.expr.order_bys().iter().map(|by| {
            let direction = if by.options.descending { "descending" } else { "ascending" };
            format!("{direction}, nulls {}", if by.options.nulls_first { "first" } else { "last" })
        });
        let order: Vec<String> = order.collect();
        if !order.is_empty() {
            // The expressions are the last of the arguments.
            identity.insert("order".to_owned(), order.into());
        }
        identity
    }

    fn describe(&self) -> String {
        let args: Vec<String> = self.expr.expressions().iter().map(unplaced).collect();
        let by = self.expr.order_bys().iter().map(|s| format!("{} {:?}", unplaced(&s.expr), s.options));
        let by: Vec<String> = by.collect();
        let distinct = if self.expr.is_distinct() { "distinct " } else { "" };
        format!("{}({distinct}{}) order by [{}]", self.expr.fun().name(), args.join(", "), by.join(", "))
    }

    fn partial(
        &self,
        groups: &[u32],
        n: usize,
        args: &[ArrayRef],
        filter: Option<&BooleanArray>,
        _: Attempt,
    ) -> Result<Vec<ArrayRef>, FunctionError> {
        let mut accumulator = self.accumulator().map_err(|e| self.failed(e))?;
        let groups = wide(groups);
        let must_sort = !self.expr.order_bys().is_empty()
            && self.expr.order_sensitivity() == AggregateOrderSensitivity::HardRequirement;
        let updated = if must_sort {
            let (groups, args, filter) = self.in_order(&groups, args, filter)?;
            accumulator.update_batch(&args, &groups, filter.as_ref(), n)
        } else {
            accumulator.update_batch(args, &groups, filter, n)
        };
        updated.and_then(|()| accumulator.state(EmitTo::All)).map_err(|e| self.failed(e))
    }

    fn merge(&self, groups: &[u32], n: usize, states: &[ArrayRef]) -> Result<Vec<ArrayRef>, FunctionError> {
        let mut accumulator = self.accumulator().map_err(|e| self.failed(e))?;
        let merged = accumulator.merge_batch(states, &wide(groups), n);
        merged.and_then(|()| accumulator.state(EmitTo::All)).map_err(|e| self.failed(e))
    }

    fn finish(&self, states: &[ArrayRef]) -> Result<Finished, FunctionError> {
        let n = states.first().map_or(0, |s| s.len());
        let groups: Vec<usize> = (0..n).collect();
        let mut accumulator = self.accumulator().map_err(|e| self.failed(e))?;
        let merged = accumulator.merge_batch(states, &groups, n);
        let result = merged.and_then(|()| accumulator.evaluate(EmitTo::All)).map_err(|e| self.failed(e))?;
        Ok(vec![result].into())
    }
}
