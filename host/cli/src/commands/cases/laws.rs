//! The laws that hold for all operators, tried with the rows of the cases, with no rows, and with rows of nulls.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use millstream_engine::{Error, Result};
use millstream_plugin::verify::{Outcome, Trial, Verdict, verify};
use millstream_plugin::{InputField, Limits, PluginError, Request};

use super::case::Case;
use super::job::{Tested, rows};

/// Rows of nulls.
const NULLS: usize = 3;

/// A trial of an operator.
pub(super) struct Law {
    /// With which operator, and which rows.
    pub of: String,
    pub comparisons: usize,
    /// What does not hold.
    pub broken: Vec<String>,
}

impl Law {
    pub(super) fn holds(&self) -> bool {
        self.broken.is_empty()
    }
}

/// Tries each operator with the rows of each case; with none and with nulls once for each configuration.
pub(super) fn all(cases: &[Case], tested: &Tested) -> Result<Vec<Law>> {
    let mut laws = Vec::new();
    let mut configured: BTreeSet<String> = BTreeSet::new();
    for case in cases {
        // What cannot be read has been told with the case.
        let Ok(rows) = rows(case) else { continue };
        let name = &tested.operator(case)?.name;
        laws.extend(one(case, tested, &rows, &format!("`{name}`, the rows of `{}`", case.name))?);
        if configured.insert(format!("{:?}", case.told.operator)) {
            laws.extend(one(case, tested, &rows.slice(0, 0), &format!("`{name}`, no rows"))?);
            laws.extend(one(case, tested, &nulls(&rows)?, &format!("`{name}`, nulls"))?);
        }
    }
    Ok(laws)
}

/// None where the operator refuses the case, which was told with it.
fn one(case: &Case, tested: &Tested, rows: &RecordBatch, of: &str) -> Result<Option<Law>> {
    let limits = Limits::default();
    let config = case.told.operator.get("with").map_or(Ok("{}".to_owned()), serde_json::to_string);
    let config = config.map_err(|e| Error::internal(format!("a configuration is no JSON: {e}")).caused_by(e))?;
    let schema = rows.schema();
    let fields: Vec<FieldRef> = schema.fields().iter().cloned().collect();
    let input: Vec<InputField> = fields.iter().cloned().map(InputField::from).collect();
    let named = case.told.operator.get("key_by").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let is_key = |field: &&FieldRef| named.iter().any(|name| name.as_str() == Some(field.name()));
    let keys: Vec<FieldRef> = fields.iter().filter(is_key).cloned().collect();
    let event_time = case.told.input.get("event_time").and_then(toml::Value::as_str);
    let is_time =
        |field: &FieldRef| Some(&**field.name()) == event_time && matches!(field.data_type(), DataType::Timestamp(..));
    let event_time = fields.iter().position(is_time);
    let operator = case.operator();
    let request = Request { operator, config: &config, input: &input, keys: &keys, node: "test", ..Request::default() };
    let report = match verify(&tested.plugin, &request, &limits, &Trial { rows, seed: 0, event_time }) {
        Ok(report) => report,
        Err(PluginError::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut broken = Vec::new();
    for comparison in &report.comparisons {
        if let Outcome::Differs { count, first } = &comparison.outcome {
            broken.push(format!("{}: {count} differ", comparison.way));
            broken.push(format!("  {}: {}", first.subject, first.what));
            broken.push(format!("    at first  {}", first.plain));
            broken.push(format!("    then      {}", first.other));
        }
    }
    if report.verdict() == Verdict::Fails {
        broken.extend(
            report.failures.iter().map(|failure| format!("fails with {}: {}", failure.subject, failure.message)),
        );
    }
    Ok(Some(Law { of: of.to_owned(), comparisons: report.comparisons.len(), broken }))
}

/// Rows of the same columns that have nothing in them.
fn nulls(rows: &RecordBatch) -> Result<RecordBatch> {
    let schema = rows.schema();
    let fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    let columns: Vec<ArrayRef> = fields.iter().map(|field| new_null_array(field.data_type(), NULLS)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|e| Error::internal(format!("rows of nulls cannot be made: {e}")).caused_by(e))
}
