//! Map that rejects each row whose text contains a certain text; the other rows' values are copied
//! to the column `copy`. See `plugins/hostile/README.md`.

use millstream_guest::prelude::*;

/// The column that is copied and the text that sets it off.
pub struct RejectsSome {
    value: Input<Utf8>,
    text: String,
}

impl Map for RejectsSome {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let value = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        Ok((Self { value, text: config.text_or("text", "poison")? }, Fields::new().utf8("copy")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let values = batch.get(self.value);
        Ok(Mapped::try_each(&batch, |row| {
            let value = values.get(row);
            match value {
                Some(text) if text.contains(&self.text) => Err(format!("contains {:?}", self.text)),
                _ => Ok(value),
            }
        }))
    }
}

millstream_guest::map!(RejectsSome);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, map};

    use super::*;

    #[test]
    fn other_rows_are_copied() {
        let input = Table::new().utf8("value", [Some("a"), None]);
        let output = map::<RejectsSome>("{}", &input).unwrap();
        assert_eq!(output.table, input.utf8("copy", [Some("a"), None]));
    }

    #[test]
    fn rows_with_the_text_are_rejected() {
        let output = map::<RejectsSome>(r#"{"text": "b"}"#, &Table::new().utf8("value", ["a", "abc"])).unwrap();
        assert_eq!(output.rejects, [(1, "contains \"b\"".to_string())]);
        assert_eq!(output.table, Table::new().utf8("value", ["a"]).utf8("copy", ["a"]));
    }
}
