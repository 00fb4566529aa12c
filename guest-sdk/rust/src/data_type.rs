//! Column types and fields as an author has them: a type is one value, nested types hold their children. The contract
//! writes both flat, a type as a format string of Arrow's and children behind their parents.

mod parse;

use std::{fmt, sync::Arc};

pub use parse::NoDataType;

use crate::contract::columns;

/// A column's type. Cheap to clone: what nested types hold is shared.
#[derive(Clone, Debug, PartialEq)]
pub enum DataType {
    /// True or false.
    Boolean,
    /// Integer.
    Int8,
    /// Integer.
    Int16,
    /// Integer.
    Int32,
    /// Integer.
    Int64,
    /// Integer, never negative.
    Uint8,
    /// Integer, never negative.
    Uint16,
    /// Integer, never negative.
    Uint32,
    /// Integer, never negative.
    Uint64,
    /// Floating point.
    Float32,
    /// Floating point.
    Float64,
    /// Text.
    Utf8,
    /// Bytes.
    Binary,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// A decimal of 128 bits: precision (digits in all), scale (digits behind the point).
    Decimal(u8, i8),
    /// Any number of items a row.
    List(Arc<Field>),
    /// The same number of items in every row.
    FixedList(Arc<Field>, u32),
    /// Fields with names.
    Struct(Arc<[Field]>),
    /// Keys and values; keys are never null.
    Map(Arc<Field>, Arc<Field>),
    /// Any other type without children, by its format (`tdm`, `tsn:Europe/Oslo`); one that cannot be read has its Arrow
    /// name here.
    Other(Arc<str>),
}

/// A column's name and type, or a child's.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The type.
    pub data_type: DataType,
    /// Whether there may be nulls.
    pub nullable: bool,
    /// Names and values that mean something to whoever put them there.
    pub metadata: Vec<(String, String)>,
}

/// The types that have one format each.
static PLAIN: [(&str, DataType, &str); 15] = [
    ("b", DataType::Boolean, "boolean"),
    ("c", DataType::Int8, "int8"),
    ("s", DataType::Int16, "int16"),
    ("i", DataType::Int32, "int32"),
    ("l", DataType::Int64, "int64"),
    ("C", DataType::Uint8, "uint8"),
    ("S", DataType::Uint16, "uint16"),
    ("I", DataType::Uint32, "uint32"),
    ("L", DataType::Uint64, "uint64"),
    ("f", DataType::Float32, "float32"),
    ("g", DataType::Float64, "float64"),
    ("u", DataType::Utf8, "utf8"),
    ("z", DataType::Binary, "binary"),
    ("tdD", DataType::Date, "date"),
    ("tsu:UTC", DataType::Timestamp, "timestamp"),
];

impl DataType {
    /// A list of such items, which may be null.
    pub fn list(item: DataType) -> Self {
        DataType::List(Arc::new(Field::new("item", item)))
    }

    /// So many such items a row, none of them null: an embedding is `DataType::fixed_list(DataType::Float32, 384)`.
    pub fn fixed_list(item: DataType, items: u32) -> Self {
        DataType::FixedList(Arc::new(Field::new("item", item).not_null()), items)
    }

    /// A struct of these fields.
    pub fn structure(fields: impl IntoIterator<Item = Field>) -> Self {
        DataType::Struct(fields.into_iter().collect())
    }

    /// A map of such keys to such values, which may be null.
    pub fn map(key: DataType, value: DataType) -> Self {
        DataType::Map(Arc::new(Field::new("key", key).not_null()), Arc::new(Field::new("value", value)))
    }

    /// Whether it is an integer of any width.
    pub fn is_integer(&self) -> bool {
        use DataType::*;
        matches!(self, Int8 | Int16 | Int32 | Int64 | Uint8 | Uint16 | Uint32 | Uint64)
    }

    /// Whether it is an integer, a floating point number or a decimal.
    pub fn is_number(&self) -> bool {
        self.is_integer() || matches!(self, DataType::Float32 | DataType::Float64 | DataType::Decimal(..))
    }

    /// How many arrays a column of this type has: one, and one for each child.
    pub fn arrays(&self) -> usize {
        let entries = usize::from(matches!(self, DataType::Map(..)));
        1 + entries + self.children().iter().map(|child| child.data_type.arrays()).sum::<usize>()
    }

    /// A list's items, a struct's fields, a map's key and value; the struct that a map has these two in is not among them.
    pub(crate) fn children(&self) -> Vec<&Field> {
        match self {
            DataType::List(item) | DataType::FixedList(item, _) => vec![item],
            DataType::Struct(fields) => fields.iter().collect(),
            DataType::Map(key, value) => vec![key, value],
            _ => Vec::new(),
        }
    }

    /// The same type with another child in the place of its `step`-th; itself where it has no such child.
    pub(crate) fn with_child(&self, step: usize, data_type: DataType) -> Self {
        let put = |field: &Field| Field { data_type: data_type.clone(), ..field.clone() };
        match self {
            DataType::List(item) => DataType::List(put(item).into()),
            DataType::FixedList(item, size) => DataType::FixedList(put(item).into(), *size),
            DataType::Struct(fields) => {
                let fields = fields.iter().enumerate();
                DataType::structure(fields.map(|(at, field)| if at == step { put(field) } else { field.clone() }))
            }
            DataType::Map(key, value) if step == 0 => DataType::Map(put(key).into(), value.clone()),
            DataType::Map(key, value) => DataType::Map(key.clone(), put(value).into()),
            flat => flat.clone(),
        }
    }

    /// The format, as Arrow's C data interface writes it.
    pub fn format(&self) -> String {
        match self {
            DataType::Decimal(precision, scale) => format!("d:{precision},{scale}"),
            DataType::List(_) => "+l".into(),
            DataType::FixedList(_, size) => format!("+w:{size}"),
            DataType::Struct(_) => "+s".into(),
            DataType::Map(..) => "+m".into(),
            DataType::Other(format) => format.to_string(),
            plain => PLAIN.iter().find(|(_, data_type, _)| data_type == plain).map_or("", |(format, ..)| format).into(),
        }
    }

    fn of_format(format: &str) -> Option<Self> {
        if let Some((_, data_type, _)) = PLAIN.iter().find(|(plain, ..)| *plain == format) {
            return Some(data_type.clone());
        }
        let (precision, scale) = format.strip_prefix("d:")?.split_once(',')?;
        Some(DataType::Decimal(precision.parse().ok()?, scale.parse().ok()?))
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataType::Decimal(precision, scale) => write!(f, "decimal({precision}, {scale})"),
            DataType::List(item) => write!(f, "list of {}", item.data_type),
            DataType::FixedList(item, size) => write!(f, "list of {size} {}", item.data_type),
            DataType::Struct(fields) => {
                f.write_str("struct(")?;
                for (i, field) in fields.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    write!(f, "{} {}", field.name, field.data_type)?;
                }
                f.write_str(")")
            }
            DataType::Map(key, value) => write!(f, "map of {} to {}", key.data_type, value.data_type),
            DataType::Other(format) => f.write_str(format),
            plain => {
                f.write_str(PLAIN.iter().find(|(_, data_type, _)| data_type == plain).map_or("", |(.., name)| name))
            }
        }
    }
}

impl Field {
    /// A field that may hold nulls.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        Self { name: name.into(), data_type, nullable: true, metadata: Vec::new() }
    }

    /// The same, without nulls.
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// The field and its children as the contract writes them.
    pub(crate) fn flatten_into(&self, flat: &mut Vec<columns::Field>) {
        let children = self.data_type.children();
        let entries = matches!(self.data_type, DataType::Map(..));
        flat.push(columns::Field {
            name: self.name.clone(),
            format: self.data_type.format(),
            nullable: self.nullable,
            children: if entries { 1 } else { children.len() as u32 },
            dictionary: false,
            metadata: self.metadata.clone(),
        });
        if entries {
            let (name, format) = ("entries".into(), "+s".into());
            flat.push(columns::Field { name, format, children: 2, ..columns::Field::default() });
        }
        children.into_iter().for_each(|child| child.flatten_into(flat));
    }

    /// The next field and its children; `None` where the fields end too early. Children of a type that is not known here
    /// are passed over.
    pub(crate) fn next_of<'f>(flat: &mut impl Iterator<Item = &'f columns::Field>) -> Option<Self> {
        let field = flat.next()?;
        let mut children = (0..field.children).map(|_| Self::next_of(flat)).collect::<Option<Vec<_>>>()?;
        let data_type = match (field.format.as_str(), children.as_mut_slice()) {
            (_, _) if field.dictionary => DataType::Other(format!("dictionary of {}", field.format).into()),
            ("+l", [_]) => DataType::List(Arc::new(children.remove(0))),
            ("+s", _) => DataType::Struct(children.into()),
            ("+m", [Field { data_type: DataType::Struct(entries), .. }]) if entries.len() == 2 => {
                DataType::Map(Arc::new(entries[0].clone()), Arc::new(entries[1].clone()))
            }
            (format, [_]) if format.starts_with("+w:") => match format[3..].parse() {
                Ok(size) => DataType::FixedList(Arc::new(children.remove(0)), size),
                Err(_) => DataType::Other(format.into()),
            },
            (format, _) => DataType::of_format(format).unwrap_or_else(|| DataType::Other(format.into())),
        };
        let (name, metadata) = (field.name.clone(), field.metadata.clone());
        Some(Self { name, data_type, nullable: field.nullable, metadata })
    }

    /// All fields, each with its children.
    pub(crate) fn all_of(flat: &[columns::Field]) -> Vec<Self> {
        let mut flat = flat.iter();
        std::iter::from_fn(|| Self::next_of(&mut flat)).collect()
    }

    /// As the contract writes them.
    pub(crate) fn flatten(fields: &[Self]) -> Vec<columns::Field> {
        let mut flat = Vec::with_capacity(fields.len());
        fields.iter().for_each(|field| field.flatten_into(&mut flat));
        flat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_three_deep_are_written_flat_and_read_back() {
        let inner = [Field::new("x", DataType::Float64), Field::new("tags", DataType::list(DataType::Utf8))];
        let fields = [
            Field::new("id", DataType::Int64).not_null(),
            Field::new("list", DataType::list(DataType::structure(inner))),
            Field::new("vector", DataType::fixed_list(DataType::Float64, 3)),
            Field::new("map", DataType::map(DataType::Utf8, DataType::Float64)),
            Field::new("price", DataType::Decimal(38, -2)),
            Field::new("other", DataType::Other("tsn:Europe/Oslo".into())),
        ];
        let flat = Field::flatten(&fields);
        let formats: Vec<_> = flat.iter().map(|field| field.format.as_str()).collect();
        let expected =
            ["l", "+l", "+s", "g", "+l", "u", "+w:3", "g", "+m", "+s", "u", "g", "d:38,-2", "tsn:Europe/Oslo"];
        assert_eq!(formats, expected);
        assert_eq!(Field::all_of(&flat), fields);
        let names: Vec<_> = fields.iter().map(|field| field.data_type.to_string()).collect();
        assert_eq!(names[1], "list of struct(x float64, tags list of utf8)");
        assert_eq!(names[3], "map of utf8 to float64");
    }

    #[test]
    fn every_plain_type_has_a_format_of_its_own() {
        for (format, data_type, _) in &PLAIN {
            assert_eq!(data_type.format(), *format);
            assert_eq!(DataType::of_format(format).as_ref(), Some(data_type));
        }
    }
}
