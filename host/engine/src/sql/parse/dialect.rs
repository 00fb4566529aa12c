//! Query text to statements: SQL as the parser's general dialect has it, and what users of Spark, DuckDB and `psql` write
//! beside it.
//!
//! What the parser reads wrongly or not at all is respelled token by token, so that places in the text stay as they are:
//! `!` and `&&` are `NOT` and `AND`, and `IS [NOT] DISTINCT FROM` is one operator, which binds as `IS` does (the parser would take
//! all that follows, `a IS DISTINCT FROM b AND c`, for its right side); tables as arguments are in [`table_arguments`]. What it reads to a tree that the planner has no
//! meaning for is put into other words in [`crate::sql::spelling`].

use datafusion_sql::sqlparser::ast::Statement;
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::depth::refuse_depth;
use super::table_arguments;

/// The operator that `IS DISTINCT FROM` is read as.
pub(in crate::sql) const DISTINCT_FROM: &str = "IS DISTINCT FROM";
/// The operator that `IS NOT DISTINCT FROM` is read as.
pub(in crate::sql) const NOT_DISTINCT_FROM: &str = "IS NOT DISTINCT FROM";

/// How deep the parser may go. [`refuse_depth`] refuses before it comes to that, and says where.
const PARSER_DEPTH: usize = 1000;

/// The statements of `text`.
///
/// # Errors
/// It is no SQL.
pub(in crate::sql) fn statements(text: &str) -> Result<Vec<Statement>, ParserError> {
    let tokens = Tokenizer::new(&GenericDialect, text).tokenize_with_location()?;
    refuse_depth(&tokens)?;
    let parser = Parser::new(&GenericDialect).with_recursion_limit(PARSER_DEPTH);
    let tokens = respelled(table_arguments::respelled(tokens));
    parser.with_tokens_with_locations(tokens).parse_statements()
}

/// `tokens` with those that the parser would misread in other words, at the same places.
fn respelled(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let operators: [(&[Keyword], &str); 2] = [
            (&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM], DISTINCT_FROM),
            (&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM], NOT_DISTINCT_FROM),
        ];
        let operator = operators.iter().find_map(|(words, name)| Some((words_from(&tokens[at..], words)?, name)));
        let (taken, read) = match (operator, &token.token) {
            (Some((taken, name)), _) => (taken, Token::CustomBinaryOperator((*name).to_owned())),
            (None, Token::ExclamationMark) => (1, Token::make_keyword("NOT")),
            (None, Token::Overlap) => (1, Token::make_keyword("AND")),
            (None, Token::Word(word)) if word.keyword == Keyword::DIV && divides(&out, &tokens[at + 1..]) => {
                (1, Token::DuckIntDiv)
            }
            (None, other) => (1, other.clone()),
        };
        out.push(TokenWithSpan { token: read, span: token.span });
        at += taken;
    }
    out
}

/// Whether `DIV` stands between two values.
fn divides(before: &[TokenWithSpan], behind: &[TokenWithSpan]) -> bool {
    let solid = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let left = before.iter().rev().find(solid).is_some_and(|t| match &t.token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword || word.quote_style.is_some(),
        token => matches!(token, Token::Number(..) | Token::RParen | Token::RBracket),
    });
    let right = behind.iter().find(solid).is_some_and(|t| match &t.token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword || word.quote_style.is_some(),
        token => matches!(token, Token::Number(..) | Token::LParen | Token::Minus),
    });
    left && right
}

/// How many of `tokens` are `words` and the white space between them, if they begin with these.
fn words_from(tokens: &[TokenWithSpan], words: &[Keyword]) -> Option<usize> {
    let mut left = words.iter();
    let mut next = left.next()?;
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::Whitespace(_) if at > 0 => {}
            Token::Word(word) if word.keyword == *next => match left.next() {
                Some(more) => next = more,
                None => return Some(at + 1),
            },
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_from_binds_as_is_does() {
        for (text, read) in [
            ("SELECT 1 WHERE x = 1 AND a IS NOT DISTINCT FROM b OR c", "x = 1 AND a IS NOT DISTINCT FROM b OR c"),
            ("SELECT 1 WHERE !a && b is distinct\nfrom c", "NOT a AND b IS DISTINCT FROM c"),
        ] {
            let statements = statements(text).unwrap();
            assert_eq!(statements[0].to_string(), format!("SELECT 1 WHERE {read}"));
            let Statement::Query(query) = &statements[0] else { panic!("no query") };
            let whole = format!("{:?}", query.body.as_select().unwrap().selection);
            let top = if text.contains("OR") { "op: Or" } else { "op: And" };
            assert!(whole.rfind(top).unwrap() > whole.rfind("Custom").unwrap_or(0) || whole.find(top).is_some());
        }
    }
}
