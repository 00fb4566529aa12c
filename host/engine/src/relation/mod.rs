//! What a node does, as a tree of operators over the rows of other nodes: what planning makes of SQL and of the job file,
//! before it is put into flows.
//!
//! Who plans says what is to be done, by the functions of [`build`], and nobody else puts an operator into a tree. There
//! it is derived what comes out, which columns carry the keys, what the rows are and what is said of it to people.

pub mod build;
mod called;
mod description;
pub mod event_time;

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

pub use description::{Description, InSql, PluginUse};

use crate::job::OutputMode;
use crate::operator::{AnyStateful, Transform};

/// What a relation's rows are, over the epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emits {
    /// Rows that stand.
    Rows,
    /// Rows that replace earlier ones of the same key.
    Updates,
    /// The whole result in each epoch.
    Snapshot,
}

/// What a node does: a tree whose leaves are the job's nodes.
#[derive(Debug, Clone)]
pub enum Relation {
    /// Another node's rows.
    Input {
        /// Its name.
        table: String,
        /// The columns that are read, by their place in the table; none = all.
        columns: Option<Vec<usize>>,
        /// The columns that are read.
        schema: SchemaRef,
        /// What its rows are.
        emits: Emits,
    },
    /// A stateless operator.
    Transform {
        /// What it is applied to.
        input: Box<Relation>,
        /// The operator.
        transform: Arc<dyn Transform>,
        /// What comes out.
        schema: SchemaRef,
        /// Per key of the aggregation below, the output columns that carry it.
        keys: Vec<Vec<usize>>,
        /// For people: what it does.
        description: Description,
        /// The rows of a static source that it takes beside its input.
        beside: Option<Box<Relation>>,
    },
    /// The rows of several relations, in no order.
    Union {
        /// The relations, all with the same types.
        inputs: Vec<Relation>,
        /// What comes out.
        schema: SchemaRef,
    },
    /// A stateful operator.
    Stateful {
        /// What it is applied to: its inputs, by number.
        inputs: Vec<Relation>,
        /// The operator.
        operator: Arc<dyn AnyStateful>,
        /// What is emitted.
        mode: OutputMode,
        /// Per key, the output columns that carry it.
        keys: Vec<Vec<usize>>,
        /// How much later than they came rows may come out: what follows has a watermark that is so much behind.
        waits: i64,
        /// For people: what it does.
        description: Description,
    },
}

impl Relation {
    /// The columns that come out.
    pub fn schema(&self) -> SchemaRef {
        match self {
            Self::Input { schema, .. } | Self::Transform { schema, .. } | Self::Union { schema, .. } => schema.clone(),
            Self::Stateful { operator, .. } => operator.schema(),
        }
    }

    /// What the rows are.
    pub fn emits(&self) -> Emits {
        match self {
            Self::Input { emits, .. } => *emits,
            Self::Transform { input, .. } => input.emits(),
            // Only rows that stand can be put together.
            Self::Union { .. } => Emits::Rows,
            Self::Stateful { mode, .. } => match mode {
                OutputMode::Append => Emits::Rows,
                OutputMode::Update => Emits::Updates,
                OutputMode::Complete => Emits::Snapshot,
            },
        }
    }

    /// Per key of the aggregation in it, the output columns that carry it.
    pub fn keys(&self) -> &[Vec<usize>] {
        match self {
            Self::Input { .. } | Self::Union { .. } => &[],
            Self::Transform { keys, .. } | Self::Stateful { keys, .. } => keys,
        }
    }

    /// Whether all of its rows come out of stateful operators, in it or in `nodes`.
    pub fn is_after_state(&self, nodes: &BTreeSet<String>) -> bool {
        match self {
            Self::Input { table, .. } => nodes.contains(table),
            Self::Transform { input, .. } => input.is_after_state(nodes),
            Self::Union { inputs, .. } => inputs.iter().all(|input| input.is_after_state(nodes)),
            Self::Stateful { .. } => true,
        }
    }

    /// Whether a stateful operator is in it.
    pub fn is_stateful(&self) -> bool {
        match self {
            Self::Input { .. } => false,
            Self::Transform { input, .. } => input.is_stateful(),
            Self::Union { inputs, .. } => inputs.iter().any(Self::is_stateful),
            Self::Stateful { .. } => true,
        }
    }
}
