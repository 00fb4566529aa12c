//! Map: the n-th word of a text column, in the new column `word`; null where there are fewer words, or no text. In SQL the
//! number may be the second argument: `nth(line, 2)`.

use millstream_guest::prelude::*;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "n": {"type": "integer", "minimum": 1, "description": "which word, counted from 1; in SQL it may be the second argument"},
    "separator": {"type": "string", "minLength": 1, "default": " ", "description": "what stands between words"},
    "column": {"type": "string", "default": "value", "description": "the column of texts"}
  },
  "additionalProperties": false
}"#;

/// The configuration and the column of texts.
pub struct NthWord {
    text: Input<Utf8>,
    separator: String,
    /// From 0 on.
    index: usize,
}

impl Map for NthWord {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let separator = config.text_or("separator", " ")?;
        if separator.is_empty() {
            return Err(Problem::with_key("separator", "is empty; it must have at least one character"));
        }
        let n: usize = match input.is_sql_call() && input.len() > 1 {
            true => {
                let n = input.argument(1)?.constant::<Integer>()?.and_then(|n| n.get(0));
                let n = n.ok_or_else(|| Problem::new("the second argument is the word's number, a constant"))?;
                usize::try_from(n).unwrap_or(0)
            }
            false => config.get("n")?,
        };
        let index = n.checked_sub(1).ok_or_else(|| Problem::with_key("n", "is 0; the first word is 1"))?;
        let text = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        Ok((Self { text, separator, index }, Fields::new().utf8("word")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        Ok(kernel::nth_part(&batch.get(self.text), &self.separator, self.index).into())
    }

    fn about() -> About {
        let about = About::new().config_schema(SCHEMA).takes("<column>", "text", "the texts; without `column` `value`");
        about.makes("word", "text", "the n-th word, null where there are fewer")
    }
}

millstream_guest::map!(NthWord);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, map};

    use super::*;

    #[test]
    fn the_word_is_null_where_there_is_none() {
        let input = Table::new().utf8("value", [Some("GET /a 200"), Some("GET"), None, Some(" x")]);
        let output = map::<NthWord>(r#"{"n": 2}"#, &input).unwrap().table;
        assert_eq!(output.select(&["word"]), Table::new().utf8("word", [Some("/a"), None, None, Some("x")]));
    }

    #[test]
    fn separator_and_column_are_configured_and_words_count_from_one() {
        let input = Table::new().utf8("tags", ["a, b,c"]);
        let output = map::<NthWord>(r#"{"n": 2, "separator": ", ", "column": "tags"}"#, &input).unwrap().table;
        assert_eq!(output.select(&["word"]), Table::new().utf8("word", ["b,c"]));
        let problem = |config| map::<NthWord>(config, &input).unwrap_err().to_string();
        assert!(problem(r#"{"n": 0, "column": "tags"}"#).contains("`n`: is 0"));
        assert!(problem(r#"{"column": "tags"}"#).contains("`n`: is missing"));
    }
}
