//! Sessions: a row of time `t` lies in `[t, t + gap)`, and rows of one key whose intervals touch are one session.
//!
//! A chunk's rows are condensed to one state per session that they make among themselves ([`group`]); at the epoch's
//! end these are merged with the key's open sessions ([`close`]). Which intervals come together does not depend on the
//! order in which they are looked at, so neither chunks nor epochs change the result, but for what is late.
//!
//! What always holds of the state between two epochs: the first table has a key's open sessions ([`stored`]), no two
//! of which touch, under the key in bucket 0; the second, `timers`, has for each of them the key in the bucket of the
//! slot in which the session ends, and there may be keys in it whose session was closed. So an epoch looks at keys that
//! have rows and at slots that the watermark has reached, and at nothing else. In complete mode nothing ends: there are
//! no timers. Where aggregates are over DISTINCT arguments, a third table has each session's set of them ([`sets`]).

mod close;
mod group;
mod sets;
mod stored;

pub(super) use group::group_sessions;
pub(super) use sets::Sets;
pub(in crate::operator) use stored::sessions_in;
pub(super) use stored::{StoredSession, read};

use crate::state::Timers;
use crate::time::window::SessionSpec;

/// Slots in a gap: in an epoch in which a slot is not over yet, its keys are looked at in vain.
const SLOTS: i64 = 1024;

/// The slots in which sessions end: at least a millisecond each, and never more than the gap, so that no two sessions of
/// a key end in one slot.
fn timers_of(spec: SessionSpec) -> Timers {
    Timers::by_last_instant((spec.gap() / SLOTS).max(1000).min(spec.gap()))
}
