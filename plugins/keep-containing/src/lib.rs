//! Filter: keeps the rows whose text column contains a text. Null contains nothing.

use millstream_guest::prelude::*;

const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "text": {"type": "string", "description": "what to look for"},
    "column": {"type": "string", "description": "where to look; without it the first column"}
  },
  "required": ["text"],
  "additionalProperties": false
}"#;

/// The configuration and the column that is searched.
struct KeepContaining {
    column: Input<Utf8>,
    text: String,
}

impl Filter for KeepContaining {
    fn bind(config: &Config, input: &Schema) -> Result<Self, Problem> {
        let column = input.column_or_first(config.optional_text("column")?.as_deref())?.utf8()?;
        Ok(Self { column, text: config.text("text")? })
    }

    fn call(&self, batch: &Batch) -> Result<Selection, Failure> {
        Ok(kernel::contains(&batch.get(self.column), &self.text).into())
    }

    fn about() -> About {
        About::new().config_schema(SCHEMA).takes(
            "<column>",
            "text",
            "what is searched; without `column` the first column",
        )
    }
}

millstream_guest::filter!(KeepContaining);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, filter};

    use super::*;

    #[test]
    fn rows_that_contain_the_text_stay_with_all_their_columns() {
        let input = Table::new().utf8("word", [Some("/a"), Some("b"), None, Some("c/")]).int64("n", [1, 2, 3, 4]);
        let output = filter::<KeepContaining>(r#"{"text": "/"}"#, &input).unwrap();
        assert_eq!(output.table, Table::new().utf8("word", ["/a", "c/"]).int64("n", [1, 4]));
        assert!(output.rejects.is_empty());
    }

    #[test]
    fn the_column_is_configured_and_the_text_is_needed() {
        let input = Table::new().int64("n", [1, 2]).utf8("word", ["ab", "ba"]);
        let output = filter::<KeepContaining>(r#"{"text": "b", "column": "word"}"#, &input).unwrap();
        assert_eq!(output.table.rows(), 2);
        let problem = |config| filter::<KeepContaining>(config, &input).unwrap_err().to_string();
        assert!(problem(r#"{"column": "word"}"#).contains("`text`: is missing"));
        assert!(problem(r#"{"text": "b", "column": "m"}"#).contains("no column `m`; it has `n`, `word`"));
        let bytes = Table::new().binary("raw", [&b"a"[..]]);
        let problem = filter::<KeepContaining>(r#"{"text": "a"}"#, &bytes).unwrap_err().to_string();
        assert!(problem.contains("column `raw` is binary; this plugin needs utf8"), "{problem}");
    }

    #[test]
    fn a_number_contains_its_digits() {
        let input = Table::new().int64("n", [Some(12), Some(21), Some(3), None]);
        let output = filter::<KeepContaining>(r#"{"text": "2"}"#, &input).unwrap();
        assert_eq!(output.table, Table::new().int64("n", [12, 21]));
    }
}
