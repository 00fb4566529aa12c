//! Rows held until their input has ended, where a query is asked once.

use super::stateful;
use crate::job::OutputMode;
use crate::operator::{Collect, Sort};
use crate::relation::{Description, Emits, Relation};

/// `input`, held until it has ended where it is not a whole result already; no more than `most` of its rows are needed.
pub fn collect(input: Relation, most: Option<usize>) -> Relation {
    collected(input, None, most)
}

/// The same, where the rows that are needed are the first in `order`.
pub(super) fn collected(input: Relation, order: Option<Sort>, most: Option<usize>) -> Relation {
    if input.emits() == Emits::Snapshot {
        return input;
    }
    let keys = input.keys().to_vec();
    let operator = Collect::new(input.schema(), order, most);
    let description = Description::new("collect", most.map(|n| format!("the first {n} rows")).into_iter().collect());
    stateful(input, operator, OutputMode::Complete, keys, description)
}
