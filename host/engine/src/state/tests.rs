use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::executor::Workers;

/// SplitMix64: small, seeded, good enough for tests.
pub(crate) struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn index(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.below(len as u64) as usize)
    }
}

type Model = BTreeMap<(i64, Vec<u8>), Vec<u8>>;

fn content(table: &Table) -> Model {
    let mut found = Model::new();
    for partition in table.partitions() {
        for (number, bucket) in partition.buckets() {
            let sorted = bucket.sorted();
            assert!(sorted.is_sorted() && sorted.len() == bucket.len() && !bucket.is_empty());
            for (key, value) in sorted {
                assert_eq!(partition.get(number, key), Some(value));
                assert!(found.insert((number, key.to_vec()), value.to_vec()).is_none());
            }
        }
    }
    assert_eq!(found.len(), table.len());
    found
}

fn random_key(rng: &mut Rng) -> Vec<u8> {
    let n = rng.below(400);
    format!("{n:0width$}", width = (n % 30) as usize).into_bytes()
}

fn random_value(rng: &mut Rng) -> Vec<u8> {
    let len = [0, 3, 8, 8, 8, 9, 40, 200][rng.below(8) as usize];
    vec![rng.next() as u8; len]
}

/// One random operation on both the table and the model of it.
fn step(rng: &mut Rng, table: &mut Table, model: &mut Model) {
    let (bucket, key) = (rng.below(5) as i64 - 2, random_key(rng));
    match rng.below(100) {
        0..60 => {
            let value = random_value(rng);
            let is_new = table.put(bucket, &key, &value);
            assert_eq!(model.insert((bucket, key), value).is_none(), is_new);
        }
        60..98 => assert_eq!(table.delete(bucket, &key), model.remove(&(bucket, key)).is_some()),
        98 => {
            table.drop_buckets(bucket);
            model.retain(|(b, _), _| *b >= bucket);
        }
        _ => {
            table.partitions_mut().iter_mut().for_each(|p| p.drop_bucket(bucket));
            model.retain(|(b, _), _| *b != bucket);
        }
    }
}

/// The memory of all buckets, each asked.
fn counted_memory(state: &State) -> usize {
    let partitions = state.tables().flat_map(|(_, table)| table.partitions());
    partitions.flat_map(|p| p.buckets()).map(|(_, bucket)| size_of::<Bucket>() + bucket.memory()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_table_is_a_map_and_its_changes_give_it_again(seed in any::<u64>(), partitions in 1u32..5) {
        let mut rng = Rng::new(seed);
        let mut state = State::new(partitions);
        let mut copy = State::new(partitions);
        // Restored from the snapshot each epoch: it must log the same bytes as the one that lives on.
        let mut restored = State::new(partitions);
        let mut model = Model::new();
        for _ in 0..12 {
            let (ops, seed) = (rng.below(400), rng.next());
            let mut again = model.clone();
            (0..ops).fold(Rng::new(seed), |mut r, _| { step(&mut r, restored.table_mut("t"), &mut again); r });
            (0..ops).fold(Rng::new(seed), |mut r, _| { step(&mut r, state.table_mut("t"), &mut model); r });
            prop_assert_eq!(&content(state.table_mut("t")), &model);
            for (bucket, key) in model.keys() {
                prop_assert_eq!(state.table_mut("t").get(*bucket, key).map(<[u8]>::to_vec), model.get(&(*bucket, key.clone())).cloned());
            }
            let change = state.take_changes();
            prop_assert_eq!(&restored.take_changes(), &change);
            let each = state.table_mut("t").partitions().iter().map(|p| p.buckets().map(|(_, b)| b.bytes()).sum::<usize>() as u64);
            prop_assert_eq!(&each.collect::<Vec<_>>(), &change.sizes);
            copy.apply(&change.bytes).unwrap();
            prop_assert_eq!(&content(copy.table_mut("t")), &model);
            prop_assert_eq!(copy.take_changes().bytes, State::new(partitions).take_changes().bytes);
            prop_assert_eq!(copy.table_mut("t").bytes(), state.table_mut("t").bytes());
            prop_assert_eq!(state.memory(), counted_memory(&state));
            prop_assert_eq!(copy.memory(), counted_memory(&copy));
            let snapshots: Vec<_> = (0..partitions).map(|p| state.snapshot(p)).collect();
            let pieces: Vec<_> = snapshots.iter().map(|s| StateChange::pieces(s).unwrap()).collect();
            restored = State::restore(partitions, &pieces, &Workers::alone()).unwrap();
            prop_assert_eq!(&content(restored.table_mut("t")), &model);
        }
    }

    #[test]
    fn a_damaged_change_never_panics(seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let mut state = State::new(2);
        let mut model = Model::new();
        (0..100).for_each(|_| step(&mut rng, state.table_mut("t"), &mut model));
        let bytes = state.take_changes().bytes;
        for _ in 0..50 {
            let mut bytes = bytes.clone();
            let at = rng.index(bytes.len()).unwrap();
            match rng.below(3) {
                0 => bytes.truncate(at),
                1 => bytes[at] = 0xff,
                _ => bytes[at] ^= 1 << rng.below(8),
            }
            let mut other = State::new(2);
            if other.apply(&bytes).is_ok() {
                other.tables().for_each(|(_, t)| { content(t); });
            }
        }
    }
}

#[test]
fn who_goes_through_a_table_meets_all_that_stays_whatever_is_changed_meanwhile() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let (mut table, mut model) = (Table::new(1), Model::new());
        (0..600).for_each(|_| step(&mut rng, &mut table, &mut model));
        // Keys that nobody deletes while it lasts.
        let stay: Model =
            model.iter().filter(|((_, key), _)| key.len() % 3 == 0).map(|(k, v)| (k.clone(), v.clone())).collect();
        for _ in 0..2 {
            table.partitions_mut()[0].go_through_again();
            let (mut met, mut next, mut rounds) = (Model::new(), Some(i64::MIN), 0);
            while let Some(from) = next {
                let mut few = 0;
                next = table.partitions_mut()[0].go_through(from, |bucket, key, value| {
                    met.insert((bucket, key.to_vec()), value.to_vec());
                    few += 1;
                    few < 7
                });
                assert!(few <= 7);
                rounds += 1;
                // Values that grow and shrink move, and arenas are written anew.
                for _ in 0..20 {
                    let (bucket, key) = (rng.below(5) as i64 - 2, random_key(&mut rng));
                    if !stay.contains_key(&(bucket, key.clone())) {
                        match rng.below(3) {
                            0 => table.delete(bucket, &key),
                            _ => table.put(bucket, &key, &random_value(&mut rng)),
                        };
                    }
                }
            }
            assert!(rounds > stay.len() / 7);
            assert!(stay.iter().all(|(key, value)| met.get(key) == Some(value)), "seed {seed}");
        }
    }
}

#[test]
fn a_change_takes_bytes_for_the_keys_touched_only() {
    let mut state = State::new(4);
    for i in 0..100_000u64 {
        state.table_mut("t").put(0, &i.to_le_bytes(), &i.to_le_bytes());
    }
    let all = state.take_changes();
    assert!(all.bytes.len() < 100_000 * 19, "{}", all.bytes.len());
    for i in 0..10u64 {
        for n in 0..1000u64 {
            state.table_mut("t").put(0, &i.to_le_bytes(), &n.to_le_bytes());
        }
        state.table_mut("t").put(0, &(i + 500).to_le_bytes(), &(i + 500).to_le_bytes());
    }
    let few = state.take_changes();
    assert!(few.bytes.len() < 10 * 18 + 4 * 14 + 20, "one put per key with its last value, none for the unchanged");
    assert_eq!(few.sizes, all.sizes);
    state.table_mut("t").drop_buckets(1);
    assert!(state.take_changes().bytes.len() < 4 * 14 + 20);
    assert!(state.table_mut("t").is_empty());
}

#[test]
fn partitions_and_hashes_stay_what_they_are() {
    // Stored in checkpoints: a change of these is a new format.
    assert_eq!(hash_key(b"millstream"), 13_633_401_194_662_858_628);
    let mut counts = [0usize; 16];
    (0..16_000u32).for_each(|i| counts[partition_of(hash_key(&i.to_le_bytes()), 16)] += 1);
    assert!(counts.iter().all(|c| (850..1150).contains(c)), "{counts:?}");
}
