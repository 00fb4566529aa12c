//! Types as a job file writes them: for outputs whose columns the configuration names.

use std::{fmt, str::FromStr, sync::Arc};

use serde::de::{Deserialize, Deserializer, Error as _};

use super::{DataType, Field, PLAIN};

/// So deep may a type be nested.
const DEPTH: usize = 32;

/// Why a text is no type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoDataType(String);

impl fmt::Display for NoDataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoDataType {}

/// As in a job file: `utf8` (or `string`), `boolean` (or `bool`), `int8` … `int64`, `uint8` … `uint64`, `float32`,
/// `float64` (or `double`), `date`, `timestamp`, `binary`, `decimal(p, s)`, `list<T>`, `struct<name: T, …>`; and
/// `fixed_list<T, n>` and `map<K, V>`.
///
/// ```
/// use millstream_guest::DataType;
///
/// let parsed: DataType = "list<struct<sku: utf8, price: decimal(10, 2)>>".parse()?;
/// assert_eq!(parsed.to_string(), "list of struct(sku utf8, price decimal(10, 2))");
/// let wrong = "list<int>".parse::<DataType>().unwrap_err();
/// assert_eq!(wrong.to_string(), "`list<int>` is no type: `int` is none");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl FromStr for DataType {
    type Err = NoDataType;

    fn from_str(text: &str) -> Result<Self, NoDataType> {
        let mut parser = Parser { rest: text };
        let parsed = parser.data_type(0).and_then(|parsed| match parser.rest.trim() {
            "" => Ok(parsed),
            rest => Err(format!("`{rest}` is left over")),
        });
        parsed.map_err(|what| NoDataType(format!("`{text}` is no type: {what}")))
    }
}

/// From a text, so that a configuration may name types: `config.get::<DataType>("type")?`.
impl<'de> Deserialize<'de> for DataType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn data_type(&mut self, depth: usize) -> Result<DataType, String> {
        if depth > DEPTH {
            return Err(format!("it is nested deeper than {DEPTH}"));
        }
        let name = self.word();
        let lower = name.to_ascii_lowercase();
        let plain = match lower.as_str() {
            "string" => "utf8",
            "bool" => "boolean",
            "double" => "float64",
            plain => plain,
        };
        if let Some((_, data_type, _)) = PLAIN.iter().find(|(.., known)| *known == plain) {
            return Ok(data_type.clone());
        }
        match plain {
            "decimal" => {
                self.expect('(')?;
                let precision = self.number::<u8>(38)?;
                self.expect(',')?;
                let scale = self.number::<i8>(38)?;
                self.expect(')')?;
                match precision {
                    0 => Err("a decimal has at least one digit".into()),
                    _ if scale > precision as i8 => {
                        Err(format!("of {precision} digits, {scale} cannot be behind the point"))
                    }
                    _ => Ok(DataType::Decimal(precision, scale)),
                }
            }
            "list" => self.within(|parser| Ok(DataType::list(parser.data_type(depth + 1)?))),
            "fixed_list" => self.within(|parser| {
                let item = parser.data_type(depth + 1)?;
                parser.expect(',')?;
                Ok(DataType::FixedList(Arc::new(Field::new("item", item)), parser.number(i32::MAX as u32)?))
            }),
            "map" => self.within(|parser| {
                let key = parser.data_type(depth + 1)?;
                parser.expect(',')?;
                Ok(DataType::map(key, parser.data_type(depth + 1)?))
            }),
            "struct" => self.within(|parser| {
                let mut fields: Vec<Field> = Vec::new();
                loop {
                    let name = parser.word();
                    if name.is_empty() || fields.iter().any(|field| field.name == name) {
                        return Err(format!("a field's name is missing or there twice: `{name}`"));
                    }
                    parser.expect(':')?;
                    fields.push(Field::new(name, parser.data_type(depth + 1)?));
                    if parser.expect(',').is_err() {
                        return Ok(DataType::structure(fields));
                    }
                }
            }),
            _ => Err(format!("`{name}` is none")),
        }
    }

    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.expect('<')?;
        let read = read(self)?;
        self.expect('>')?;
        Ok(read)
    }

    fn word(&mut self) -> &'t str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        word
    }

    fn number<N: FromStr + PartialOrd + fmt::Display>(&mut self, most: N) -> Result<N, String> {
        let word = self.word();
        match word.parse() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(format!("`{word}` is no number up to {most}")),
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.rest.trim_start().strip_prefix(wanted) {
            Some(rest) => self.rest = rest,
            None => return Err(format!("`{wanted}` is missing")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_a_job_file_writes_them() {
        for (text, shown) in [
            ("String", "utf8"),
            (" bool ", "boolean"),
            ("double", "float64"),
            ("decimal( 38 , 0 )", "decimal(38, 0)"),
            ("fixed_list<float32, 384>", "list of 384 float32"),
            ("map<utf8,list<int64>>", "map of utf8 to list of int64"),
            ("struct<a-b: int8, C: struct<d: date>>", "struct(a-b int8, C struct(d date))"),
        ] {
            assert_eq!(text.parse::<DataType>().map(|parsed| parsed.to_string()), Ok(shown.to_owned()), "{text}");
        }
        for (text, what) in [
            ("", "`` is none"),
            ("utf9", "`utf9` is none"),
            ("int64 x", "`x` is left over"),
            ("decimal(39, 0)", "`39` is no number up to 38"),
            ("decimal(3, 4)", "of 3 digits, 4 cannot be behind the point"),
            ("decimal(0, 0)", "a decimal has at least one digit"),
            ("list", "`<` is missing"),
            ("list<utf8", "`>` is missing"),
            ("struct<>", "a field's name is missing or there twice: ``"),
            ("struct<a: utf8, a: utf8>", "a field's name is missing or there twice: `a`"),
        ] {
            assert_eq!(text.parse::<DataType>(), Err(NoDataType(format!("`{text}` is no type: {what}"))));
        }
        let deep = format!("{}utf8{}", "list<".repeat(40), ">".repeat(40));
        assert!(
            deep.parse::<DataType>().is_err_and(|error| error.to_string().ends_with("it is nested deeper than 32"))
        );
    }
}
