//! `UNION ALL` and `unnest`: relations of several relations, rows of one row.

use arrow::datatypes::DataType;
use datafusion_common::NullHandling;
use datafusion_expr::logical_plan::{Union, Unnest as LogicalUnnest};

use super::Lowering;
use crate::operator::{UnnestColumn, readable};
use crate::relation::{Emits, Relation, build};
use crate::{Error, Result};

impl Lowering<'_> {
    pub(super) fn union(&self, union: &Union) -> Result<Relation> {
        let schema = union.schema.inner().clone();
        let mut inputs = Vec::new();
        for input in &union.inputs {
            let input = self.lower(input)?;
            if input.emits() != Emits::Rows && !self.context.asked_once {
                let message = "rows that replace earlier ones cannot be put together with others: UNION ALL takes append inputs only";
                let refused = self.text.refuse_clause("UNION", message);
                return Err(refused.with_help("use append mode for the aggregation, or a sink for each"));
            }
            // The first input's names, and what all have in common.
            let columns = (0..schema.fields().len()).collect();
            let same = input.schema() == schema;
            inputs.push(if same { input } else { build::select(input, columns, schema.clone()) });
        }
        Ok(build::union(inputs, schema))
    }

    pub(super) fn unnest(&self, unnest: &LogicalUnnest) -> Result<Relation> {
        let input = self.lower(&unnest.input)?;
        if let Some((_, deep)) = unnest.list_type_columns.iter().find(|(_, list)| list.depth > 1) {
            let message =
                format!("unnest of lists in lists ({}) in one step is not supported", deep.output_column.name);
            return Err(self
                .text
                .refuse_clause("unnest", message)
                .with_help("unnest once in a sub-query, and again over it"));
        }
        let from = input.schema();
        let schema = unnest.schema.inner().clone();
        let mut fields_used = vec![0usize; from.fields().len()];
        let columns = unnest.dependency_indices.iter().map(|at| {
            if unnest.struct_type_columns.contains(at) {
                let field = fields_used[*at];
                fields_used[*at] += 1;
                return match from.field(*at).data_type() {
                    DataType::Struct(fields) if field < fields.len() => Ok(UnnestColumn::Field(*at, field)),
                    other => Err(Error::internal(format!("unnest of {other}"))),
                };
            }
            let is_list = unnest.list_type_columns.iter().any(|(list, _)| list == at);
            Ok(if is_list { UnnestColumn::Elements(*at) } else { UnnestColumn::Same(*at) })
        });
        let columns: Vec<UnnestColumn> = columns.collect::<Result<_>>()?;
        let null = unnest.options.null_handling;
        let keeps = (null != NullHandling::Drop, null == NullHandling::PreserveAndExpandEmpty);
        let shown = unnest.exec_columns.iter().map(|c| readable(&c.name)).collect();
        Ok(build::unnest(input, columns, schema, keeps, shown))
    }
}
