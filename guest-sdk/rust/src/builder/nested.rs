//! Builders of lists, structs and maps: around the builders of what is in them. What belongs to the row being built is
//! pushed into those, and `push` ends the row, as with the parts of a text.

mod array;
mod list;
mod map;
mod structure;

pub use array::{ArrayBuilder, FixedListBuilder};
pub use list::ListBuilder;
pub use map::MapBuilder;
pub use structure::StructBuilder;

use super::{ColumnBuilder, Nulls, RowBuilders};
use crate::{buffer::BufferBuilder, column::Column, data_type::DataType};

/// Where the rows of a list end among its items.
#[derive(Clone, Debug)]
struct Ends(BufferBuilder<i32>);

impl Default for Ends {
    fn default() -> Self {
        let mut offsets = BufferBuilder::default();
        offsets.push(0);
        Self(offsets)
    }
}

impl Ends {
    fn push(&mut self, items: usize) {
        let end = i32::try_from(items).expect("a column holds at most 2^31 items: return fewer rows a call");
        self.0.push(end);
    }

    fn rows(&self) -> usize {
        self.0.len() - 1
    }

    /// Goes back to the first `rows` rows; gives how many items these have.
    fn truncate(&mut self, rows: usize) -> usize {
        if rows < self.rows() {
            self.0.truncate(rows + 1);
        }
        self.last()
    }

    fn last(&self) -> usize {
        self.0.last().unwrap_or(0) as usize
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

fn column(data_type: DataType, rows: usize, ends: Option<Ends>, nulls: Nulls, children: Vec<Column>) -> Column {
    let buffers = ends.map(|ends| ends.0.into());
    Column { validity: nulls.finish(), children, ..Column::of(data_type, rows, buffers) }
}
