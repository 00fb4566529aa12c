//! Where the fields of a chunk's rows stand: what a scan leaves for the columns to be made from.

/// A field in the chunk's text. Eight bytes, so that a chunk's slots stay in the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slot {
    start: u32,
    /// Length; the top bit says that the text holds escapes.
    len: u32,
}

const ESCAPED: u32 = 1 << 31;

impl Slot {
    /// No such field in the row.
    pub const MISSING: Self = Self { start: 0, len: 0 };

    /// The text `start..end`. A chunk has far fewer than 2^31 bytes (the source refuses longer lines).
    #[inline]
    pub fn new(start: usize, end: usize, escaped: bool) -> Self {
        Self { start: start as u32, len: (end - start) as u32 | if escaped { ESCAPED } else { 0 } }
    }

    #[inline]
    pub fn is_missing(self) -> bool {
        self.len == 0
    }

    #[inline]
    pub fn escaped(self) -> bool {
        self.len & ESCAPED != 0
    }

    /// Where it stands.
    #[inline]
    pub fn range(self) -> (usize, usize) {
        let start = self.start as usize;
        (start, start + (self.len & !ESCAPED) as usize)
    }

    #[inline]
    pub fn text(self, of: &str) -> &str {
        let (start, end) = self.range();
        &of[start..end]
    }
}

/// One field of one row, as the format sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    /// There is none, or it is null.
    Null,
    /// A CSV field: whatever its column makes of it.
    Field(Raw<'a>),
    /// A JSON string, without its quotes.
    String(Raw<'a>),
    /// A JSON number.
    Number(&'a str),
    /// A JSON boolean.
    Bool(bool),
    /// A JSON list or object.
    Nested(&'a str),
}

/// Text that may hold escapes of its format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Raw<'a> {
    pub text: &'a str,
    pub escaped: bool,
}

/// The fields of one column, and the format they are written in.
pub(super) trait Cells {
    /// Rows.
    fn len(&self) -> usize;
    /// The field of `row`.
    fn cell(&self, row: usize) -> Cell<'_>;
    /// The text that all of them stand in.
    fn text(&self) -> &str;
    /// Where in it the field of `row` stands.
    fn slot(&self, row: usize) -> Slot;
    /// The field of `row` as it is written, for messages.
    fn written(&self, row: usize) -> &str {
        self.slot(row).text(self.text())
    }
    /// Appends what `raw` stands for. The scan has made sure that its escapes are valid.
    fn unescape(&self, raw: &str, to: &mut String);
}
