//! One row for each word of `text`.

use millstream_guest::prelude::*;

/// One row for each word of `text`.
struct MyPlugin {
    text: Input<Utf8>,
}

impl FlatMap for MyPlugin {
    fn bind(_config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        Ok((Self { text: input.column("text")?.utf8()? }, Fields::new().utf8("word").not_null()))
    }

    fn call(&self, batch: &Batch, out: Expander) -> Result<Expanded, Failure> {
        let texts = batch.get(self.text);
        Ok(out.each_row(|row, words| {
            texts.get(row).unwrap_or_default().split_whitespace().for_each(|word| words.push(word));
        }))
    }
}

millstream_guest::flat_map!(MyPlugin);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{self, Table};

    use super::*;

    #[test]
    fn words_are_rows() {
        let input = Table::new().utf8("text", [Some("a rose is"), None, Some("")]);
        let output = testing::flat_map::<MyPlugin>("{}", &input).unwrap();
        let expected = Table::new().utf8("text", ["a rose is"; 3]).utf8("word", ["a", "rose", "is"]);
        assert_eq!(output.table, expected);
    }
}
