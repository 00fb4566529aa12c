//! What planning finds out about one node.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::name::Name;
use crate::operator::static_join::StaticTable;
use crate::relation::{Emits, Relation};
use crate::time::watermark::Derived;

/// A planned node.
pub struct PlannedNode {
    /// Its name.
    pub name: Name,
    /// How its rows are made.
    pub relation: Relation,
    /// It is a watermark node by its own rows: the column.
    pub observes: Option<usize>,
    /// It is one by the rows of its input: that one's column.
    pub observes_input: Option<usize>,
    /// What the watermark of its rows is made of.
    pub watermark: Derived,
    /// Its columns, with the event time marked.
    pub schema: SchemaRef,
    /// What it uses of its inputs.
    pub uses: Vec<Use>,
    /// What a plugin reads, for people and to see whether it stays the same: names of columns.
    pub plugin_reads: Option<Vec<String>>,
    /// The rows of a static source.
    pub static_table: Option<Arc<StaticTable>>,
    /// Names of the columns that make a row's key, where rows replace each other; none where the key is not all there.
    pub keys: Option<Vec<String>>,
}

/// What a node uses of an input.
#[derive(Debug, Clone)]
pub struct Use {
    /// The input node.
    pub input: String,
    /// Columns that it reads itself; none = all.
    pub reads: Option<BTreeSet<String>>,
    /// Whether it hands the others on to who reads it.
    pub passes_on: bool,
}

impl PlannedNode {
    /// What the node's rows are.
    pub fn emits(&self) -> Emits {
        self.relation.emits()
    }
}
