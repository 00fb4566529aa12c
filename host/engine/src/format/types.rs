//! What types are called in a job file, and the Arrow types behind the names.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

use super::FormatError;
use crate::job::Spanned;

/// The time zone of every timestamp column. DataFusion switches Arrow's named zones on, so its kernels, casts and
/// parsers all know the name.
pub const UTC: &str = "UTC";

const NAMES: [&str; 21] = [
    "utf8",
    "string",
    "boolean",
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "double",
    "date",
    "timestamp",
    "decimal",
    "binary",
    "list",
    "struct",
];

/// Deepest nesting of a type; it bounds the recursion of the parser and of the decoders.
const MAX_DEPTH: usize = 32;

/// The one timestamp type that columns have: microseconds since 1970-01-01T00:00:00Z.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// Reads a type as it is written in a job file: `utf8` (or `string`), `boolean`, `int8` … `int64`, `uint8` …
/// `uint64`, `float32`, `float64` (or `double`), `date`, `timestamp`, `decimal(p, s)`, `binary`, `list<T>`,
/// `struct<name: T, …>`. Upper and lower case are the same in type names, not in field names.
///
/// # Errors
/// [`FormatError::UnknownType`] with the nearest known name, [`FormatError::MalformedType`].
///
/// ```
/// use arrow::datatypes::DataType;
/// use millstream_engine::format::{parse_type, type_name};
/// assert_eq!(parse_type("double").unwrap(), DataType::Float64);
/// assert_eq!(type_name(&parse_type("list< struct<a:string,b:decimal(10,2)> >").unwrap()),
///            "list<struct<a: utf8, b: decimal(10, 2)>>");
/// ```
pub fn parse_type(text: &str) -> Result<DataType, FormatError> {
    let mut parser = Parser { text, rest: text };
    let parsed = parser.data_type(0)?;
    if parser.skip().is_empty() { Ok(parsed) } else { Err(parser.malformed("there is something after it")) }
}

/// The name of a type, as [`parse_type`] reads it; Arrow's own name where it has none.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "utf8".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "int8".into(),
        DataType::Int16 => "int16".into(),
        DataType::Int32 => "int32".into(),
        DataType::Int64 => "int64".into(),
        DataType::UInt8 => "uint8".into(),
        DataType::UInt16 => "uint16".into(),
        DataType::UInt32 => "uint32".into(),
        DataType::UInt64 => "uint64".into(),
        DataType::Float32 => "float32".into(),
        DataType::Float64 => "float64".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == UTC => "timestamp".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision}, {scale})"),
        DataType::Binary => "binary".into(),
        DataType::List(item) => format!("list<{}>", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|f| format!("{}: {}", f.name(), type_name(f.data_type()))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// The schema that a job file declares: every column may hold nulls.
///
/// # Errors
/// What is wrong, and the bytes of the job file that it is about.
pub fn declared_schema(columns: &[(String, Spanned<String>)]) -> Result<SchemaRef, (FormatError, Range<usize>)> {
    let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
    for (name, text) in columns {
        let data_type = parse_type(&text.value).map_err(|e| (e, text.span.clone()))?;
        if fields.iter().any(|f| f.name() == name) {
            return Err((FormatError::DuplicateColumn(name.clone()), text.span.clone()));
        }
        fields.push(Field::new(name, data_type, true));
    }
    Ok(Arc::new(Schema::new(fields)))
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn data_type(&mut self, depth: usize) -> Result<DataType, FormatError> {
        if depth > MAX_DEPTH {
            return Err(self.malformed(&format!("it is nested more than {MAX_DEPTH} deep")));
        }
        let name = self.word();
        Ok(match name.to_ascii_lowercase().as_str() {
            "utf8" | "string" => DataType::Utf8,
            "boolean" | "bool" => DataType::Boolean,
            "int8" => DataType::Int8,
            "int16" => DataType::Int16,
            "int32" => DataType::Int32,
            "int64" => DataType::Int64,
            "uint8" => DataType::UInt8,
            "uint16" => DataType::UInt16,
            "uint32" => DataType::UInt32,
            "uint64" => DataType::UInt64,
            "float32" => DataType::Float32,
            "float64" | "double" => DataType::Float64,
            "date" => DataType::Date32,
            "timestamp" => timestamp(),
            "binary" => DataType::Binary,
            "decimal" => self.decimal()?,
            "list" => {
                self.expect('<')?;
                let item = self.data_type(depth + 1)?;
                self.expect('>')?;
                DataType::List(Arc::new(Field::new_list_field(item, true)))
            }
            "struct" => DataType::Struct(self.fields(depth)?),
            "" => return Err(self.malformed("a type's name is missing")),
            other => return Err(unknown(name, other)),
        })
    }

    fn decimal(&mut self) -> Result<DataType, FormatError> {
        self.expect('(')?;
        let precision = self.word().parse::<u8>().ok().filter(|p| (1..=38).contains(p));
        self.expect(',')?;
        let scale = self.word().parse::<i8>().ok().filter(|s| *s >= 0);
        self.expect(')')?;
        match (precision, scale) {
            (Some(precision), Some(scale)) if scale as u8 <= precision => Ok(DataType::Decimal128(precision, scale)),
            _ => Err(self.malformed("a decimal has 1 to 38 digits, and no more of them behind the point than in all")),
        }
    }

    fn fields(&mut self, depth: usize) -> Result<Fields, FormatError> {
        self.expect('<')?;
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let name = self.word();
            if name.is_empty() {
                return Err(self.malformed("a field's name is missing"));
            }
            if fields.iter().any(|f| f.name() == name) {
                return Err(FormatError::DuplicateColumn(name.into()));
            }
            self.expect(':')?;
            fields.push(Field::new(name, self.data_type(depth + 1)?, true));
            match self.skip().chars().next() {
                Some(',') => self.expect(',')?,
                _ => break,
            }
        }
        self.expect('>')?;
        Ok(fields.into())
    }

    fn skip(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn word(&mut self) -> &'a str {
        let rest = self.skip();
        let end = rest.find(|c: char| c.is_whitespace() || "<>(),:".contains(c)).unwrap_or(rest.len());
        self.rest = &rest[end..];
        &rest[..end]
    }

    fn expect(&mut self, wanted: char) -> Result<(), FormatError> {
        match self.skip().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.malformed(&match self.rest.chars().next() {
                Some(found) => format!("`{wanted}` expected where `{found}` stands"),
                None => format!("`{wanted}` expected at its end"),
            })),
        }
    }

    fn malformed(&self, reason: &str) -> FormatError {
        FormatError::MalformedType { text: self.text.into(), reason: reason.into() }
    }
}

fn unknown(name: &str, lower: &str) -> FormatError {
    // What other systems call these; otherwise the name with the fewest edits, if they are few.
    let alias = match lower {
        "int" | "integer" => Some("int32"),
        "long" | "bigint" => Some("int64"),
        "float" | "real" => Some("float32"),
        "varchar" | "str" | "text" => Some("utf8"),
        "datetime" | "timestamptz" => Some("timestamp"),
        "bytes" | "bytea" | "blob" => Some("binary"),
        "array" => Some("list"),
        _ => None,
    };
    let nearest = alias.or_else(|| {
        let (edits, near) = NAMES.iter().map(|n| (edit_distance(lower, n), *n)).min()?;
        (edits <= 2 && edits < near.len() / 2 + 1).then_some(near)
    });
    FormatError::UnknownType { name: name.into(), nearest }
}

/// Levenshtein's distance, in bytes: type names are ASCII.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_the_types_they_stand_for() {
        for text in [
            "utf8",
            "boolean",
            "int8",
            "int64",
            "uint16",
            "float32",
            "float64",
            "date",
            "timestamp",
            "binary",
            "decimal(38, 10)",
            "list<list<int64>>",
            "struct<a: utf8, B: list<struct<c: timestamp>>>",
        ] {
            assert_eq!(type_name(&parse_type(text).unwrap()), text);
        }
        assert_eq!(parse_type(" String ").unwrap(), DataType::Utf8);
        assert_eq!(parse_type("DOUBLE").unwrap(), DataType::Float64);
    }

    #[test]
    fn unknown_names_get_a_hint() {
        for (text, hint) in
            [("unt64", Some("int64")), ("timestmp", Some("timestamp")), ("long", Some("int64")), ("qqqqqq", None)]
        {
            match parse_type(text).unwrap_err() {
                FormatError::UnknownType { nearest, .. } => assert_eq!(nearest, hint, "{text}"),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn malformed_types_are_refused() {
        for text in [
            "",
            "list",
            "list<",
            "list<int64",
            "list<int64>>",
            "struct<>",
            "struct<a>",
            "struct<a: int64,>",
            "struct<a: int8, a: int8>",
            "decimal",
            "decimal(0, 0)",
            "decimal(39, 1)",
            "decimal(3, 4)",
            "int64 x",
        ] {
            assert!(parse_type(text).is_err(), "{text}");
        }
        assert!(parse_type(&"list<".repeat(10_000)).is_err());
    }
}
