//! What the nodes of a job file have in common that let whole rows of one input pass, or not, by their keys.

use std::collections::BTreeSet;

use arrow::datatypes::SchemaRef;

use super::event_time;
use super::node::{PlannedNode, Use};
use super::operators::{Planner, refuse_static};
use crate::job::{OperatorSpec, Spanned, suggest};
use crate::name::Name;
use crate::operator::Expressions;
use crate::relation::event_time::{has_watermark, last_time_of, mark};
use crate::relation::{Emits, Relation, build};
use crate::time::watermark::Derived;
use crate::{Error, Result};

/// Such a node and its input.
pub(super) struct WholeRows<'a> {
    pub name: Name,
    operator: &'a OperatorSpec,
    input: &'a Spanned<String>,
    keys: &'a [Spanned<String>],
    /// The input's columns, with the event time marked.
    pub schema: SchemaRef,
    /// The places of the keys.
    pub key_columns: Vec<usize>,
    /// The place of the event time that has a watermark.
    pub time: Option<usize>,
    /// What the watermark of the rows is made of.
    pub watermark: Derived,
    observes_input: Option<usize>,
}

impl Planner<'_> {
    /// The node `operator`, which is called `what`, over rows of `input` that `keys` tell apart.
    pub(super) fn whole_rows<'a>(
        &mut self,
        what: &str,
        operator: &'a OperatorSpec,
        input: &'a Spanned<String>,
        keys: &'a [Spanned<String>],
    ) -> Result<WholeRows<'a>> {
        let name = Name::from(&operator.name.value);
        let from = self.input(&input.value)?;
        let (mut schema, mut watermark) = (from.schema.clone(), from.watermark.clone());
        let text = &self.job.text;
        if from.static_table.is_some() {
            return Err(refuse_static(text, input));
        }
        if from.emits() != Emits::Rows {
            let message = format!("{what} cannot follow a node whose rows replace earlier ones");
            return Err(text.error(input.span.clone(), message).with_help("use append mode for the aggregation"));
        }
        // Event time that is named here is a column of the input.
        let mut observes_input = None;
        if let Some(spec) = &operator.event_time {
            let at = event_time::column(text, &format!("`{}`", input.value), &schema, spec)?;
            schema = mark(&schema, at, spec.delay.is_some());
            observes_input = Some(at);
            watermark = self.done.watermarks.add(&name, spec);
        }
        let place = |key: &Spanned<String>| {
            schema.column_with_name(&key.value).map(|(at, _)| at).ok_or_else(|| {
                let names = schema.fields().iter().map(|f| f.name().as_str());
                let message = format!("`{}` has no column `{}` to tell rows apart by", input.value, key.value);
                text.error(key.span.clone(), message).with_help(suggest::choices(&key.value, names))
            })
        };
        let key_columns: Vec<usize> = keys.iter().map(place).collect::<Result<_>>()?;
        if let Some(twice) = (1..keys.len()).find(|at| key_columns[..*at].contains(&key_columns[*at])) {
            let message = format!("`{}` is named twice to tell rows apart by", keys[twice].value);
            return Err(text.error(keys[twice].span.clone(), message).with_help("leave one of them out"));
        }
        let time = schema.fields().iter().position(|field| has_watermark(field));
        Ok(WholeRows { name, operator, input, keys, schema, key_columns, time, watermark, observes_input })
    }
}

impl WholeRows<'_> {
    /// The rows that come in.
    pub fn rows(&self) -> Relation {
        build::rows_of(&self.input.value, self.schema.clone(), Emits::Rows)
    }

    /// The event time in column `at` as an expression.
    pub fn event_time(&self, at: usize) -> Result<Expressions> {
        last_time_of(&self.schema, at).map_err(|e| Error::internal(format!("event time cannot be read: {e}")))
    }

    /// The node, whose rows `relation` makes of those that come in.
    pub fn node(self, relation: Relation) -> PlannedNode {
        let keys: Vec<String> = self.keys.iter().map(|key| key.value.clone()).collect();
        let time = self.time.map(|at| self.schema.field(at).name().clone());
        let reads: BTreeSet<String> = keys.iter().cloned().chain(time).collect();
        // Late rows go out with all their columns.
        let reads = self.operator.late.is_none().then_some(reads);
        PlannedNode {
            name: self.name,
            relation,
            observes: None,
            observes_input: self.observes_input,
            watermark: self.watermark,
            schema: self.schema,
            uses: vec![Use { input: self.input.value.clone(), reads, passes_on: true }],
            plugin_reads: None,
            static_table: None,
            keys: Some(keys),
        }
    }
}
