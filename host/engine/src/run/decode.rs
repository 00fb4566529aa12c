//! Chunks to rows, whatever the decoder does.
//!
//! A decoder sets bad rows aside itself. Where it panics, in a library or by a defect of ours, the chunk is cut between
//! lines and tried again, until the line is found that does it: that line is a bad row.

use arrow::buffer::Buffer;
use arrow::record_batch::RecordBatch;

use crate::format::{BadRow, Decode, Decoded, LongLine, RawChunk, RawContent, RowLines, SHOWN_BYTES};
use crate::panics::{self, Panic};
use crate::{Error, ErrorKind, Result};

/// The rows of `chunk`, in one piece or, where it had to be cut, in several, in order.
pub(super) fn decode(decoder: &dyn Decode, chunk: &RawChunk) -> Result<Vec<Decoded>> {
    match panics::catch(|| decoder.decode(chunk)) {
        Ok(decoded) => Ok(vec![decoded?]),
        Err(panic) => match &chunk.content {
            RawContent::Lines { bytes, layout, .. } if layout.is_none() || !bytes.contains(&b'"') => {
                line_by_line(decoder, chunk)
            }
            RawContent::Records(_) => line_by_line(decoder, chunk),
            RawContent::RowGroup(_) => {
                Err(Error::new(ErrorKind::Data, format!("the file is damaged, or more than can be read: {panic}")))
            }
            _ => Err(panic.into()),
        },
    }
}

/// By halves, and halves of halves.
fn line_by_line(decoder: &dyn Decode, chunk: &RawChunk) -> Result<Vec<Decoded>> {
    let mut decoded = Vec::new();
    // A stack with the earlier half on top.
    let mut open = vec![chunk.clone()];
    while let Some(part) = open.pop() {
        let panic = match panics::catch(|| decoder.decode(&part)) {
            Ok(done) => {
                decoded.push(done?);
                continue;
            }
            Err(panic) => panic,
        };
        match halves(&part) {
            Some((first, second)) => open.extend([second, first]),
            None => decoded.push(bad_line(decoder, &part, &panic)),
        }
    }
    Ok(decoded)
}

/// Two chunks of one, cut at a line's end near the middle; none where it is one line.
fn halves(chunk: &RawChunk) -> Option<(RawChunk, RawChunk)> {
    if let RawContent::Records(records) = &chunk.content {
        let middle = records.len() / 2;
        let part = |from, len| RawChunk { content: RawContent::Records(records.slice(from, len)), ..*chunk };
        return (middle > 0).then(|| (part(0, middle), part(middle, records.len() - middle)));
    }
    let RawContent::Lines { bytes, long, .. } = &chunk.content else { return None };
    let lines_end = bytes.len() - usize::from(bytes.last() == Some(&b'\n'));
    let middle = lines_end / 2;
    let after = memchr::memchr(b'\n', &bytes[middle..lines_end]).map(|at| middle + at);
    let cut = after.or_else(|| memchr::memrchr(b'\n', &bytes[..middle]))? + 1;
    let part = |of: Buffer, lines_before: Option<u32>, its_long: Vec<LongLine>| {
        let mut part = chunk.clone();
        if let RawContent::Lines { bytes, before, long, .. } = &mut part.content {
            (*bytes, *long) = (of, its_long);
            *before = lines_before.unwrap_or(*before);
        }
        part
    };
    let lines = memchr::memchr_iter(b'\n', &bytes[..cut]).count() as u32;
    let (first_long, second_long): (Vec<LongLine>, Vec<LongLine>) = long.iter().partition(|l| l.line < lines);
    let second_long = second_long.into_iter().map(|l| LongLine { line: l.line - lines, ..l }).collect();
    let (first, second) = (bytes.slice_with_length(0, cut), bytes.slice_with_length(cut, bytes.len() - cut));
    Some((part(first, None, first_long), part(second, Some(0), second_long)))
}

/// A chunk of a single line that cannot be decoded.
fn bad_line(decoder: &dyn Decode, chunk: &RawChunk, panic: &Panic) -> Decoded {
    let (bytes, before) = match &chunk.content {
        RawContent::Lines { bytes, before, .. } => (&bytes[..], *before),
        RawContent::Records(records) => (records.values().iter().next().flatten().unwrap_or_default(), 0),
        _ => (&[][..], 0),
    };
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned();
    let bad = BadRow { line: before, reason: format!("the engine failed on this line: {panic}"), text };
    Decoded {
        batch: RecordBatch::new_empty(decoder.schema()),
        rows: RowLines::Contiguous { first: 0 },
        bad: vec![bad],
        lines: u64::from(before) + 1,
        bytes: bytes.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

    use super::*;
    use crate::format::FileFormat;
    use crate::format::{Check, decoder};

    /// Lines as they are; panics on those that begin with `!`.
    struct Touchy(Arc<dyn Decode>);

    impl Decode for Touchy {
        fn schema(&self) -> SchemaRef {
            self.0.schema()
        }

        fn decode(&self, chunk: &RawChunk) -> Result<Decoded> {
            let decoded = self.0.decode(chunk)?;
            let touched = decoded.batch.column(0).as_string::<i32>().iter().flatten().any(|line| line.starts_with('!'));
            assert!(!touched, "a touchy line");
            Ok(decoded)
        }
    }

    #[test]
    fn a_line_that_makes_the_decoder_panic_is_a_bad_row_and_the_others_keep_their_places() {
        let schema = Arc::new(Schema::new(vec![Field::new("value", DataType::Utf8, false)]));
        let touchy = Touchy(decoder(FileFormat::Text, &schema, &[0], Check::default()).unwrap());
        for bad in [vec![], vec![0], vec![4], vec![9], vec![2, 3, 7], (0..10).collect()] {
            for end in ["\n", ""] {
                let lines: Vec<String> =
                    (0..10).map(|i| format!("{}{}", if bad.contains(&i) { "!" } else { "" }, "x".repeat(i))).collect();
                let content = RawContent::Lines {
                    bytes: Buffer::from_vec((lines.join("\n") + end).into_bytes()),
                    before: 0,
                    layout: None,
                    long: Vec::new(),
                };
                let (mut at, mut good, mut set_aside, mut bytes) = (0, Vec::new(), Vec::new(), 0);
                for part in decode(&touchy, &RawChunk { part: 0, index: 0, content }).unwrap() {
                    for (row, line) in part.batch.column(0).as_string::<i32>().iter().enumerate() {
                        good.push((at + part.rows.line(row) as usize, line.unwrap().to_owned()));
                    }
                    set_aside.extend(part.bad.iter().map(|b| at + b.line as usize));
                    assert!(part.bad.iter().all(|b| b.reason.contains("a touchy line") && b.text.starts_with('!')));
                    at += part.lines as usize;
                    bytes += part.bytes;
                }
                let want: Vec<_> = lines.iter().cloned().enumerate().filter(|(i, _)| !bad.contains(i)).collect();
                assert_eq!((good, set_aside), (want, bad.clone()), "{bad:?}");
                assert_eq!((at, bytes as usize), (10, lines.join("\n").len() + end.len()), "{bad:?}");
            }
        }
    }
}
