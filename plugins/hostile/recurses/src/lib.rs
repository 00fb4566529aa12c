//! Map that recurses without end on each row whose text contains a certain text; the other rows' values are copied
//! to the column `copy`. See `plugins/hostile/README.md`.

use millstream_guest::prelude::*;

/// The column that is copied and the text that sets it off.
pub struct Recurses {
    value: Input<Utf8>,
    text: String,
}

impl Map for Recurses {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        let value = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        Ok((Self { value, text: config.text_or("text", "poison")? }, Fields::new().utf8("copy")))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let values = batch.get(self.value);
        Ok(Mapped::each(&batch, |row| {
            let value = values.get(row);
            if value.is_some_and(|value| value.contains(&self.text)) {
                dig(0);
            }
            value
        }))
    }
}

/// Not a tail call: what comes back is used, and each level keeps a kilobyte.
#[allow(unconditional_recursion)]
fn dig(depth: u64) -> u64 {
    let level = std::hint::black_box([depth; 128]);
    dig(depth + 1) + level[(depth % 128) as usize]
}

millstream_guest::map!(Recurses);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, map};

    use super::*;

    #[test]
    fn other_rows_are_copied() {
        let input = Table::new().utf8("value", [Some("a"), None]);
        let output = map::<Recurses>("{}", &input).unwrap();
        assert_eq!(output.table, input.utf8("copy", [Some("a"), None]));
    }
}
