//! Map that returns a column `copy` which breaks the contract in the way that the configuration's `how` says, whatever
//! the rows are. Each way is something that the host must find before an Arrow array is made of it.

use millstream_guest::{
    contract::columns::{BytesArray, Values},
    prelude::*,
};
use serde::Deserialize;

/// What is to be wrong.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Offsets that go down.
    OffsetsGoDown,
    /// Offsets that end beyond the data.
    OffsetsTooLarge,
    /// A negative offset.
    OffsetsNegative,
    /// Offsets that don't start at 0.
    OffsetsStartLate,
    /// One offset too few.
    OffsetsTooFew,
    /// No offsets at all.
    OffsetsNone,
    /// Bytes that aren't UTF-8.
    InvalidUtf8,
    /// A value that ends inside a character, in a buffer that is valid as a whole.
    SplitCharacter,
    /// A row too few.
    TooFewRows,
    /// A row too many.
    TooManyRows,
    /// A validity bitmap that is too short.
    ValidityTooShort,
    /// A null where `bind` promised none.
    NullInNotNull,
    /// Another type than `bind` promised.
    WrongType,
    /// No column at all.
    NoColumn,
    /// A column too many.
    ExtraColumn,
    /// A rejected row beyond the batch.
    RejectBeyondBatch,
    /// The call as a whole fails, saying so.
    Fails,
}

/// The way in which the output is wrong.
pub struct BadOutput {
    how: How,
}

impl Map for BadOutput {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        Ok((Self { how: config.get("how")? }, Fields::new().utf8("copy").not_null()))
    }

    fn call(&self, batch: &Batch) -> Result<Mapped, Failure> {
        let rows = match self.how {
            How::TooFewRows => batch.rows() - 1,
            How::TooManyRows => batch.rows() + 1,
            _ => batch.rows(),
        };
        // Right as it stands: two bytes a row, one character.
        let mut array =
            BytesArray { offsets: (0..=rows as i32).map(|row| 2 * row).collect(), data: b"\xc3\xa9".repeat(rows) };
        let offsets = &mut array.offsets;
        let mut validity = None;
        let mut rejects = Rejects::new();
        match self.how {
            How::OffsetsGoDown => offsets[rows] = offsets[rows - 1] - 1,
            How::OffsetsTooLarge => offsets[rows] += 1000,
            How::OffsetsNegative => offsets[rows] = -2,
            How::OffsetsStartLate => offsets[0] = 2,
            How::OffsetsTooFew => offsets.truncate(rows),
            How::OffsetsNone => offsets.clear(),
            How::InvalidUtf8 => array.data[0] = 0xff,
            How::SplitCharacter => offsets[1] = 1,
            How::ValidityTooShort => validity = Some(Vec::new()),
            How::NullInNotNull => validity = Some(vec![0xfe; rows.div_ceil(8)]),
            How::RejectBeyondBatch => rejects.push(rows, "beyond the batch"),
            How::Fails => return Err("fails, as it was told to".into()),
            How::TooFewRows | How::TooManyRows | How::WrongType | How::NoColumn | How::ExtraColumn => {}
        }
        let column = Column { values: Values::Utf8(array), validity };
        let columns = match self.how {
            How::WrongType => vec![Column::int64(vec![0; rows])],
            How::NoColumn => Vec::new(),
            How::ExtraColumn => vec![column.clone(), column],
            _ => vec![column],
        };
        Ok(Mapped::from(columns).with_rejects(rejects))
    }
}

millstream_guest::map!(BadOutput);

#[cfg(test)]
mod tests {
    use millstream_guest::testing::{Table, map};

    use super::*;

    #[test]
    fn each_way_is_found() {
        let input = Table::new().utf8("value", ["a", "b", "c"]);
        for (how, found) in [
            ("offsets-go-down", "offsets go down"),
            ("offsets-too-large", "last offset is 1006"),
            ("offsets-negative", "offsets go down"),
            ("offsets-start-late", "first offset is 2"),
            ("offsets-too-few", "3 offsets; 3 rows need 4"),
            ("offsets-none", "0 offsets"),
            ("invalid-utf8", "row 0 is not valid UTF-8"),
            ("split-character", "row 0 is not valid UTF-8"),
            ("too-few-rows", "3 offsets"),
            ("too-many-rows", "5 offsets"),
            ("validity-too-short", "0 bytes of validity"),
            ("null-in-not-null", "row 0 is null"),
            ("wrong-type", "the values are int64; `bind` promised utf8"),
            ("no-column", "0 columns"),
            ("extra-column", "2 columns"),
            ("reject-beyond-batch", "row 3 was rejected"),
            ("fails", "call: fails, as it was told to"),
        ] {
            let error = map::<BadOutput>(&format!(r#"{{"how": "{how}"}}"#), &input).unwrap_err().to_string();
            assert!(error.contains(found), "{how}: {error}");
        }
    }
}
