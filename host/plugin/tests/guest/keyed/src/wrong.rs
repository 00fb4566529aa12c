//! What cannot be the outcome of a step, by mode.

use crate::exports::millstream::operator::keyed::{Entries, Outcome, Timers, Wanted};
use crate::{batch, binary, no_timers, nothing, put, timers, words};

fn one() -> Option<Vec<u8>> {
    Some(1i64.to_le_bytes().to_vec())
}

/// The outcome of a mode that is about one; a step of `keys` keys.
pub fn outcome(mode: &str, keys: u32) -> Option<Outcome> {
    let good = nothing();
    let entries = |state: u32, keys: &[u32], names: &[Option<Vec<u8>>]| Entries {
        state,
        keys: words(keys.iter().copied()),
        entries: batch(vec![binary(names), binary(&vec![one(); names.len()])]),
    };
    Some(match mode {
        "state-beyond" => Outcome { values: vec![put(9, &[(0, one())])], ..good },
        "changes-uneven" => {
            let mut changes = put(0, &[(0, one())]);
            changes.keys = words([0, 1]);
            Outcome { values: vec![changes], ..good }
        }
        "changes-half" => {
            let mut changes = put(0, &[(0, one())]);
            changes.keys.pop();
            Outcome { values: vec![changes], ..good }
        }
        "changes-twice" => Outcome { values: vec![put(0, &[(0, one()), (0, one())])], ..good },
        "changes-beyond" => Outcome { values: vec![put(0, &[(keys, one())])], ..good },
        "value-as-map" => Outcome { entries: vec![entries(0, &[0], &[one()])], ..good },
        "entry-without-key" => Outcome { entries: vec![entries(1, &[0], &[None])], ..good },
        "output-uneven" => Outcome { output_of: words([0]), ..good },
        "output-half" => Outcome { output_of: vec![0; 3], ..good },
        "timer-domain" => Outcome { set_timers: timers(&[(0, 2, 0, 0)]), ..good },
        "timers-uneven" => Outcome { set_timers: Timers { tags: words([1]), ..no_timers() }, ..good },
        "late-beyond" => Outcome { late: words([1 << 30]), ..good },
        "removed-down" => Outcome { removed: words([1, 0]), ..good },
        // Limits.
        "state-large" => Outcome { values: vec![put(0, &[(0, Some(vec![0; 20 << 20]))])], ..good },
        "timers-many" => {
            let many: Vec<_> = (0..200_000).map(|tag| (0, 0, tag, i64::MAX - 1)).collect();
            Outcome { set_timers: timers(&many), ..good }
        }
        _ => return None,
    })
}

/// What a mode says that it needs.
pub fn needs(mode: &str) -> Option<Wanted> {
    (mode == "needs-value").then(|| Wanted { entries: vec![], all: vec![(0, words([0]))] })
}
