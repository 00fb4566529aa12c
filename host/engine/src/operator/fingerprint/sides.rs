//! Whose rows the sides of a join are. Columns, keys and times of both may be just the same, and then nothing else tells
//! `a JOIN b` from `b JOIN a`: what was stored of the one would be taken for rows of the other.

use serde_json::Value;

/// The part of a fingerprint that says of each side which nodes it reads (`nodes`) and which of their rows (`where`). It may
/// differ, since nodes are renamed and filters changed; the sides may not change places.
pub const SIDES: &str = "sides";

/// Whether a side has the rows that the other one had: those of its nodes or, where both read the same ones, those that it
/// took of them.
pub(super) fn changed_places(was: Option<&Value>, is: Option<&Value>) -> bool {
    // Checkpoints of earlier versions do not say.
    let (Some(was), Some(is)) = (was, is) else { return false };
    let crossed = |of: &dyn Fn(&Value, usize) -> Value| {
        let (left_was, right_was, left, right) = (of(was, 0), of(was, 1), of(is, 0), of(is, 1));
        left_was != right_was && (left == right_was || right == left_was)
    };
    crossed(&|sides, side| sides[side]["nodes"].clone()) || crossed(&|sides, side| sides[side].clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sides_change_places_by_their_nodes_or_by_what_they_take_of_the_same() {
        let of = |node: &str, least: i64| json!({"nodes": [node], "where": [least]});
        let changed = |was: [Value; 2], is: [Value; 2]| changed_places(Some(&json!(was)), Some(&json!(is)));
        assert!(changed([of("a", 0), of("b", 0)], [of("b", 0), of("a", 0)]));
        assert!(changed([of("a", 0), of("b", 0)], [of("b", 1), of("c", 0)]));
        assert!(changed([of("a", 0), of("b", 0)], [of("c", 0), of("a", 7)]));
        assert!(changed([of("a", 0), of("a", 1)], [of("a", 1), of("a", 0)]));
        // Renamed, filtered otherwise, the same rows on both sides.
        assert!(!changed([of("a", 0), of("b", 0)], [of("c", 0), of("b", 0)]));
        assert!(!changed([of("a", 0), of("a", 1)], [of("a", 0), of("a", 2)]));
        assert!(!changed([of("a", 0), of("a", 0)], [of("a", 0), of("a", 0)]));
        assert!(!changed_places(None, Some(&json!([of("a", 0), of("b", 0)]))));
    }
}
