//! An epoch's sessions into the stored ones, and out of them those that are over.

use std::ops::Range;

use arrow::array::AsArray;

use super::sets::{NO_SET, Sets};
use super::stored::{StoredSession, read};
use super::timers_of;
use crate::job::OutputMode;
use crate::operator::aggregate::GroupAggregate;
use crate::operator::aggregate::apart::Apart;
use crate::operator::aggregate::emit::{NOWHERE, Of, Results};
use crate::operator::aggregate::function::{FunctionError, Unmerged};
use crate::operator::aggregate::partial::{GroupPartial, rows_that_stay};
use crate::operator::aggregate::touched::Touched;
use crate::operator::grouping::Grouper;
use crate::operator::{Closed, EpochEnd, Reject};
use crate::record::WatermarkPair;
use crate::state::row::{Form, RowBuffer, decode, encode};
use crate::state::{Key, Partition, Table, Timers, hash_key};
use crate::time::window::SessionSpec;
use crate::{Error, Result};

/// A session of a touched key, before what touches is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    key: u32,
    start: i64,
    /// Stored ones come first.
    is_new: bool,
    /// Which of the stored ones, or of the new ones.
    number: u32,
    end: i64,
}

/// A session that the epoch touched: items `items`, of which at least one is new.
struct Merged {
    items: Range<usize>,
    start: i64,
    end: i64,
}

/// What one partition keeps.
struct OpenSessions<'a> {
    sessions: &'a mut Partition,
    timers: &'a mut Partition,
    /// Combinations of DISTINCT.
    sets: Option<&'a mut Partition>,
}

/// What became of merging.
enum Tried<'a> {
    Merged(Touched<'a>),
    /// A plugin cannot merge the states of these sessions: of each row whether it goes into one of them.
    Without {
        rows: Vec<bool>,
        sessions: Vec<Reject>,
    },
}

/// What is to be written when nothing is borrowed from the tables any more.
#[derive(Default)]
struct Changes {
    values: Vec<u8>,
    /// Per key, in order: where its value ends.
    ends: Vec<usize>,
    /// Key and slot.
    set: Vec<(u32, i64)>,
    cleared: Vec<(u32, i64)>,
}

impl GroupAggregate {
    /// Closes an epoch of sessions.
    pub(in crate::operator::aggregate) fn close_sessions(
        &self,
        spec: SessionSpec,
        partials: &[GroupPartial],
        tables: &mut [&mut Table],
        end: &EpochEnd,
    ) -> Result<Vec<Closed>> {
        let at = end.watermarks;
        let (sessions, timers, sets) = match tables {
            [sessions, timers] => (sessions, timers, None),
            [sessions, timers, sets] => (sessions, timers, Some(sets)),
            _ => return Err(Error::internal("sessions are kept in other tables")),
        };
        let mut sets = sets.map(|table| table.partitions_mut().iter_mut());
        let both = sessions.partitions_mut().iter_mut().zip(timers.partitions_mut());
        let open = both.map(|(sessions, timers)| OpenSessions {
            sessions,
            timers,
            sets: sets.as_mut().and_then(Iterator::next),
        });
        let open: Vec<OpenSessions<'_>> = open.collect();
        let rows = partials.iter().map(|partial| partial.keys.len()).sum();
        let emitted = end.workers.for_rows(rows).each(open.into_iter().enumerate(), |(p, mut open)| {
            let mut touched = self.merge_sessions(p, spec, partials, &mut open)?;
            let mut emitted = Closed { rejects: std::mem::take(&mut touched.rejects), ..Closed::default() };
            emitted.append(match self.mode {
                _ if self.waits(at) => Closed::default(),
                OutputMode::Complete => self.all_sessions(open.sessions, &Touched { all: self.at_end, ..touched })?,
                _ => self.end_sessions(spec, open, at)?,
            });
            Ok(emitted)
        });
        emitted.into_iter().collect()
    }

    /// Merges the partials' sessions of partition `p` with those stored of the same keys. Those that have changed.
    fn merge_sessions<'a>(
        &self,
        p: usize,
        spec: SessionSpec,
        partials: &'a [GroupPartial],
        open: &mut OpenSessions<'_>,
    ) -> Result<Touched<'a>> {
        let pieces = partials.iter().map(|g| (g, g.keys.of_partition(p)));
        let mut pieces: Vec<_> = pieces.filter(|(_, r)| !r.is_empty()).collect();
        let mut rejects = Vec::new();
        loop {
            match self.try_to_merge(spec, &pieces, open)? {
                Tried::Merged(touched) => return Ok(Touched { rejects, ..touched }),
                Tried::Without { rows, sessions } => {
                    rejects.extend(sessions);
                    pieces = rows_that_stay(pieces, |row| !rows[row]);
                }
            }
        }
    }

    /// The same of the groups in `pieces`. Nothing has changed if there are some of which it cannot be done.
    fn try_to_merge<'a>(
        &self,
        spec: SessionSpec,
        pieces: &[(&'a GroupPartial, Range<usize>)],
        open: &mut OpenSessions<'_>,
    ) -> Result<Tried<'a>> {
        let OpenSessions { sessions, timers, sets } = open;
        let with_sets = sets.is_some();
        let mut groups = Grouper::new(pieces.iter().map(|(_, r)| r.len()).max().unwrap_or(0));
        let (mut keys, mut items): (Vec<&[u8]>, Vec<Item>) = (Vec::new(), Vec::new());
        for (partial, range) in pieces {
            for i in range.clone() {
                let Key { hash, bytes, .. } = partial.keys.key(0, i);
                let key = groups.group(0, hash, |g| keys[g as usize] == bytes);
                if key as usize == keys.len() {
                    keys.push(bytes);
                }
                let number = items.len() as u32;
                items.push(Item { key, start: partial.buckets[i], is_new: true, number, end: partial.ends[i] });
            }
        }
        if keys.is_empty() {
            return Ok(Tried::Merged(Touched::default()));
        }
        let new = items.len();
        let mut stored: Vec<StoredSession<'_>> = Vec::new();
        let asked = (0..keys.len()).map(|key| Key { bucket: 0, hash: groups.hashes[key], bytes: keys[key] });
        for (key, of_key) in sessions.get_many(asked).into_iter().enumerate() {
            for session in of_key.into_iter().flat_map(|value| read(value, with_sets)) {
                let session = session?;
                let (key, number) = (key as u32, stored.len() as u32);
                items.push(Item { key, start: session.start, is_new: false, number, end: session.end });
                stored.push(session);
            }
        }
        items.sort_unstable();

        // Group g of the merge is merged[g]; a stored session that nothing touches stays as it is.
        let merged = merge_touching(&items);
        let mut group_of_new = vec![0u32; new];
        let (mut ids, mut states): (Vec<u32>, Vec<&[u8]>) = (Vec::new(), Vec::new());
        let mut sets_before: Vec<i64> = Vec::new();
        for (g, session) in merged.iter().enumerate() {
            for item in &items[session.items.clone()] {
                if item.is_new {
                    group_of_new[item.number as usize] = g as u32;
                } else {
                    ids.push(g as u32);
                    states.push(stored[item.number as usize].state);
                    sets_before.extend(stored[item.number as usize].set);
                }
            }
        }
        let sets_now = sets.as_deref_mut().map(|partition| {
            let has_new = self.have_combinations(pieces, &group_of_new, merged.len());
            Sets::merge(partition, &sets_before, &ids, &has_new)
        });
        let apart = sets.as_deref_mut().zip(sets_now.as_ref()).map(|(partition, sets)| {
            let (buckets, sets) = (sets.of.as_slice(), Some(sets));
            Apart { partition, buckets, keys: None, sets, remembered: self.remembered() }
        });
        ids.extend(&group_of_new);
        let states = if states.is_empty() { None } else { Some(decode(&states, &self.state_types)?) };
        let states = match self.merge_states(states, pieces, &ids, merged.len(), apart) {
            Ok(states) => states,
            Err(FunctionError::Groups(Unmerged { groups, .. })) => {
                let mut fails = vec![false; merged.len()];
                groups.iter().for_each(|(session, _)| fails[*session] = true);
                let (starts, ends): (Vec<i64>, Vec<i64>) = merged.iter().map(|m| (m.start, m.end)).unzip();
                let keys: Vec<&[u8]> = merged.iter().map(|m| keys[items[m.items.start].key as usize]).collect();
                let of = Of { times: &starts, ends: Some(&ends), keys: &keys };
                return Ok(Tried::Without {
                    rows: group_of_new.iter().map(|session| fails[*session as usize]).collect(),
                    sessions: self.unmerged(of, &groups, NOWHERE)?,
                });
            }
            Err(e) => return Err(self.failed(e)),
        };
        if let (Some(partition), Some(now)) = (sets, &sets_now) {
            now.dropped.iter().for_each(|set| partition.drop_bucket(*set));
        }
        let mut encoded = RowBuffer::new();
        encode(&states, merged.len(), Form::Value, &mut encoded)?;

        let slots = (self.mode != OutputMode::Complete).then(|| timers_of(spec));
        let mut changes = Changes::default();
        let (mut next, mut at) = (merged.iter().enumerate().peekable(), 0);
        while at < items.len() {
            let key = items[at].key;
            if let Some((g, session)) = next.next_if(|(_, m)| m.items.start == at) {
                let (start, end, set) = (session.start, session.end, sets_now.as_ref().map(|sets| sets.of[g]));
                StoredSession { start, end, set, state: encoded.row(g) }.write(&mut changes.values);
                if let Some(slots) = &slots {
                    changes.set_timer(&items[session.items.clone()], session.end, slots);
                }
                at = session.items.end;
            } else {
                stored[items[at].number as usize].write(&mut changes.values);
                at += 1;
            }
            if items.get(at).is_none_or(|i| i.key != key) {
                changes.ends.push(changes.values.len());
            }
        }
        let key = |bucket: i64, key: usize| Key { bucket, hash: groups.hashes[key], bytes: keys[key] };
        let from = |i: usize| i.checked_sub(1).map_or(0, |before| changes.ends[before]);
        let values = (0..keys.len()).map(|i| (key(0, i), &changes.values[from(i)..changes.ends[i]]));
        sessions.put_many(values, |_, _| {});
        for (of, slot) in &changes.cleared {
            timers.delete_hashed(*slot, groups.hashes[*of as usize], keys[*of as usize]);
        }
        timers.put_many(changes.set.iter().map(|(of, slot)| (key(*slot, *of as usize), &[][..])), |_, _| {});
        let keys = merged.iter().map(|m| keys[items[m.items.start].key as usize]).collect();
        let buckets = merged.iter().map(|m| m.start).collect();
        Ok(Tried::Merged(Touched { buckets, keys, states, by_rows: true, all: false, rejects: Vec::new() }))
    }

    /// Which of `n` groups have combinations of DISTINCT among the partials' states in these ranges, whose groups are `ids`.
    fn have_combinations(&self, pieces: &[(&GroupPartial, Range<usize>)], ids: &[u32], n: usize) -> Vec<bool> {
        let mut have = vec![false; n];
        for (call, columns) in self.aggregates.iter().zip(self.partial_ranges()) {
            if self.apart(call).is_none() {
                continue;
            }
            let lists = pieces.iter().map(|(partial, range)| (partial.states[columns.start].as_list::<i32>(), range));
            let lengths = lists.flat_map(|(lists, range)| range.clone().map(|i| lists.value_length(i)));
            ids.iter().zip(lengths).for_each(|(id, length)| have[*id as usize] |= length > 0);
        }
        have
    }

    /// The sessions that end at or before the watermark, by start and key; they are stored no longer.
    fn end_sessions(&self, spec: SessionSpec, open: OpenSessions<'_>, at: WatermarkPair) -> Result<Closed> {
        let OpenSessions { sessions, timers, sets } = open;
        let Some(close) = at.close.filter(|_| at.close != at.late) else { return Ok(Closed::default()) };
        let slots = timers_of(spec);
        let reached = slots.reached(timers, Some(close));
        let mut keys: Vec<&[u8]> = reached.flat_map(|(_, keys)| keys.iter().map(|(key, _)| key)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut over: Vec<(StoredSession<'_>, &[u8])> = Vec::new();
        // What stays of a key's sessions: key, hash, value.
        let mut left: Vec<(&[u8], u64, usize)> = Vec::new();
        let mut values: Vec<u8> = Vec::new();
        for key in keys {
            let hash = hash_key(key);
            let (before, written) = (over.len(), values.len());
            let of_key = sessions.get_hashed(0, hash, key);
            for session in of_key.into_iter().flat_map(|value| read(value, sets.is_some())) {
                let session = session?;
                if session.end <= close {
                    over.push((session, key));
                } else {
                    session.write(&mut values);
                }
            }
            if over.len() == before {
                values.truncate(written);
            } else {
                left.push((key, hash, values.len()));
            }
        }
        if let Some(sets) = sets {
            let over = over.iter().filter_map(|(session, _)| session.set);
            over.filter(|set| *set != NO_SET).for_each(|set| sets.drop_bucket(set));
        }
        let emitted = self.session_rows(over, |_, _| true)?;
        let left: Vec<(Vec<u8>, u64, usize)> = left.into_iter().map(|(k, h, end)| (k.to_vec(), h, end)).collect();
        let mut from = 0;
        for (key, hash, end) in left {
            if from == end {
                sessions.delete_hashed(0, hash, &key);
            } else {
                sessions.put_hashed(0, hash, &key, &values[from..end]);
            }
            from = end;
        }
        slots.drop_passed(timers, Some(close));
        Ok(emitted)
    }

    /// Complete mode: all sessions that there ever were.
    fn all_sessions(&self, sessions: &Partition, touched: &Touched<'_>) -> Result<Closed> {
        let mut all = Vec::new();
        for (key, value) in sessions.buckets().flat_map(|(_, bucket)| bucket.iter()) {
            for session in read(value, self.keeps_combinations()) {
                all.push((session?, key));
            }
        }
        self.session_rows(all, touched.news(|start| start..start + 1))
    }

    fn session_rows(
        &self,
        mut sessions: Vec<(StoredSession<'_>, &[u8])>,
        is_news: impl Fn(i64, &[u8]) -> bool,
    ) -> Result<Closed> {
        if sessions.is_empty() {
            return Ok(Closed::default());
        }
        sessions.sort_unstable_by_key(|(session, key)| (session.start, *key));
        let starts: Vec<i64> = sessions.iter().map(|(session, _)| session.start).collect();
        let ends: Vec<i64> = sessions.iter().map(|(session, _)| session.end).collect();
        let keys: Vec<&[u8]> = sessions.iter().map(|(_, key)| *key).collect();
        let states: Vec<&[u8]> = sessions.iter().map(|(session, _)| session.state).collect();
        let states = decode(&states, &self.state_types)?;
        self.result(Results { times: &starts, ends: Some(&ends), keys: &keys, states: &states }, is_news)
    }
}

/// The runs of items that touch and have a new one among them.
fn merge_touching(items: &[Item]) -> Vec<Merged> {
    let mut merged: Vec<Merged> = Vec::new();
    let mut from = 0;
    while from < items.len() {
        let (key, start, mut end) = (items[from].key, items[from].start, items[from].end);
        let mut to = from + 1;
        while let Some(next) = items.get(to).filter(|next| next.key == key && next.start <= end) {
            end = end.max(next.end);
            to += 1;
        }
        if items[from..to].iter().any(|item| item.is_new) {
            merged.push(Merged { items: from..to, start, end });
        }
        from = to;
    }
    merged
}

impl Changes {
    /// The session of these items, which ends at `end`, has its one timer there.
    fn set_timer(&mut self, items: &[Item], end: i64, slots: &Timers) {
        let (slot, mut is_there) = (slots.slot(end), false);
        for before in items.iter().filter(|item| !item.is_new) {
            let was = slots.slot(before.end);
            if was == slot {
                is_there = true;
            } else {
                self.cleared.push((before.key, was));
            }
        }
        if !is_there {
            self.set.push((items[0].key, slot));
        }
    }
}
