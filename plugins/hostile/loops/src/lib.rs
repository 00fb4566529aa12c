//! Map that loops for ever on each row whose text contains a certain text, or in `bind` already, as `in_bind` says; the other
//! rows' values are copied to the column `copy`. See `plugins/hostile/README.md`.

use millstream_guest::prelude::*;

/// The column that is copied and the text that sets it off.
pub struct Loops {
    value: Input<Utf8>,
    text: String,
}

fn for_ever() -> ! {
    let mut turns = 0u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

impl Map for Loops {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let value = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        if config.get_or("in_bind", false)? {
            for_ever();
        }
        Ok((Self { value, text: config.text_or("text", "poison")? }, Fields::new().utf8("copy")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let values = batch.get(self.value);
        Ok(Mapped::each(&batch, |row| {
            let value = values.get(row);
            if value.is_some_and(|value| value.contains(&self.text)) {
                for_ever();
            }
            value
        }))
    }
}

millstream_guest::map!(Loops);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, map};

    use super::*;

    #[test]
    fn other_rows_are_copied() {
        let input = Table::new().utf8("value", [Some("a"), None]);
        let output = map::<Loops>("{}", &input).unwrap();
        assert_eq!(output.table, input.utf8("copy", [Some("a"), None]));
    }
}
