//! `ORDER BY` and `LIMIT` over a result that is all there: what a one-off query can do and a stream cannot.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use datafusion_sql::sqlparser::ast::Statement;
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;

use super::{Emits, InputTable, PlanContext, Relation, SqlText, parse, plan};
use crate::job::{JobText, Spanned};
use crate::operator::{Effects, Rows};
use crate::state::DEFAULT_PARTITIONS;
use crate::{Error, Result};

/// The name of the result in [`Whole::sql`].
const RESULT: &str = "result";

/// What is done to a result that is all there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// The query over it.
    pub sql: String,
}

/// A query without its outermost `ORDER BY`, `LIMIT` and `OFFSET`, and these as a query over its result. A text that is
/// not one query is left as it is: who plans it says what is wrong.
///
/// # Errors
/// None so far.
pub fn split_order(sql: &str) -> Result<(String, Option<Whole>)> {
    let unchanged = || (sql.to_owned(), None);
    let parsed = Parser::new(&GenericDialect).try_with_sql(sql).and_then(|mut p| p.parse_statements());
    let Ok([Statement::Query(query)]) = parsed.as_deref() else { return Ok(unchanged()) };
    if query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none() {
        return Ok(unchanged());
    }
    let mut inner = query.clone();
    let part = |there: Option<String>| there.map_or(String::new(), |text| format!(" {}", text.trim()));
    let order = part(inner.order_by.take().map(|o| o.to_string()));
    let limit = part(inner.limit_clause.take().map(|l| l.to_string()));
    let fetch = part(inner.fetch.take().map(|f| f.to_string()));
    Ok((inner.to_string(), Some(Whole { sql: format!("SELECT * FROM {RESULT}{order}{limit}{fetch}") })))
}

/// The rows of `sql`, a query of stateless clauses over `result`, which is all there is.
///
/// # Errors
/// A column that the result does not have.
pub fn over(sql: &str, result: RecordBatch) -> Result<RecordBatch> {
    let job = JobText { file: "query".into(), text: sql.into() };
    let text = SqlText::new(job, Spanned { value: sql.to_owned(), span: 0..sql.len() });
    let (schema, given) = (result.schema(), result.schema());
    let table = InputTable { schema, given, emits: Emits::Snapshot, made_by: None, fixed: None };
    let context = PlanContext {
        node: RESULT.into(),
        tables: &BTreeMap::from([(RESULT.to_owned(), table)]),
        plugins: &BTreeMap::new(),
        mode: None,
        partitions: DEFAULT_PARTITIONS,
        keep_columns: false,
        unbounded_state: false,
    };
    let planned = plan(&text, parse(&text)?, &context)?;
    apply(&planned, result)
}

fn apply(relation: &Relation, result: RecordBatch) -> Result<RecordBatch> {
    match relation {
        Relation::Input { columns: None, .. } => Ok(result),
        Relation::Input { columns: Some(columns), .. } => {
            result.project(columns).map_err(|e| Error::internal(e.to_string()).caused_by(e))
        }
        Relation::Transform { input, transform, .. } => {
            let rows = Rows::new(apply(input, result)?);
            Ok(transform.apply(rows, &mut Effects::new(0))?.batch)
        }
        Relation::Union { .. } | Relation::Stateful { .. } => Err(Error::internal("a result is only put in order")),
    }
}
