//! Fields of structs by name, `data.Object` and `data['Object']`: the one that is named so, else the only one that fits
//! without regard to case, as with columns.

use arrow::datatypes::{DataType, Field};
use datafusion_common::{Column, DFSchema, Result, ScalarValue, TableReference};
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion_expr::{Expr, ExprSchemable, GetFieldAccess, lit};

/// Plans accesses to fields whose name differs from what is written in case only; the others are the next planner's.
#[derive(Debug)]
pub(super) struct FieldNames;

impl ExprPlanner for FieldNames {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { expr, mut field_access } = access;
        if let GetFieldAccess::NamedStructField { name } = &mut field_access
            && let Some(Some(written)) = name.try_as_str()
            && let Ok(of) = expr.get_type(schema)
            && let Some(field) = field_of(&of, written)
        {
            *name = ScalarValue::from(field.name().as_str());
        }
        Ok(PlannerResult::Original(RawFieldAccessExpr { expr, field_access }))
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut of = field.data_type();
        let mut expr = Expr::Column(Column::from((qualifier, field)));
        for written in nested {
            // What is not there is refused where types are looked at.
            let name = match field_of(of, written) {
                Some(field) => {
                    of = field.data_type();
                    field.name()
                }
                None => written,
            };
            expr = datafusion_functions::core::get_field().call(vec![expr, lit(name.as_str())]);
        }
        Ok(PlannerResult::Planned(expr))
    }
}

/// The field of a struct that `written` means.
fn field_of<'t>(of: &'t DataType, written: &str) -> Option<&'t Field> {
    let DataType::Struct(fields) = of else { return None };
    if let Some(field) = fields.iter().find(|f| f.name() == written) {
        return Some(field);
    }
    let lower = written.to_lowercase();
    if let Some(field) = fields.iter().find(|f| *f.name() == lower) {
        return Some(field);
    }
    let mut fitting = fields.iter().filter(|f| f.name().to_lowercase() == lower);
    match (fitting.next(), fitting.next()) {
        (Some(field), None) => Some(field),
        _ => None,
    }
}
