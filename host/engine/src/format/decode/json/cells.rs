//! The values that a scan of JSON has found, as the columns are made from them.

use super::strings::unescape;
use crate::format::decode::slots::{Cell, Cells, Raw, Slot};

/// The values of one column, or of one field of structs, or of the items of lists; strings stand with their quotes.
pub(in crate::format::decode) struct JsonCells<'a> {
    pub text: &'a str,
    /// Of each row, `width` of them.
    pub slots: &'a [Slot],
    pub rows: usize,
    pub width: usize,
    /// Which of a row's slots is the value.
    pub column: usize,
}

impl Cells for JsonCells<'_> {
    #[inline]
    fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    fn cell(&self, row: usize) -> Cell<'_> {
        let slot = self.slots[row * self.width + self.column];
        if slot.is_missing() {
            return Cell::Null;
        }
        let text = slot.text(self.text);
        match text.as_bytes()[0] {
            b'"' => Cell::String(Raw { text: &text[1..text.len() - 1], escaped: slot.escaped() }),
            b't' => Cell::Bool(true),
            b'f' => Cell::Bool(false),
            b'{' | b'[' => Cell::Nested(text),
            _ => Cell::Number(text),
        }
    }

    fn text(&self) -> &str {
        self.text
    }

    fn slot(&self, row: usize) -> Slot {
        self.slots[row * self.width + self.column]
    }

    fn unescape(&self, raw: &str, to: &mut String) {
        unescape(raw, to).expect("the scan has looked at the escapes");
    }
}
