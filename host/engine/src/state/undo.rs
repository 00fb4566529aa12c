//! Taking back what an epoch has changed so far, before it is over: when its input goes away in the middle of it, it is
//! given up.
//!
//! The keys get back what they had by puts and deletes like any others: what is logged of the epoch may name keys that
//! have what they had, and is right whatever else was changed in it before.

use super::bucket::Bucket;

/// What a partition had.
#[derive(Debug, Default)]
pub(super) struct Undo {
    /// Buckets that were changed and keep a journal; may name one that was dropped since.
    pub changed: Vec<i64>,
    /// Buckets that were dropped, in that order, with their journals.
    pub dropped: Vec<(i64, Bucket)>,
}

impl Undo {
    /// Bucket `number` is about to be changed.
    pub fn changes(&mut self, number: i64, bucket: &mut Bucket) {
        if bucket.journal.is_none() {
            bucket.journal = Some(Box::default());
            self.changed.push(number);
        }
    }
}

impl Bucket {
    /// Its keys have again what they had when its journal began.
    pub(super) fn revert(&mut self) {
        for (key, value) in self.journal.take().into_iter().flat_map(|journal| *journal) {
            match value {
                Some(value) => self.put(&key, &value),
                None => self.delete(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::executor::Workers;
    use crate::state::{State, StateChange};

    #[derive(Debug, Clone)]
    enum Op {
        Put(i64, u8, u8),
        Delete(i64, u8),
        Drop(i64),
        DropBefore(i64),
        Clear,
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let op = prop_oneof![
            8 => (0i64..4, 0u8..12, 0u8..200).prop_map(|(bucket, key, len)| Op::Put(bucket, key, len)),
            3 => (0i64..4, 0u8..12).prop_map(|(bucket, key)| Op::Delete(bucket, key)),
            1 => (0i64..4).prop_map(Op::Drop),
            1 => (0i64..4).prop_map(Op::DropBefore),
            1 => Just(Op::Clear),
        ];
        prop::collection::vec(op, 0..60)
    }

    fn apply(state: &mut State, table: &str, ops: &[Op]) {
        for op in ops {
            let table = state.table_mut(table);
            match *op {
                Op::Put(bucket, key, len) => {
                    table.put(bucket, &[key], &vec![key; usize::from(len)]);
                }
                Op::Delete(bucket, key) => {
                    table.delete(bucket, &[key]);
                }
                Op::Drop(bucket) => table.partitions_mut().iter_mut().for_each(|p| p.drop_bucket(bucket)),
                Op::DropBefore(bucket) => table.drop_buckets(bucket),
                Op::Clear => table.clear(),
            }
        }
    }

    fn assert_same(one: &State, other: &State) {
        for table in ["a", "b"] {
            let (one, other) = (one.table(table), other.table(table));
            let both = one.zip(other).map(|(one, other)| one.holds_what(other));
            let empty = |table: Option<&crate::state::Table>| table.is_none_or(crate::state::Table::is_empty);
            assert!(both.unwrap_or(empty(one) && empty(other)), "{table}: {one:?}, {other:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_undone_is_as_if_it_had_never_been_also_in_the_log(
            committed in ops(), pending in ops(), undone in ops(), of_new in ops(), after in ops(),
        ) {
            let (mut state, mut never, mut replayed) = (State::new(3), State::new(3), State::new(3));
            for state in [&mut state, &mut never] {
                apply(state, "a", &committed);
            }
            drop(never.take_changes());
            replayed.apply(&state.take_changes().bytes).unwrap();
            for state in [&mut state, &mut never] {
                apply(state, "a", &pending);
            }
            for keeps in [false, true] {
                state.keep_undo();
                apply(&mut state, "a", &undone);
                apply(&mut state, "b", &of_new);
                if keeps {
                    apply(&mut never, "a", &undone);
                    apply(&mut never, "b", &of_new);
                    state.forget_undo();
                } else {
                    state.undo();
                }
                assert_same(&state, &never);
            }
            for state in [&mut state, &mut never] {
                apply(state, "a", &after);
            }
            assert_same(&state, &never);
            replayed.apply(&state.take_changes().bytes).unwrap();
            assert_same(&replayed, &never);
            prop_assert!(state.table("a").is_none_or(|table| table.bytes() == never.table("a").map_or(0, |t| t.bytes())));
        }

        #[test]
        fn a_table_that_takes_the_place_of_another_one_is_it_from_then_on_also_in_the_log(
            committed in ops(), beside in ops(), pending in (ops(), ops()), new in ops(), after in (ops(), ops()), kept in 0..3u8,
        ) {
            let (mut state, mut model, mut replayed) = (State::new(3), State::new(3), State::new(3));
            let mut pieces = Vec::new();
            for epoch in 0..3 {
                for (state, is_model) in [(&mut state, false), (&mut model, true)] {
                    let [a, b] = match (is_model, epoch) {
                        (true, 2) => ["b", "c"],
                        _ => ["a", "b"],
                    };
                    match epoch {
                        0 => {
                            apply(state, a, &committed);
                            apply(state, b, &beside);
                        }
                        1 => {
                            apply(state, a, &pending.0);
                            apply(state, b, &pending.1);
                            // Given up so many times before it stays.
                            for _ in 0..if is_model { 0 } else { kept } {
                                let had = |state: &State| ["a", "b"].map(|name| {
                                    let mut all = Vec::new();
                                    (0..3).for_each(|p| all.push(state.table(name).map_or(Vec::new(), |table| {
                                        let buckets = table.partitions()[p].buckets();
                                        let sorted = |(n, bucket): (i64, &crate::state::Bucket)| format!("{n} {:?}", bucket.sorted());
                                        buckets.map(sorted).collect()
                                    })));
                                    all
                                });
                                let before = had(state);
                                state.keep_undo();
                                state.move_table(b, a);
                                apply(state, a, &new);
                                state.undo();
                                prop_assert_eq!(had(state), before);
                            }
                            match is_model {
                                true => apply(state, b, &new),
                                false => {
                                    state.keep_undo();
                                    state.move_table(b, a);
                                    apply(state, a, &new);
                                    state.forget_undo();
                                }
                            }
                        }
                        _ => {
                            apply(state, a, &after.0);
                            apply(state, b, &after.1);
                        }
                    }
                }
                let change = state.take_changes();
                replayed.apply(&change.bytes).unwrap();
                pieces.push(change.bytes);
                let is_same = |of: &State, name: &str, model_name: &str| {
                    let (one, other) = (of.table(name), model.table(model_name));
                    let empty = |table: Option<&crate::state::Table>| table.is_none_or(crate::state::Table::is_empty);
                    one.zip(other).map_or(empty(one) && empty(other), |(one, other)| one.holds_what(other))
                };
                let mut by_partition = vec![Vec::new(); 3];
                for piece in pieces.iter().flat_map(|bytes| StateChange::pieces(bytes).unwrap()) {
                    by_partition[piece.partition as usize].push(piece);
                }
                let restored = State::restore(3, &by_partition, &Workers::alone()).unwrap();
                for of in [&state, &replayed, &restored] {
                    match epoch {
                        0 => prop_assert!(is_same(of, "a", "a") && is_same(of, "b", "b")),
                        1 => prop_assert!(is_same(of, "a", "b") && of.table("b").is_none_or(crate::state::Table::is_empty)),
                        _ => prop_assert!(is_same(of, "a", "b") && is_same(of, "b", "c")),
                    }
                }
            }
        }
    }
}
