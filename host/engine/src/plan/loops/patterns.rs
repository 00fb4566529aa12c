//! Whether two patterns of paths have a path in common.

use std::path::{Component, Path};

use glob::Pattern;

/// One part of a path, between two slashes.
#[derive(Debug, Clone)]
pub(super) enum PathPart {
    /// `**`: any number of folders.
    Folders,
    /// A name, or a pattern of names.
    Name(Vec<Token>),
}

#[derive(Debug, Clone)]
pub(super) enum Token {
    Is(char),
    /// `?`, or a class such as `[a-z]`.
    One(Option<Pattern>),
    /// `*`
    Any,
}

impl PathPart {
    /// A part of a glob.
    pub fn new(text: &str) -> Self {
        if text == "**" {
            return Self::Folders;
        }
        let mut tokens = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            tokens.push(match c {
                '*' => Token::Any,
                '?' => Token::One(None),
                '[' => class(&mut rest),
                c => Token::Is(c),
            });
        }
        Self::Name(tokens)
    }
}

/// The class whose bracket was just read: a `]` right at its beginning is one of its characters.
fn class(rest: &mut std::str::Chars<'_>) -> Token {
    let text = rest.as_str();
    let begin = if text.starts_with('!') { 2 } else { 1 };
    let end = text.char_indices().skip(begin).find(|(_, c)| *c == ']').map(|(at, _)| at);
    let Some(end) = end else { return Token::One(None) };
    let class = Pattern::new(&format!("[{}]", &text[..end])).ok();
    *rest = text[end + 1..].chars();
    Token::One(class)
}

/// The parts of a path, in which only `*` is a wildcard.
pub(super) fn parts(path: &Path) -> Vec<PathPart> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    names
        .map(|name| PathPart::Name(name.chars().map(|c| if c == '*' { Token::Any } else { Token::Is(c) }).collect()))
        .collect()
}

/// Whether `read` and `written`, which has no `**`, have a path in common.
pub(super) fn matches(read: &[PathPart], written: &[PathPart]) -> bool {
    match (read, written) {
        ([], []) => true,
        // At the end it stands for all files below.
        ([PathPart::Folders], _) => !written.is_empty(),
        ([PathPart::Folders, rest @ ..], _) => (0..=written.len()).any(|skipped| matches(rest, &written[skipped..])),
        ([PathPart::Name(a), read @ ..], [PathPart::Name(b), written @ ..]) => {
            have_common_name(a, b) && matches(read, written)
        }
        _ => false,
    }
}

/// Whether two patterns of names have a name in common. Exact but for two classes, which are taken to have a
/// character in common.
fn have_common_name(a: &[Token], b: &[Token]) -> bool {
    // `reached[j]`: the beginnings of `a` so far and `b[..j]` have a name in common.
    let mut reached = vec![false; b.len() + 1];
    reached[0] = true;
    for (j, token) in b.iter().enumerate() {
        reached[j + 1] = reached[j] && matches!(token, Token::Any);
    }
    for one in a {
        let mut next = vec![false; b.len() + 1];
        next[0] = reached[0] && matches!(one, Token::Any);
        for (j, other) in b.iter().enumerate() {
            next[j + 1] = match (one, other) {
                (Token::Any, _) => reached[j + 1] || next[j] || reached[j],
                (_, Token::Any) => next[j] || reached[j + 1] || reached[j],
                _ => reached[j] && fits(one, other),
            };
        }
        reached = next;
    }
    reached[b.len()]
}

fn fits(a: &Token, b: &Token) -> bool {
    match (a, b) {
        (Token::Is(a), Token::Is(b)) => a == b,
        (Token::One(Some(class)), Token::Is(c)) | (Token::Is(c), Token::One(Some(class))) => {
            class.matches(c.encode_utf8(&mut [0; 4]))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob_parts(text: &str) -> Vec<PathPart> {
        text.split('/').map(PathPart::new).collect()
    }

    #[test]
    fn patterns_meet_where_a_path_fits_both() {
        for (read, written, meet) in [
            ("d/*.json", "d/part-*.json", true),
            ("d/*.csv", "d/part-*.json", false),
            ("d/*", "d/dead.jsonl", true),
            ("d/*.json", "d/dead.jsonl", false),
            ("d/[!p]*.json", "d/part-*.json", false),
            ("d/[a-q]*.json", "d/part-*.json", true),
            ("d/p?rt-*", "d/part-*.json", true),
            ("**/*.log", "s/log/*.log", true),
            ("**/*.log", "s/log/deep/*.log", true),
            ("**/x/*.log", "s/log/*.log", false),
            ("d/*/part*", "d/part-*.json", false),
            ("d/**/part*", "d/part-*.json", true),
            ("d/**", "d/part-*.json", true),
            ("d/**", "d/x/y/part-*.json", true),
            ("d/**", "e/part-*.json", false),
            ("d/*x*", "d/part-*.json", true),
            ("d/*.json.gz", "d/part-*.json", false),
        ] {
            assert_eq!(matches(&glob_parts(read), &parts(Path::new(written))), meet, "{read} {written}");
        }
    }

    proptest! {
        /// A pattern and a plain name meet when the name matches.
        #[test]
        fn a_name_meets_what_it_matches(pattern in "[ab*?]{0,6}", name in "[ab]{0,6}") {
            let plain = parts(Path::new(&format!("/{name}")));
            prop_assume!(pattern != "**" && !pattern.contains("**") && !name.is_empty());
            let expected = Pattern::new(&pattern).unwrap().matches(&name);
            prop_assert_eq!(matches(&[PathPart::new(&pattern)], &plain), expected);
        }
    }
}
