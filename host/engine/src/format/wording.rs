//! Types in messages: by the names that a job file has for them, whatever the library calls them that speaks.

use std::str::FromStr;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::cast::cast;
use super::decoded::SHOWN_BYTES;
use super::types::type_name;

/// A type as a user knows it. One that a job file cannot declare has a name too.
pub(crate) fn shown_type(data_type: &DataType) -> String {
    use DataType as T;
    match data_type {
        T::Timestamp(..) => "timestamp".into(),
        T::Date64 => "date".into(),
        T::Time32(_) | T::Time64(_) => "time".into(),
        T::Interval(_) | T::Duration(_) => "interval".into(),
        T::Null => "null".into(),
        T::Float16 => "float16".into(),
        T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "binary".into(),
        T::Decimal32(p, s) | T::Decimal64(p, s) | T::Decimal256(p, s) => format!("decimal({p}, {s})"),
        T::List(item) | T::LargeList(item) | T::ListView(item) | T::LargeListView(item) | T::FixedSizeList(item, _) => {
            format!("list<{}>", shown_type(item.data_type()))
        }
        T::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|f| format!("{}: {}", f.name(), shown_type(f.data_type()))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        T::Map(..) => "map".into(),
        T::Dictionary(_, values) => shown_type(values),
        T::RunEndEncoded(_, values) => shown_type(values.data_type()),
        T::Union(..) => "union".into(),
        other => type_name(other),
    }
}

/// A value for a person to read; a long one is cut. A time or date that no calendar has is shown as the number it is.
pub(crate) fn shown_value(column: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::new().with_null("null");
    let text = |column: &ArrayRef| ArrayFormatter::try_new(column, &options).ok()?.value(row).try_to_string().ok();
    let number = || text(&cast(column, &DataType::Int64).ok()?);
    let mut text = text(column).or_else(number).unwrap_or_else(|| "a value in it".into());
    text.truncate(text.floor_char_boundary(SHOWN_BYTES / 16));
    text
}

/// Beginnings of types as Arrow and DataFusion write them, and as a user knows them where they are no whole type.
const NAMES: [(&str, &str); 46] = [
    ("Utf8", "utf8"),
    ("LargeUtf8", "utf8"),
    ("Utf8View", "utf8"),
    ("String", "a text"),
    ("Boolean", "boolean"),
    ("Int8", "int8"),
    ("Int16", "int16"),
    ("Int32", "int32"),
    ("Int64", "int64"),
    ("UInt8", "uint8"),
    ("UInt16", "uint16"),
    ("UInt32", "uint32"),
    ("UInt64", "uint64"),
    ("Integer", "a whole number"),
    ("Float16", "float16"),
    ("Float32", "float32"),
    ("Float64", "float64"),
    ("Float", "a float"),
    ("Decimal", "a decimal"),
    ("Decimal32", "decimal"),
    ("Decimal64", "decimal"),
    ("Decimal128", "decimal"),
    ("Decimal256", "decimal"),
    ("Numeric", "a number"),
    ("Timestamp", "timestamp"),
    ("Date", "date"),
    ("Date32", "date"),
    ("Date64", "date"),
    ("Time", "time"),
    ("Time32", "time"),
    ("Time64", "time"),
    ("Duration", "interval"),
    ("Interval", "interval"),
    ("Binary", "binary"),
    ("LargeBinary", "binary"),
    ("BinaryView", "binary"),
    ("FixedSizeBinary", "binary"),
    ("List", "a list"),
    ("LargeList", "a list"),
    ("ListView", "a list"),
    ("FixedSizeList", "a list"),
    ("Struct", "a struct"),
    ("Map", "a map"),
    ("Null", "null"),
    ("Dictionary", "a value"),
    ("RunEndEncoded", "a value"),
];

/// `text` with the library's types by our names; what stands in quotes or backticks is the user's, and stays.
pub(crate) fn with_our_types(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = None;
    while let Some(c) = rest.chars().next() {
        match quoted {
            Some(quote) if quote == c => quoted = None,
            None if ['`', '\''].contains(&c) && rest[c.len_utf8()..].contains(c) => quoted = Some(c),
            _ => {}
        }
        let after_word = out.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        if quoted.is_none()
            && c.is_ascii_uppercase()
            && !after_word
            && let Some((len, name)) = type_at(rest)
        {
            out += &name;
            rest = &rest[len..];
            continue;
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// The type that `text` begins with: how many bytes it takes, and its name.
fn type_at(text: &str) -> Option<(usize, String)> {
    let word = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    if text[word..].starts_with('_') {
        return None;
    }
    let called = text[..word].strip_suffix("Array").unwrap_or(&text[..word]);
    let (_, name) = NAMES.iter().find(|(theirs, _)| *theirs == called)?;
    let whole = word + brackets(&text[word..]);
    match DataType::from_str(&text[..whole]) {
        Ok(data_type) => Some((whole, shown_type(&data_type))),
        Err(_) => Some((whole, (*name).to_owned())),
    }
}

/// The length of the brackets that `text` begins with.
fn brackets(text: &str) -> usize {
    if !text.starts_with('(') {
        return 0;
    }
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    #[test]
    fn types_have_the_job_files_names() {
        for (text, said) in [
            ("Timestamp(µs, \"UTC\") > Boolean", "timestamp > boolean"),
            ("List(Int64), a_Int8, Int8_b, Intervals", "list<int64>, a_Int8, Int8_b, Intervals"),
            ("from `Utf8` to 'Int64' is Int64", "from `Utf8` to 'Int64' is int64"),
            ("Decimal128(10, 2) and Interval(MonthDayNano)", "decimal(10, 2) and interval"),
            ("it's Utf8", "it's utf8"),
            ("Int8Array overflow", "int8 overflow"),
        ] {
            assert_eq!(with_our_types(text), said);
        }
    }

    #[test]
    fn what_arrow_writes_of_any_type_is_read_again() {
        let field = |t| Arc::new(Field::new("A b", t, true));
        for data_type in [
            DataType::Struct(vec![field(DataType::Timestamp(TimeUnit::Nanosecond, None))].into()),
            DataType::List(field(DataType::Struct(vec![field(DataType::Decimal128(5, 1))].into()))),
            DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
            DataType::Time64(TimeUnit::Nanosecond),
        ] {
            let said = with_our_types(&format!("cannot take {data_type} here"));
            let known = shown_type(&data_type);
            let vague = said.split(' ').any(|w| w == "a") && said.ends_with(" here");
            assert!(said == format!("cannot take {known} here") || vague, "{said}");
            assert!(!said.contains("Utf8") && !said.contains("Timestamp"), "{said}");
        }
    }
}
