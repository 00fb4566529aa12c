//! Column types: the one form that columns are brought to before a plugin is told of them, and fields with their
//! children flattened as the contract has them.
//!
//! The same form is what comes out: a plugin may make columns of any type that has a format, and what is made of them
//! has the [normal type](normal_type) of it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

use crate::contract::{FieldParam, FieldResult};
use crate::format;

/// The time zone's name in the type of every timestamp column that comes out of a plugin:
/// `Timestamp(Microsecond, Some("UTC"))`.
pub const UTC: &str = "UTC";

/// How deep columns may nest: a list of lists of numbers is three deep.
pub const NESTING: usize = 16;
/// The most fields, children counted, that a plugin may make.
pub const FIELDS: usize = 4096;

/// The type of timestamps that come out of a plugin.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// The Arrow type that a column of `data_type` has once it is brought to the form in which plugins see it, or `None`
/// where the contract has none for it, or it nests deeper than [`NESTING`].
pub fn normal_type(data_type: &DataType) -> Option<DataType> {
    normal(data_type, NESTING)
}

fn normal(data_type: &DataType, room: usize) -> Option<DataType> {
    use DataType::*;
    let room = room.checked_sub(1)?;
    let field = |field: &FieldRef| -> Option<FieldRef> {
        let normal = normal(field.data_type(), room)?;
        let same = &normal == field.data_type();
        Some(if same { field.clone() } else { Arc::new(field.as_ref().clone().with_data_type(normal)) })
    };
    Some(match data_type {
        LargeUtf8 | Utf8View => Utf8,
        LargeBinary | BinaryView => Binary,
        Date64 => Date32,
        Timestamp(_, _) => timestamp_type(),
        Decimal32(precision, scale) | Decimal64(precision, scale) => Decimal128(*precision, *scale),
        Dictionary(_, values) => return normal(values, room + 1),
        RunEndEncoded(_, values) => return normal(values.data_type(), room + 1),
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) => List(field(item)?),
        FixedSizeList(item, length) => FixedSizeList(field(item)?, *length),
        Struct(fields) => Struct(fields.iter().map(field).collect::<Option<Fields>>()?),
        Map(entries, sorted) => Map(field(entries)?, *sorted),
        flat => {
            format::of(flat)?;
            flat.clone()
        }
    })
}

/// A column's field, flattened, as a guest is told of it; owned, so that it can be told again to the next instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told(Vec<ToldField>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct ToldField {
    name: String,
    format: String,
    nullable: bool,
    children: u32,
    metadata: Vec<(String, String)>,
}

impl Told {
    /// `field` in its normal form, or, where it has none, the name of its type in the format's place.
    pub(crate) fn new(field: &Field) -> Self {
        let mut told = Vec::new();
        match normal_type(field.data_type()) {
            Some(normal) => flatten(field, &normal, &mut told),
            None => told.push(ToldField::new(field, field.data_type().to_string(), 0)),
        }
        Self(told)
    }

    /// Its metadata as a call takes it, field by field; see [`params`](Self::params).
    fn metadata(&self) -> Vec<Vec<(&str, &str)>> {
        fn pair((name, value): &(String, String)) -> (&str, &str) {
            (name, value)
        }
        self.0.iter().map(|field| field.metadata.iter().map(pair).collect()).collect()
    }

    /// Its fields as a call takes them.
    fn params<'a>(&'a self, metadata: &'a [Vec<(&'a str, &'a str)>]) -> Vec<FieldParam<'a>> {
        let params = self.0.iter().zip(metadata).map(|(field, metadata)| FieldParam {
            name: &field.name,
            format: &field.format,
            nullable: field.nullable,
            children: field.children,
            dictionary: false,
            metadata,
        });
        params.collect()
    }
}

/// Lends `columns` in the form that a call takes, the fields of each by themselves.
pub(crate) fn with_params<'a, R>(
    columns: impl Iterator<Item = &'a Told> + Clone,
    f: impl FnOnce(&[Vec<FieldParam<'_>>]) -> R,
) -> R {
    let metadata: Vec<_> = columns.clone().map(Told::metadata).collect();
    let params: Vec<_> = columns.zip(&metadata).map(|(told, metadata)| told.params(metadata)).collect();
    f(&params)
}

impl ToldField {
    fn new(field: &Field, format: String, children: usize) -> Self {
        let mut metadata: Vec<_> = field.metadata().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        metadata.sort();
        Self { name: field.name().clone(), format, nullable: field.is_nullable(), children: children as u32, metadata }
    }
}

fn flatten(field: &Field, normal: &DataType, told: &mut Vec<ToldField>) {
    let children = format::children(normal);
    told.push(ToldField::new(field, format::of(normal).expect("a normal type has a format"), children.len()));
    children.iter().for_each(|child| flatten(child, child.data_type(), told));
}

/// The Arrow fields of flattened `fields`; `what` names them in errors ("output column").
pub(crate) fn parse(what: &str, fields: &[FieldResult]) -> Result<Fields, String> {
    if fields.len() > FIELDS {
        return Err(format!("{} fields of {what}s, children counted; the most are {FIELDS}", fields.len()));
    }
    let mut made: Vec<FieldRef> = Vec::new();
    let mut rest = fields;
    while let [first, ..] = rest {
        let index = made.len();
        if first.name.is_empty() {
            return Err(format!("{what} {index} has no name"));
        }
        if made.iter().any(|other| other.name() == &first.name) {
            return Err(format!("{what} {index} `{}`: this name is given twice", first.name));
        }
        made.push(take(&mut rest, NESTING, &first.name).map_err(|e| format!("{what} {index} {e}"))?);
    }
    Ok(made.into())
}

/// The type of a single column whose fields are `fields`.
pub(crate) fn parse_one(fields: &[FieldResult]) -> Result<DataType, String> {
    let mut rest = fields;
    let name = fields.first().map_or("", |field| &field.name);
    let field = take(&mut rest, NESTING, name)?;
    match rest.len() {
        0 => Ok(field.data_type().clone()),
        more => Err(format!("`{name}`: {more} fields more than the column has")),
    }
}

/// Takes the first field with its children off `rest`; `path` is where it stands, for errors.
fn take(rest: &mut &[FieldResult], room: usize, path: &str) -> Result<FieldRef, String> {
    let wrong = |message: String| format!("`{path}`: {message}");
    let Some((field, behind)) = rest.split_first() else {
        return Err(wrong("it is promised, but there is no field for it".to_owned()));
    };
    let room = room.checked_sub(1).ok_or_else(|| wrong(format!("it nests deeper than {NESTING}")))?;
    *rest = behind;
    // Each takes at least one field, so that a great number ends here too.
    if field.children as usize > rest.len() {
        return Err(wrong(format!("it has {} children, but only {} fields follow", field.children, rest.len())));
    }
    let mut children = Vec::with_capacity(field.children as usize);
    for _ in 0..field.children {
        let name = rest.first().map_or("", |child| &child.name);
        children.push(take(rest, room, &format!("{path}.{name}"))?);
    }
    let data_type = if field.dictionary {
        match &children[..] {
            [values] => format::parse(&field.format, Vec::new()).and_then(|of| format::dictionary(of, values)),
            _ => Err(format!("{} children, but a dictionary has one, its values", children.len())),
        }
    } else {
        format::parse(&field.format, children)
    };
    let metadata: HashMap<String, String> = field.metadata.iter().cloned().collect();
    let made = Field::new(&field.name, data_type.map_err(wrong)?, field.nullable);
    Ok(Arc::new(if metadata.is_empty() { made } else { made.with_metadata(metadata) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, format: &str, children: u32) -> FieldResult {
        FieldResult {
            name: name.into(),
            format: format.into(),
            nullable: true,
            children,
            dictionary: false,
            metadata: Vec::new(),
        }
    }

    #[test]
    fn what_is_told_comes_back() {
        let word = Field::new("word", DataType::Utf8, false);
        let near =
            Field::new("near", DataType::FixedSizeList(Arc::new(Field::new("x", DataType::Float32, true)), 3), true);
        let item = Field::new("item", DataType::Struct(vec![word, near].into()), true);
        let column = Field::new("words", DataType::List(Arc::new(item)), true)
            .with_metadata(HashMap::from([("language".into(), "en".into())]));
        let told = [Told::new(&column), Told::new(&Field::new("n", DataType::Int64, false))];
        let owned = told.iter().flat_map(|told| {
            let metadata = told.metadata();
            let params = told.params(&metadata).into_iter().map(|p| FieldResult {
                name: p.name.into(),
                format: p.format.into(),
                nullable: p.nullable,
                children: p.children,
                dictionary: p.dictionary,
                metadata: p.metadata.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            });
            params.collect::<Vec<_>>()
        });
        let back = parse("column", &owned.collect::<Vec<_>>());
        let back = back.unwrap();
        assert_eq!((back[0].as_ref(), back.len()), (&column, 2));
    }

    #[test]
    fn columns_are_brought_to_one_form_all_the_way_down() {
        let of = |data_type| DataType::LargeList(Arc::new(Field::new("item", data_type, true)));
        let nested = of(DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8View)));
        assert_eq!(normal_type(&nested), Some(DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)))));
        let mut deep = DataType::Int8;
        for _ in 1..NESTING {
            deep = of(deep);
        }
        assert!(normal_type(&deep).is_some());
        assert!(normal_type(&of(deep)).is_none());
    }

    #[test]
    fn trees_that_are_none_are_refused_with_their_path() {
        let refused = |fields: &[FieldResult]| parse("output column", fields).unwrap_err();
        assert!(refused(&[field("a", "+l", 1)]).contains("output column 0 `a`: it has 1 children, but only 0"));
        assert!(
            refused(&[field("a", "+s", 2), field("b", "x", 0), field("c", "l", 0)]).contains("`a.b`: the contract")
        );
        assert!(refused(&[field("a", "l", 0), field("a", "l", 0)]).contains("given twice"));
        assert!(refused(&[field("", "l", 0)]).contains("has no name"));
        assert!(refused(&[field("a", "+s", u32::MAX)]).contains("4294967295 children"));
        let deep: Vec<_> = (0..200).map(|_| field("a", "+l", 1)).chain([field("x", "l", 0)]).collect();
        assert!(refused(&deep).contains("it nests deeper than 16"));
        assert!(refused(&vec![field("a", "l", 0); 5000]).contains("5000 fields of output columns"));
        let mut dictionary = [field("a", "g", 1), field("values", "u", 0)];
        dictionary[0].dictionary = true;
        assert!(refused(&dictionary).contains("indices are whole numbers"));
        dictionary[0].format = "i".into();
        let made = parse("output column", &dictionary).unwrap();
        assert_eq!(normal_type(made[0].data_type()), Some(DataType::Utf8));
    }
}
