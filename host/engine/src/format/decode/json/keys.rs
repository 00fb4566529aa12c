//! The keys that a scan of JSON looks for, and those that it expects.

use crate::format::decode::watch::Sightings;

/// Keys of a line that are remembered: more are looked up each time, so that memory has a bound.
pub(super) const MAX_LEARNED: usize = 1024;

/// The wanted keys, and the keys of the line before in their order.
pub(in crate::format::decode) struct Keys<'a> {
    pub(super) wanted: &'a [&'a str],
    /// As written with the closing quote, and which of the wanted keys it is.
    pub(super) before: Vec<(Box<[u8]>, Option<usize>)>,
    /// Who wants to know of each key once.
    pub sightings: Sightings<'a>,
}

impl<'a> Keys<'a> {
    pub fn new(wanted: &'a [&'a str], sightings: Sightings<'a>) -> Self {
        Self { wanted, before: Vec::new(), sightings }
    }
}
