//! What has come of calls, stored: states, timers, and the slots by which timers are found.

use super::Tables;
use super::due::LATE;
use super::expiry::bucket_of;
use super::function::{Domain, TimeToLive};
use super::timers::{Entry, Reached, event_slots, processing_slots, read_if_any, write};
use super::work::Done;
use crate::Result;
use crate::state::{Key, hash_key};

impl Tables<'_> {
    /// Stores what has come of `keys`. `reached`: a timer that is set to a time before it is late. `expires`: after how long
    /// a state goes.
    pub fn store(&mut self, keys: &[Key<'_>], done: &Done, reached: Reached, expires: Option<TimeToLive>) {
        let stored = done.states.iter().enumerate().filter(|(_, (_, is_there))| *is_there);
        let entries: Vec<(Key<'_>, &[u8])> =
            stored.map(|(at, (key, _))| (keys[*key as usize], done.stored.row(at))).collect();
        self.states.put_many(entries.iter().copied(), |_, _| {});
        let gone = done.states.iter().filter(|(_, is_there)| !is_there);
        let gone: Vec<Key<'_>> = gone.map(|(key, _)| keys[*key as usize]).collect();
        self.states.delete_many(gone.iter().copied());
        if let (Some(expiry), Some(expires)) = (&mut self.expiry, expires) {
            let bucket = bucket_of(reached.by(expires.domain), expires.microseconds);
            let there = entries.iter().map(|(key, _)| (Key { bucket, ..*key }, &[][..]));
            expiry.put_many(there, |_, _| {});
        }
        self.store_timers(keys, &done.timers);
        self.find_again(keys, &done.added, reached);
        if let Some(maps) = &mut self.maps {
            done.maps.store(keys, maps);
        }
    }

    /// Stores whole lists of timers.
    pub fn store_timers(&mut self, keys: &[Key<'_>], lists: &[(u32, Vec<Entry>)]) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(lists.len()));
        for (_, list) in lists {
            write(list, &mut bytes);
            ends.push(bytes.len());
        }
        let starts = [0].into_iter().chain(ends.iter().copied());
        let lists = lists.iter().zip(starts.zip(&ends));
        let entries: Vec<(Key<'_>, &[u8])> =
            lists.map(|((key, _), (start, end))| (keys[*key as usize], &bytes[start..*end])).collect();
        let (none, some): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, list)| list.is_empty());
        self.timers.put_many(some.iter().copied(), |_, _| {});
        self.timers.delete_many(none.iter().map(|(key, _)| *key));
    }

    /// Empties the table of keys with timers that were set too late: those that are due have been found. A clock may have gone
    /// back since: a timer that is not due any more is looked for when its time comes.
    pub fn take_late(&mut self, reached: Reached) -> Result<()> {
        let Some(late) = self.overdue.bucket(LATE) else { return Ok(()) };
        let mut bytes: Vec<Vec<u8>> = late.iter().map(|(key, _)| key.to_vec()).collect();
        bytes.sort_unstable();
        self.overdue.drop_bucket(LATE);
        let keys: Vec<Key<'_>> = bytes.iter().map(|bytes| Key { bucket: 0, hash: hash_key(bytes), bytes }).collect();
        let (mut early, slots) = (Vec::new(), processing_slots());
        for (number, key) in (0..).zip(&keys) {
            let list = read_if_any(self.timers.get_hashed(0, key.hash, key.bytes))?;
            let is_lost = |entry: &Entry| {
                let bucket = slots.bucket(slots.slot(entry.at), 0);
                entry.domain == Domain::ProcessingTime
                    && !reached.is_due(entry)
                    && self.processing.get_hashed(bucket, key.hash, key.bytes).is_none()
            };
            early.extend(list.into_iter().filter(is_lost).map(|entry| (number, entry)));
        }
        self.find_again(&keys, &early, reached);
        Ok(())
    }

    /// Puts keys where their new timers are looked for once they are due.
    fn find_again(&mut self, keys: &[Key<'_>], added: &[(u32, Entry)], reached: Reached) {
        let (late, early): (Vec<_>, Vec<_>) = added.iter().partition(|(_, entry)| reached.is_due(entry));
        let late = late.iter().map(|(key, _)| (Key { bucket: LATE, ..keys[*key as usize] }, &[][..]));
        self.overdue.put_many(late, |_, _| {});
        for (domain, slots) in [(Domain::EventTime, event_slots()), (Domain::ProcessingTime, processing_slots())] {
            let of = early.iter().filter(|(_, entry)| entry.domain == domain);
            let mut places: Vec<Key<'_>> = of
                .map(|(key, entry)| Key { bucket: slots.bucket(slots.slot(entry.at), 0), ..keys[*key as usize] })
                .collect();
            // Those of a slot together; keys stay in their order.
            places.sort_by_key(|key| key.bucket);
            self.slots_of(domain).put_many(places.iter().map(|key| (*key, &[][..])), |_, _| {});
        }
    }
}
