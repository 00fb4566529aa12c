//! Map that returns a column `copy` which breaks the contract in the way that the configuration's `how` says, whatever
//! the rows are. Each way is something that the host must find before an Arrow array is made of it.

mod how;

pub use how::How;
use millstream_guest::prelude::*;

/// The way in which the output is wrong.
pub struct BadOutput {
    how: How,
}

impl Map for BadOutput {
    fn bind(config: &Config, input: &Schema) -> Result<(Self, Fields), Problem> {
        input.column_or(config.optional_text("column")?.as_deref(), "value")?.utf8()?;
        let how = config.get("how")?;
        Ok((Self { how }, Fields::new().field("copy", how::promised(how)).not_null()))
    }

    fn call(&self, batch: Batch) -> Result<Mapped, Failure> {
        let rows = batch.rows();
        let mut rejects = Rejects::new();
        match self.how {
            How::Fails => return Err("fails, as it was told to".into()),
            How::RejectBeyondBatch => rejects.push(rows, "beyond the batch"),
            _ => {}
        }
        Ok(Mapped::from(how::columns(self.how, rows)).with_rejects(rejects))
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
            ("offsets-half", "3 offsets"),
            ("invalid-utf8", "row 0 is not valid UTF-8"),
            ("split-character", "row 0 is not valid UTF-8"),
            ("too-few-rows", "2 rows; 3 rows need 3"),
            ("too-many-rows", "4 rows"),
            ("validity-too-short", "0 bytes of validity"),
            ("null-in-not-null", "row 0 is null"),
            ("wrong-type", "1 buffers; utf8 has 2"),
            ("buffer-missing", "1 buffers; utf8 has 2"),
            ("extra-buffer", "3 buffers; utf8 has 2"),
            ("no-column", "0 columns"),
            ("extra-column", "2 columns"),
            ("reject-beyond-batch", "row 3 was rejected"),
            ("child-missing", "1 columns were returned; `bind` promised 2"),
            ("extra-child", "3 columns were returned; `bind` promised 2"),
            ("list-too-long", "`copy`, child `item`: 2 rows; 3 rows need 3"),
            ("list-goes-down", "`copy`: the first offset is 3"),
            ("items-too-short", "`copy`, child `item`: 16 bytes of values; 3 rows need 24"),
            ("fixed-too-short", "`copy`, child `item`: 8 rows; 9 rows need 9"),
            ("field-too-short", "`copy`, child `b`: 2 rows; 3 rows need 3"),
            ("null-key", "`copy`, child `entries`, child `key`: row 0 is null"),
            ("map-uneven", "`copy`, child `entries`, child `value`: 2 rows"),
            ("fails", "call: fails, as it was told to"),
        ] {
            let error = map::<BadOutput>(&format!(r#"{{"how": "{how}"}}"#), &input).unwrap_err().to_string();
            assert!(error.contains(found), "{how}: {error}");
        }
        // Well-formed: that it is too deep for the host is the host's matter.
        assert_eq!(how::columns(How::Deep, 3).len(), 1);
    }
}
