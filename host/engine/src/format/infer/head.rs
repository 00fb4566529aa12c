//! How a file begins: whether it is text at all, the header of a CSV file, whether JSON stands one object a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::format::decode::CsvDialect;
use crate::format::{Gunzip, packing_of, wide_encoding};

/// Bytes that are looked at; a header may be longer.
const BYTES: usize = 64 << 10;

/// The longest header.
const LONGEST: u64 = 8 << 20;

/// The beginning of a file's text, unpacked.
#[derive(Debug)]
pub struct Head(Vec<u8>);

/// Why a file is not read, though it may hold what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Its text is in this encoding, and not in UTF-8.
    Wide(&'static str),
    /// Its lines end with a carriage return alone.
    LoneReturns,
    /// It is packed, with this, which its name does not say or which is not read.
    Packed(&'static str),
}

impl Head {
    /// Reads the beginning of the file at `path`, up to the end of its first line that is not blank.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let gzip = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
        let plain: Box<dyn Read> = if gzip { Box::new(Gunzip::new(BufReader::new(file))) } else { Box::new(file) };
        let mut reader = BufReader::with_capacity(BYTES, plain.take(LONGEST));
        let mut bytes = Vec::new();
        reader.by_ref().take(BYTES as u64).read_to_end(&mut bytes)?;
        let mut head = Self(bytes);
        if head.first_line().is_some_and(|(_, whole)| !whole) {
            reader.read_until(b'\n', &mut head.0)?;
        }
        Ok(head)
    }

    /// The text without its byte order mark.
    fn text(&self) -> &[u8] {
        self.0.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.0)
    }

    /// The first line that is not blank, and whether its end was read.
    fn first_line(&self) -> Option<(&[u8], bool)> {
        let text = self.text();
        let start = text.iter().position(|b| !b.is_ascii_whitespace())?;
        let start = memchr::memrchr(b'\n', &text[..start]).map_or(0, |newline| newline + 1);
        let end = memchr::memchr(b'\n', &text[start..]);
        let line = &text[start..end.map_or(text.len(), |length| start + length)];
        Some((line.strip_suffix(b"\r").unwrap_or(line), end.is_some()))
    }

    /// The first record of a CSV file that is not blank, if it is UTF-8.
    pub fn header(&self, dialect: CsvDialect) -> Option<&str> {
        let (line, _) = self.first_line()?;
        let text = self.text();
        let start = line.as_ptr().addr() - text.as_ptr().addr();
        let (end, _) = dialect.record(text, start);
        std::str::from_utf8(&text[start..end]).ok()
    }

    /// Whether its lines end with a carriage return alone, as those of old Macs.
    pub fn has_lone_returns(&self) -> bool {
        let text = self.text().trim_ascii();
        text.contains(&b'\r') && !text.contains(&b'\n')
    }

    /// What it is packed with, whatever its name says.
    pub fn packing(&self) -> Option<&'static str> {
        packing_of(&self.0)
    }

    /// What its letters of several bytes each are, if it is not UTF-8.
    pub fn wide_encoding(&self) -> Option<&'static str> {
        wide_encoding(&self.0)
    }

    /// Whether its JSON begins as one that does not stand one object a line: as a list, or with an object on several lines.
    pub fn json_over_lines(&self) -> bool {
        let text = self.text().trim_ascii_start();
        let after = |at: usize| text[at..].trim_ascii_start().first();
        match text.first() {
            Some(b'[') => matches!(after(1), None | Some(b'{' | b']')),
            // An object that is not closed where its line ends, as a pretty printer leaves it, and goes on in the next one.
            Some(b'{') => memchr::memchr(b'\n', text).is_some_and(|end| {
                let is_open = matches!(text[..end].trim_ascii_end().last(), Some(b',' | b'{' | b'['));
                is_open && after(end).is_some_and(|next| *next != b'{')
            }),
            _ => false,
        }
    }
}
