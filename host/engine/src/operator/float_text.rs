//! Floats as text: `NaN`, `Infinity` and `-Infinity` wherever a float becomes one, as every output writes them. Arrow's cast
//! writes `inf`. What has floats at any depth is given to it with texts in their places.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait, StringArray,
    StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float16Type, Float32Type, Float64Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion_common::{Result, ScalarValue};
use datafusion_expr::ColumnarValue;
use datafusion_physical_expr::expressions::{CastExpr, TryCastExpr};
use datafusion_physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::floats::has_floats;

/// The same type with texts in the place of floats.
pub fn with_texts(data_type: &DataType) -> DataType {
    let child = |field: &FieldRef| -> FieldRef {
        Arc::new(field.as_ref().clone().with_data_type(with_texts(field.data_type())))
    };
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Utf8,
        DataType::List(item) => DataType::List(child(item)),
        DataType::LargeList(item) => DataType::LargeList(child(item)),
        DataType::FixedSizeList(item, n) => DataType::FixedSizeList(child(item), *n),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(child).collect()),
        other => other.clone(),
    }
}

/// Whether a cast to this type writes a text.
pub fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn texts<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<ArrayRef>
where
    T::Native: Into<f64>,
{
    let text = cast(array, &DataType::Utf8)?;
    let floats = array.as_primitive::<T>();
    if floats.values().iter().all(|value| (*value).into().is_finite()) {
        return Ok(text);
    }
    let text = text.as_string::<i32>();
    let written = |(i, value): (usize, Option<T::Native>)| {
        let wide: f64 = value?.into();
        Some(match wide {
            wide if wide.is_nan() => "NaN",
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => text.value(i),
        })
    };
    Ok(Arc::new(floats.iter().enumerate().map(written).collect::<StringArray>()))
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef, item: &FieldRef) -> Result<ArrayRef> {
    let lists = array.as_list::<O>();
    let values = text_of_floats(lists.values())?;
    let item = Arc::new(item.as_ref().clone().with_data_type(values.data_type().clone()));
    Ok(Arc::new(GenericListArray::<O>::try_new(item, lists.offsets().clone(), values, lists.nulls().cloned())?))
}

/// `array` with texts in the place of floats, at every depth.
pub fn text_of_floats(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Float16 => texts::<Float16Type>(array),
        DataType::Float32 => texts::<Float32Type>(array),
        DataType::Float64 => texts::<Float64Type>(array),
        nested if !has_floats(nested) => Ok(array.clone()),
        DataType::List(item) => list::<i32>(array, item),
        DataType::LargeList(item) => list::<i64>(array, item),
        DataType::FixedSizeList(item, n) => {
            let lists = array.as_fixed_size_list();
            let values = text_of_floats(lists.values())?;
            let item = Arc::new(item.as_ref().clone().with_data_type(values.data_type().clone()));
            Ok(Arc::new(FixedSizeListArray::try_new(item, *n, values, lists.nulls().cloned())?))
        }
        DataType::Struct(_) => {
            let structs = array.as_struct();
            let columns = structs.columns().iter().map(text_of_floats).collect::<Result<Vec<_>>>()?;
            let fields = structs.fields().iter().zip(&columns);
            let fields = fields.map(|(f, c)| f.as_ref().clone().with_data_type(c.data_type().clone())).collect();
            Ok(Arc::new(StructArray::try_new_with_length(fields, columns, structs.nulls().cloned(), structs.len())?))
        }
        _ => Ok(array.clone()),
    }
}

/// `value` with texts in the place of floats.
pub fn text_value(value: ColumnarValue) -> Result<ColumnarValue> {
    Ok(match value {
        ColumnarValue::Array(array) => ColumnarValue::Array(text_of_floats(&array)?),
        ColumnarValue::Scalar(scalar) if has_floats(&scalar.data_type()) => {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&text_of_floats(&scalar.to_array()?)?, 0)?)
        }
        scalar => scalar,
    })
}

/// `expr` with our text of floats where it makes a text of a value; none if it does not. What is below it is left alone.
pub(super) fn writing(expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let any = expr.as_ref() as &dyn Any;
    let writes = if let Some(cast) = any.downcast_ref::<CastExpr>() {
        is_text(cast.cast_type())
    } else if let Some(cast) = any.downcast_ref::<TryCastExpr>() {
        is_text(cast.cast_type())
    } else {
        any.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| writes_texts(call.fun().name()))
    };
    if !writes {
        return Ok(None);
    }
    let operands = expr.children().into_iter().map(|operand| TextOfFloats::of(operand.clone()));
    expr.clone().with_new_children(operands.collect()).map(Some)
}

/// Whether the function of this name writes the values in its arguments as texts.
pub fn writes_texts(name: &str) -> bool {
    name == "array_to_string"
}

/// The values of an expression, with texts in the place of floats. It is told like the expression itself.
#[derive(Debug, Eq)]
struct TextOfFloats(Arc<dyn PhysicalExpr>);

// Deriving it would move out of the trait object: https://github.com/rust-lang/rust/issues/78808
impl PartialEq for TextOfFloats {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Hash for TextOfFloats {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl TextOfFloats {
    fn of(expr: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
        if expr.is::<Self>() { expr } else { Arc::new(Self(expr)) }
    }
}

impl fmt::Display for TextOfFloats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PhysicalExpr for TextOfFloats {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        Ok(with_texts(&self.0.data_type(schema)?))
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.0.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        let field = self.0.return_field(schema)?;
        let texts = with_texts(field.data_type());
        Ok(Arc::new(Field::clone(&field).with_data_type(texts)))
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        text_value(self.0.evaluate(batch)?)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(children.into_iter().next().map_or_else(|| self.0.clone(), Self::of))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}
