//! Fields of structs by name, `data.Object` and `data['Object']`: the one that is named so, else the only one that fits
//! without regard to case, as with columns.

use std::fmt;

use arrow::datatypes::{DataType, Field};
use datafusion_common::{Column, DFSchema, DataFusionError, Result, ScalarValue, TableReference};
use datafusion_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion_expr::{
    ColumnarValue, Expr, ExprSchemable, GetFieldAccess, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};

use super::scope::field_meant;
use super::written::{choices, quoted};
use crate::format::with_our_types;
use crate::operator::readable;

/// Plans accesses to fields whose name differs from what is written in case only; the others are the next planner's.
#[derive(Debug)]
pub(in crate::sql) struct FieldNames;

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
        {
            match field_meant(&of, written) {
                Some(field) => *name = ScalarValue::from(field.name().as_str()),
                None if has_no_such(&of) => {
                    let unknown = UnknownField::new(readable(&called(&expr)), written, &of);
                    return Ok(PlannerResult::Planned(unknown.refused(expr)));
                }
                None => {}
            }
        }
        Ok(PlannerResult::Original(RawFieldAccessExpr { expr, field_access }))
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let mut of = field;
        let mut expr = Expr::Column(Column::from((qualifier, field)));
        for written in nested {
            let name = match field_meant(of.data_type(), written) {
                Some(field) => {
                    of = field;
                    field.name()
                }
                None if has_no_such(of.data_type()) => {
                    let unknown = UnknownField::new(of.name().clone(), written, of.data_type());
                    return Ok(PlannerResult::Planned(unknown.refused(expr)));
                }
                None => written,
            };
            expr = datafusion_functions::core::get_field().call(vec![expr, lit(name.as_str())]);
        }
        Ok(PlannerResult::Planned(expr))
    }
}

/// What has no field of some name never gets one: values of maps are found by keys, and a null has all there is.
fn has_no_such(of: &DataType) -> bool {
    !matches!(of, DataType::Map(..) | DataType::Null)
}

fn called(expr: &Expr) -> String {
    match expr {
        Expr::Column(column) => column.name.clone(),
        other => other.schema_name().to_string(),
    }
}

/// A field that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::sql) struct UnknownField {
    /// What it would be in.
    of: String,
    written: String,
    /// The fields that are there; none = it is no struct.
    fields: Option<Vec<String>>,
    /// What it would be in is of this type.
    of_type: String,
}

impl UnknownField {
    fn new(of: String, written: &str, data_type: &DataType) -> Self {
        let fields = match data_type {
            DataType::Struct(fields) => Some(fields.iter().map(|f| f.name().clone()).collect()),
            _ => None,
        };
        Self { of, written: written.to_owned(), fields, of_type: with_our_types(&data_type.to_string()) }
    }

    /// The one that `error` tells of.
    pub fn told_by(error: &DataFusionError) -> Option<&Self> {
        match error {
            DataFusionError::External(inner) => inner.downcast_ref(),
            _ => None,
        }
    }

    /// How to mend it.
    pub fn help(&self) -> String {
        let Some(fields) = &self.fields else {
            return match self.of_type.as_str() {
                "utf8" => format!("read JSON in a text with json_get_str({}, '{}')", self.of, self.written),
                list if list.starts_with("list") => {
                    "an element of a list is list[1], and its field list[1]['field']".into()
                }
                _ => "a struct has fields: struct.field; a table has columns, by the name that FROM gives it".into(),
            };
        };
        let fitting = self.fitting(fields);
        if fitting.len() > 1 {
            let written: Vec<String> = fitting.iter().map(|name| format!("{}.{}", self.of, quoted(name))).collect();
            return format!("write {}, in quotes", written.join(" or "));
        }
        choices(&self.written, &fields.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The fields that fit without regard to case.
    fn fitting<'f>(&self, fields: &'f [String]) -> Vec<&'f String> {
        fields.iter().filter(|name| name.to_lowercase() == self.written.to_lowercase()).collect()
    }

    /// An expression that is refused where its type is asked for: the planner passes over what is refused before.
    fn refused(self, of: Expr) -> Expr {
        ScalarUDF::from(NoField { signature: Signature::any(1, Volatility::Immutable), unknown: self }).call(vec![of])
    }
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, written, fields, of_type } = self;
        let Some(fields) = fields else { return write!(f, "`{of}` is {of_type}, which has no fields") };
        let fitting = self.fitting(fields);
        if fitting.len() > 1 {
            let all: Vec<String> = fitting.iter().map(|name| format!("`{name}`")).collect();
            return write!(
                f,
                "`{written}` may mean the fields {} of `{of}`, which differ in case only",
                all.join(" or ")
            );
        }
        write!(f, "there is no field `{written}` in `{of}`")
    }
}

impl std::error::Error for UnknownField {}

/// Stands where a field is that is not there.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NoField {
    signature: Signature,
    unknown: UnknownField,
}

impl NoField {
    fn error<T>(&self) -> Result<T> {
        Err(DataFusionError::External(Box::new(self.unknown.clone())))
    }
}

impl ScalarUDFImpl for NoField {
    fn name(&self) -> &str {
        "no_field"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        self.error()
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.error()
    }
}
