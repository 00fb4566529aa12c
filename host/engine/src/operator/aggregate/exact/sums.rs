//! Sums of one type's values per group that never lose anything: the sum as its type can hold it, and how often it went
//! round. A sum that went up past the greatest value once is that type's whole range more than it says.

use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array};
use arrow::array::{PrimitiveArray, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use std::sync::Arc;

/// One group's sum: side by side what a value changes.
#[derive(Clone, Copy)]
struct Slot<N> {
    sum: N,
    /// Values in it.
    count: u64,
}

/// The sums of some groups.
pub(super) struct Sums<N> {
    slots: Vec<Slot<N>>,
    /// How often each went round upwards, less how often downwards. Hardly ever touched.
    turns: Vec<i64>,
}

impl<N: ArrowNativeTypeOp> Sums<N> {
    /// No values yet in any of `n` groups.
    pub fn new(n: usize) -> Self {
        Self { slots: vec![Slot { sum: N::ZERO, count: 0 }; n], turns: vec![0; n] }
    }

    #[inline]
    fn add(&mut self, group: usize, value: N, count: u64) {
        let slot = &mut self.slots[group];
        let sum = slot.sum.add_wrapping(value);
        // What was added makes a sum greater, or less if it is below zero: or it went round.
        let less = value.is_lt(N::ZERO);
        if sum.is_lt(slot.sum) != less {
            self.turns[group] += if less { -1 } else { 1 };
        }
        *slot = Slot { sum, count: slot.count + count };
    }

    /// Adds rows: `groups[i]` is the group of value `i`. Nulls, and rows where `filter` is not true, do not count.
    pub fn add_rows<T: ArrowPrimitiveType<Native = N>>(
        &mut self,
        groups: &[u32],
        values: &PrimitiveArray<T>,
        filter: Option<&BooleanArray>,
    ) {
        let rows = groups.iter().zip(values.values()).map(|(group, value)| (*group as usize, *value));
        let counts = filter.map(|f| (f.values(), f.nulls()));
        match (values.nulls(), counts) {
            (None, None) => rows.for_each(|(group, value)| self.add(group, value, 1)),
            (nulls, counts) => {
                let valid = |i: usize| nulls.is_none_or(|n| n.is_valid(i));
                let counted =
                    |i: usize| counts.is_none_or(|(set, known)| set.value(i) && known.is_none_or(|k| k.is_valid(i)));
                for (i, (group, value)) in rows.enumerate() {
                    if valid(i) && counted(i) {
                        self.add(group, value, 1);
                    }
                }
            }
        }
    }

    /// Adds sums: of group `groups[i]` those of row `i` of the state columns that [`Sums::state`] gave.
    pub fn add_states<T: ArrowPrimitiveType<Native = N>>(&mut self, groups: &[u32], states: &[ArrayRef]) {
        let State { sums, turns, counts } = State::<T>::of(states);
        for (i, group) in groups.iter().enumerate().filter(|(i, _)| sums.is_valid(*i)) {
            self.add(*group as usize, sums.value(i), counts.map_or(1, |c| c.value(i)));
            if turns.is_valid(i) {
                self.turns[*group as usize] += turns.value(i);
            }
        }
    }

    /// The state columns: sum (null where there was no value), turns (null where there are none, which takes no bytes
    /// where it is stored), and, if wanted, count.
    pub fn state<T: ArrowPrimitiveType<Native = N>>(self, data_type: &DataType, counts: bool) -> Vec<ArrayRef> {
        let some = |is: &dyn Fn(usize) -> bool| -> NullBuffer { (0..self.slots.len()).map(is).collect() };
        let seen = some(&|g| self.slots[g].count > 0);
        let turned = some(&|g| self.turns[g] != 0);
        let count: Option<ArrayRef> =
            counts.then(|| Arc::new(UInt64Array::from_iter_values(self.slots.iter().map(|s| s.count))) as _);
        let sums: Vec<N> = self.slots.iter().map(|s| s.sum).collect();
        let sums = PrimitiveArray::<T>::new(sums.into(), Some(seen)).with_data_type(data_type.clone());
        let turns = Int64Array::new(self.turns.into(), Some(turned));
        [Arc::new(sums) as ArrayRef, Arc::new(turns)].into_iter().chain(count).collect()
    }
}

/// The columns of stored sums.
pub(super) struct State<'a, T: ArrowPrimitiveType> {
    pub sums: &'a PrimitiveArray<T>,
    pub turns: &'a Int64Array,
    pub counts: Option<&'a UInt64Array>,
}

impl<'a, T: ArrowPrimitiveType> State<'a, T> {
    /// As [`Sums::state`] gave them.
    pub fn of(columns: &'a [ArrayRef]) -> Self {
        Self {
            sums: columns[0].as_primitive(),
            turns: columns[1].as_primitive::<Int64Type>(),
            counts: columns.get(2).map(|c| c.as_primitive::<UInt64Type>()),
        }
    }

    /// Whether all sums are what their columns say.
    pub fn never_turned(&self) -> bool {
        self.turns.null_count() == self.turns.len()
    }

    /// How often sum `i` went round.
    pub fn turns(&self, i: usize) -> i64 {
        if self.turns.is_valid(i) { self.turns.value(i) } else { 0 }
    }
}
