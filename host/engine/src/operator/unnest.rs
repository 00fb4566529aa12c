//! `unnest`: a row for each element of a list, a column for each field of a struct.
//!
//! Lists of one row are taken side by side, shorter ones filled up with nulls. A null or empty list gives no row, as in
//! most SQL systems, unless the plan asks for a row of nulls.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, LargeListArray, ListArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::room::Sizes;
use super::rows::arrow_failed;
use super::{Effects, RowOrigins, Rows, Transform};
use crate::{Error, Result};

/// Where an output column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnnestColumn {
    /// An input column as it is, repeated for each of the row's elements.
    Same(usize),
    /// The elements of an input column.
    Elements(usize),
    /// A field of an input column.
    Field(usize, usize),
}

/// Explodes lists and structs.
#[derive(Debug)]
pub struct Unnest {
    columns: Vec<UnnestColumn>,
    schema: SchemaRef,
    /// A null list gives a row of null.
    keep_null: bool,
    /// An empty list gives a row of null.
    keep_empty: bool,
}

impl Unnest {
    /// Output column `i` comes from `columns[i]` and is field `i` of `schema`.
    pub fn new(columns: Vec<UnnestColumn>, schema: SchemaRef, keep_null: bool, keep_empty: bool) -> Self {
        Self { columns, schema, keep_null, keep_empty }
    }

    /// How many rows row `row` becomes for a list of `elements`, none if it is null.
    fn rows_of(&self, elements: Option<usize>) -> usize {
        match elements {
            None => usize::from(self.keep_null),
            Some(0) => usize::from(self.keep_empty),
            Some(n) => n,
        }
    }
}

impl Transform for Unnest {
    fn apply(&self, rows: Rows, effects: &mut Effects) -> Result<Rows> {
        let list = |c: &UnnestColumn| match c {
            UnnestColumn::Elements(at) => Some(Lists::of(rows.batch.column(*at))),
            _ => None,
        };
        let lists: Vec<Option<Lists>> = self.columns.iter().map(|c| list(c).transpose()).collect::<Result<_>>()?;
        let exploded: Vec<&Lists> = lists.iter().flatten().collect();
        let longest = |row| exploded.iter().map(|l| self.rows_of(l.len(row))).max().unwrap_or(1);
        // What is repeated for each element is counted before it is made, together with the two lists of places.
        let repeated = self.columns.iter().filter_map(|column| match column {
            UnnestColumn::Same(at) | UnnestColumn::Field(at, _) => Some(rows.batch.column(*at)),
            UnnestColumn::Elements(_) => None,
        });
        let repeated = Sizes::of_all(repeated);
        let made = (0..rows.len()).map(|row| longest(row) as u64 * (12 + repeated.of_range(row, 1)));
        effects.room.take(made.fold(0, u64::saturating_add))?;
        let mut parents = Vec::with_capacity(rows.len());
        // Per row of the output, which element of its lists it shows.
        let mut places = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let longest = longest(row);
            parents.extend(std::iter::repeat_n(row as u32, longest));
            places.extend(0..longest);
        }
        let parents = UInt32Array::from(parents);
        let columns = self.columns.iter().zip(&lists).zip(self.schema.fields());
        let columns = columns.map(|((column, list), field)| match (column, list) {
            (UnnestColumn::Elements(_), Some(list)) => list.elements(&parents, &places, field.data_type()),
            (UnnestColumn::Field(at, field), _) => {
                let structs = rows.batch.column(*at).as_struct();
                take(structs.column(*field), &parents, None).map_err(arrow_failed)
            }
            (UnnestColumn::Same(at) | UnnestColumn::Elements(at), _) => {
                take(rows.batch.column(*at), &parents, None).map_err(arrow_failed)
            }
        });
        let batch = RecordBatch::try_new(self.schema.clone(), columns.collect::<Result<_>>()?).map_err(arrow_failed)?;
        let origins = parents.values().iter().map(|p| rows.origin(*p as usize)).collect();
        Ok(Rows { batch, origin: RowOrigins::At(origins) })
    }
}

/// Where the elements of a row begin and end among all.
type Offsets = Box<dyn Fn(usize) -> (usize, usize)>;

/// A column of lists, whatever their offsets are.
struct Lists {
    array: ArrayRef,
    values: ArrayRef,
    offsets: Offsets,
}

impl Lists {
    fn of(array: &ArrayRef) -> Result<Self> {
        let any = array.as_any();
        let (values, offsets): (ArrayRef, Offsets) = if let Some(list) = any.downcast_ref::<ListArray>() {
            let offsets = list.offsets().clone();
            (list.values().clone(), Box::new(move |i| (offsets[i] as usize, offsets[i + 1] as usize)))
        } else if let Some(list) = any.downcast_ref::<LargeListArray>() {
            let offsets = list.offsets().clone();
            (list.values().clone(), Box::new(move |i| (offsets[i] as usize, offsets[i + 1] as usize)))
        } else if let Some(list) = any.downcast_ref::<FixedSizeListArray>() {
            let size = list.value_length() as usize;
            (list.values().clone(), Box::new(move |i| (i * size, (i + 1) * size)))
        } else {
            return Err(Error::internal(format!("unnest of {}", array.data_type())));
        };
        Ok(Self { array: array.clone(), values, offsets })
    }

    /// Elements of row `row`; none if the list is null.
    fn len(&self, row: usize) -> Option<usize> {
        let (from, to) = (self.offsets)(row);
        self.array.is_valid(row).then_some(to - from)
    }

    /// Element `places[i]` of row `parents[i]`; null where the list is shorter.
    fn elements(&self, parents: &UInt32Array, places: &[usize], to: &DataType) -> Result<ArrayRef> {
        let at = parents.values().iter().zip(places).map(|(row, place)| {
            let row = *row as usize;
            let there = self.len(row).is_some_and(|len| *place < len);
            there.then(|| ((self.offsets)(row).0 + place) as u32)
        });
        let taken = take(&self.values, &at.collect::<UInt32Array>(), None).map_err(arrow_failed)?;
        if taken.data_type() == to { Ok(taken) } else { arrow::compute::cast(&taken, to).map_err(arrow_failed) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{Field, Int64Type, Schema};

    use super::*;

    fn rows() -> Rows {
        let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), None, Some(3)]),
            None,
            Some(vec![]),
            Some(vec![Some(4)]),
        ]);
        let ids = Int64Array::from(vec![10, 20, 30, 40]);
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("list", lists.data_type().clone(), true),
        ]);
        Rows::new(RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(lists)]).unwrap())
    }

    fn exploded(keep_null: bool, keep_empty: bool) -> (Vec<i64>, Vec<Option<i64>>, Vec<u32>) {
        let schema =
            Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("element", DataType::Int64, true)]);
        let columns = vec![UnnestColumn::Same(0), UnnestColumn::Elements(1)];
        let unnest = Unnest::new(columns, Arc::new(schema), keep_null, keep_empty);
        let out = unnest.apply(rows(), &mut Effects::default()).unwrap();
        let column = |at: usize| out.batch.column(at).as_primitive::<Int64Type>().clone();
        let origins = (0..out.len()).map(|i| out.origin(i)).collect();
        (column(0).values().to_vec(), column(1).iter().collect(), origins)
    }

    #[test]
    fn a_row_for_each_element_and_each_leads_back_to_its_row() {
        let (ids, elements, origins) = exploded(false, false);
        assert_eq!(ids, [10, 10, 10, 40]);
        assert_eq!(elements, [Some(1), None, Some(3), Some(4)]);
        assert_eq!(origins, [0, 0, 0, 3]);
        assert_eq!(exploded(true, false).0, [10, 10, 10, 20, 40]);
        assert_eq!(exploded(true, true).0, [10, 10, 10, 20, 30, 40]);
    }

    #[test]
    fn shorter_lists_are_filled_up() {
        let longer = Unnest::new(
            vec![UnnestColumn::Elements(1), UnnestColumn::Elements(2)],
            Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)])),
            false,
            false,
        );
        let Rows { batch, .. } = rows();
        let pairs = ListArray::from_iter_primitive::<Int64Type, _, _>((0..4).map(|i| Some(vec![Some(i), Some(-i)])));
        let schema = batch.schema();
        let fields =
            schema.fields().iter().cloned().chain([Arc::new(Field::new("pair", pairs.data_type().clone(), true))]);
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns = batch.columns().iter().cloned().chain([Arc::new(pairs) as ArrayRef]).collect();
        let out =
            longer.apply(Rows::new(RecordBatch::try_new(schema, columns).unwrap()), &mut Effects::default()).unwrap();
        let column = |at: usize| out.batch.column(at).as_primitive::<Int64Type>().iter().collect::<Vec<_>>();
        assert_eq!(column(0), [Some(1), None, Some(3), None, None, None, None, Some(4), None]);
        assert_eq!(column(1), [Some(0), Some(0), None, Some(1), Some(-1), Some(2), Some(-2), Some(3), Some(-3)]);
    }
}
