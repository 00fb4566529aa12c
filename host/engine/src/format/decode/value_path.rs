//! Where the values of a column stand: which row each of them is part of, and what a message calls it.

/// Values that one array is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum ValuePath<'a> {
    /// A column: one value a row.
    Column(&'a str),
    /// A field of structs: one value for each of them.
    Field { of: &'a ValuePath<'a>, name: &'a str },
    /// The items of lists; list `i` has those from `offsets[i]` up to `offsets[i + 1]`.
    Items { of: &'a ValuePath<'a>, offsets: &'a [i32] },
}

impl ValuePath<'_> {
    /// The row that a value is part of.
    pub fn row(&self, value: usize) -> usize {
        match self {
            Self::Column(_) => value,
            Self::Field { of, .. } => of.row(value),
            Self::Items { of, offsets } => of.row(list_of(offsets, value).0),
        }
    }

    /// As `column.field[2].field`: items count from 1, as in SQL.
    pub fn name(&self, value: usize) -> String {
        match self {
            Self::Column(name) => (*name).to_owned(),
            Self::Field { of, name } => format!("{}.{name}", of.name(value)),
            Self::Items { of, offsets } => {
                let (list, item) = list_of(offsets, value);
                format!("{}[{}]", of.name(list), item + 1)
            }
        }
    }
}

/// The list that item `value` of all of them belongs to, and which of its items it is.
fn list_of(offsets: &[i32], value: usize) -> (usize, usize) {
    // Of lists that start at the same item, all but the last are empty.
    let list = offsets.partition_point(|start| usize::try_from(*start).is_ok_and(|start| start <= value)) - 1;
    (list, value - offsets[list] as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_found_behind_empty_lists() {
        let column = ValuePath::Column("a");
        let items = ValuePath::Items { of: &column, offsets: &[0, 0, 2, 2, 3] };
        let field = ValuePath::Field { of: &items, name: "b" };
        let found: Vec<_> = (0..3).map(|value| (field.row(value), field.name(value))).collect();
        assert_eq!(found, [(1, "a[1].b".into()), (1, "a[2].b".into()), (3, "a[1].b".into())]);
    }
}
