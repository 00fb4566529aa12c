//! A job file to a checked graph: every column, type, query and plugin is looked at here, before a row is read.
//!
//! Planning goes over the nodes twice. The first time every node has all its columns; then it is known which of them
//! anybody uses, and the second time sources and flat-maps leave the others out.

mod branch;
pub mod dead_letters;
mod dedup;
mod event_time;
mod explain;
mod flow;
mod keyed_node;
pub mod late;
mod loops;
mod node;
mod operators;
mod plugin_node;
mod plugins;
mod prune;
mod query_node;
mod sinks;
mod throttle;
mod whole_rows;
mod wiring;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};

pub use branch::QueryBranch;
pub use explain::{Branch, Explained, Fact};
pub use flow::{Edge, Flow};
pub use node::{PlannedNode, Use};
pub use plugins::{Components, Plugins};
pub use sinks::PlannedSink;

use crate::connector::Connectors;
use crate::job::{Job, JobText, Logic, OperatorSpec, SourceSpec};
use crate::name::{Name, Named};
use crate::operator::AnyStateful;
use crate::operator::fingerprint::Fingerprint;
use crate::operator::static_join::StaticTable;
use crate::record::WatermarkPair;
use crate::sql::{self, Parsed, SqlText};
use crate::time::watermark::{Derived, WatermarkRule};
use crate::{Error, Result};

/// A job that can run.
pub struct Plan {
    /// The job.
    pub job: Job,
    /// The connectors that its sources and sinks have.
    pub connectors: Connectors,
    /// The plugins it uses.
    pub plugins: Plugins,
    /// Sources that are streams, in the job file's order.
    pub sources: Named<PlannedSource>,
    /// Sources that stand still, in the job file's order.
    pub statics: Named<PlannedStatic>,
    /// Stateful operators by the names of their states, inputs before their users.
    pub stateful: Named<PlannedStateful>,
    /// Sinks, in the job file's order; last the dead letters.
    pub sinks: Named<PlannedSink>,
    /// The nodes that name their event time.
    pub watermarks: Named<WatermarkNode>,
    /// Partitions of the state: those of the checkpoint.
    pub partitions: u32,
    nodes: Named<PlannedNode>,
}

/// A source and what happens to its rows.
pub struct PlannedSource {
    /// What the job says of it.
    pub spec: SourceSpec,
    /// The columns to decode, by their place in the source's schema.
    pub columns: Vec<usize>,
    /// Where its rows go.
    pub flow: Flow,
}

/// A source that stands still.
pub struct PlannedStatic {
    /// What the job says of it.
    pub spec: SourceSpec,
    /// The columns to decode, by their place in the source's schema.
    pub columns: Vec<usize>,
    /// Where its rows are put.
    pub table: Arc<StaticTable>,
}

/// A stateful operator and what happens to the rows that come out of it.
pub struct PlannedStateful {
    /// The name of its state: the node's, of further ones of a query with a number.
    pub name: Name,
    /// Which one of its query's it is.
    pub branch: QueryBranch,
    /// The names of its tables in the state: the node's, and the node's with what each of the others is for. No node's
    /// name has a point in it.
    pub tables: Vec<String>,
    /// The operator.
    pub operator: Arc<dyn AnyStateful>,
    /// What its watermark is made of.
    pub watermark: Derived,
    /// Per input, whether all of its rows come out of other stateful operators.
    pub after_state: Vec<bool>,
    /// The sink that its late rows go to.
    pub late: Option<Name>,
    /// Where its rows go.
    pub flow: Flow,
}

impl PlannedStateful {
    /// The node's name, without what tells several operators of one query apart.
    pub fn node(&self) -> &str {
        self.name.split('/').next().unwrap_or(&self.name)
    }

    /// The watermarks by which rows of input number `input` are judged, in an epoch that has `pair`.
    pub fn judged_by(&self, input: usize, pair: WatermarkPair) -> WatermarkPair {
        // What ends just past W(N-1) is open in epoch N-1 and comes out in N, with the time W(N-1): it is not late.
        let less = i64::from(self.after_state.get(input).copied().unwrap_or(false));
        WatermarkPair { late: pair.late.map(|w| w.saturating_sub(less)), ..pair }
    }
}

fn table_names(state: &str, operator: &dyn AnyStateful) -> Vec<String> {
    let table = |of: &&str| if of.is_empty() { state.to_owned() } else { format!("{state}.{of}") };
    operator.tables().iter().map(table).collect()
}

/// A node that names its event time.
#[derive(Debug, Clone)]
pub struct WatermarkNode {
    /// The column.
    pub column: String,
    /// Its rule; none = event time without a watermark.
    pub rule: Option<WatermarkRule>,
    /// How far ahead of their epoch event times may be, microseconds.
    pub max_ahead: Option<i64>,
}

impl Plan {
    /// The sinks but for the dead letters, in the job file's order.
    pub fn rows_sinks(&self) -> impl Iterator<Item = &PlannedSink> {
        self.sinks.values().filter(|sink| !self.is_letters(sink))
    }

    /// Whether `sink` is that of the dead letters.
    pub fn is_letters(&self, sink: &PlannedSink) -> bool {
        sink.spec.name.value == self.job.dead_letters.name.value
    }

    /// Stateful operators have the states that are called otherwise: by the names that they had, those that they have.
    pub(crate) fn rename_states(&mut self, names: &BTreeMap<Name, Name>) {
        let flows = self.sources.values_mut().map(|source| &mut source.flow);
        flows.for_each(|flow| flow::rename_states(flow, names));
        let renamed = std::mem::take(&mut self.stateful).into_iter().map(|(name, mut stateful)| {
            flow::rename_states(&mut stateful.flow, names);
            let name = names.get(&name).cloned().unwrap_or(name);
            let tables = table_names(&name, &*stateful.operator);
            (name.clone(), PlannedStateful { name, tables, ..stateful })
        });
        self.stateful = renamed.collect();
    }

    /// What columns that come out of `stateful` are called where they come out of its node, by their places.
    pub fn called(&self, stateful: &PlannedStateful) -> BTreeMap<usize, String> {
        let node = self.nodes.get(stateful.node());
        node.and_then(|node| node.relation.called(&stateful.operator)).unwrap_or_default()
    }

    /// What must stay the same for the state of `stateful` to be usable.
    pub fn fingerprint(&self, stateful: &PlannedStateful) -> Fingerprint {
        let fingerprint = stateful.operator.fingerprint();
        match self.stateful.values().filter(|s| s.node() == stateful.node()).count() {
            1 => fingerprint,
            beside => fingerprint.with("states", beside).with("branch", stateful.branch.told()),
        }
    }
}

/// Finds out what a source's columns are: reading the job file is not enough where the files say it.
pub type SourceSchema<'a> = &'a dyn Fn(&SourceSpec, &JobText) -> Result<SchemaRef>;

/// Checks `job` and makes the graph that runs it, over state of so many partitions.
pub fn plan(
    mut job: Job,
    plugins: Plugins,
    connectors: &Connectors,
    source_schema: SourceSchema<'_>,
    partitions: u32,
) -> Result<Plan> {
    let queries = parse_queries(&job)?;
    job.order(|operator| inputs(operator, &queries))?;
    let mut schemas = BTreeMap::new();
    for source in &job.sources {
        let at = |e: Error| e.at(job.text.at(source.name.span.clone()));
        schemas.insert(source.name.value.clone(), source_schema(source, &job.text).map_err(at)?);
    }

    let mut use_of_columns = BTreeMap::new();
    let mut nodes = operators::plan_nodes(&job, &plugins, &queries, &schemas, partitions, &use_of_columns, None)?;
    let mut keep_all = BTreeSet::new();
    // A plugin that reads something else when it is shown fewer columns is shown all of them: at most once per node.
    loop {
        use_of_columns = prune::columns_in_use(&job, &nodes, &keep_all);
        let pruned =
            operators::plan_nodes(&job, &plugins, &queries, &schemas, partitions, &use_of_columns, Some(&nodes))?;
        let changed = prune::changed_their_mind(&nodes, &pruned);
        if changed.is_empty() {
            nodes = pruned;
            break;
        }
        keep_all.extend(changed);
    }
    let sinks = sinks::plan_sinks(&job, connectors, &nodes)?;
    wiring::connect(job, connectors.clone(), plugins, schemas, nodes, sinks, partitions)
}

/// The queries of the SQL operators, parsed, by the operator's name.
pub(crate) type Queries = BTreeMap<String, (SqlText, Parsed)>;

fn parse_queries(job: &Job) -> Result<Queries> {
    let mut queries = BTreeMap::new();
    let sources = job.sources.iter().map(|s| s.name.value.clone());
    let nodes: BTreeSet<String> = sources.chain(job.operators.iter().map(|o| o.name.value.clone())).collect();
    let plugins: BTreeSet<String> = job.plugins.keys().cloned().collect();
    for operator in &job.operators {
        if let Logic::Sql(sql) = &operator.logic {
            let text = match operator.asked_once {
                true => SqlText::asked_once(job.text.clone()),
                false => SqlText::new(job.text.clone(), sql.clone()),
            };
            let parsed = sql::parse(&text, &nodes, &plugins)?;
            queries.insert(operator.name.value.clone(), (text, parsed));
        }
    }
    Ok(queries)
}

/// The nodes that an operator reads, each with its place in the job file.
fn inputs(operator: &OperatorSpec, queries: &Queries) -> Vec<(String, std::ops::Range<usize>)> {
    let named = operator.logic.input().map(|input| (input.value.clone(), input.span.clone()));
    let Logic::Sql(sql) = &operator.logic else { return named.into_iter().collect() };
    let tables = queries.get(&operator.name.value).map(|q| q.1.tables.clone()).unwrap_or_default();
    tables.into_iter().map(|(name, range)| (name, sql.locate(range))).collect()
}

/// `schema` with the fields named in `columns` only, in their order; with all of them if there is no such set.
pub(crate) fn project(schema: &SchemaRef, columns: Option<&BTreeSet<String>>) -> (SchemaRef, Vec<usize>) {
    let wanted = |name: &String| columns.is_none_or(|c| c.contains(name));
    let at: Vec<usize> = (0..schema.fields().len()).filter(|i| wanted(schema.field(*i).name())).collect();
    let fields: Vec<_> = at.iter().map(|i| schema.fields()[*i].clone()).collect();
    (Arc::new(Schema::new(fields)), at)
}
