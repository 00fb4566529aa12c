//! A reader of JSON without any shortcut: RFC 8259 a character at a time.

/// A value as it is written.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    pub written: &'a str,
    pub shape: Shape<'a>,
}

/// What it is.
#[derive(Debug, Clone)]
pub enum Shape<'a> {
    Null,
    Bool,
    Number,
    Text(String),
    List(Vec<Value<'a>>),
    Object(Vec<(String, Value<'a>)>),
}

/// A reader of JSON without any shortcut.
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// All of `text` as one value.
    pub fn whole(text: &'a str) -> Option<Value<'a>> {
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
        let shape = match self.peek()? {
            '"' => Shape::Text(self.string()?),
            '[' | '{' if depth >= 128 => return None,
            '[' => {
                let mut items = Vec::new();
                self.members('[', ']', |reader| {
                    items.push(reader.value(depth + 1)?);
                    Some(())
                })?;
                Shape::List(items)
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
                Shape::Object(fields)
            }
            'n' => self.word("null").map(|()| Shape::Null)?,
            't' => self.word("true").map(|()| Shape::Bool)?,
            'f' => self.word("false").map(|()| Shape::Bool)?,
            _ => self.number().map(|()| Shape::Number)?,
        };
        Some(Value { written: &self.text[start..self.at], shape })
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
