//! Merging, finishing and migrating states in parts that a plugin can take.
//!
//! A partition's states are as many as there are groups, and as large as the plugin makes them; one call has a memory, a
//! time and a limit for what it returns. So states are handed over some at a time, cut by their number and their bytes,
//! a group's states together where they fit. A call that fails is made again on a fresh instance with ten times the
//! time, then on halves, and halves of halves, as with rows ([`crate::operator::isolate()`]).
//!
//! Merging is associative, so a group that is too large for one call is merged piece by piece, its states always in their
//! order. A group of which two states cannot be merged alone is told from the others.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{concat, take};
use arrow::datatypes::Fields;

use crate::Error;
use crate::operator::isolate::{Attempt, BUDGET, Blame, Fault, MOST, patiently};
use crate::operator::plugin::BYTES_PER_CALL;
use crate::operator::room::Sizes;
use crate::operator::rows::arrow_failed;

/// States handed over in one call.
pub(super) const STATES_PER_CALL: usize = 65_536;

/// What a search for failing states may still cost.
struct Search {
    began: Option<Instant>,
    failing: usize,
}

impl Search {
    fn new() -> Self {
        Self { began: None, failing: 0 }
    }

    /// Whether it is the plugin that is broken, and not some of the states.
    fn is_over(&mut self) -> bool {
        self.began.get_or_insert_with(Instant::now).elapsed() > BUDGET || self.failing > MOST
    }
}

/// Calls as always, then on a fresh instance with more time. The inner error is the states' doing.
fn twice<T, E: Blame>(mut call: impl FnMut(Attempt) -> Result<T, E>) -> Result<Result<T, E>, E> {
    for attempt in [Attempt::First, Attempt::Patient] {
        match patiently(|| call(attempt)) {
            Ok(done) => return Ok(Ok(done)),
            Err(e) if e.fault() != Fault::Rows => return Err(e),
            Err(e) if attempt == Attempt::Patient => return Ok(Err(e)),
            Err(_) => {}
        }
    }
    unreachable!("the second attempt returns")
}

/// States to one state per group `0..n`, merged in their order; `groups` has the group of each. `call` merges some. And the
/// groups whose states cannot be merged, ascending, each with why; what stands in their places is anything. `says`: as for
/// [`finish`].
pub(super) fn merge<E: Blame + From<Error>>(
    groups: &[u32],
    n: usize,
    states: &[ArrayRef],
    says: impl Fn(&E) -> (bool, String),
    mut call: impl FnMut(&[u32], usize, &[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
) -> Result<Results, E> {
    let sizes = Sizes::of_all(states);
    if groups.len() <= STATES_PER_CALL && sizes.of_range(0, groups.len()) <= BYTES_PER_CALL {
        match patiently(|| call(groups, n, states, Attempt::First)) {
            Err(e) if e.fault() == Fault::Rows => {}
            done => return Ok((done?, Vec::new())),
        }
    }
    let mut order: Vec<u32> = (0..groups.len() as u32).collect();
    // Stable: a group's states stay in their order.
    order.sort_by_key(|state| groups[*state as usize]);
    let mut sorted =
        Sorted { groups: order.iter().map(|state| groups[*state as usize]).collect(), states: states.to_vec() };
    sorted.states = taken(states, order)?;
    let numbers = || sorted.groups.iter().copied();
    if !numbers().is_sorted_by(|a, b| b - a <= 1)
        || (numbers().next(), numbers().last()) != (Some(0), (n as u32).checked_sub(1))
    {
        // A group without states has the state of nothing: only the plugin knows it.
        return Ok((call(groups, n, states, Attempt::First)?, Vec::new()));
    }
    let mut merging = Merging { call, says, search: Search::new(), refused: BTreeMap::new() };
    while sorted.groups.len() > n {
        sorted = merging.once(sorted)?;
    }
    Ok((sorted.states, merging.refused.into_iter().map(|(group, why)| (group as usize, why)).collect()))
}

/// States in the order of their groups.
#[derive(Clone)]
struct Sorted {
    groups: Vec<u32>,
    states: Vec<ArrayRef>,
}

impl Sorted {
    fn slice(&self, part: Range<usize>) -> Self {
        let states = self.states.iter().map(|column| column.slice(part.start, part.len())).collect();
        Self { groups: self.groups[part].to_vec(), states }
    }

    fn has_one_group(&self) -> bool {
        self.groups.first() == self.groups.last()
    }

    /// Groups numbered from 0 on, and how many.
    fn numbered(&self) -> (Vec<u32>, usize) {
        let mut next = 0;
        let mut numbers = Vec::with_capacity(self.groups.len());
        for (i, group) in self.groups.iter().enumerate() {
            next += u32::from(i > 0 && self.groups[i - 1] != *group);
            numbers.push(next);
        }
        (numbers, next as usize + 1)
    }
}

/// What merges, and what was found out so far.
struct Merging<C, S> {
    call: C,
    says: S,
    search: Search,
    /// Groups whose states cannot be merged, each with why.
    refused: BTreeMap<u32, String>,
}

/// Where a run of about `fitting` states ends: with a group if it has more than one, and with at least two states of a
/// group that has them, so that each run has fewer states afterwards.
fn run_end(groups: &[u32], from: usize, fitting: usize) -> usize {
    let to = from + fitting;
    if to == groups.len() || groups[to] != groups[to - 1] {
        return to;
    }
    let begins = groups[from..to].partition_point(|group| *group < groups[to]) + from;
    if begins > from { begins } else { to.max(from + 2) }
}

impl<C, S> Merging<C, S> {
    /// Merges each group's states, of which there may be several afterwards if they are too many for one call, but fewer
    /// than before.
    fn once<E: Blame + From<Error>>(&mut self, all: Sorted) -> Result<Sorted, E>
    where
        C: FnMut(&[u32], usize, &[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
        S: Fn(&E) -> (bool, String),
    {
        let sizes = Sizes::of_all(&all.states);
        let mut merged = Pieces::default();
        let mut from = 0;
        while from < all.groups.len() {
            let to = run_end(&all.groups, from, sizes.fitting(from, all.groups.len(), STATES_PER_CALL, BYTES_PER_CALL));
            self.run(all.slice(from..to), &mut merged)?;
            from = to;
        }
        Ok(merged.whole()?)
    }

    /// One run, in halves if the plugin fails.
    fn run<E: Blame + From<Error>>(&mut self, part: Sorted, merged: &mut Pieces) -> Result<(), E>
    where
        C: FnMut(&[u32], usize, &[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
        S: Fn(&E) -> (bool, String),
    {
        // A state alone is merged; and of a group that cannot be, one state is as good as another.
        if part.groups.len() == 1 || (part.has_one_group() && self.refused.contains_key(&part.groups[0])) {
            merged.push(part.slice(0..1));
            return Ok(());
        }
        let (numbers, n) = part.numbered();
        let failed = match twice(|attempt| (self.call)(&numbers, n, &part.states, attempt))? {
            Ok(states) => {
                let mut groups = part.groups;
                groups.dedup();
                merged.push(Sorted { groups, states });
                return Ok(());
            }
            Err(e) => e,
        };
        let (on_purpose, why) = (self.says)(&failed);
        let is_to_blame = part.has_one_group() && part.groups.len() == 2;
        self.search.failing += usize::from(is_to_blame && !on_purpose);
        if !on_purpose && self.search.is_over() {
            return Err(failed);
        }
        if is_to_blame {
            self.refused.insert(part.groups[0], why);
            merged.push(part.slice(0..1));
            return Ok(());
        }
        let middle = part.groups.len() / 2;
        if !part.has_one_group() {
            // At the group's end that is next to the middle, before or behind it.
            let group = part.groups[middle];
            let (begins, ends) =
                (part.groups.partition_point(|g| *g < group), part.groups.partition_point(|g| *g <= group));
            let cut = if begins > 0 { begins } else { ends };
            self.run(part.slice(0..cut), merged)?;
            return self.run(part.slice(cut..part.groups.len()), merged);
        }
        // The halves of one group, and what comes of them.
        let mut halves = Pieces::default();
        self.run(part.slice(0..middle), &mut halves)?;
        self.run(part.slice(middle..part.groups.len()), &mut halves)?;
        self.run(halves.whole()?, merged)
    }
}

/// Merged states, one piece after the other.
#[derive(Default)]
struct Pieces(Vec<Sorted>);

impl Pieces {
    fn push(&mut self, piece: Sorted) {
        self.0.push(piece);
    }

    fn whole(mut self) -> Result<Sorted, Error> {
        if self.0.len() == 1 {
            return Ok(self.0.swap_remove(0));
        }
        let groups = self.0.iter().flat_map(|piece| piece.groups.iter().copied()).collect();
        let columns = self.0.first().map_or(0, |piece| piece.states.len());
        let states = (0..columns).map(|c| {
            let pieces: Vec<&dyn Array> = self.0.iter().map(|piece| piece.states[c].as_ref()).collect();
            concat(&pieces).map_err(arrow_failed)
        });
        Ok(Sorted { groups, states: states.collect::<Result<_, _>>()? })
    }
}

fn taken(columns: &[ArrayRef], rows: Vec<u32>) -> Result<Vec<ArrayRef>, Error> {
    if rows.is_sorted() {
        return Ok(columns.to_vec());
    }
    let rows = UInt32Array::from(rows);
    columns.iter().map(|column| take(column, &rows, None).map_err(arrow_failed)).collect()
}

/// Results of states: the output columns, a row per state, and the states that have none, each with why.
pub(super) type Results = (Vec<ArrayRef>, Vec<(usize, String)>);

/// States to as many others; `call` brings some over. Where it cannot for one state alone, that is the error.
pub(super) fn migrate<E: Blame + From<Error>>(
    states: &[ArrayRef],
    mut call: impl FnMut(&[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
) -> Result<Vec<ArrayRef>, E> {
    let (n, sizes) = (states.first().map_or(0, |s| s.len()), Sizes::of_all(states));
    let mut pieces: Vec<Vec<ArrayRef>> = Vec::new();
    let mut from = 0;
    while from < n || (n == 0 && pieces.is_empty()) {
        let to = from + sizes.fitting(from, n, STATES_PER_CALL, BYTES_PER_CALL);
        // A stack with the earlier half on top.
        let mut open: Vec<Range<usize>> = std::iter::once(from..to).collect();
        from = to;
        while let Some(part) = open.pop() {
            let some: Vec<ArrayRef> = states.iter().map(|column| column.slice(part.start, part.len())).collect();
            match twice(|attempt| call(&some, attempt))? {
                Ok(migrated) => pieces.push(migrated),
                Err(e) if part.len() <= 1 => return Err(e),
                Err(_) => {
                    let middle = part.start + part.len() / 2;
                    open.push(middle..part.end);
                    open.push(part.start..middle);
                }
            }
        }
    }
    if pieces.len() == 1 {
        return Ok(pieces.swap_remove(0));
    }
    let columns = (0..pieces.first().map_or(0, Vec::len)).map(|c| {
        let column: Vec<&dyn Array> = pieces.iter().map(|piece| piece[c].as_ref()).collect();
        concat(&column).map_err(|e| E::from(arrow_failed(e)))
    });
    columns.collect()
}

/// States to rows of `output`; `call` finishes some. A state for which alone the plugin fails is among those without a
/// result. `says` tells an error that the plugin returned on purpose: of these there may be any number.
pub(super) fn finish<E: Blame + From<Error>>(
    states: &[ArrayRef],
    output: &Fields,
    says: impl Fn(&E) -> (bool, String),
    mut call: impl FnMut(&[ArrayRef], Attempt) -> Result<Vec<ArrayRef>, E>,
) -> Result<Results, E> {
    let (n, sizes) = (states.first().map_or(0, |s| s.len()), Sizes::of_all(states));
    let (mut pieces, mut refused): (Vec<Vec<ArrayRef>>, Vec<(usize, String)>) = (Vec::new(), Vec::new());
    let mut search = Search::new();
    let mut from = 0;
    while from < n || (n == 0 && pieces.is_empty()) {
        let to = from + sizes.fitting(from, n, STATES_PER_CALL, BYTES_PER_CALL);
        // A stack with the earlier half on top.
        let mut open: Vec<Range<usize>> = std::iter::once(from..to).collect();
        from = to;
        while let Some(part) = open.pop() {
            let some: Vec<ArrayRef> = states.iter().map(|column| column.slice(part.start, part.len())).collect();
            let failed = match twice(|attempt| call(&some, attempt))? {
                Ok(columns) => {
                    pieces.push(columns);
                    continue;
                }
                Err(e) => e,
            };
            let (on_purpose, why) = says(&failed);
            if part.len() <= 1 {
                search.failing += usize::from(!on_purpose);
                pieces.push(output.iter().map(|f| new_null_array(f.data_type(), part.len())).collect());
                refused.push((part.start, why));
            }
            if !on_purpose && search.is_over() {
                return Err(failed);
            }
            if part.len() > 1 {
                let middle = part.start + part.len() / 2;
                open.push(middle..part.end);
                open.push(part.start..middle);
            }
        }
    }
    if pieces.len() == 1 {
        return Ok((pieces.swap_remove(0), refused));
    }
    let columns = (0..output.len()).map(|c| {
        let column: Vec<&dyn Array> = pieces.iter().map(|piece| piece[c].as_ref()).collect();
        concat(&column).map_err(|e| E::from(arrow_failed(e)))
    });
    Ok((columns.collect::<Result<_, _>>()?, refused))
}

#[cfg(test)]
mod tests;
