//! A join of streams in words.

use super::{JoinKind, StreamJoin};
use crate::operator::explain::{Explanation, StateEntry, UNBOUNDED, Until};
use crate::time::reach::Side;

impl StreamJoin {
    pub(super) fn explain(&self) -> Explanation {
        let kind = self.parts.kind;
        let mut emits = match kind {
            JoinKind::LeftSemi => "a row of the left side once, in the epoch of its first match".to_owned(),
            _ => "each pair, in the epoch in which its second row comes".to_owned(),
        };
        let alone = match (kind.is_outer(Side::Left), kind.is_outer(Side::Right)) {
            (false, false) => "",
            (true, false) => "a row of the left side",
            (false, true) => "a row of the right side",
            (true, true) => "a row",
        };
        if !alone.is_empty() {
            emits += &format!("; {alone} that had no match, with nulls, when it is dropped");
        }
        let kept = |side: Side, what: &'static str| {
            let input = self.input(side);
            let until = input.time.as_ref().and_then(|t| self.parts.reach.shown_expiry(side, &t.shown()));
            StateEntry {
                what,
                by: "by",
                keys: vec![input.keys.shown()],
                until: until.map_or(Until::Never(UNBOUNDED), Until::Watermark),
            }
        };
        let timed = self.parts.left.time.is_some() || self.parts.right.time.is_some();
        Explanation {
            emits,
            keeps: vec![kept(Side::Left, "rows of the left side"), kept(Side::Right, "rows of the right side")],
            late: timed.then(|| "a row whose event time the watermark has reached".to_owned()),
        }
    }
}
