//! Plugins as table functions: `FROM words(logs)` is the rows that the flat-map `words` makes of node `logs`, and
//! `FROM sessionise(TABLE clicks PARTITION BY user)` what the keyed operator `sessionise` gives for each user's clicks: the same
//! as a node of its own with `key_by = ["user"]`.
//!
//! A table stands for the call ([`super::table_call`]); when the plan is lowered it is the input with the plugin applied.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion_sql::sqlparser::ast::Ident;
use millstream_plugin::{Bound, BoundFlatMap, BoundKeyed, InputField, PluginKind};

use super::PluginFunction;
use super::table_call::{CallInput, TableCall};
use crate::job::suggest;
use crate::operator::keyed::{JudgedBy, KeyedFunction, PluginKeyed};
use crate::operator::static_join::StaticTable;
use crate::operator::{Expressions, PluginCalls, extended};
use crate::relation::event_time::{has_watermark, last_time_of, mark};
use crate::relation::{Emits, PluginUse, Relation, build};
use crate::sql::InputTable;
use crate::sql::error::SqlText;
use crate::sql::names::columns::column_meant;
use crate::{Error, ErrorKind, Result};

/// What a table that stands for a call is made of.
#[derive(Debug, Clone)]
pub struct MadeBy {
    /// The rows that the plugin takes.
    pub(in crate::sql) input: Relation,
    /// If these are a static source's.
    pub(in crate::sql) static_table: Option<Arc<StaticTable>>,
    pub(in crate::sql) made: Made,
    /// Where the call stands in the query.
    pub(in crate::sql) at: Range<usize>,
}

/// What a plugin makes of rows.
#[derive(Debug, Clone)]
pub(in crate::sql) enum Made {
    FlatMap { calls: PluginCalls, bound: BoundFlatMap },
    Keyed(Box<KeyedCall>),
}

/// A call of a keyed operator.
#[derive(Debug, Clone)]
pub(in crate::sql) struct KeyedCall {
    pub function: Arc<dyn KeyedFunction>,
    /// The plugin, and what it reads.
    pub called: PluginUse,
    /// The places of the key's columns.
    pub keys: Vec<usize>,
    pub time: Option<(Expressions, JudgedBy)>,
}

/// What a call takes its rows from.
#[derive(Debug)]
pub enum CallRows<'a> {
    /// A node, as a table.
    Node(&'a InputTable),
    /// A query.
    Query(Relation),
}

/// How calls of one query are bound.
#[derive(Debug)]
pub struct CallContext<'a> {
    /// The query.
    pub text: &'a SqlText,
    /// The nodes all of whose rows come out of stateful operators.
    pub after_state: &'a BTreeSet<String>,
    /// Whether rows keep columns that the plugin does not read.
    pub keep_columns: bool,
}

impl TableCall {
    /// The table that stands for the call, over `rows`.
    ///
    /// # Errors
    /// The plugin is none that makes rows, or does not take these, or not so.
    pub fn bind(
        &self,
        context: &CallContext<'_>,
        rows: CallRows<'_>,
        plugins: &BTreeMap<String, PluginFunction>,
    ) -> Result<InputTable> {
        let refused = |message: String| context.text.refuse(self.at.clone(), message);
        let Some(plugin) = plugins.get(&self.plugin) else {
            let message = format!("`{}` in FROM is called as a function, and there is no such plugin", self.plugin);
            let make_rows = plugins
                .iter()
                .filter(|(_, plugin)| matches!(plugin.operator.kind, PluginKind::Keyed | PluginKind::FlatMap));
            let help = match suggest::nearest(&self.plugin, make_rows.map(|(name, _)| name.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "declare it: [plugin.NAME] with the path of a flat-map plugin, or of a keyed one".to_owned(),
            };
            return Err(refused(message).with_help(help));
        };
        match plugin.operator.kind {
            PluginKind::Keyed => self.keyed(context, rows, plugin),
            kind if self.keys.is_some() || self.order.is_some() => {
                let message = format!("`{}` is no keyed operator, but a {kind}: it has no keys", self.plugin);
                let help = "leave PARTITION BY and ORDER BY out of the call";
                Err(refused(message).with_help(help))
            }
            _ => self.flat_map(context, rows, plugin),
        }
    }

    fn flat_map(&self, context: &CallContext<'_>, rows: CallRows<'_>, plugin: &PluginFunction) -> Result<InputTable> {
        let (input, static_table) = match rows {
            CallRows::Node(table) => (self.rows_of(table, table.schema.clone(), None), table.static_table.clone()),
            CallRows::Query(relation) => (relation, None),
        };
        let bound = self.bound(context, plugin, &input.schema(), &[])?;
        let Bound::FlatMap(bound) = bound else {
            let message = format!(
                "plugin `{}`: it is no flat-map, which makes rows of rows, and not keyed: FROM takes no other",
                self.plugin
            );
            return Err(context.text.refuse(self.at.clone(), message));
        };
        let (_, schema) = extended(&input.schema(), bound.output(), None);
        let emits = input.emits();
        let made = Made::FlatMap { calls: plugin.calls(), bound };
        Ok(self.table(schema, emits, MadeBy { input, static_table, made, at: self.at.clone() }))
    }

    fn table(&self, schema: SchemaRef, emits: Emits, made_by: MadeBy) -> InputTable {
        InputTable { given: schema.clone(), schema, emits, made_by: Some(made_by), static_table: None }
    }

    /// The rows of node `table` that has these columns, or these of them.
    fn rows_of(&self, table: &InputTable, schema: SchemaRef, columns: Option<Vec<usize>>) -> Relation {
        let CallInput::Node(node) = &self.input else { return build::rows_of("", schema, table.emits) };
        match columns {
            None => build::rows_of(node, schema, table.emits),
            Some(columns) => build::rows_with(node, columns, schema, table.emits),
        }
    }

    fn bound(
        &self,
        context: &CallContext<'_>,
        plugin: &PluginFunction,
        schema: &SchemaRef,
        keys: &[FieldRef],
    ) -> Result<Bound> {
        let call = context.text.whole_call(self.at.clone());
        let sql = context.text.sql().get(call.clone());
        plugin.bind_to(sql, &InputField::of_schema(schema), keys).map_err(|e| match e.kind() {
            ErrorKind::Plugin | ErrorKind::Invalid => context.text.refuse(self.at.clone(), e.message().to_owned()),
            _ => e,
        })
    }

    fn keyed(&self, context: &CallContext<'_>, rows: CallRows<'_>, plugin: &PluginFunction) -> Result<InputTable> {
        let text = context.text;
        let Some(keys) = &self.keys else {
            let message = format!("`{}` is keyed: it keeps state per key, and this call says of no key", self.plugin);
            let help = format!(
                "name its columns: FROM {}(TABLE {} PARTITION BY key)",
                self.plugin,
                match &self.input {
                    CallInput::Node(node) => node,
                    CallInput::Query(_) => "(SELECT …)",
                }
            );
            return Err(text.refuse(text.whole_call(self.at.clone()), message).with_help(help));
        };
        let schema = match &rows {
            CallRows::Node(table) => table.schema.clone(),
            CallRows::Query(relation) => relation.schema(),
        };
        let names = keys.iter().map(|key| self.column(text, key, "PARTITION BY", &schema));
        let names: Vec<String> = names.collect::<Result<_>>()?;
        let time = schema.fields().iter().find(|field| has_watermark(field)).map(|field| field.name().clone());
        self.check_order(text, &schema, time.as_deref())?;

        // What it says it reads, with its key and the event time, is all that comes to it; unless it then reads something
        // else.
        let whole = self.bound_keyed(context, plugin, &schema, &names)?;
        let wanted: BTreeSet<&str> = names_of(&whole, &schema)
            .into_iter()
            .chain(names.iter().map(String::as_str))
            .chain(time.as_deref())
            .collect();
        let fewer: Vec<FieldRef> =
            schema.fields().iter().filter(|field| wanted.contains(field.name().as_str())).cloned().collect();
        let fewer: SchemaRef = Arc::new(Schema::new(fewer));
        let pruned = match context.keep_columns || fewer.fields().len() == schema.fields().len() {
            true => None,
            false => Some(self.bound_keyed(context, plugin, &fewer, &names)?)
                .filter(|bound| names_of(bound, &fewer) == names_of(&whole, &schema)),
        };
        let (bound, schema, all) = match pruned {
            Some(bound) => (bound, fewer, false),
            None => (whole, schema, true),
        };
        let place = |name: &String| {
            schema.index_of(name).map_err(|_| Error::internal(format!("a column `{name}` is not there any more")))
        };
        let (input, static_table) = match rows {
            CallRows::Node(table) => {
                let missing =
                    |name: &str| Error::internal(format!("`{}` does not give its column `{name}`", self.table));
                let given = |field: &FieldRef| table.given.index_of(field.name()).map_err(|_| missing(field.name()));
                let columns = match all {
                    true => None,
                    false => Some(schema.fields().iter().map(given).collect::<Result<Vec<usize>>>()?),
                };
                (self.rows_of(table, schema.clone(), columns), table.static_table.clone())
            }
            CallRows::Query(relation) => {
                let from = relation.schema();
                let columns = schema.fields().iter().filter_map(|field| from.index_of(field.name()).ok()).collect();
                (if all { relation } else { build::select(relation, columns, schema.clone()) }, None)
            }
        };
        let judged_by = match input.is_after_state(context.after_state) {
            true => JudgedBy::EpochBefore,
            false => JudgedBy::ThisEpoch,
        };
        let time = time.as_ref().map(|name| {
            let time = last_time_of(&schema, place(name)?);
            time.map_err(|e| Error::internal(format!("event time cannot be read: {e}"))).map(|time| (time, judged_by))
        });
        let time = time.transpose()?;
        let keys = names.iter().map(place).collect::<Result<_>>()?;
        let reads = names_of(&bound, &schema).into_iter().map(str::to_owned).collect();
        let called = PluginUse { plugin: self.plugin.clone(), reads, hints: Some(bound.hints()) };
        let function = PluginKeyed::new(plugin.called().clone(), &plugin.config, bound, schema.clone());
        let function = Arc::new(if self.order.is_some() { function.by_event_time() } else { function });
        let binding = function.binding();
        let output: SchemaRef = Arc::new(Schema::new(binding.output.clone()));
        let output = match binding.event_time {
            Some(at) if time.is_some() && at < output.fields().len() => mark(&output, at, true),
            _ => output,
        };
        let made = Made::Keyed(Box::new(KeyedCall { function, called, keys, time }));
        Ok(self.table(output, Emits::Rows, MadeBy { input, static_table, made, at: self.at.clone() }))
    }

    fn bound_keyed(
        &self,
        context: &CallContext<'_>,
        plugin: &PluginFunction,
        schema: &SchemaRef,
        keys: &[String],
    ) -> Result<BoundKeyed> {
        let keys: Vec<FieldRef> =
            keys.iter().filter_map(|key| Some(schema.fields()[schema.index_of(key).ok()?].clone())).collect();
        match self.bound(context, plugin, schema, &keys)? {
            Bound::Keyed(bound) => Ok(bound),
            other => Err(Error::internal(format!("a keyed plugin was bound as {other:?}"))),
        }
    }

    /// The column of the rows that `ident` means.
    fn column(&self, text: &SqlText, ident: &Ident, clause: &str, schema: &SchemaRef) -> Result<String> {
        column_meant(text, ident, schema)?.ok_or_else(|| {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let message = format!("there is no column `{}` to {}", ident.value, clause.to_lowercase());
            text.refuse(text.range_of(ident.span), message).with_help(suggest::choices(&ident.value, names))
        })
    }

    /// Rows can be taken in the order of their event time, and in no other.
    fn check_order(&self, text: &SqlText, schema: &SchemaRef, time: Option<&str>) -> Result<()> {
        let Some(order) = &self.order else { return Ok(()) };
        let column = self.column(text, order, "ORDER BY", schema)?;
        if Some(column.as_str()) == time {
            return Ok(());
        }
        let message = format!("rows come by key as they came, or by their event time; `{column}` is none");
        let help = time.map_or_else(
            || "name an event time and a watermark on the source, or leave ORDER BY out".to_owned(),
            |time| format!("write ORDER BY {time}, or leave it out"),
        );
        Err(text.refuse(text.range_of(order.span), message).with_help(help))
    }
}

/// The names of the columns that `bound` reads of `schema`.
fn names_of<'s>(bound: &BoundKeyed, schema: &'s SchemaRef) -> Vec<&'s str> {
    bound.reads().iter().map(|at| schema.field(*at).name().as_str()).collect()
}
