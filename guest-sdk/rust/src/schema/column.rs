//! A column of the input in `bind`'s hands: what it is, and as what it is asked for.

use super::{Input, Path, Schema, Told};
use crate::{
    cast,
    contract::types::Problem,
    data_type::{DataType, Field},
    kind::{self, Kind},
    nested::{FixedList, List, MapOf, Struct},
};

/// One column of the input, or a part of one: look at it, then say as what it is to be read.
#[derive(Clone, Copy, Debug)]
pub struct InputColumn<'s> {
    schema: &'s Schema,
    index: usize,
    path: Path,
    field: &'s Field,
}

impl<'s> InputColumn<'s> {
    pub(super) fn of(schema: &'s Schema, index: usize) -> Self {
        Self { schema, index, path: Path::default(), field: &schema.columns[index].field }
    }

    /// The column's name and type.
    pub fn field(&self) -> &'s Field {
        self.field
    }

    /// The column's name.
    pub fn name(&self) -> &'s str {
        &self.field().name
    }

    /// The column's type.
    pub fn data_type(&self) -> &'s DataType {
        &self.field().data_type
    }

    fn told(&self) -> &'s Told {
        &self.schema.columns[self.index]
    }

    /// Whether the column is of kind `K` by itself, without being brought to it: `column.is::<Float64>()`.
    pub fn is<K: Kind>(&self) -> bool {
        K::is(self.data_type())
    }

    /// Whether the column can be read as `K`.
    pub fn can_be<K: Kind>(&self) -> bool {
        self.told().readable && K::handed_over(self.data_type()).is_some()
    }

    /// Asks for the column, to be read as `K`. Where it is of another type, the host casts it; the row of a value that
    /// does not fit becomes a dead letter.
    ///
    /// # Errors
    /// If it cannot be brought to that type: "column `value` is utf8; this plugin needs int64". If it is asked for as
    /// something else already.
    pub fn read<K: Kind>(&self) -> Result<Input<K>, Problem> {
        let wanted = K::handed_over(self.data_type()).filter(|_| self.told().readable);
        let wanted = wanted.ok_or_else(|| self.refused::<K>("column", ""))?;
        Ok(Input::new(self.schema.read(self.index, self.path, wanted)?, self.path))
    }

    fn refused<K: Kind>(&self, what: &str, constant: &str) -> Problem {
        let (name, told) = (self.full_name(), self.data_type());
        let unreadable = if self.told().readable { "" } else { ", which plugins cannot read" };
        Problem::new(format!("{what} `{name}` is {constant}{told}{unreadable}; this plugin needs {}", K::name()))
    }

    /// The name with those of what it is part of: `user.name`.
    fn full_name(&self) -> String {
        let mut field = &self.told().field;
        let mut name = field.name.clone();
        for step in self.path.steps() {
            field = field.data_type.children()[step];
            name += &format!(".{}", field.name);
        }
        name
    }

    /// A struct's field of this name, to be looked at and asked for like a column. It is null also where the struct is.
    ///
    /// # Errors
    /// If this is no struct, or has no such field; the message lists those there are.
    pub fn child(&self, name: &str) -> Result<Self, Problem> {
        let DataType::Struct(fields) = self.data_type() else { return Err(self.refused::<Struct>("column", "")) };
        let at = fields.iter().position(|field| field.name == name).ok_or_else(|| {
            let names: Vec<_> = fields.iter().map(|field| format!("`{}`", field.name)).collect();
            Problem::new(format!("column `{}` has no field `{name}`; it has {}", self.full_name(), names.join(", ")))
        })?;
        self.part(at)
    }

    /// A list's items, to be looked at and asked for like a column, which has a row for each item: those of the list's
    /// row are at its [`range`](crate::nested::ListColumn::range).
    ///
    /// # Errors
    /// If this is no list.
    pub fn items(&self) -> Result<Self, Problem> {
        match self.data_type() {
            DataType::List(_) | DataType::FixedList(..) => self.part(0),
            _ => Err(self.not("a list")),
        }
    }

    /// A map's keys, to be looked at and asked for like a column, which has a row for each entry.
    ///
    /// # Errors
    /// If this is no map.
    pub fn keys(&self) -> Result<Self, Problem> {
        if let DataType::Map(..) = self.data_type() { self.part(0) } else { Err(self.not("a map")) }
    }

    /// A map's values, to be looked at and asked for like a column, which has a row for each entry.
    ///
    /// # Errors
    /// If this is no map.
    pub fn values(&self) -> Result<Self, Problem> {
        if let DataType::Map(..) = self.data_type() { self.part(1) } else { Err(self.not("a map")) }
    }

    fn not(&self, needed: &str) -> Problem {
        Problem::new(format!("column `{}` is {}; this plugin needs {needed}", self.full_name(), self.data_type()))
    }

    fn part(&self, step: usize) -> Result<Self, Problem> {
        let too_deep =
            || Problem::new(format!("what is in column `{}` lies too deep to be asked for", self.full_name()));
        let path = self.path.then(step).ok_or_else(too_deep)?;
        Ok(Self { path, field: self.data_type().children()[step], ..*self })
    }

    /// The value, as a view of one row, where it is the same for all rows: a literal in an SQL call. So a pattern is
    /// compiled once, in `bind`. The column is not handed over because of this. Numbers of any type may be read as
    /// numbers of any other. A part of a column has no constant of its own.
    ///
    /// # Errors
    /// If it is of another type, or a number that does not fit.
    pub fn constant<K: Kind>(&self) -> Result<Option<K::View<'s>>, Problem> {
        let told = self.told();
        let Some(constant) = told.constant.as_ref().filter(|_| self.path.is_empty()) else { return Ok(None) };
        if let Some(view) = K::view(constant) {
            return Ok(Some(view));
        }
        let refused = || self.refused::<K>("argument", "a constant ");
        let wanted = K::handed_over(&constant.data_type).filter(|_| constant.data_type.is_number());
        let wanted = wanted.filter(DataType::is_number).ok_or_else(refused)?;
        if told.cast.get().is_none() {
            let cast = cast::numbers(constant, &wanted)
                .map_err(|(_, what)| Problem::new(format!("argument `{}`: {what}", self.name())))?;
            let _ = told.cast.set(cast);
        }
        told.cast.get().and_then(K::view).map(Some).ok_or_else(refused)
    }
}

impl InputColumn<'_> {
    /// Asks for the column as lists, of items of kind `K`; a fixed list is read so too.
    ///
    /// # Errors
    /// If it is no list, or its items cannot be brought to `K`.
    pub fn list<K: Kind>(&self) -> Result<Input<List<K>>, Problem> {
        self.read()
    }

    /// Asks for the column as lists of a fixed length, of items of kind `K`.
    ///
    /// # Errors
    /// If it is no fixed list, or its items cannot be brought to `K`.
    pub fn fixed_list<K: Kind>(&self) -> Result<Input<FixedList<K>>, Problem> {
        self.read()
    }

    /// Asks for the column as structs, as they are. For one of its fields there is [`InputColumn::child`].
    ///
    /// # Errors
    /// If it is no struct.
    pub fn structure(&self) -> Result<Input<Struct>, Problem> {
        self.read()
    }

    /// Asks for the column as maps.
    ///
    /// # Errors
    /// If it is no map, or its keys or values cannot be brought to `K` and `V`.
    pub fn map<K: Kind, V: Kind>(&self) -> Result<Input<MapOf<K, V>>, Problem> {
        self.read()
    }
}

macro_rules! read_as {
    ($($(#[$doc:meta])* $method:ident: $kind:ident;)*) => {
        impl InputColumn<'_> {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If the column cannot be brought to it, or is asked for as something else already.
            pub fn $method(&self) -> Result<Input<kind::$kind>, Problem> {
                self.read()
            }
        )*}
    };
}

read_as! {
    /// Asks for the column as text.
    utf8: Utf8;
    /// Asks for the column as bytes.
    binary: Binary;
    /// Asks for the column as true and false.
    bool: Bool;
    /// Asks for the column as 32-bit integers.
    int32: Int32;
    /// Asks for the column as 64-bit integers.
    int64: Int64;
    /// Asks for the column as 64-bit floating point numbers.
    float64: Float64;
    /// Asks for the column as dates.
    date: Date;
    /// Asks for the column as timestamps.
    timestamp: Timestamp;
    /// Asks for the column as decimals.
    decimal: Decimal;
    /// Asks for a column of any integers, to be read as 64-bit ones.
    integer: Integer;
    /// Asks for a column of any numbers, to be read as float64.
    number: Number;
}
