//! One rule of floats: `-0.0` equals `0.0`, `NaN` equals `NaN` and is greater than everything else, as in Spark.
//!
//! Arrow's kernels compare floats by IEEE 754's total order, in which `-0.0` is less than `0.0` and one NaN differs from
//! another. On *normal* floats, that have one zero and one NaN, this order is our rule. So whatever compares or hashes
//! values is given normal ones ([`NormalFloats`]); values that only pass, pass as they are. The keys of state are made
//! normal where they are encoded ([`crate::state::row`]).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, make_array};
use arrow::datatypes::{DataType, FieldRef, Float16Type, Float32Type, Float64Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Literal;

/// Whether there are floats in values of this type.
pub fn has_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => true,
        DataType::Struct(fields) => fields.iter().any(|f| has_floats(f.data_type())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::Map(item, _) => has_floats(item.data_type()),
        DataType::Dictionary(_, values) => has_floats(values),
        DataType::RunEndEncoded(_, values) => has_floats(values.data_type()),
        _ => false,
    }
}

/// A float type.
trait Float: ArrowPrimitiveType {
    /// Whether another value may stand for it: it is `-0.0`, or any NaN.
    fn is_odd(value: Self::Native) -> bool;
    /// The one that stands for all that are equal to it.
    fn normal(value: Self::Native) -> Self::Native;
}

macro_rules! float {
    ($type:ty, $bits:ty) => {
        impl Float for $type {
            #[inline]
            fn is_odd(value: Self::Native) -> bool {
                // This runs over whole columns: no branches, and nothing that needs more than plain vector instructions.
                value.is_nan() | (value.to_bits() == 1 << (<$bits>::BITS - 1))
            }

            #[inline]
            fn normal(value: Self::Native) -> Self::Native {
                match Self::is_odd(value) {
                    false => value,
                    true if value.is_nan() => Self::Native::NAN,
                    true => Self::Native::from_bits(0),
                }
            }
        }
    };
}

float!(Float16Type, u16);
float!(Float32Type, u32);
float!(Float64Type, u64);

fn normal_primitive<T: Float>(array: &dyn Array) -> Option<ArrayRef> {
    let array = array.as_primitive::<T>();
    let any_odd = array.values().iter().fold(false, |any, value| any | T::is_odd(*value));
    any_odd.then(|| Arc::new(array.unary::<_, T>(T::normal)) as ArrayRef)
}

/// `array` with normal floats at every depth; none if they are normal as they stand.
fn changed(array: &dyn Array) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::Float64 => normal_primitive::<Float64Type>(array),
        DataType::Float32 => normal_primitive::<Float32Type>(array),
        DataType::Float16 => normal_primitive::<Float16Type>(array),
        nested if has_floats(nested) => {
            let data = array.to_data();
            let children = data.child_data().iter().map(|child| {
                let child = make_array(child.clone());
                changed(child.as_ref())
            });
            let children: Vec<Option<ArrayRef>> = children.collect();
            if children.iter().all(Option::is_none) {
                return None;
            }
            let kept = data.child_data().iter().zip(children);
            let children = kept.map(|(old, new)| new.map_or_else(|| old.clone(), |new| new.to_data())).collect();
            // Types, lengths and nulls of the children stay what they were.
            let data = data.into_builder().child_data(children).build();
            data.ok().map(make_array)
        }
        _ => None,
    }
}

/// `array` with normal floats at every depth.
pub fn normal(array: ArrayRef) -> ArrayRef {
    changed(array.as_ref()).unwrap_or(array)
}

/// `value` with normal floats.
pub fn normal_value(value: ColumnarValue) -> Result<ColumnarValue> {
    Ok(match value {
        ColumnarValue::Array(array) => ColumnarValue::Array(normal(array)),
        ColumnarValue::Scalar(scalar) => ColumnarValue::Scalar(normal_scalar(scalar)?),
    })
}

/// `scalar` with normal floats.
pub fn normal_scalar(scalar: ScalarValue) -> Result<ScalarValue> {
    if scalar.is_null() || !has_floats(&scalar.data_type()) {
        return Ok(scalar);
    }
    ScalarValue::try_from_array(&normal(scalar.to_array()?), 0)
}

/// The values of an expression, with normal floats. It is told like the expression itself.
#[derive(Debug, Eq)]
pub(super) struct NormalFloats(Arc<dyn PhysicalExpr>);

// Deriving it would move out of the trait object: https://github.com/rust-lang/rust/issues/78808
impl PartialEq for NormalFloats {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Hash for NormalFloats {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl NormalFloats {
    /// `expr`, normal.
    pub fn of(expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(match expr.downcast_ref::<Literal>() {
            Some(literal) if has_floats(&literal.value().data_type()) => {
                Arc::new(Literal::new(normal_scalar(literal.value().clone())?))
            }
            Some(_) => expr,
            None if expr.is::<Self>() => expr,
            None => Arc::new(Self(expr)),
        })
    }
}

impl fmt::Display for NormalFloats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PhysicalExpr for NormalFloats {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.0.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.0.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.0.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        normal_value(self.0.evaluate(batch)?)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        children.into_iter().next().map_or_else(|| Ok(self.0.clone()), Self::of)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float32Array, Float64Array, ListArray, StructArray};
    use arrow::datatypes::Field;

    use super::*;

    const OTHER_NAN: u64 = 0xfff8_0000_0000_0001;

    fn bits(array: &dyn Array) -> Vec<Option<u64>> {
        array.as_primitive::<Float64Type>().iter().map(|v| v.map(f64::to_bits)).collect()
    }

    #[test]
    fn odd_floats_become_normal_and_all_else_stays() {
        let plain: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.0), None, Some(-1.5), Some(f64::INFINITY)]));
        assert!(changed(plain.as_ref()).is_none());
        let odd = [-0.0, f64::from_bits(OTHER_NAN), f64::NAN, f64::MIN, 5e-324];
        let normal_bits = bits(normal(Arc::new(Float64Array::from(odd.to_vec()))).as_ref());
        let want = [0.0, f64::NAN, f64::NAN, f64::MIN, 5e-324].map(|v| Some(v.to_bits()));
        assert_eq!(normal_bits, want);
        let narrow = normal(Arc::new(Float32Array::from(vec![Some(-0.0), None])));
        assert_eq!(narrow.as_primitive::<Float32Type>().value(0).to_bits(), 0);
        assert!(narrow.is_null(1));
    }

    #[test]
    fn floats_inside_lists_and_structs_become_normal_also_in_slices() {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(-0.0), None, Some(-0.0), Some(2.0)]));
        let field = Arc::new(Field::new("v", DataType::Float64, true));
        let structs = StructArray::from(vec![(field, values)]);
        let item = Arc::new(Field::new_list_field(structs.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([1, 2, 2]);
        let lists: ArrayRef = Arc::new(ListArray::new(item, offsets, Arc::new(structs), None));
        let sliced = normal(lists.slice(1, 2));
        assert_eq!(sliced.data_type(), lists.data_type());
        let second = sliced.as_list::<i32>().value(1);
        assert_eq!(bits(second.as_struct().column(0).as_ref()), [Some(0), Some(2f64.to_bits())]);
        let first = sliced.as_list::<i32>().value(0);
        assert_eq!(bits(first.as_struct().column(0).as_ref()), [Some(0), None]);
    }
}
