//! What was seen of the values of one column, field or element, and the type that holds all of them.
//!
//! What is seen is a set: it does not depend on the order of the rows, so pieces of a file can be looked at in any order
//! and put together. A type is chosen at the end, such that every value seen is read as what was written: where no
//! narrower type does that, it is text.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field};

use crate::format::decode::{reads_as_date, time_of_text};
use crate::format::types::timestamp;

const BOOLEAN: u16 = 1;
const INTEGER: u16 = 2;
const FRACTION: u16 = 4;
/// `NaN` and the infinities, which are texts in JSON.
const NO_NUMBER: u16 = 8;
const DATE: u16 = 16;
const TIME: u16 = 32;
const TEXT: u16 = 64;
const LIST: u16 = 128;
const OBJECT: u16 = 256;

/// Digits that a decimal has.
const DIGITS: u8 = 38;

/// Fields of one object: more are no structure but data (an object by ids), which is text.
const MOST_FIELDS: usize = 2000;

/// Deepest nesting of a type.
const MOST_DEPTH: usize = 30;

/// What was seen of values that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kinds {
    seen: u16,
    /// An integer that a float would round was seen.
    needs_integer: bool,
    /// An integer beyond 64 bits was seen.
    needs_decimal: bool,
    /// A number with an exponent was seen.
    exponent: bool,
    /// Most digits before and behind the point.
    whole_digits: u8,
    digits_behind: u8,
    items: Option<Box<Kinds>>,
    fields: Members,
}

impl Kinds {
    fn note(&mut self, kind: u16) {
        self.seen |= kind;
    }

    /// Whether it is text whatever else comes.
    pub(super) fn is_text(&self) -> bool {
        self.seen & TEXT != 0
    }

    pub(super) fn boolean(&mut self) {
        self.note(BOOLEAN);
    }

    /// A number, as JSON writes it.
    pub(super) fn number(&mut self, text: &str) {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            self.integer(text, digits.len());
        } else {
            self.fraction(text, digits);
        }
    }

    fn integer(&mut self, text: &str, digits: usize) {
        if digits > usize::from(DIGITS) {
            return self.note(TEXT);
        }
        self.note(INTEGER);
        self.whole_digits = self.whole_digits.max(digits as u8);
        if digits > 15 {
            let value: i128 = text.parse().unwrap_or(i128::MAX);
            self.needs_integer |= value.unsigned_abs() > 1 << 53;
            self.needs_decimal |= i64::try_from(value).is_err();
        }
    }

    fn fraction(&mut self, text: &str, digits: &str) {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => {}
            // Out of a float's range, or no number.
            _ => return self.note(TEXT),
        }
        self.note(FRACTION);
        if digits.contains(['e', 'E']) {
            self.exponent = true;
        }
        let (whole, behind) = digits.split_once('.').unwrap_or((digits, ""));
        let most = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        self.whole_digits = self.whole_digits.max(most(whole.len()));
        self.digits_behind = self.digits_behind.max(most(behind.len()));
    }

    /// A text of JSON, without its quotes, as it is written.
    pub(super) fn string(&mut self, text: &str) {
        if self.is_text() {
            return;
        }
        self.note(match text {
            "NaN" | "Infinity" | "-Infinity" => NO_NUMBER,
            _ => time_of(text).unwrap_or(TEXT),
        });
    }

    /// A field of CSV that is not empty: everything there is text, and a number only where nothing is lost by it. Zeros
    /// before a number and a plus sign would be.
    pub(super) fn field(&mut self, text: &str) {
        if self.is_text() {
            return;
        }
        if let Some(time) = time_of(text) {
            return self.note(time);
        }
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        match digits {
            [b'0', b'0'..=b'9', ..] => self.note(TEXT),
            [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => self.number(text),
            _ if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => self.note(BOOLEAN),
            _ => self.string(text),
        }
    }

    /// A list; what is noted of its elements.
    pub(super) fn list(&mut self) -> &mut Kinds {
        self.note(LIST);
        self.items.get_or_insert_default()
    }

    /// An object; what is noted of its fields.
    pub(super) fn object(&mut self) -> &mut Members {
        self.note(OBJECT);
        if self.fields.list.len() > MOST_FIELDS {
            self.note(TEXT);
        }
        self.fields.next = 0;
        &mut self.fields
    }

    pub(super) fn text(&mut self) {
        self.note(TEXT);
    }

    /// Adds what was seen elsewhere.
    fn merge(&mut self, other: Kinds) {
        let Kinds { seen, needs_integer, needs_decimal, exponent, whole_digits, digits_behind, items, fields } = other;
        self.seen |= seen;
        self.needs_integer |= needs_integer;
        self.needs_decimal |= needs_decimal;
        self.exponent |= exponent;
        self.whole_digits = self.whole_digits.max(whole_digits);
        self.digits_behind = self.digits_behind.max(digits_behind);
        if let Some(items) = items {
            self.items.get_or_insert_default().merge(*items);
        }
        self.fields.merge(fields);
    }

    /// Whether rows that were not looked at could be read as less than they are, and nobody would see it: of a column
    /// that was empty, or of an object, which may have further fields.
    pub fn may_hide(&self) -> bool {
        match self.seen {
            0 | OBJECT => true,
            LIST => self.items.as_deref().is_none_or(Kinds::may_hide),
            _ => false,
        }
    }

    /// The type that holds all that was seen; text where nothing was.
    pub fn data_type(&self) -> DataType {
        self.at_depth(0)
    }

    fn at_depth(&self, depth: usize) -> DataType {
        let only = |kinds: u16| self.seen & !kinds == 0;
        match self.seen {
            _ if depth > MOST_DEPTH => DataType::Utf8,
            BOOLEAN => DataType::Boolean,
            DATE => DataType::Date32,
            seen if seen & TIME != 0 && only(DATE | TIME) => timestamp(),
            seen if seen & (INTEGER | FRACTION) != 0 && only(INTEGER | FRACTION | NO_NUMBER) => self.number_type(),
            LIST => {
                let item = self.items.as_ref().map_or(DataType::Utf8, |items| items.at_depth(depth + 1));
                DataType::new_list(item, true)
            }
            OBJECT if !self.fields.list.is_empty() => {
                let field = |(name, kinds): &(String, Kinds)| Field::new(name, kinds.at_depth(depth + 1), true);
                DataType::Struct(self.fields.list.iter().map(field).collect())
            }
            _ => DataType::Utf8,
        }
    }

    fn number_type(&self) -> DataType {
        let is_integer = self.seen == INTEGER;
        if is_integer && !self.needs_decimal {
            return DataType::Int64;
        }
        if !is_integer && !self.needs_integer {
            return DataType::Float64;
        }
        let digits = self.whole_digits.saturating_add(self.digits_behind);
        if self.exponent || self.seen & NO_NUMBER != 0 || digits > DIGITS {
            return DataType::Utf8;
        }
        DataType::Decimal128(DIGITS, self.digits_behind as i8)
    }
}

/// Whether a text is a date or a time, as the decoders read it.
fn time_of(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' {
        return None;
    }
    if bytes.len() == 10 && reads_as_date(text) {
        return Some(DATE);
    }
    (bytes.len() >= 16 && time_of_text(text).is_some()).then_some(TIME)
}

/// Columns of a table or fields of an object, in the order in which they first came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    list: Vec<(String, Kinds)>,
    /// Where each name stands in the list.
    places: HashMap<String, usize>,
    /// The place after the last one asked for: objects of one kind have their fields in one order.
    next: usize,
}

impl Members {
    /// The columns `names`, of which nothing was seen yet.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut members = Self::default();
        for name in names {
            members.place(&name);
        }
        members
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Kinds)> {
        self.list.iter().map(|(name, kinds)| (name.as_str(), kinds))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn place(&mut self, name: &str) -> usize {
        let place = match self.list.get(self.next) {
            Some((next, _)) if next == name => self.next,
            _ => match self.places.get(name) {
                Some(place) => *place,
                None => {
                    self.places.insert(name.to_owned(), self.list.len());
                    self.list.push((name.to_owned(), Kinds::default()));
                    self.list.len() - 1
                }
            },
        };
        self.next = place + 1;
        place
    }

    /// What was seen of `name`.
    pub(super) fn get(&mut self, name: &str) -> &mut Kinds {
        let place = self.place(name);
        &mut self.list[place].1
    }

    /// The next row begins.
    pub(super) fn begin(&mut self) {
        self.next = 0;
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: Members) {
        if self.list.is_empty() {
            *self = other;
            return;
        }
        self.next = 0;
        for (name, kinds) in other.list {
            self.get(&name).merge(kinds);
        }
    }
}
