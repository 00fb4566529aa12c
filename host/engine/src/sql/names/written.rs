//! Names as they are to be written in a query: what a hint offers can be copied as it stands.

use datafusion_sql::sqlparser::ast::Ident;
use datafusion_sql::sqlparser::keywords::{RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS};
use datafusion_sql::sqlparser::tokenizer::{Token, Word};

use super::scope::{Known, Meant, meant};
use crate::job::suggest;

/// A hint for `wrong`: the nearest of `names`, if one is near, and all of them.
pub(in crate::sql) fn choices(wrong: &str, names: &[&str]) -> String {
    suggest::choices_shown(wrong, names.iter().copied(), |name| as_written(name, names))
}

/// The nearest of `names` as it is to be written, if one is near.
pub(in crate::sql) fn nearest(wrong: &str, names: &[&str]) -> Option<String> {
    suggest::nearest(wrong, names.iter().copied()).map(|name| as_written(name, names))
}

/// `name` in quotes.
pub(in crate::sql) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `name`, one of `all`, as it is to be written in a query: in quotes where it would mean something else without, or nothing.
fn as_written(name: &str, all: &[&str]) -> String {
    let known: Vec<Known> = all.iter().map(|name| Known::exact(*name)).collect();
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    let word = !name.is_empty() && !name.starts_with(|c: char| c.is_numeric()) && name.chars().all(plain);
    let keyword = match Token::make_word(name, None) {
        Token::Word(Word { keyword, .. }) => {
            RESERVED_FOR_COLUMN_ALIAS.contains(&keyword) || RESERVED_FOR_TABLE_ALIAS.contains(&keyword)
        }
        _ => true,
    };
    let means_it = meant(&Ident::new(name), &[known.iter().collect()]) == Meant::One(name.to_owned());
    if word && !keyword && means_it { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_in_quotes_where_it_means_nothing_or_another_without() {
        let all = ["id", "ID", "City", "a b", "order", "2nd", "q\"q", "größe", "value"];
        let expected = ["id", "\"ID\"", "City", "\"a b\"", "\"order\"", "\"2nd\"", "\"q\"\"q\"", "größe", "value"];
        for (name, expected) in all.iter().zip(expected) {
            assert_eq!(as_written(name, &all), expected);
        }
    }
}
