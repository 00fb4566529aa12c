//! What the objects of JSON lines hold. Lines are walked that a decoder has found to be good, so nothing is checked here.

use super::kinds::{Kinds, Members};

/// Notes what the object in `line` holds.
pub(super) fn walk(line: &str, columns: &mut Members) {
    columns.begin();
    let mut cursor = Cursor { text: line, at: 0 };
    cursor.object(columns);
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next byte that is no white space, a comma or a colon: these say nothing in what is known to be JSON.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let gap = rest.iter().position(|b| !matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':'))?;
        self.at += gap;
        Some(rest[gap])
    }

    fn object(&mut self, fields: &mut Members) {
        if self.peek() != Some(b'{') {
            return;
        }
        self.at += 1;
        while self.peek() == Some(b'"') {
            let (key, escaped) = self.string();
            let unescaped;
            let key = if escaped {
                unescaped = serde_json::from_str::<String>(&format!("\"{key}\"")).unwrap_or_else(|_| key.to_owned());
                unescaped.as_str()
            } else {
                key
            };
            self.value(fields.get(key));
        }
        // Its closing brace.
        self.at += 1;
    }

    fn value(&mut self, kinds: &mut Kinds) {
        match self.peek() {
            Some(b'{' | b'[') if kinds.is_text() => self.skip(),
            Some(b'{') => {
                let fields = kinds.object();
                self.object(fields);
            }
            Some(b'[') => {
                let items = kinds.list();
                self.at += 1;
                while self.peek().is_some_and(|byte| byte != b']') {
                    self.value(items);
                }
                self.at += 1;
            }
            Some(b'"') => match self.string() {
                (_, true) => kinds.text(),
                (text, false) => kinds.string(text),
            },
            Some(first) => {
                let word = self.word();
                match first {
                    b't' | b'f' => kinds.boolean(),
                    b'n' => {}
                    _ if kinds.is_text() => {}
                    _ => kinds.number(word),
                }
            }
            None => {}
        }
    }

    /// The string that begins here, without its quotes, and whether there are escapes in it.
    fn string(&mut self) -> (&'a str, bool) {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut from = start;
        let mut escaped = false;
        while let Some(length) = memchr::memchr2(b'"', b'\\', &bytes[from.min(bytes.len())..]) {
            let at = from + length;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return (&self.text[start..at], escaped);
            }
            escaped = true;
            from = at + 2;
        }
        self.at = bytes.len();
        (&self.text[start.min(bytes.len())..], escaped)
    }

    /// A number or a name.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len()).max(1).min(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Goes past a list or an object.
    fn skip(&mut self) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => drop(self.string()),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => drop(self.word()),
            }
        }
    }
}
