//! `TABLE clicks PARTITION BY user` as an argument of a call, which standard SQL has for functions that take tables and the
//! parser does not: token by token it becomes a call of a function of this file's, whose first argument is the table, and
//! whose others are clauses of the same kind. What the parser has made of it is read again here.

use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectNamePart, Query,
};
use datafusion_sql::sqlparser::keywords::Keyword;
use datafusion_sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

/// What stands for `TABLE`, for `PARTITION BY` and for `ORDER BY`: no names that anybody would write.
const TABLE: &str = "TABLE …";
const PARTITION_BY: &str = "PARTITION BY …";
const ORDER_BY: &str = "ORDER BY …";

/// Words before a bracket in which `TABLE t` is a query, as the standard has it too.
const QUERY_FOLLOWS: [Keyword; 16] = [
    Keyword::FROM,
    Keyword::JOIN,
    Keyword::IN,
    Keyword::EXISTS,
    Keyword::AS,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::ALL,
    Keyword::ANY,
    Keyword::SOME,
    Keyword::DISTINCT,
    Keyword::LATERAL,
    Keyword::SELECT,
    Keyword::WHERE,
    Keyword::MATERIALIZED,
];

/// A bracket that is open.
enum Open {
    Bracket,
    /// The call that `TABLE` became, and whether a clause of it is open.
    Table {
        in_clause: bool,
    },
}

/// `tokens` with arguments that are tables as calls.
pub(super) fn respelled(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is_table = |token: &TokenWithSpan| keyword(&token.token) == Some(Keyword::TABLE);
    if !tokens.iter().any(is_table) {
        return tokens;
    }
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let TokenWithSpan { token, span } = &tokens[at];
        let (span, mut taken) = (*span, 1);
        let clause = match (open.last(), keyword(token)) {
            (Some(Open::Table { .. }), Some(Keyword::PARTITION)) => by(&tokens[at..]).map(|by| (PARTITION_BY, by)),
            (Some(Open::Table { .. }), Some(Keyword::ORDER)) => by(&tokens[at..]).map(|by| (ORDER_BY, by)),
            _ => None,
        };
        match (clause, token) {
            (Some((name, by)), _) => {
                if let Some(Open::Table { in_clause }) = open.last_mut()
                    && std::mem::replace(in_clause, true)
                {
                    out.push(TokenWithSpan { token: Token::RParen, span });
                }
                out.push(TokenWithSpan { token: Token::Comma, span });
                out.extend(opened(name, span.union(&tokens[at + by].span)));
                taken = by + 1;
            }
            (None, Token::Word(_)) if is_table(&tokens[at]) && is_argument(&out, &tokens[at + 1..]) => {
                out.extend(opened(TABLE, span));
                open.push(Open::Table { in_clause: false });
            }
            (None, Token::LParen) => {
                open.push(Open::Bracket);
                out.push(tokens[at].clone());
            }
            (None, Token::RParen) => {
                if let Some(Open::Table { in_clause }) = open.last() {
                    out.extend((0..=usize::from(*in_clause)).map(|_| TokenWithSpan { token: Token::RParen, span }));
                    open.pop();
                }
                open.pop();
                out.push(tokens[at].clone());
            }
            _ => out.push(tokens[at].clone()),
        }
        at += taken;
    }
    out
}

/// The name `name` and a bracket.
fn opened(name: &str, span: Span) -> [TokenWithSpan; 2] {
    let word = Word { value: name.to_owned(), quote_style: Some('"'), keyword: Keyword::NoKeyword };
    [Token::Word(word), Token::LParen].map(|token| TokenWithSpan { token, span })
}

fn keyword(token: &Token) -> Option<Keyword> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

fn is_solid(token: &TokenWithSpan) -> bool {
    !matches!(token.token, Token::Whitespace(_))
}

/// Where `BY` stands, if it is the next word but one of `tokens`.
fn by(tokens: &[TokenWithSpan]) -> Option<usize> {
    let at = (1..tokens.len()).find(|at| is_solid(&tokens[*at]))?;
    (keyword(&tokens[at].token) == Some(Keyword::BY)).then_some(at)
}

/// Whether what stands between these is the first argument of a call, and the table follows.
fn is_argument(before: &[TokenWithSpan], behind: &[TokenWithSpan]) -> bool {
    let mut before = before.iter().rev().filter(|token| is_solid(token)).map(|token| &token.token);
    let in_brackets = before.next() == Some(&Token::LParen);
    let of_call = before.next().is_some_and(|token| match token {
        Token::Word(_) => keyword(token).is_none_or(|keyword| !QUERY_FOLLOWS.contains(&keyword)),
        _ => false,
    });
    let follows = behind.iter().find(|token| is_solid(token));
    in_brackets && of_call && follows.is_some_and(|token| matches!(token.token, Token::Word(_) | Token::LParen))
}

/// The table that an argument is.
#[derive(Debug)]
pub(in crate::sql) enum Source {
    /// A node, or a `WITH` query, by its name.
    Named(Ident),
    /// A query in its place.
    Query(Box<Query>),
}

/// An argument that is a table.
#[derive(Debug)]
pub(in crate::sql) struct TableArgument {
    pub source: Source,
    /// The expressions of `PARTITION BY`; none where it is not there.
    pub partition_by: Option<Vec<Expr>>,
    /// Those of `ORDER BY`.
    pub order_by: Option<Vec<Expr>>,
}

/// Whether a function is what stands for `TABLE`.
pub(in crate::sql) fn is_table(function: &Function) -> bool {
    called(function) == Some(TABLE)
}

/// The arguments of `argument` as a table, if it is one: the name of a node, also by itself, or `TABLE …`.
pub(in crate::sql) fn named_mut(argument: &mut Expr) -> Option<&mut Ident> {
    match argument {
        Expr::Identifier(ident) => Some(ident),
        Expr::Nested(inner) => named_mut(inner),
        Expr::Function(f) if is_table(f) => match &mut f.args {
            FunctionArguments::List(list) => match list.args.first_mut() {
                Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) => named_mut(first),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// `argument` as a table, and whether it says `TABLE`; none if it is something else.
pub(in crate::sql) fn table_argument(argument: Expr) -> Option<(TableArgument, bool)> {
    match argument {
        Expr::Identifier(ident) => {
            Some((TableArgument { source: Source::Named(ident), partition_by: None, order_by: None }, false))
        }
        Expr::Function(f) if is_table(&f) => {
            let mut given = arguments(f)?.into_iter();
            let mut table = TableArgument { source: source(given.next()?)?, partition_by: None, order_by: None };
            for clause in given {
                let Expr::Function(clause) = clause else { return None };
                let into = match called(&clause)? {
                    PARTITION_BY => &mut table.partition_by,
                    ORDER_BY => &mut table.order_by,
                    _ => return None,
                };
                // `(a, b)` is a list as well as `a, b`.
                let listed = in_brackets(arguments(clause)?);
                if into.replace(listed).is_some() {
                    return None;
                }
            }
            Some((table, true))
        }
        _ => None,
    }
}

fn source(argument: Expr) -> Option<Source> {
    match argument {
        Expr::Identifier(ident) => Some(Source::Named(ident)),
        Expr::Nested(inner) => source(*inner),
        Expr::Subquery(query) => Some(Source::Query(query)),
        _ => None,
    }
}

fn in_brackets(listed: Vec<Expr>) -> Vec<Expr> {
    let open = |expr: Expr| match expr {
        Expr::Tuple(several) => several,
        Expr::Nested(one) => vec![*one],
        other => vec![other],
    };
    listed.into_iter().flat_map(open).collect()
}

fn called(function: &Function) -> Option<&str> {
    match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(name)] if name.quote_style.is_some() => Some(&name.value),
        _ => None,
    }
}

fn arguments(function: Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = function.args else { return None };
    let plain = |argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    };
    list.args.into_iter().map(plain).collect()
}
