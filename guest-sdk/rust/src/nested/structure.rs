//! Structs: fields with names, each a column.

use crate::{
    column::Column,
    data_type::{DataType, Field},
    kind::{Kind, sealed::Sealed},
    view::{Validity, validity_methods},
};

/// Structs of any fields, as they are. A single field is asked for by
/// [`InputColumn::child`](crate::schema::InputColumn::child), and then cast where it has another type; ask for the whole
/// struct where its fields are found out at run time.
#[derive(Clone, Copy, Debug)]
pub struct Struct;

/// A column of structs.
#[derive(Clone, Copy, Debug)]
pub struct StructColumn<'a> {
    fields: &'a [Field],
    columns: &'a [Column],
    validity: Validity<'a>,
}

/// One row of a column of structs.
#[derive(Clone, Copy, Debug)]
pub struct StructRow<'a> {
    column: StructColumn<'a>,
    row: usize,
}

impl Sealed for Struct {}

impl Kind for Struct {
    type View<'a> = StructColumn<'a>;
    type Value<'a> = StructRow<'a>;

    fn name() -> String {
        "a struct".into()
    }

    fn is(data_type: &DataType) -> bool {
        matches!(data_type, DataType::Struct(_))
    }

    fn handed_over(told: &DataType) -> Option<DataType> {
        Self::is(told).then(|| told.clone())
    }

    fn view(column: &Column) -> Option<StructColumn<'_>> {
        match &column.data_type {
            DataType::Struct(fields) if fields.len() == column.children.len() => {
                Some(StructColumn { fields, columns: &column.children, validity: Validity::of(column) })
            }
            _ => None,
        }
    }

    fn value<'a>(view: &Self::View<'a>, row: usize) -> Option<Self::Value<'a>> {
        view.get(row)
    }
}

impl<'a> StructColumn<'a> {
    validity_methods!();

    /// The fields.
    pub fn fields(&self) -> &'a [Field] {
        self.fields
    }

    /// A field, as a column of its own, null also where the struct is.
    ///
    /// # Errors
    /// If there is no such field, or it is of another type: nothing is cast here.
    pub fn field<K: Kind>(&self, name: &str) -> Result<K::View<'a>, String> {
        let at = self.fields.iter().position(|field| field.name == name);
        let at = at.ok_or_else(|| format!("the struct has no field `{name}`"))?;
        K::view(&self.columns[at])
            .ok_or_else(|| format!("field `{name}` is {}, not {}", self.fields[at].data_type, K::name()))
    }

    /// Row `i`, or `None` if it is null.
    pub fn get(&self, i: usize) -> Option<StructRow<'a>> {
        self.is_valid(i).then_some(StructRow { column: *self, row: i })
    }
}

impl<'a> StructRow<'a> {
    /// A field's value, `None` if it is null. Where there are many rows, take the field's column before the loop
    /// ([`StructColumn::field`]).
    ///
    /// # Errors
    /// If there is no such field, or it is of another type.
    pub fn get<K: Kind>(&self, name: &str) -> Result<Option<K::Value<'a>>, String> {
        Ok(K::value(&self.column.field::<K>(name)?, self.row))
    }

    /// Which row of the column it is.
    pub fn row(&self) -> usize {
        self.row
    }
}
