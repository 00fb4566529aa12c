//! What a keyed operator keeps of each key: one value, or a struct of named values and maps.

use serde::{Serialize, de::DeserializeOwned};

use super::{map_state::MapState, state::State, stored::StoredValues};
use crate::operator::Failure;

/// The name under which the one value of a key is stored.
const ONE: &str = "state";

/// What is kept of a key: one value of any type that serde knows, or a struct of several, each under a name.
///
/// Such a struct has fields of [`State<T>`](State), a value that is read and written whole, and
/// [`MapState<K, V>`](MapState), whose entries cross one by one. `#[derive(Default, KeyedState)]` makes one; a call is
/// handed the struct itself, where for a single value it is handed a [`State<T>`](State).
///
/// ```
/// use millstream_guest::prelude::*;
///
/// /// What is kept of a user.
/// #[derive(Default, KeyedState)]
/// struct Seen {
///     views: State<u64>,
///     by_page: MapState<String, u64>,
/// }
/// ```
///
/// Names are the fields', unless `#[state(rename = "…")]` says otherwise; stored states are found by them. A struct
/// that serde knows is one value: derive either `Serialize` and `Deserialize`, or this.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept of a key",
    note = "a state is of any type with `#[derive(Serialize, Deserialize)]`, or a struct of `State<T>` and `MapState<K, V>` \
            with `#[derive(Default, KeyedState)]`"
)]
pub trait KeyedState: Sized {
    /// What a call is handed.
    type Handle: StateFields;

    /// What [`Keyed::migrate`](crate::Keyed::migrate) is given of an older version's state.
    type Stored<'a>;

    /// What an older version has stored of a key; `None` = nothing.
    ///
    /// # Errors
    /// If it has stored other things than can be asked for.
    fn stored<'a>(values: &'a StoredValues<'a>) -> Result<Option<Self::Stored<'a>>, Failure>;

    /// A state that [`Keyed::migrate`](crate::Keyed::migrate) has made.
    fn into_handle(self) -> Self::Handle;
}

impl<T: Serialize + DeserializeOwned> KeyedState for T {
    type Handle = State<T>;
    type Stored<'a> = &'a [u8];

    fn stored<'a>(values: &'a StoredValues<'a>) -> Result<Option<&'a [u8]>, Failure> {
        values.bytes(ONE)
    }

    fn into_handle(self) -> State<T> {
        State::of(self)
    }
}

/// Values and maps that are kept under names. `#[derive(KeyedState)]` writes it.
pub trait StateFields: Default {
    /// It is one value, and the key's timers go with it.
    #[doc(hidden)]
    const IS_ONE: bool = false;

    /// Shows each to the visitor, always in the same order and under the same name.
    ///
    /// # Errors
    /// The visitor's.
    fn visit<V: StateVisitor>(&mut self, visitor: &mut V) -> Result<(), Failure>;

    /// Nothing is kept of the key any more, but for what the call sets after this. The key's timers go, too, but for those
    /// that this call sets, unless [`KeyedOutput::keep_timers`](crate::KeyedOutput::keep_timers) says otherwise. Maps go
    /// whole, whatever of them was asked for.
    fn remove_all(&mut self) {
        self.visit(&mut Remove).expect("it refuses nothing");
    }
}

impl<T: Serialize + DeserializeOwned> StateFields for State<T> {
    const IS_ONE: bool = true;

    fn visit<V: StateVisitor>(&mut self, visitor: &mut V) -> Result<(), Failure> {
        visitor.value(ONE, self)
    }
}

/// What is done with each value and each map of a key.
pub trait StateVisitor {
    /// A value.
    ///
    /// # Errors
    /// If it cannot be dealt with.
    fn value<T: Serialize + DeserializeOwned>(
        &mut self,
        name: &'static str,
        state: &mut State<T>,
    ) -> Result<(), Failure>;

    /// A map.
    ///
    /// # Errors
    /// If it cannot be dealt with.
    fn map<K, V>(&mut self, name: &'static str, map: &mut MapState<K, V>) -> Result<(), Failure>
    where
        K: Ord + Serialize + DeserializeOwned,
        V: Serialize + DeserializeOwned;
}

/// A field of a struct with `#[derive(KeyedState)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept under a name",
    note = "the fields of a `#[derive(KeyedState)]` struct are of `State<T>` and `MapState<K, V>`"
)]
pub trait StateField {
    /// Shows it to the visitor as what it is.
    ///
    /// # Errors
    /// The visitor's.
    fn visit<V: StateVisitor>(&mut self, name: &'static str, visitor: &mut V) -> Result<(), Failure>;
}

impl<T: Serialize + DeserializeOwned> StateField for State<T> {
    fn visit<V: StateVisitor>(&mut self, name: &'static str, visitor: &mut V) -> Result<(), Failure> {
        visitor.value(name, self)
    }
}

impl<K: Ord + Serialize + DeserializeOwned, T: Serialize + DeserializeOwned> StateField for MapState<K, T> {
    fn visit<V: StateVisitor>(&mut self, name: &'static str, visitor: &mut V) -> Result<(), Failure> {
        visitor.map(name, self)
    }
}

struct Remove;

impl StateVisitor for Remove {
    fn value<T: Serialize + DeserializeOwned>(&mut self, _: &'static str, state: &mut State<T>) -> Result<(), Failure> {
        state.remove_with_all();
        Ok(())
    }

    fn map<K, V>(&mut self, _: &'static str, map: &mut MapState<K, V>) -> Result<(), Failure> {
        map.remove_with_all();
        Ok(())
    }
}
