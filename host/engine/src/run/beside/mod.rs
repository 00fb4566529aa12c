//! States of an older version, brought over in batches beside the version that runs: into tables of their own, over as many
//! epochs as it takes. With the first epoch of the new version these take the place of the old ones.
//!
//! What always holds: once a batch is done, the new table has of each key what `migrate` makes of what the old table has,
//! unless the key is among those that were changed since and are brought over again. The old tables are only read, so who
//! gives up drops the new ones, and nothing has happened. They are part of the state and of what epochs log: so the epoch
//! that puts them in place has no more to write than any other.

mod entries;
mod helper;
pub(super) mod tables;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use self::entries::Entries;
use self::helper::{Batch, Helper, bring};
use self::tables::beside;
use super::state_memory::refuse_both;
use super::take_up::node_of;
use crate::Result;
use crate::clock::Wake;
use crate::executor::Workers;
use crate::name::Name;
use crate::operator::fingerprint::Old;
use crate::plan::{Plan, PlannedStateful};
use crate::state::{Bucket, Partition, State, Table, hash_key, partition_of};

/// Batches that are handed out: one is brought over while another is put into its table.
const HANDED_OUT: usize = 2;

/// Batches of keys that are changed faster than they are brought over again; what is left then is left for the end.
const AGAIN: usize = 64;

/// The states of a plan that are brought over to what it can use.
pub(super) struct Beside {
    plan: Arc<Plan>,
    parts: Vec<Part>,
    helper: Helper,
    handed_out: VecDeque<HandedOut>,
    /// Keys of a batch.
    at_once: usize,
    /// Batches that may still be handed out of keys that were changed since.
    again_left: usize,
}

/// The states of one operator.
struct Part {
    operator: Name,
    old: Old,
    table: String,
    beside: String,
    /// Where it is gone on with: partition, bucket.
    at: (usize, i64),
    /// Keys that were changed since they were brought over, or perhaps before: buckets and keys.
    again: BTreeSet<(i64, Box<[u8]>)>,
    /// Keys that the last epoch changed.
    changed: usize,
}

/// What is known of a batch that is not done.
struct HandedOut {
    part: usize,
    /// Partitions and buckets that were dropped since: nothing of the batch is put there.
    dropped: BTreeSet<(usize, i64)>,
}

impl Part {
    fn is_through(&self, state: &State) -> bool {
        self.at.0 >= state.partitions() as usize
    }

    /// The next batch: keys that were changed, then such as were not looked at before. As long as there are such, they have
    /// half of it, so that it comes to an end however fast keys are changed.
    fn batch(&mut self, state: &mut State, at_once: usize) -> Entries {
        let mut entries = Entries::default();
        let most_again = if self.is_through(state) { at_once } else { at_once / 2 };
        while entries.len() < most_again && !entries.is_full() {
            let Some((bucket, key)) = self.again.pop_first() else { break };
            push_from(state, &self.table, bucket, &key, &mut entries);
        }
        let mut tables = state.tables_named(&[self.table.clone(), self.beside.clone()]);
        let [old, new] = &mut tables[..] else { return entries };
        while entries.len() < at_once && !entries.is_full() && self.at.0 < old.partitions().len() {
            let (partition, from) = self.at;
            let (old, new) = (&mut old.partitions_mut()[partition], &mut new.partitions_mut()[partition]);
            if let Some((bucket, keys)) = old.buckets().find(|(number, _)| *number >= from) {
                // Tables that grow put all of their keys anew, which would take long at once.
                let there = new.bucket(bucket).map_or(0, Bucket::len);
                new.reserve(bucket, keys.len().saturating_sub(there));
            }
            let next = old.go_through(from, |bucket, key, value| {
                entries.push(bucket, hash_key(key), key, Some(value));
                entries.len() < at_once && !entries.is_full()
            });
            self.at = next.map_or((partition + 1, i64::MIN), |bucket| (partition, bucket));
        }
        entries
    }

    /// What the last epoch has changed in the old table; the partitions and buckets that it dropped.
    fn note(&mut self, state: &mut State) -> BTreeSet<(usize, i64)> {
        let Some(table) = state.table(&self.table) else { return BTreeSet::new() };
        let partitions = || table.partitions().iter().enumerate();
        let dropped =
            partitions().flat_map(|(at, partition)| partition.dropped_buckets().map(move |bucket| (at, bucket)));
        let dropped: BTreeSet<(usize, i64)> = dropped.collect();
        if !dropped.is_empty() {
            let place = |bucket: i64, key: &[u8]| (partition_of(hash_key(key), table.partitions().len()), bucket);
            self.again.retain(|(bucket, key)| !dropped.contains(&place(*bucket, key)));
        }
        self.changed = 0;
        // All of the later ones is still to be looked at.
        for (_, partition) in partitions().take(self.at.0 + 1) {
            let changed = partition.changed_keys().inspect(|_| self.changed += 1);
            self.again.extend(changed.map(|(bucket, key)| (bucket, key.into())));
        }
        let beside = state.table_mut(&self.beside);
        dropped.iter().for_each(|(partition, bucket)| beside.partitions_mut()[*partition].drop_bucket(*bucket));
        dropped
    }
}

/// Puts what `table` of `state` has of a key to `entries`.
fn push_from(state: &State, table: &str, bucket: i64, key: &[u8], entries: &mut Entries) {
    let hash = hash_key(key);
    let value = state.table(table).and_then(|table| table.partition(hash).get_hashed(bucket, hash, key));
    entries.push(bucket, hash, key, value);
}

/// Puts what was brought over into `table`; of a key without a value, that it has none.
fn put(table: &mut Table, entries: &Entries, is_wanted: impl Fn(usize, i64) -> bool) {
    let partitions = table.partitions().len();
    for (bucket, hash, key, value) in entries.iter() {
        if !is_wanted(partition_of(hash, partitions), bucket) {
            continue;
        }
        let partition = table.partition_mut(hash);
        match value {
            Some(value) => partition.put_hashed(bucket, hash, key, value),
            None => partition.delete_hashed(bucket, hash, key),
        };
    }
}

impl Beside {
    /// Begins with `states`, those of `plan` that an older version has stored; `aside`: on a thread of its own, which
    /// notifies `wake`.
    pub fn begin(
        plan: &Arc<Plan>,
        states: Vec<(&PlannedStateful, Old)>,
        state: &mut State,
        at_once: usize,
        aside: bool,
        wake: &Wake,
    ) -> Result<Self> {
        let parts = states.into_iter().filter(|(_, old)| !old.is_nothing()).map(|(stateful, old)| {
            // The first table is the one that has states.
            let table = stateful.tables[0].clone();
            let beside = beside(&table);
            state.table_mut(&table).partitions_mut().iter_mut().for_each(Partition::go_through_again);
            let (at, again) = ((0, i64::MIN), BTreeSet::new());
            Part { operator: stateful.name.clone(), old, table, beside, at, again, changed: 0 }
        });
        let parts: Vec<Part> = parts.collect();
        let is_needed = aside && !parts.is_empty();
        let helper =
            if is_needed { Helper::thread(plan, state.partitions(), wake)? } else { Helper::Here(VecDeque::new()) };
        let (handed_out, again_left) = (VecDeque::new(), AGAIN);
        Ok(Self { plan: plan.clone(), parts, helper, handed_out, at_once: at_once.max(1), again_left })
    }

    /// What is brought over, and how many states of it there are, where that takes more than one batch.
    pub fn told(&self, state: &State) -> Vec<String> {
        let parts = self.parts.iter().map(|part| (part, state.table(&part.table).map_or(0, Table::len)));
        let long = parts.filter(|(_, states)| *states > self.at_once);
        let told = long.map(|(part, states)| {
            let node = node_of(&part.operator);
            format!("`{node}`: {states} states are being brought over; the version before goes on meanwhile")
        });
        told.collect()
    }

    /// Whether who calls [`Beside::go_on`] is who does the work, and is to call again.
    pub fn is_here(&self) -> bool {
        self.helper.is_here()
    }

    /// Goes on by a batch or two, without waiting. Whether all is done but for what [`Beside::put_in_place`] does.
    ///
    /// # Errors
    /// A plugin cannot bring a state over, or there is no memory for both.
    pub fn go_on(&mut self, state: &mut State) -> Result<bool> {
        let batches = if self.is_here() { 1 } else { HANDED_OUT };
        for round in 0..=batches {
            while self.handed_out.len() > usize::from(self.leaves_one(state))
                && let Some(done) = self.helper.done()?
            {
                self.take(state, &done);
                refuse_both(&self.plan, state)?;
            }
            if self.is_done(state) {
                return Ok(true);
            }
            if round == batches || self.handed_out.len() >= HANDED_OUT || !self.hand_out(state)? {
                break;
            }
        }
        Ok(false)
    }

    /// Whether a batch stays on its way though it is done. Where no thread works beside, that is so over an epoch while there
    /// are others to come: it goes as it would with one.
    fn leaves_one(&self, state: &State) -> bool {
        self.is_here() && self.parts.iter().any(|part| !part.is_through(state))
    }

    fn is_done(&self, state: &State) -> bool {
        let few = |part: &Part| part.again.len() <= self.at_once + part.changed || self.again_left == 0;
        self.handed_out.is_empty() && self.parts.iter().all(|part| part.is_through(state) && few(part))
    }

    /// Hands out the next batch, if there is one.
    fn hand_out(&mut self, state: &mut State) -> Result<bool> {
        for (number, part) in self.parts.iter_mut().enumerate() {
            let is_through = part.is_through(state);
            if is_through && (part.again.is_empty() || self.again_left == 0) {
                continue;
            }
            self.again_left -= usize::from(is_through);
            let entries = part.batch(state, self.at_once);
            let batch = Batch { operator: part.operator.clone(), old: part.old.clone(), entries };
            self.handed_out.push_back(HandedOut { part: number, dropped: BTreeSet::new() });
            self.helper.give(batch, &self.plan, state.partitions())?;
            return Ok(true);
        }
        Ok(false)
    }

    fn take(&mut self, state: &mut State, done: &Entries) {
        let Some(HandedOut { part, dropped }) = self.handed_out.pop_front() else { return };
        let table = state.table_mut(&self.parts[part].beside);
        put(table, done, |partition, bucket| !dropped.contains(&(partition, bucket)));
    }

    /// An epoch was computed with the version that runs; what it changed is still to be logged.
    pub fn note(&mut self, state: &mut State) {
        for (number, part) in self.parts.iter_mut().enumerate() {
            let dropped = part.note(state);
            let of_part = self.handed_out.iter_mut().filter(|batch| batch.part == number);
            of_part.for_each(|batch| batch.dropped.extend(&dropped));
        }
    }

    /// Puts what was brought over in the place of the old states, with what was changed since. It can be undone, and done
    /// again.
    ///
    /// # Errors
    /// A plugin cannot bring a state over.
    pub fn put_in_place(&self, state: &mut State, workers: &Workers) -> Result<()> {
        for part in &self.parts {
            let mut entries = Entries::default();
            for (bucket, key) in &part.again {
                push_from(state, &part.table, *bucket, key, &mut entries);
            }
            let brought = bring(&self.plan, &part.operator, &part.old, &entries, state.partitions(), workers)?;
            state.move_table(&part.beside, &part.table);
            put(state.table_mut(&part.table), &brought, |_, _| true);
        }
        Ok(())
    }

    /// The operators whose states are brought over, with what of them.
    pub fn brought_over(&self) -> impl Iterator<Item = (&Name, &Old)> {
        self.parts.iter().map(|part| (&part.operator, &part.old))
    }

    /// It is not to be after all.
    pub fn leave(&self, state: &mut State) {
        self.parts.iter().for_each(|part| state.drop_table(&part.beside));
    }
}
