//! The command by which a trial is repeated.

use crate::args::VerifyArgs;

/// The command line that tries this operator in the same way; `is_one_of_several`: it has to be named.
pub(super) fn command(args: &VerifyArgs, operator: &str, is_one_of_several: bool) -> String {
    let mut words = vec!["millstream plugin verify".to_owned(), quoted(&args.path.display().to_string())];
    let mut option = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("--{name} {}", quoted(&value))));
    };
    option("operator", args.operator.clone().or_else(|| is_one_of_several.then(|| operator.to_owned())));
    args.with.iter().for_each(|(key, value)| option("with", Some(format!("{key}={value}"))));
    option("input", args.input.as_ref().map(|path| path.display().to_string()));
    option("columns", args.columns.clone());
    option("key", args.key.clone());
    option("event-time", args.event_time.clone());
    option("rows", Some(args.rows.to_string()));
    option("seed", Some(args.seed.to_string()));
    words.join(" ")
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_part_them() {
        assert_eq!(quoted("text=item"), "text=item");
        assert_eq!(quoted("card string, at timestamp"), "'card string, at timestamp'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
