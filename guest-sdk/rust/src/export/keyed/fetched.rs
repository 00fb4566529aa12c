//! What a call was given of its keys' states, read key by key.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    batch::Batch,
    buffer::Buffer,
    contract::{
        keyed::{Entries, StateField},
        types::Failure,
    },
    data_type::{DataType, Field},
    export::slot::taken,
    kind::Binary,
    operator::{self, ALL, Encoded, MapState, OfState, State, StateFields, StateVisitor},
    view::BytesColumn,
};

/// What is kept of a key, by name.
pub(super) fn kept<S: StateFields>() -> Vec<StateField> {
    let mut names = Names(Vec::new());
    S::default().visit(&mut names).expect("it refuses nothing");
    names.0
}

struct Names(Vec<StateField>);

impl StateVisitor for Names {
    fn value<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        _: &mut State<T>,
    ) -> Result<(), operator::Failure> {
        self.0.push(StateField { name: name.into(), is_map: false });
        Ok(())
    }

    fn map<K, V>(&mut self, name: &'static str, _: &mut MapState<K, V>) -> Result<(), operator::Failure> {
        self.0.push(StateField { name: name.into(), is_map: true });
        Ok(())
    }
}

/// Entries of a map as they were handed over.
pub(super) struct OfMap {
    state: u32,
    keys: Buffer,
    entries: Batch,
}

/// # Errors
/// If these are no two columns of bytes.
pub(super) fn maps(entries: Vec<Entries>) -> Result<Vec<OfMap>, Failure> {
    let fields = [Field::new("key", DataType::Binary), Field::new("value", DataType::Binary)];
    let one =
        |Entries { state, keys, entries }| Ok(OfMap { state, keys: keys.into(), entries: taken(&fields, entries)? });
    entries.into_iter().map(one).collect()
}

/// The same, ready to be read.
#[derive(Clone, Copy)]
pub(super) struct MapView<'a> {
    /// Never going down.
    keys: &'a [u32],
    own: BytesColumn<'a>,
    pub values: BytesColumn<'a>,
}

/// What a call was given of its keys' states.
pub(super) struct Fetched<'a> {
    /// The view of each that is kept, in order; a map's is missing where nothing of it was handed over.
    pub values: Vec<Option<BytesColumn<'a>>>,
    pub maps: Vec<Option<MapView<'a>>>,
}

impl<'a> Fetched<'a> {
    pub fn of(kept: &[StateField], values: &'a Batch, maps: &'a [OfMap]) -> Self {
        let mut columns = 0..;
        let value = |kept: &StateField| (!kept.is_map).then(|| columns.next()).flatten();
        let places: Vec<Option<usize>> = kept.iter().map(value).collect();
        let map = |number: usize| {
            let of = maps.iter().find(|map| map.state as usize == number)?;
            let (own, values) = (of.entries.at::<Binary>(0), of.entries.at::<Binary>(1));
            Some(MapView { keys: of.keys.numbers(), own, values })
        };
        Self {
            values: places.into_iter().map(|at| at.map(|at| values.at::<Binary>(at))).collect(),
            maps: (0..kept.len()).map(map).collect(),
        }
    }

    /// Nothing.
    #[cfg(not(target_family = "wasm"))]
    pub fn none(kept: &[StateField]) -> Self {
        Self { values: kept.iter().map(|_| None).collect(), maps: kept.iter().map(|_| None).collect() }
    }

    /// The state of a key.
    ///
    /// # Errors
    /// If what was stored is none.
    pub fn state<S: StateFields>(&self, key: usize) -> Result<S, operator::Failure> {
        let mut state = S::default();
        state.visit(&mut Read { fetched: self, key, number: 0 }).of_state(key)?;
        Ok(state)
    }
}

struct Read<'r, 'a> {
    fetched: &'r Fetched<'a>,
    key: usize,
    /// Of the next one among what is kept.
    number: usize,
}

impl StateVisitor for Read<'_, '_> {
    fn value<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        state: &mut State<T>,
    ) -> Result<(), operator::Failure> {
        let column = &self.fetched.values[self.number];
        self.number += 1;
        let stored = column.as_ref().and_then(|column| column.get(self.key));
        *state = State::stored(stored).map_err(|error| of(name, &error))?;
        Ok(())
    }

    fn map<K, V>(&mut self, name: &'static str, map: &mut MapState<K, V>) -> Result<(), operator::Failure>
    where
        K: Ord + Serialize + DeserializeOwned,
        V: Serialize + DeserializeOwned,
    {
        (map.name, map.number) = (name, self.number as u32);
        let view = &self.fetched.maps[self.number];
        self.number += 1;
        let Some(view) = view else { return Ok(()) };
        let start = view.keys.partition_point(|key| (*key as usize) < self.key);
        for (at, _) in (start..).zip(view.keys[start..].iter().take_while(|key| **key as usize == self.key)) {
            let own = view.own.bytes(at);
            if own == ALL {
                map.set_whole();
                continue;
            }
            let mut read = || {
                let value = view.values.get(at).map(Encoded::<V>::from_bytes).transpose()?;
                map.fetched(Encoded::<K>::from_bytes(own)?, value, at as u32);
                Ok(())
            };
            read().map_err(|error: operator::Failure| of(name, &error))?;
        }
        Ok(())
    }
}

/// Where several things are kept, a message says which it is about.
fn of(name: &str, error: &operator::Failure) -> operator::Failure {
    format!("`{name}`: {error}").into()
}
