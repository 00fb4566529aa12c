//! States that go after a while in which nobody changed them, without a call.
//!
//! With such a state is stored when it was last changed, by the clock that its function has chosen; before there is a
//! watermark, nothing, and the first one counts in its place. In the table `expiry` a key lies in the bucket of the slot in
//! which its state would go: a slot only says where to look, as those of timers do. A state goes at the beginning of the
//! first epoch whose clock has reached that time, before rows; no epoch runs for its sake alone.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;

use super::maps::MapChanges;
use super::timers::Reached;
use super::{Keyed, Tables};
use crate::Result;
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::{Key, Timers, hash_key};

/// The slots of states: ten seconds each.
fn slots() -> Timers {
    Timers::counted(10_000_000, 1)
}

/// The bucket in which a state is looked for that was last changed then.
pub(super) fn bucket_of(changed: Option<i64>, microseconds: u64) -> i64 {
    slots().slot(changed.map_or(i64::MIN, |changed| changed.saturating_add_unsigned(microseconds)))
}

impl Keyed {
    /// Removes the states whose time is over.
    pub(super) fn expire(&self, tables: &mut Tables<'_>, reached: Reached) -> Result<()> {
        let Some(ttl) = self.function.binding().time_to_live else { return Ok(()) };
        let (Some(expiry), Some(clock)) = (&mut tables.expiry, reached.by(ttl.domain)) else { return Ok(()) };
        let looked_at = slots().reached(expiry, Some(clock)).flat_map(|(_, bucket)| bucket.iter().map(|(key, _)| key));
        let mut keys: Vec<Vec<u8>> = looked_at.map(<[u8]>::to_vec).collect();
        keys.sort_unstable();
        keys.dedup();
        slots().drop_passed(expiry, Some(clock));
        for bytes in &keys {
            let key = Key { bucket: 0, hash: hash_key(bytes), bytes };
            let Some(stored) = tables.states.get_hashed(0, key.hash, bytes) else { continue };
            let mut columns = decode(&[stored], &self.state_types)?;
            let times = columns[columns.len() - 1].as_primitive::<Int64Type>();
            let changed = times.is_valid(0).then(|| times.value(0));
            if changed.is_some_and(|changed| changed.saturating_add_unsigned(ttl.microseconds) <= clock) {
                tables.states.delete_hashed(0, key.hash, bytes);
                if !self.function.binding().keep_timers {
                    tables.timers.delete_hashed(0, key.hash, bytes);
                }
                if let Some(maps) = &mut tables.maps {
                    MapChanges::all_of(0).store(&[key], maps);
                }
                continue;
            }
            if changed.is_none() {
                let last = columns.len() - 1;
                columns[last] = std::sync::Arc::new(Int64Array::from(vec![clock])) as ArrayRef;
                let mut encoded = RowBuffer::new();
                encode(&columns, 1, Form::Value, &mut encoded)?;
                tables.states.put_hashed(0, key.hash, bytes, encoded.row(0));
            }
            // The length may be another than it was when it was put there.
            let bucket = bucket_of(Some(changed.unwrap_or(clock)), ttl.microseconds);
            if let Some(expiry) = &mut tables.expiry
                && expiry.get_hashed(bucket, key.hash, bytes).is_none()
            {
                expiry.put_hashed(bucket, key.hash, bytes, &[]);
            }
        }
        Ok(())
    }
}
