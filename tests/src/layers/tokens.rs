//! A source file as the words and signs of its code: without comments, texts, and what only tests see.

/// A word, or a sign; `::` is one sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// The tokens of `source`, those of tests left out.
pub fn tokens(source: &str) -> Vec<Token> {
    without_tests(&all_tokens(source))
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn all_tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut tokens, mut i, mut line) = (Vec::new(), 0, 1);
    while i < chars.len() {
        let from = i;
        let mut token = None;
        match at(i) {
            '/' if at(i + 1) == '/' => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            '/' if at(i + 1) == '*' => {
                i += 2;
                while i < chars.len() && !(at(i) == '*' && at(i + 1) == '/') {
                    i += 1;
                }
                i += 2;
            }
            '"' => i = end_of_text(&chars, i),
            // A text that is taken as it stands, r#"…"#; but r#type is a word.
            'r' if (at(i + 1) == '"' || at(i + 1) == '#') && raw_text(&chars, i).is_some() => {
                i = raw_text(&chars, i).unwrap_or(i + 1);
            }
            // A character; a lifetime has no second quote.
            '\'' if at(i + 1) == '\\' => i += 3 + chars[i + 3..].iter().take_while(|c| **c != '\'').count() + 1,
            '\'' if at(i + 2) == '\'' => i += 3,
            ':' if at(i + 1) == ':' => {
                i += 2;
                token = Some("::".to_owned());
            }
            c if is_letter(c) => {
                i += chars[i..].iter().take_while(|c| is_letter(**c)).count();
                // b"…" and br"…" are texts.
                let letters: String = chars[from..i].iter().collect();
                token = (!(letters == "b" && at(i) == '"')).then_some(letters);
            }
            c => {
                i += 1;
                token = (!c.is_whitespace()).then(|| c.to_string());
            }
        }
        tokens.extend(token.map(|text| Token { text, line }));
        line += chars[from..i.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

/// Behind the text that begins with the quote at `from`.
fn end_of_text(chars: &[char], from: usize) -> usize {
    let mut i = from + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// Behind the raw text that begins with the `r` at `from`, if it is one.
fn raw_text(chars: &[char], from: usize) -> Option<usize> {
    let signs = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let mut i = from + 1 + signs;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    i += 1;
    while i < chars.len() {
        if chars[i] == '"' && chars[i + 1..].iter().take(signs).filter(|c| **c == '#').count() == signs {
            return Some(i + 1 + signs);
        }
        i += 1;
    }
    Some(i)
}

/// Without each item, field or statement that stands behind `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut left, mut i) = (Vec::new(), 0);
    while i < tokens.len() {
        if tokens[i..].len() >= MARK.len() && tokens[i..].iter().zip(MARK).all(|(token, mark)| token.text == mark) {
            i = end_of_item(tokens, i + MARK.len());
        } else {
            left.push(tokens[i].clone());
            i += 1;
        }
    }
    left
}

/// Behind the item at `from`: its `;`, `,` or last brace. A brace that closes what it stands in is not its own.
fn end_of_item(tokens: &[Token], from: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" if depth == 0 => return i,
            ")" | "]" => depth -= 1,
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return i + 1;
                }
            }
            ";" | "," if depth == 0 => return i + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> String {
        tokens(source).into_iter().map(|w| w.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_texts_and_characters_are_no_code() {
        assert_eq!(texts("a // b\n/* c\n d */ e"), "a e");
        assert_eq!(texts(r##"f("a \" b", r#"c " d"#, b"e", 'f', '\'', '"', r#type)"##), "f ( , , , , , , r # type )");
        assert_eq!(texts("fn f<'a>(x: &'a str)"), "fn f < ' a > ( x : & ' a str )");
        let lines: Vec<usize> = tokens("a\n\"x\ny\"\nb").iter().map(|w| w.line).collect();
        assert_eq!(lines, [1, 4]);
    }

    #[test]
    fn what_only_tests_see_is_left_out() {
        assert_eq!(texts("a;\n#[cfg(test)]\nmod tests { use b::c; fn f() {} }\nd;"), "a ; d ;");
        assert_eq!(texts("#[cfg(test)]\nmod tests;\nd;"), "d ;");
        assert_eq!(texts("struct S { #[cfg(test)] a: u8, b: u8, #[cfg(test)] c: u8 }"), "struct S { b : u8 , }");
        assert_eq!(
            texts("#[cfg(any(test, feature = \"x\"))] mod a;"),
            "# [ cfg ( any ( test , feature = ) ) ] mod a ;"
        );
    }
}
