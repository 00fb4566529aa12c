//! The sessions that a chunk's rows make among themselves.

use crate::operator::grouping::{ChunkGroups, group_rows};
use crate::state::row::RowBuffer;
use crate::time::window::SessionSpec;

/// Groups rows by key and session.
pub(in crate::operator::aggregate) fn group_sessions(
    times: &[i64],
    keys: &RowBuffer,
    spec: SessionSpec,
) -> ChunkGroups {
    let by_key = group_rows(&vec![0; times.len()], keys);
    let mut order: Vec<u32> = (0..times.len() as u32).collect();
    order.sort_unstable_by_key(|row| (by_key.ids[*row as usize], times[*row as usize]));

    let mut sessions = ChunkGroups { ids: vec![0; times.len()], ..ChunkGroups::default() };
    let mut open: Option<u32> = None;
    for row in order {
        let (key, time) = (by_key.ids[row as usize], times[row as usize]);
        match sessions.ends.last_mut() {
            Some(end) if open == Some(key) && time <= *end => *end = time + spec.gap(),
            _ => {
                open = Some(key);
                sessions.founders.push(by_key.founders[key as usize]);
                sessions.hashes.push(by_key.hashes[key as usize]);
                sessions.buckets.push(time);
                sessions.ends.push(time + spec.gap());
            }
        }
        sessions.ids[row as usize] = sessions.ends.len() as u32 - 1;
    }
    sessions
}
