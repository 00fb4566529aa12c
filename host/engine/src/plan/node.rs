//! What planning finds out about one node.

use std::collections::BTreeSet;

use arrow::datatypes::SchemaRef;

use crate::operator::static_join::StaticTable;
use crate::relation::{Emits, Relation};
use crate::time::watermark::Derived;
use std::sync::Arc;

/// A planned node.
pub struct PlannedNode {
    /// Its name.
    pub name: String,
    /// How its rows are made.
    pub relation: Relation,
    /// Its watermark node, if its rows are where event time is named: number and column.
    pub observes: Option<(usize, usize)>,
    /// The watermark node that it puts on its input, by number, with the column of that input.
    pub observes_input: Option<(usize, usize)>,
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
