//! Scans one line of JSON: makes sure that it is one object and finds the values of the wanted keys in it.

use super::keys::{Keys, MAX_LEARNED};
use super::strings::{plain_until, unescape};
use crate::format::decode::slots::Slot;

/// Deepest nesting of a value: it bounds the recursion, whatever a line holds.
const MAX_DEPTH: u32 = 128;

/// Where a line is no JSON, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format::decode) struct Wrong {
    /// Byte of the chunk.
    pub at: usize,
    pub what: &'static str,
}

/// A cursor in one line. It reads from the whole chunk: a newline, being a control character, ends every token.
pub(in crate::format::decode) struct Scan<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    /// It is known to be JSON: only where values begin and end is looked for.
    known: bool,
}

impl<'a> Scan<'a> {
    /// The line `start..end` of `text`.
    pub fn new(text: &'a str, start: usize, end: usize) -> Self {
        Self { text, at: start, end, known: false }
    }

    /// The value `start..end` of a line that was scanned.
    pub fn again(text: &'a str, start: usize, end: usize) -> Self {
        Self { text, at: start, end, known: true }
    }

    /// Reads the line's object; `slots[i]` becomes the value of wanted key `i`, untouched if there is none.
    #[inline]
    pub fn object(mut self, keys: &mut Keys<'_>, slots: &mut [Slot]) -> Result<(), Wrong> {
        self.skip_space();
        if self.peek() != Some(b'{') {
            return self.wrong("an object expected");
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
        } else {
            let mut member = 0;
            loop {
                let wanted = self.key(keys, member)?;
                member += 1;
                let (start, escaped) = self.value(1)?;
                if let Some(slot) = wanted.map(|i| &mut slots[i]) {
                    let is_null = self.text.as_bytes()[start] == b'n';
                    *slot = if is_null { Slot::MISSING } else { Slot::new(start, self.at, escaped) };
                }
                if !self.another(b'}', "`,` or `}` expected")? {
                    break;
                }
            }
        }
        self.skip_space();
        if self.at < self.end { self.wrong("something follows the object") } else { Ok(()) }
    }

    /// Reads a list that is all of the text; its items are added to `slots`.
    pub fn items(mut self, slots: &mut Vec<Slot>) -> Result<(), Wrong> {
        if self.peek() != Some(b'[') {
            return self.wrong("a list expected");
        }
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(b']') {
            return Ok(());
        }
        loop {
            let (start, escaped) = self.value(1)?;
            let is_null = self.text.as_bytes()[start] == b'n';
            slots.push(if is_null { Slot::MISSING } else { Slot::new(start, self.at, escaped) });
            if !self.another(b']', "`,` or `]` expected")? {
                return Ok(());
            }
        }
    }

    /// Reads a key and its colon; which of the wanted keys it is.
    #[inline]
    fn key(&mut self, keys: &mut Keys<'_>, member: usize) -> Result<Option<usize>, Wrong> {
        if self.peek() != Some(b'"') {
            return self.wrong("a key in quotes expected");
        }
        let rest = &self.text.as_bytes()[self.at + 1..self.end];
        let wanted = match keys.before.get(member) {
            Some((key, wanted)) if rest.starts_with(key) => {
                self.at += 1 + key.len();
                *wanted
            }
            _ => self.other_key(keys, member)?,
        };
        self.skip_space();
        if self.peek() != Some(b':') {
            return self.wrong("`:` expected");
        }
        self.at += 1;
        self.skip_space();
        Ok(wanted)
    }

    /// A key that the line before did not have in this place.
    #[cold]
    fn other_key(&mut self, keys: &mut Keys<'_>, member: usize) -> Result<Option<usize>, Wrong> {
        let start = self.at + 1;
        let escaped = self.string()?;
        let written = &self.text[start..self.at];
        let raw = &written[..written.len() - 1];
        let mut unescaped = String::new();
        let key = if escaped {
            unescape(raw, &mut unescaped).expect("the string was looked at");
            &unescaped
        } else {
            raw
        };
        let wanted = keys.wanted.iter().position(|w| *w == key);
        keys.sightings.key(key);
        let learned = (written.as_bytes().into(), wanted);
        if let Some(before) = keys.before.get_mut(member) {
            *before = learned;
        } else if member < MAX_LEARNED {
            keys.before.push(learned);
        }
        Ok(wanted)
    }

    /// Reads a value; where it starts, and whether it is a string with escapes.
    #[inline]
    fn value(&mut self, depth: u32) -> Result<(usize, bool), Wrong> {
        let start = self.at;
        let mut escaped = false;
        match self.peek() {
            Some(b'"') => escaped = self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{' | b'[') => self.nested(depth + 1)?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            _ => return self.wrong("a value expected"),
        }
        Ok((start, escaped))
    }

    /// Reads a string; whether it holds escapes.
    #[inline]
    fn string(&mut self) -> Result<bool, Wrong> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = plain_until(bytes, start);
        let mut escaped = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    // Whatever is escaped is no end; `unescape` says below whether it may be.
                    let skipped = if bytes.get(at + 1).is_some_and(|b| *b >= b' ') { 2 } else { 1 };
                    at = plain_until(bytes, at + skipped);
                }
                Some(b'\n') | None => {
                    self.at = self.end;
                    return self.wrong("the string has no end");
                }
                Some(_) => {
                    self.at = at;
                    return self.wrong("a control character in a string");
                }
            }
        }
        if escaped
            && !self.known
            && let Err((offset, what)) = unescape(&self.text[start..at], &mut String::new())
        {
            self.at = start + offset;
            return self.wrong(what);
        }
        self.at = at + 1;
        Ok(escaped)
    }

    #[inline]
    fn number(&mut self) -> Result<(), Wrong> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.wrong("a digit expected"),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), Wrong> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.wrong("a digit expected");
        }
        self.digits();
        Ok(())
    }

    #[inline]
    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Wrong> {
        if !self.text.as_bytes()[self.at..self.end].starts_with(word.as_bytes()) {
            return self.wrong("a value expected");
        }
        self.at += word.len();
        Ok(())
    }

    fn nested(&mut self, depth: u32) -> Result<(), Wrong> {
        if depth > MAX_DEPTH {
            return self.wrong("nested too deep");
        }
        if self.known {
            return self.skip_nested();
        }
        let is_object = self.peek() == Some(b'{');
        let close = if is_object { b'}' } else { b']' };
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if is_object {
                if self.peek() != Some(b'"') {
                    return self.wrong("a key in quotes expected");
                }
                self.string()?;
                self.skip_space();
                if self.peek() != Some(b':') {
                    return self.wrong("`:` expected");
                }
                self.at += 1;
                self.skip_space();
            }
            self.value(depth)?;
            let what = if is_object { "`,` or `}` expected" } else { "`,` or `]` expected" };
            if !self.another(close, what)? {
                return Ok(());
            }
        }
    }

    /// Goes behind a list or object that is known to be one: of what is in it brackets and strings count.
    fn skip_nested(&mut self) -> Result<(), Wrong> {
        let mut open = 0u32;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
        self.wrong("`}` or `]` expected")
    }

    /// Reads what stands behind a member: whether another one follows.
    #[inline]
    fn another(&mut self, close: u8, expected: &'static str) -> Result<bool, Wrong> {
        self.skip_space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => self.wrong(expected),
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        if self.at < self.end { Some(self.text.as_bytes()[self.at]) } else { None }
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    fn wrong<T>(&self, what: &'static str) -> Result<T, Wrong> {
        Err(Wrong { at: self.at, what })
    }
}
