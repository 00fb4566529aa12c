//! Queries that are nested too deep, found among the tokens: the parser and the planner climb trees on a stack that has an
//! end, and what they say of a tree that is too deep has no place.

use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::parser::ParserError;
use datafusion_sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Operators in a row, at most: each is a level of the tree that the planner climbs.
const CHAIN: usize = 500;

/// What is said of more than [`CHAIN`] operators.
pub(in crate::sql) const TOO_MANY: &str = "Too many operators in a row";

/// Brackets, sub-queries, calls and `CASE` inside each other, at most; names with points between them too.
const NESTED: usize = 50;

/// What is said of more than [`NESTED`].
pub(in crate::sql) const TOO_DEEP: &str = "Nested too deep";

/// Calls that have a syntax of their own, inside each other, at most. Where there is a mistake in one the parser reads it
/// twice, in two ways: it would read what is this deep a hundred thousand times.
const READ_TWICE: usize = 16;

/// What is said of more than [`READ_TWICE`].
pub(in crate::sql) const TOO_MANY_CASTS: &str = "Nested too deep to be read";

/// An open bracket, or `CASE`.
#[derive(Default)]
struct Open {
    is_case: bool,
    read_twice: bool,
    /// Operators in it so far, since the last comma.
    operators: usize,
}

/// Refuses `((((…` and `a OR b OR …` beyond measure, before it is a tree.
pub(super) fn refuse_depth(tokens: &[TokenWithSpan]) -> Result<(), ParserError> {
    let mut open = vec![Open::default()];
    let (mut unions, mut points) = (0, 0);
    let mut before = Keyword::NoKeyword;
    for token in tokens {
        let mut operator = false;
        let fresh = |open: &mut Vec<Open>| open.last_mut().map_or((), |last| last.operators = 0);
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen | Token::LBracket => {
                // An element of a list is taken out of what stands before it.
                if let Some(last) = open.last_mut() {
                    last.operators += usize::from(token.token == Token::LBracket);
                }
                open.push(Open { read_twice: is_read_twice(before), ..Open::default() });
            }
            Token::RParen | Token::RBracket => while open.pop().is_some_and(|closed| closed.is_case) {},
            Token::Comma | Token::SemiColon => fresh(&mut open),
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Period => {}
            Token::Word(word) => match word.keyword {
                Keyword::SELECT | Keyword::FROM | Keyword::WHERE | Keyword::WHEN | Keyword::THEN => fresh(&mut open),
                Keyword::UNION => unions += 1,
                Keyword::CASE if points == 0 => open.push(Open { is_case: true, ..Open::default() }),
                Keyword::END if points == 0 && open.last().is_some_and(|last| last.is_case) => {
                    open.pop();
                }
                keyword => operator = is_operator(keyword),
            },
            _ => operator = true,
        }
        if open.is_empty() {
            open.push(Open::default());
        }
        let chain = open.last_mut().map_or(0, |last| {
            last.operators += usize::from(operator);
            last.operators
        });
        points = match &token.token {
            Token::Period => points + 1,
            Token::Word(_) if points > 0 && before == Keyword::NoKeyword => points,
            _ => 0,
        };
        before = match &token.token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        let too_much = if chain > CHAIN || unions > CHAIN {
            TOO_MANY
        } else if open.len() > NESTED || points > NESTED {
            TOO_DEEP
        } else if open.iter().filter(|o| o.read_twice).count() > READ_TWICE {
            TOO_MANY_CASTS
        } else {
            continue;
        };
        let at = token.span.start;
        return Err(ParserError::ParserError(format!("{too_much} at Line: {}, Column: {}", at.line, at.column)));
    }
    Ok(())
}

/// Words that stand between values, or behind or before one, and are a level of the tree each.
fn is_operator(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::AND
            | K::OR
            | K::XOR
            | K::NOT
            | K::IS
            | K::NOTNULL
            | K::LIKE
            | K::ILIKE
            | K::SIMILAR
            | K::RLIKE
            | K::REGEXP
            | K::BETWEEN
            | K::AT
            | K::COLLATE
            | K::INTERVAL
            | K::DIV
            | K::OVERLAPS
            | K::JOIN
    )
}

fn is_read_twice(keyword: Keyword) -> bool {
    use Keyword as K;
    matches!(
        keyword,
        K::CAST
            | K::TRY_CAST
            | K::SAFE_CAST
            | K::CONVERT
            | K::TRY_CONVERT
            | K::EXTRACT
            | K::CEIL
            | K::FLOOR
            | K::POSITION
            | K::SUBSTR
            | K::SUBSTRING
            | K::OVERLAY
            | K::TRIM
    )
}
