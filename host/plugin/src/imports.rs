//! The interfaces of the contract that a component may import: `log` and `text`.

use wasmtime::component::LinkerInstance;

use crate::logging::LogLevel;
use crate::sandbox::{Caller, Sandbox};

/// The interfaces that a component may import, with their version.
pub(crate) const ABILITIES: [&str; 2] = ["millstream:operator/log@0.2.0", "millstream:operator/text@0.2.0"];

/// A guest called what it imports with what makes no sense; ends its call.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongCall(pub String);

pub(crate) fn log(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("log", |mut caller: Caller<'_>, (level, text): (LogLevel, String)| {
        caller.data_mut().log(level, &text);
        Ok(())
    })
}

pub(crate) fn text(linker: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    linker.func_wrap("decode", |_: Caller<'_>, (offsets, data): (Vec<u8>, Vec<u8>)| {
        decode(&offsets, &data).map(|values| (values,)).map_err(|e| WrongCall(format!("`text.decode`: {e}")).into())
    })?;
    linker.func_wrap("encode", |_: Caller<'_>, (values,): (Vec<String>,)| {
        encode(&values).map(|made| (made,)).map_err(|e| WrongCall(format!("`text.encode`: {e}")).into())
    })
}

/// The values of a text column.
fn decode(offsets: &[u8], data: &[u8]) -> Result<Vec<String>, String> {
    let (offsets, rest) = offsets.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("{} bytes of offsets, which are of 4 bytes each", offsets.len() * 4 + rest.len()));
    }
    let offsets: Vec<i32> = offsets.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect();
    let value = |(row, pair): (usize, &[i32])| {
        let range = (usize::try_from(pair[0]).ok()).zip(usize::try_from(pair[1]).ok()).map(|(from, to)| from..to);
        let bytes = range.and_then(|range| data.get(range));
        let bytes = bytes
            .ok_or_else(|| format!("row {row} is from {} to {} of {} bytes of data", pair[0], pair[1], data.len()))?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|e| format!("row {row}: {e}"))
    };
    offsets.windows(2).enumerate().map(value).collect()
}

/// The offsets and the data of a text column.
fn encode(values: &[String]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut offsets = Vec::with_capacity(4 * (values.len() + 1));
    let mut data = Vec::with_capacity(values.iter().map(String::len).sum());
    offsets.extend(0i32.to_le_bytes());
    for value in values {
        data.extend(value.as_bytes());
        let end = i32::try_from(data.len()).map_err(|_| "more than 2 GiB of text".to_owned())?;
        offsets.extend(end.to_le_bytes());
    }
    Ok((offsets, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_there_and_back() {
        let values = ["".to_owned(), "aä€😀".to_owned(), "x".to_owned()];
        let (offsets, data) = encode(&values).unwrap();
        assert_eq!(decode(&offsets, &data).unwrap(), values);
        assert_eq!(decode(&[], &[]).unwrap(), Vec::<String>::new());
        assert!(decode(&offsets[..15], &data).unwrap_err().contains("15 bytes of offsets"));
        assert!(decode(&offsets, &data[1..]).unwrap_err().contains("row 2 is from 10 to 11 of 10 bytes"));
        assert!(decode(&offsets, &[0xff; 11]).unwrap_err().contains("row 1: invalid utf-8"));
        assert!(decode(&[255; 8], &data).unwrap_err().contains("row 0 is from -1 to -1"));
    }
}
