//! Map that panics on each row whose text contains a certain text; the other rows' values are copied
//! to the column `copy`. See `plugins/hostile/README.md`.

use millstream_guest::prelude::*;

/// The column that is copied and the text that sets it off.
pub struct Panics {
    value: Input<Utf8>,
    text: String,
}

impl Map for Panics {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let value = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        Ok((Self { value, text: config.text_or("text", "poison")? }, Fields::new().utf8("copy")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let values = batch.get(self.value);
        Ok(Mapped::each(&batch, |row| {
            let value = values.get(row);
            if let Some(value) = value.filter(|value| value.contains(&self.text)) {
                panic!("poisoned by {value:?}");
            }
            value
        }))
    }
}

millstream_guest::map!(Panics);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, map};

    use super::*;

    #[test]
    fn other_rows_are_copied() {
        let input = Table::new().utf8("value", [Some("a"), None]);
        let output = map::<Panics>("{}", &input).unwrap();
        assert_eq!(output.table, input.utf8("copy", [Some("a"), None]));
    }

    #[test]
    #[should_panic(expected = "poisoned by \"some poison\"")]
    fn a_poisoned_row_panics() {
        let _ = map::<Panics>("{}", &Table::new().utf8("value", ["some poison"]));
    }
}
