//! JSON that does not stand one object a line, as if it did: the elements of a list that is the whole file, and objects on
//! several lines each. What goes through is worked on byte by byte, and nothing of it is kept.
//!
//! A record comes out on the line on which it begins, and the lines that it took come out empty behind it, so that lines have
//! their numbers; of several records on one line each but the first is on a line of its own, which is taken out of the empty ones
//! that follow. What is no JSON stays as it is: it is for the decoder to refuse.

use std::io::{self, Read};

/// What a line break inside a text is read as: no text may hold either.
const NO_LINE_BREAK: u8 = 0x0b;

const BYTES: usize = 64 << 10;

/// The records of `R`, one a line.
pub(super) struct JsonRecords<R> {
    from: R,
    input: Vec<u8>,
    at: usize,
    first: bool,
    /// Lists and objects that are open in a record.
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The list that the file is was opened.
    in_list: bool,
    /// Something of a record came out.
    open: bool,
    /// Line breaks that a record had.
    had: u64,
    /// Line breaks that are to come out now.
    due: u64,
    /// Line breaks that came out and were not there.
    ahead: u64,
}

impl<R: Read> JsonRecords<R> {
    pub fn new(from: R) -> Self {
        Self {
            from,
            input: Vec::new(),
            at: 0,
            first: true,
            depth: 0,
            in_string: false,
            escaped: false,
            in_list: false,
            open: false,
            had: 0,
            due: 0,
            ahead: 0,
        }
    }

    pub fn into_inner(self) -> R {
        self.from
    }

    /// The next byte of the file.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.input.len() {
            self.input.resize(BYTES, 0);
            let length = loop {
                match self.from.read(&mut self.input) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            self.input.truncate(*length.as_ref().unwrap_or(&0));
            self.at = 0;
            if length? == 0 {
                return Ok(None);
            }
        }
        let byte = self.input[self.at];
        self.at += 1;
        Ok(Some(byte))
    }

    /// What comes out for `byte`, before the line breaks that are due.
    fn take(&mut self, byte: u8) -> Option<u8> {
        if self.in_string {
            match (self.escaped, byte) {
                (true, _) => self.escaped = false,
                (false, b'\\') => self.escaped = true,
                (false, b'"') => self.in_string = false,
                _ => {}
            }
            self.had += u64::from(byte == b'\n');
            return Some(if byte == b'\n' { NO_LINE_BREAK } else { byte });
        }
        match byte {
            b'\n' if !self.open => {
                self.due = 1;
                self.give_back(0);
                None
            }
            // A word, or what is no JSON, ends with its line.
            b'\n' if self.depth == 0 => {
                self.had += 1;
                self.end();
                None
            }
            b'\n' => {
                self.had += 1;
                Some(b' ')
            }
            b' ' | b'\t' | b'\r' if !self.open => None,
            b'[' if self.depth == 0 && !self.open && !self.in_list => {
                self.in_list = true;
                None
            }
            b']' if self.depth == 0 && self.in_list => {
                self.in_list = false;
                self.end();
                None
            }
            b',' if self.depth == 0 && self.in_list => {
                self.end();
                None
            }
            _ => {
                self.open = true;
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            self.end();
                        }
                    }
                    _ => {}
                }
                Some(byte)
            }
        }
    }

    /// The record has ended, if there was one.
    fn end(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        self.due = std::mem::take(&mut self.had);
        if self.due == 0 {
            (self.due, self.ahead) = (1, self.ahead + 1);
        } else {
            self.give_back(1);
        }
    }

    /// Takes line breaks that came out too many from those that are due, of which `least` must come.
    fn give_back(&mut self, least: u64) {
        let given = self.ahead.min(self.due - least);
        (self.ahead, self.due) = (self.ahead - given, self.due - given);
    }
}

impl<R: Read> Read for JsonRecords<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        while length < to.len() {
            if self.due > 0 {
                self.due -= 1;
                to[length] = b'\n';
                length += 1;
                continue;
            }
            let Some(byte) = self.byte()? else { break };
            // A byte order mark is no part of a record.
            let is_mark = self.first && matches!(byte, 0xef | 0xbb | 0xbf);
            self.first = is_mark;
            if let Some(byte) = if is_mark { Some(byte) } else { self.take(byte) } {
                to[length] = byte;
                length += 1;
            }
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_on_the_lines_on_which_they_begin() {
        for (text, lines) in [
            ("[{\"a\":1},{\"a\":2}]", "{\"a\":1}\n{\"a\":2}\n"),
            ("[\n {\"a\":1},\n {\"a\":2}\n]\n", "\n{\"a\":1}\n{\"a\":2}\n\n"),
            ("\u{feff}[\n{\n\"a\": [1,\n2]\n}\n,{}]", "\u{feff}\n{ \"a\": [1, 2] }\n\n\n\n{}\n"),
            ("{\n\"a\": \"]},{\\\"\"\n}\n{\n\"a\": 2\n}\n", "{ \"a\": \"]},{\\\"\" }\n\n\n{ \"a\": 2 }\n\n\n"),
            ("[{\"a\":1},{\"b\":[{}]}\n,{\"c\":3}]", "{\"a\":1}\n{\"b\":[{}]}\n{\"c\":3}\n"),
            ("[{\"a\":\"x\ny\"},\n1, [2], oops\n]", "{\"a\":\"x\u{b}y\"}\n\n1\n[2]\noops\n"),
            ("[]", ""),
            ("[{\"a\":1}", "{\"a\":1}\n"),
            ("[{\"a\":", "{\"a\":"),
        ] {
            for most in [1, 3, 4096] {
                let mut records = JsonRecords::new(text.as_bytes());
                let (mut out, mut part) = (Vec::new(), vec![0; most]);
                loop {
                    match records.read(&mut part).unwrap() {
                        0 => break,
                        length => out.extend(&part[..length]),
                    }
                }
                assert_eq!(String::from_utf8(out).unwrap(), lines, "{text}");
            }
        }
    }
}
