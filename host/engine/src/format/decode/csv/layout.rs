//! Where a CSV file has its columns: by their position, or by the names in its header.

use arrow::datatypes::Schema;

use super::fields::{self, unescape, unquoted};
use crate::format::FormatError;

/// Where one file has its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvLayout {
    /// Fields of each line.
    pub(super) fields: usize,
    /// For each declared column, which field it is.
    pub(super) columns: Vec<usize>,
}

impl CsvLayout {
    /// A file without a header: the declared columns in their order.
    pub fn by_position(schema: &Schema) -> Self {
        let fields = schema.fields().len();
        Self { fields, columns: (0..fields).collect() }
    }

    /// A file whose header, without its line's end, is `header` and stands in line `line`. A declared column is the field of
    /// just its name, or else the one whose name has blanks around it; what the other fields are called plays no part.
    ///
    /// # Errors
    /// [`FormatError::MissingColumn`], and [`FormatError::Malformed`] if the header is no CSV or names a declared column
    /// twice.
    pub fn by_header(header: &str, line: u64, delimiter: u8, schema: &Schema, file: &str) -> Result<Self, FormatError> {
        let malformed = |reason: String| FormatError::Malformed { file: file.into(), reason };
        let names = names(header, delimiter)
            .map_err(|what| malformed(format!("line {line}: the header is not valid CSV: {what}")))?;
        let place = |name: &str, is: fn(&str) -> &str| -> Result<Option<usize>, FormatError> {
            let mut places = names.iter().enumerate().filter(|(_, found)| is(found) == name).map(|(place, _)| place);
            let first = places.next();
            if places.next().is_some() {
                return Err(malformed(format!("line {line}: the header names the column `{name}` twice")));
            }
            Ok(first)
        };
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let exact = place(field.name(), |name| name)?;
            match if exact.is_some() { exact } else { place(field.name(), str::trim)? } {
                Some(place) => columns.push(place),
                None => {
                    let column = field.name().clone();
                    return Err(FormatError::MissingColumn { file: file.into(), column, found: names });
                }
            }
        }
        Ok(Self { fields: names.len(), columns })
    }
}

/// The names in a header.
pub(in crate::format::decode) fn names(header: &str, delimiter: u8) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    let take = |_, start, end, escaped| {
        let mut name = String::new();
        let (text, escaped) = unquoted(&header[start..end], escaped);
        if escaped {
            unescape(text, &mut name)
        } else {
            name.push_str(text)
        }
        names.push(name);
    };
    fields::split(header.as_bytes(), 0, header.len(), delimiter, take).map_err(|fault| fault.to_string())?;
    Ok(names)
}
