//! Window functions, where a query is asked once.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};

use super::stateful;
use crate::Result;
use crate::job::OutputMode;
use crate::operator::over::{Order, Over, OverCall};
use crate::relation::{Description, PluginUse, Relation};

/// The rows of `input` with a column more for each of `calls`, computed over rows around each: at the end of the input.
pub fn over(
    node: Arc<str>,
    input: Relation,
    orders: Vec<Order>,
    calls: Vec<OverCall>,
    columns: impl IntoIterator<Item = FieldRef>,
    plugins: Vec<PluginUse>,
) -> Result<Relation> {
    let (rows, keys) = (input.schema(), input.keys().to_vec());
    let schema = Arc::new(Schema::new(rows.fields().iter().cloned().chain(columns).collect::<Vec<_>>()));
    let with = calls.iter().map(|call| call.shown.clone()).collect();
    let description = Description { plugins, ..Description::new("compute over rows", with) };
    let operator = Over::new(node, orders, calls, rows, schema)?;
    Ok(stateful(input, operator, OutputMode::Complete, keys, description))
}
