//! Aggregate whose state is the group's last text, filled up to `bytes` (4,096 by default); its result is the text. It
//! panics where it is to finish a text that contains `poison`, returns an error for one that contains `refused`, and panics
//! where it is to merge one that contains `alone`. See `plugins/hostile/README.md`.

use millstream_guest::prelude::*;

/// The column and how large a state is made.
pub struct LargeState {
    value: Input<Utf8>,
    bytes: usize,
}

/// What states are filled up with.
const FILL: char = '~';

impl LargeState {
    /// The last text of each group, filled up.
    fn last<'a>(&self, groups: &Groups<'_>, texts: impl Iterator<Item = Option<&'a str>>) -> Vec<Column> {
        let mut last = vec![""; groups.count()];
        for (group, text) in groups.ids().iter().zip(texts) {
            last[*group as usize] = text.unwrap_or_default();
        }
        let filled = last.iter().map(|text| {
            let fill = self.bytes.saturating_sub(text.len());
            text.chars().chain(std::iter::repeat_n(FILL, fill)).collect::<String>()
        });
        vec![Column::utf8(filled)]
    }
}

impl Aggregate for LargeState {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Aggregation), Problem> {
        let value = input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        let bytes = config.get_or("bytes", 4096)?;
        Ok((Self { value, bytes }, Aggregation::of(Fields::new().utf8("state"), Fields::new().utf8("last"))))
    }

    fn partial(&self, groups: &Groups<'_>, rows: &Batch) -> Result<Vec<Column>, Failure> {
        let values = rows.get(self.value);
        Ok(self.last(groups, (0..groups.ids().len()).map(|row| values.get(row))))
    }

    fn merge(&self, groups: &Groups<'_>, states: &Batch) -> Result<Vec<Column>, Failure> {
        let states = states.at::<Utf8>(0);
        let texts = (0..groups.ids().len()).map(|row| states.get(row).map(|state| state.trim_end_matches(FILL)));
        let alone = texts.clone().flatten().find(|text| text.contains("alone"));
        assert!(alone.is_none(), "{alone:?} cannot be merged");
        Ok(self.last(groups, texts))
    }

    fn finish(&self, states: Batch) -> Result<Vec<Column>, Failure> {
        let rows = states.rows as usize;
        let states = states.at::<Utf8>(0);
        let mut texts = Vec::with_capacity(rows);
        for row in 0..rows {
            let text = states.get(row).unwrap_or_default().trim_end_matches(FILL);
            assert!(!text.contains("poison"), "{text:?} cannot be finished");
            if text.contains("refused") {
                return Err(format!("{text:?} is refused").into());
            }
            texts.push(text);
        }
        Ok(vec![Column::utf8(texts)])
    }
}

millstream_guest::aggregate!(LargeState);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, aggregate};

    use super::*;

    #[test]
    fn the_last_text_of_each_group_comes_out() {
        let input = Table::new().utf8("value", [Some("a"), Some("b"), None, Some("c")]);
        let output = aggregate::<LargeState>("{}", &[0, 1, 1, 0], &input).unwrap();
        assert_eq!(output, Table::new().utf8("last", ["c", ""]));
    }
}
