//! JSON lines against a slow reader of its own: RFC 8259 a character at a time, then each value by the rules of
//! docs/sql.md, the same at every depth.

use arrow::datatypes::{DataType, SchemaRef};
use proptest::prelude::*;

use super::{Outcome, decode, decoder, file, model, schema, values, with_mutations};
use crate::format::FileFormat;
use crate::format::{Check, RawChunk, RawContent, Unseen, type_name};

pub(super) fn json_schema() -> SchemaRef {
    schema(&[
        ("url", "utf8"),
        ("n", "int64"),
        ("x", "float64"),
        ("t", "timestamp"),
        ("flag", "boolean"),
        ("items", "list<int64>"),
        ("deep", DEEP),
    ])
}

const DEEP: &str = "struct<n: int8, x: float64, t: timestamp, url: utf8, flag: boolean, day: date, cost: decimal(6, 2), \
                    raw: binary, items: list<struct<n: int64, t: timestamp, url: utf8, items: list<list<utf8>>>>>";

/// A value as it is written.
#[derive(Debug, Clone)]
struct Value<'a> {
    written: &'a str,
    kind: Kind<'a>,
}

#[derive(Debug, Clone)]
enum Kind<'a> {
    Null,
    Bool,
    Number,
    Text(String),
    List(Vec<Value<'a>>),
    Object(Vec<(String, Value<'a>)>),
}

/// A reader of JSON without any shortcut.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// All of `text` as one value.
    fn whole(text: &'a str) -> Option<Value<'a>> {
        let mut reader = Self { text, at: 0 };
        reader.space();
        let value = reader.value(0)?;
        reader.space();
        (reader.at == text.len()).then_some(value)
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += wanted.len_utf8())
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: u32) -> Option<Value<'a>> {
        let start = self.at;
        let kind = match self.peek()? {
            '"' => Kind::Text(self.string()?),
            '[' | '{' if depth >= 128 => return None,
            '[' => {
                let mut items = Vec::new();
                self.members('[', ']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Kind::List(items)
            }
            '{' => {
                let mut fields = Vec::new();
                self.members('{', '}', |reader| {
                    let key = reader.string()?;
                    reader.space();
                    reader.take(':')?;
                    reader.space();
                    fields.push((key, reader.value(depth + 1)?));
                    Some(())
                })?;
                Kind::Object(fields)
            }
            'n' => self.word("null").map(|()| Kind::Null)?,
            't' => self.word("true").map(|()| Kind::Bool)?,
            'f' => self.word("false").map(|()| Kind::Bool)?,
            _ => self.number().map(|()| Kind::Number)?,
        };
        Some(Value { written: &self.text[start..self.at], kind })
    }

    fn members(&mut self, open: char, close: char, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(open)?;
        self.space();
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            one(self)?;
            self.space();
            if self.take(close).is_some() {
                return Some(());
            }
            self.take(',')?;
            self.space();
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        word.chars().try_for_each(|c| self.take(c))
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take('-');
        if self.take('0').is_none() {
            self.digits()?;
        }
        if self.take('.').is_some() {
            self.digits()?;
        }
        if self.take('e').or_else(|| self.take('E')).is_some() {
            let _ = self.take('+').or_else(|| self.take('-'));
            self.digits()?;
        }
        Some(())
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.chars().all(|c| c.is_ascii_hexdigit()))?;
        self.at += 4;
        u16::from_str_radix(digits, 16).ok()
    }

    fn string(&mut self) -> Option<String> {
        self.take('"')?;
        let mut text = String::new();
        loop {
            let c = self.peek()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(text),
                '\\' => {
                    let escape = self.peek()?;
                    self.at += escape.len_utf8();
                    text.push(match escape {
                        '"' | '\\' | '/' => escape,
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => {
                            let mut units = vec![self.unit()?];
                            if (0xD800..0xDC00).contains(&units[0]) {
                                self.take('\\')?;
                                self.take('u')?;
                                units.push(self.unit()?);
                            }
                            text.push_str(&String::from_utf16(&units).ok()?);
                            continue;
                        }
                        _ => return None,
                    });
                }
                c if c < ' ' => return None,
                c => text.push(c),
            }
        }
    }
}

/// A number times `10^scale`, as the digits before the point and those behind it; none if that is very large.
fn digits(text: &str, scale: i64) -> Option<(bool, String, String)> {
    let negative = text.starts_with('-');
    let text = text.trim_start_matches(['-', '+']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    if all.chars().all(|c| c == '0') {
        return Some((negative, "0".into(), String::new()));
    }
    let point = whole.len() as i64 + exponent.parse::<i32>().ok().map(i64::from)? + scale;
    if point > 300 {
        return None;
    }
    let zeros = "0".repeat(usize::try_from(-point.clamp(-300, 0)).unwrap());
    let all = format!("{zeros}{all}{}", "0".repeat(300));
    let (whole, fraction) = all.split_at(usize::try_from(point.max(0)).unwrap());
    Some((negative, format!("0{whole}"), fraction.into()))
}

fn seconds(text: &str) -> Option<String> {
    let (negative, whole, fraction) = digits(text, 6)?;
    let micros = whole.parse::<i128>().ok()?;
    let is_more = fraction.chars().any(|c| c != '0');
    let micros = if negative { -micros - i128::from(is_more) } else { micros };
    // 0001-01-01T00:00:00 and 9999-12-31T23:59:59.999999.
    (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(&micros).then(|| micros.to_string())
}

fn decimal(text: &str, precision: u8, scale: u8) -> Option<String> {
    let (negative, whole, fraction) = digits(text, i64::from(scale))?;
    let value = whole.parse::<i128>().ok()? + i128::from(fraction.starts_with(['5', '6', '7', '8', '9']));
    (value < 10i128.pow(precision.into())).then(|| if negative { (-value).to_string() } else { value.to_string() })
}

/// What a column of type `of` makes of a value, as `shown` shows it: `None` = it is no such value.
fn convert(value: &Value<'_>, of: &DataType) -> Option<String> {
    let nothing = Some("null".to_owned());
    match (of, &value.kind) {
        (_, Kind::Null) => nothing,
        (DataType::Utf8, Kind::Text(text)) => Some(text.clone()),
        (DataType::Utf8, _) => Some(value.written.to_owned()),
        (DataType::Int8, Kind::Number) => value.written.parse::<i8>().ok().map(|n| n.to_string()),
        (DataType::Int64, Kind::Number) => value.written.parse::<i64>().ok().map(|n| n.to_string()),
        (DataType::Float64, Kind::Number) => {
            value.written.parse::<f64>().ok().filter(|x| x.is_finite()).map(|x| format!("{x:?}"))
        }
        (DataType::Float64, Kind::Text(text)) => match text.as_str() {
            "NaN" => Some("NaN".into()),
            "+INF" | "INF" | "+Infinity" | "Infinity" => Some("inf".into()),
            "-INF" | "-Infinity" => Some("-inf".into()),
            _ => None,
        },
        (DataType::Boolean, Kind::Bool) => Some(value.written.to_owned()),
        (DataType::Timestamp(..), Kind::Number) => seconds(value.written),
        // What texts are times and dates has tests of its own; one with escapes is none.
        (DataType::Timestamp(..), Kind::Text(_)) => {
            values::timestamp(&value.written[1..value.written.len() - 1]).map(|t| t.to_string())
        }
        (DataType::Date32, Kind::Text(_)) => {
            values::date(&value.written[1..value.written.len() - 1]).map(|d| d.to_string())
        }
        (DataType::Decimal128(p, s), Kind::Number) => decimal(value.written, *p, *s as u8),
        (DataType::Decimal128(p, s), Kind::Text(_)) => {
            decimal(&value.written[1..value.written.len() - 1], *p, *s as u8)
        }
        (DataType::Binary, Kind::Text(_)) => {
            let text = &value.written[1..value.written.len() - 1];
            let is_hex = text.len().is_multiple_of(2) && text.chars().all(|c| c.is_ascii_hexdigit());
            is_hex.then(|| text.to_ascii_lowercase())
        }
        (DataType::List(item), Kind::List(items)) => {
            let items: Option<Vec<String>> = items.iter().map(|value| convert(value, item.data_type())).collect();
            Some(format!("[{}]", items?.join(",")))
        }
        (DataType::Struct(fields), Kind::Object(found)) => {
            let field = |name: &str, of: &DataType| match found.iter().rfind(|(key, _)| key == name) {
                Some((_, value)) => convert(value, of),
                None => nothing.clone(),
            };
            let fields: Option<Vec<String>> = fields.iter().map(|f| field(f.name(), f.data_type())).collect();
            Some(format!("{{{}}}", fields?.join(",")))
        }
        _ => None,
    }
}

fn json_row(line: &str) -> Option<Option<Vec<Option<String>>>> {
    if line.trim_ascii().is_empty() {
        return None;
    }
    let Some(Value { kind: Kind::Object(found), .. }) = Reader::whole(line) else { return Some(None) };
    let schema = json_schema();
    let cells = schema.fields().iter().map(|field| match found.iter().rfind(|(key, _)| key == field.name()) {
        Some((_, value)) if !matches!(value.kind, Kind::Null) => convert(value, field.data_type()).map(Some),
        _ => Some(None),
    });
    Some(cells.collect())
}

/// Any value that some column takes or nearly takes, nested `depth` deep at the most.
fn value(depth: u32) -> BoxedStrategy<String> {
    let text = |texts: &'static [&'static str]| prop::sample::select(texts).prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => (-200i64..200_000).prop_map(|n| n.to_string()),
        4 => "[a-z/0-9ß€😀 ]{0,12}".prop_map(|s| format!("\"{s}\"")),
        2 => text(&["null", "true", "false", "\"\"", "\"NaN\"", "\"Infinity\"", "\"true\"", "\"7\"", "\"7.5\"", "-0"]),
        2 => text(&["1.0", "1.5", "-2.25", "1e3", "1E-2", "0.005", "9999.995", "9999.994", "1e400", "01", "1.", "+1", ".5"]),
        2 => text(&["1772355605", "1772355605.25", "-0.0000001", "-1.5", "1772355605250", "1.772355605e9", "253402300799.9999999",
                    "253402300800", "-62135596800", "-62135596800.1", "1e999999999", "0.5e-999999999999"]),
        2 => text(&["\"2025-01-01T12:00:00\"", "\"2025-01-01T12:00:00.125Z\"", "\"2025-02-29\"", "\"2024-02-29\"", "\"0000-01-01\"",
                    "\"9999-12-31T23:59:59-01:00\"", "\"yesterday\""]),
        1 => text(&["\"00ff\"", "\"0\"", "\"12.345\"", "\"-12.345\"", "\"1e2\"", "\"a\\u0041\\n\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\x\""]),
        1 => text(&["tru", "nul", "\"x", "{", "]", "", "{\"a\" 1}", "[1,]", "{\"a\":1,}", "[[]", "\"\u{1}\""]),
    ];
    if depth == 0 {
        return leaf.boxed();
    }
    let list = prop::collection::vec(value(depth - 1), 0..3).prop_map(|items| format!("[{}]", items.join(" ,")));
    prop_oneof![3 => leaf, 2 => object(depth - 1), 2 => list].boxed()
}

fn object(depth: u32) -> BoxedStrategy<String> {
    let keys = &["n", "x", "t", "url", "flag", "day", "cost", "raw", "items", "deep", "u\\u0072l", "other", "N", ""];
    let key = prop::sample::select(&keys[..]);
    let nested = if depth == 0 { Just("{}".to_owned()).boxed() } else { object(depth - 1) };
    // A value of the key's own type is what gets furthest.
    let member = (key, value(depth), any::<i8>(), nested, any::<bool>(), 0..4u8);
    let member = member.prop_map(move |(key, any, n, nested, other, which)| {
        let value = match key {
            _ if which == 0 => any,
            "x" | "cost" => format!("{n}.25"),
            "t" if other => format!("17723556{:02}.5", n.unsigned_abs() % 100),
            "t" => "\"2026-03-01T09:00:05Z\"".to_owned(),
            "flag" => other.to_string(),
            "day" => "\"2026-03-01\"".to_owned(),
            "raw" => "\"0aFF\"".to_owned(),
            "items" if depth >= 3 && other => format!("[{n}, null]"),
            "items" => format!("[{nested},{nested}]"),
            "deep" | "url" => nested,
            _ => n.to_string(),
        };
        format!("\"{key}\": {value}")
    });
    prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))).boxed()
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let tokens = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"n\"",
        "\"deep\"",
        "\"items\"",
        "1",
        "-",
        "null",
        " ",
        "\\",
        "\"",
        "\t",
        "1.5",
        "é",
    ];
    let soup = prop::collection::vec(prop::sample::select(&tokens[..]), 0..12).prop_map(|t| t.concat());
    let ends = prop::sample::select(&["", "", "", "", "", "", "", " ", "x", "{}"][..]);
    with_mutations(prop_oneof![
        20 => (object(4), ends).prop_map(|(object, end)| (object + end).into_bytes()),
        2 => soup.prop_map(String::into_bytes),
        1 => value(2).prop_map(String::into_bytes),
        1 => Just(b" \t".to_vec()),
        1 => prop::collection::vec(any::<u8>().prop_filter("a line", |b| *b != b'\n'), 0..12),
    ])
}

const EVERY: [usize; 7] = [0, 1, 2, 3, 4, 5, 6];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_as_by_the_slow_reader(file in file(line()), size in 1usize..400) {
        let decoded = decode(FileFormat::Json, &json_schema(), &EVERY, Check::Declared, &file, size);
        prop_assert_eq!(decoded.without_reasons(), model(&file, 1, json_row));
    }

    #[test]
    fn which_json_rows_are_bad_does_not_depend_on_what_is_wanted(file in file(line()), size in 1usize..400) {
        let some = decode(FileFormat::Json, &json_schema(), &[3, 0], Check::Declared, &file, size);
        let mut all = model(&file, 1, json_row);
        for (_, cells) in &mut all.rows {
            *cells = vec![cells[3].clone(), cells[0].clone()];
        }
        prop_assert_eq!(some.without_reasons(), all);
    }

    #[test]
    fn a_type_takes_the_same_values_at_every_depth(value in value(2)) {
        // Where there is no value a list is empty, and an object is none.
        prop_assume!(!value.is_empty());
        for name in ["utf8", "int8", "int64", "float64", "boolean", "date", "timestamp", "decimal(6, 2)", "binary"] {
            let mut taken = Vec::new();
            for (column, text) in [
                (name.to_owned(), format!("{{\"c\": {value}}}")),
                (format!("list<{name}>"), format!("{{\"c\": [ {value} ]}}")),
                (format!("struct<c: {name}>"), format!("{{\"c\": {{\"c\": {value}}}}}")),
                (format!("list<struct<c: list<{name}>>>"), format!("{{\"c\": [{{\"c\": [{value} ]}}]}}")),
            ] {
                let schema = schema(&[("c", &column)]);
                let Outcome { rows, .. } = decode(FileFormat::Json, &schema, &[0], Check::Declared, text.as_bytes(), 1000);
                let strip = |text: &str| text.trim_matches(['[', ']', '{', '}']).to_owned();
                let is_nested = value.starts_with(['[', '{']);
                taken.push(rows.into_iter().map(|(_, cells)| {
                    let cell = cells[0].clone().unwrap_or("null".into());
                    if is_nested { String::new() } else { strip(&cell) }
                }).collect::<Vec<_>>());
            }
            let strip: Vec<_> = taken[0].clone();
            prop_assert!(taken.iter().all(|other| *other == strip), "{}: {:?}", name, taken);
        }
    }
}

fn cells(column: &str, text: &str) -> Result<String, String> {
    let schema = schema(&[("c", column)]);
    let outcome = decode(FileFormat::Json, &schema, &[0], Check::Declared, text.as_bytes(), 1 << 20);
    match (outcome.rows.as_slice(), outcome.bad.as_slice()) {
        ([(_, cells)], []) => Ok(cells[0].clone().unwrap_or("null".into())),
        ([], [(_, reason, _)]) => Err(reason.clone()),
        other => panic!("{}: {other:?}", type_name(schema.field(0).data_type())),
    }
}

#[test]
fn numbers_in_a_timestamp_are_seconds_at_every_depth() {
    assert_eq!(cells("timestamp", r#"{"c": 1772355605}"#).unwrap(), "1772355605000000");
    assert_eq!(cells("list<timestamp>", r#"{"c": [1772355605.25, -0.0000001]}"#).unwrap(), "[1772355605250000,-1]");
    let of = "struct<a: struct<at: timestamp, n: int64>>";
    assert_eq!(cells(of, r#"{"c": {"a": {"n": 7, "at": 1772355600}}}"#).unwrap(), "{{1772355600000000,7}}");
    assert_eq!(
        cells("timestamp", r#"{"c": 1772355725000}"#).unwrap_err(),
        "column `c`: `1772355725000` seconds since 1970 are in the year 58133: are these milliseconds?"
    );
    assert_eq!(
        cells("list<struct<at: timestamp>>", r#"{"c": [{}, {"at": 1772355725000000}]}"#).unwrap_err(),
        "column `c[2].at`: `1772355725000000` seconds since 1970 are in the year 56165687: are these microseconds?"
    );
    let after_9999 = cells("timestamp", r#"{"c": 253402300800}"#).unwrap_err();
    assert!(after_9999.contains("in the year 10000"), "{after_9999}");
    assert!(cells("timestamp", r#"{"c": 1e15}"#).unwrap_err().contains("microseconds?"));
    assert!(
        cells("timestamp", r#"{"c": -99999999999999}"#).unwrap_err().ends_with("lies outside the years 0001 to 9999")
    );
    let year_0 = cells("timestamp", r#"{"c": "0000-12-31T00:00:00Z"}"#).unwrap_err();
    assert!(year_0.ends_with("lies outside the years 0001 to 9999"), "{year_0}");
}

#[test]
fn fractions_are_not_cut_and_texts_are_no_numbers_at_any_depth() {
    for (column, text, reason) in [
        ("list<int64>", r#"{"c": [1, 1.5]}"#, "column `c[2]`: `1.5` is not an int64"),
        ("list<int64>", r#"{"c": ["7"]}"#, "column `c[1]`: `\"7\"` is not an int64"),
        ("struct<a: struct<b: int8>>", r#"{"c": {"a": {"b": 300}}}"#, "column `c.a.b`: `300` is not an int8"),
        ("struct<a: list<boolean>>", r#"{"c": {"a": [null, "true"]}}"#, "column `c.a[2]`: `\"true\"` is not a boolean"),
        ("struct<a: int64>", r#"{"c": [1]}"#, "column `c`: `[1]` is not a struct<a: int64>"),
        ("list<list<date>>", r#"{"c": [[], [null, {}]]}"#, "column `c[2][2]`: `{}` is not a date"),
    ] {
        assert_eq!(cells(column, text).unwrap_err(), reason);
    }
}

#[test]
fn a_text_takes_what_is_written_at_every_depth() {
    let of = "list<struct<name: utf8, args: utf8>>";
    let text = r#"{"c": [{"name": "a", "args": {"b" : [1,  2]}}, {"args": null}, {"args": "é\n"}, {"args": 1.50}]}"#;
    assert_eq!(cells(of, text).unwrap(), "[{a,{\"b\" : [1,  2]}},{null,null},{null,é\n},{null,1.50}]");
}

#[test]
fn unknown_fields_are_ignored_and_of_a_doubled_one_the_last_counts() {
    let of = "struct<a: int64, b: utf8>";
    assert_eq!(cells(of, r#"{"c": {"a": 1, "z": [{}], "a": 2}}"#).unwrap(), "{2,null}");
    assert_eq!(cells(of, r#"{"c": {"a": "x", "a": null}}"#).unwrap(), "{null,null}");
    assert_eq!(cells(of, r#"{"c": {}}"#).unwrap(), "{null,null}");
}

#[test]
fn a_column_that_no_row_had_is_told_with_the_key_that_looks_like_it() {
    let schema = schema(&[("userName", "utf8"), ("Id", "int64"), ("ID", "int64"), ("Größe", "int64")]);
    let decoder = decoder(FileFormat::Json, &schema, &[1], Check::Declared).unwrap();
    let unseen = || {
        let unseen = decoder.unseen().into_iter();
        unseen.map(|Unseen { column, near }| (column, near.unwrap_or_default())).collect::<Vec<_>>()
    };
    let feed = |lines: &str| {
        let content = RawContent::Lines { bytes: lines.as_bytes().into(), before: 0, layout: None, long: Vec::new() };
        decoder.decode(&RawChunk { part: 0, index: 0, content }).unwrap();
    };
    feed("no row\n");
    assert!(unseen().is_empty(), "nothing is missing where there is no row");
    feed(
        "{\"USERNAME\": null, \"Id\": null, \"x\": {\"ID\": 1}}\n{\"username\": 1, \"id\": 1, \"GRÖSSE\": 1, \"gRÖßE\": 1}\n",
    );
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(unseen(), [pair("userName", "USERNAME"), pair("ID", "id"), pair("Größe", "gRÖßE")]);
    feed("{\"I\\u0044\": 2, \"userName\": \"ann\"}\n");
    assert_eq!(unseen(), [pair("Größe", "gRÖßE")]);
}

#[test]
fn a_number_beyond_the_range_of_floats_is_no_infinity() {
    for (column, text) in
        [("float64", r#"{"c": 1e400}"#), ("float32", r#"{"c": -1e39}"#), ("list<float64>", r#"{"c": [1, 1e400]}"#)]
    {
        assert!(cells(column, text).unwrap_err().contains(" is not a float"), "{text}");
    }
    assert_eq!(cells("float64", r#"{"c": "Infinity"}"#).unwrap(), "inf");
    let schema = schema(&[("a", "float64"), ("b", "float64")]);
    let csv = FileFormat::Csv { header: false, delimiter: b',' };
    let outcome = decode(csv, &schema, &[0, 1], Check::Declared, b"1e400,1\n1,-1e309\ninf,-infinity\n", 1 << 20);
    assert_eq!((outcome.rows.len(), outcome.bad.len()), (1, 2));
}
