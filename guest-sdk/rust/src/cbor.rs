//! Values of any type that serde knows as bytes, and back: CBOR (RFC 8949), of which what is written here is read.
//!
//! Compact, and it says what is in it: a struct's fields go by their names, so that a field can be added later. JSON would
//! do for neither NaN nor keys that are no texts, and both come in states. Written out here, since a plugin is built with
//! all that its SDK needs, and this is little.

mod read;
mod write;

use std::fmt;

pub(crate) use read::read;
pub(crate) use write::write;

/// The eight kinds of items, in the first three bits of each.
mod major {
    pub const UNSIGNED: u8 = 0;
    pub const NEGATIVE: u8 = 1;
    pub const BYTES: u8 = 2;
    pub const TEXT: u8 = 3;
    pub const ARRAY: u8 = 4;
    pub const MAP: u8 = 5;
    pub const OTHER: u8 = 7;
}

const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const FLOAT32: u8 = 0xfa;
const FLOAT64: u8 = 0xfb;
/// Ends an array or a map whose length was not known when it began.
const END: u8 = 0xff;
/// The length is not known.
const OPEN: u8 = 31;

/// What went wrong, in words.
#[derive(Debug)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[cfg(test)]
mod tests;
