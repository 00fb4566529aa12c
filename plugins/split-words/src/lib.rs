//! Flat-map: one row for each word of a text column, in the new column `word`.
//!
//! Words are what stands between separators, as Spark's `split` has it: two separators side by side have an empty
//! word between them. A filter downstream drops what isn't wanted. Rows whose text is null give no words.

use millstream_guest::prelude::*;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "separator": {"type": "string", "minLength": 1, "default": " ", "description": "what stands between words"},
    "column": {"type": "string", "default": "value", "description": "the column to split"}
  },
  "additionalProperties": false
}"#;

/// The configuration and the column that is split.
pub struct SplitWords {
    text: Input<Utf8>,
    separator: String,
}

impl FlatMap for SplitWords {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let separator = config.text_or("separator", " ")?;
        if separator.is_empty() {
            return Err(Problem::with_key("separator", "is empty; it must have at least one character"));
        }
        let text = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        Ok((Self { text, separator }, Fields::new().utf8("word").not_null()))
    }

    fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure> {
        Ok(out.split(&batch.get(self.text), &self.separator))
    }

    fn about() -> About {
        let about = About::new().config_schema(SCHEMA).takes("<column>", "text", "the texts; without `column` `value`");
        about.makes("word", "text", "what stands between two separators")
    }
}

millstream_guest::flat_map!(SplitWords);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, flat_map};

    use super::*;

    #[test]
    fn words_are_what_stands_between_separators() {
        let input =
            Table::new().int64("line", [1, 2, 3, 4]).utf8("value", [Some("GET /a  x "), None, Some(""), Some("y")]);
        let output = flat_map::<SplitWords>("{}", &input).unwrap().table;
        let expected =
            Table::new().int64("line", [1, 1, 1, 1, 1, 3, 4]).utf8("word", ["GET", "/a", "", "x", "", "", "y"]);
        assert_eq!(output.select(&["line", "word"]), expected);
    }

    #[test]
    fn separator_and_column_are_configured() {
        let config = r#"{"separator": ", ", "column": "tags"}"#;
        let output = flat_map::<SplitWords>(config, &Table::new().utf8("tags", ["a, b,c"])).unwrap().table;
        assert_eq!(output.select(&["word"]), Table::new().utf8("word", ["a", "b,c"]));
    }

    #[test]
    fn what_will_not_do_is_refused() {
        let lines = Table::new().utf8("value", ["a"]);
        let problem = |config, input: &Table| flat_map::<SplitWords>(config, input).unwrap_err().to_string();
        assert!(problem(r#"{"separator": ""}"#, &lines).contains("`separator`: is empty"));
        assert!(problem(r#"{"seperator": ","}"#, &lines).contains("knows `column`, `separator`"));
        let bytes = Table::new().binary("value", [&b"a"[..]]);
        assert!(problem("{}", &bytes).contains("`value` is binary; this plugin needs utf8"));
        assert!(problem("{}", &Table::new().utf8("line", ["a"])).contains("no column `value`; it has `line`"));
    }
}
