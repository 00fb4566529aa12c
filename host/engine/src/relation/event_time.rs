//! Which columns are event time: a mark in a field's metadata. What computes columns sets the marks anew, since DataFusion
//! carries metadata through much that gives something else than the time itself.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion_common::{Column, DFSchema, DataFusionError};
use datafusion_expr::Expr;
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_functions::core::expr_fn::get_field;
use datafusion_physical_expr::create_physical_expr;
use datafusion_physical_expr::expressions::cast;
use serde_json::Value;

use crate::format::timestamp;
use crate::operator::Expressions;
use crate::operator::fingerprint::column_told;

/// The key of the field metadata that marks a column as event time; its value is `watermark`, or empty where there is
/// event time without one. It says no node: what several inputs have in common stays when they are put together.
pub const EVENT_TIME: &str = "millstream.event_time";

/// Whether `field` is event time with a watermark.
pub fn has_watermark(field: &Field) -> bool {
    field.metadata().get(EVENT_TIME).is_some_and(|mark| !mark.is_empty())
}

/// `field` with this mark, or without one.
fn with_mark(field: &Arc<Field>, mark: Option<String>) -> Arc<Field> {
    if field.metadata().get(EVENT_TIME) == mark.as_ref() {
        return field.clone();
    }
    let mut metadata = field.metadata().clone();
    metadata.remove(EVENT_TIME);
    metadata.extend(mark.map(|mark| (EVENT_TIME.to_owned(), mark)));
    Arc::new(Field::clone(field).with_metadata(metadata))
}

/// `schema` with these marks and no others.
pub fn marked(schema: &SchemaRef, marks: &[Option<String>]) -> SchemaRef {
    let fields = schema.fields().iter().enumerate();
    let fields = fields.map(|(at, field)| with_mark(field, marks.get(at).cloned().flatten()));
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// `schema` with column `at` marked as event time, the only one.
pub fn mark(schema: &SchemaRef, at: usize, has_watermark: bool) -> SchemaRef {
    let mark = if has_watermark { "watermark" } else { "" };
    let fields = schema.fields().iter().enumerate();
    let fields = fields.map(|(i, field)| with_mark(field, (i == at).then(|| mark.to_owned())));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// `schema` with the marks of `other`, column by column.
pub fn as_marked(schema: &SchemaRef, other: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().zip(other.fields());
    let fields = fields.map(|(field, other)| with_mark(field, other.metadata().get(EVENT_TIME).cloned()));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// `schema` without marks: what leaves the job does not bear them.
pub fn unmark(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(|field| with_mark(field, None)).collect::<Vec<_>>()))
}

/// `expr` as event time: cast where it has another unit or zone. For fingerprints it is `told`.
pub fn as_event_time(expr: &Expr, schema: &DFSchema, told: Value) -> Result<Expressions, DataFusionError> {
    let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let mut time = create_physical_expr(expr, schema, &props, &planning)?;
    if time.data_type(schema.as_arrow())? != timestamp() {
        time = cast(time, schema.as_arrow(), timestamp())?;
    }
    Ok(Expressions::new(vec![time], false).told_as(vec![told]))
}

/// Column `at`, which is event time, as the time after which nothing more comes for its value: of a window its end.
pub fn last_time_of(schema: &SchemaRef, at: usize) -> Result<Expressions, DataFusionError> {
    let field = schema.field(at);
    let is_window = matches!(field.data_type(), DataType::Struct(_));
    // In the fingerprint a window is told from a time by its type.
    let told = column_told(field.name());
    let schema = DFSchema::try_from(schema.clone())?;
    let column = Expr::Column(Column::from(schema.qualified_field(at)));
    as_event_time(&if is_window { get_field(column, "end") } else { column }, &schema, told)
}
