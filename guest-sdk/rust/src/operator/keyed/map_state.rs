//! A map that is kept of a key, in the hands of a call: its entries come and go one by one.

use std::{borrow::Borrow, collections::BTreeMap};

use crate::operator::Failure;

/// A map that is kept of a key. Its entries are fetched and stored one by one, so that a key may have a million of them: a call has
/// those that [`Keyed::needs`](crate::Keyed::needs) has asked for, and those that it has set itself. To read another is an
/// error, in words; to set one or to take one away needs no asking.
///
/// Keys and values are of any types that serde knows. Keys are told apart by their bytes, as [`Encoded`](crate::Encoded)
/// writes them: of keys that are equal these are the same, and of others not, if the type holds no `Option` of something that
/// may be nothing itself. (Floats and hash maps are no keys: they have no order.)
#[derive(Debug)]
pub struct MapState<K, V> {
    /// Its name, and its number among what is kept.
    pub(crate) name: &'static str,
    pub(crate) number: u32,
    entries: BTreeMap<K, Entry<V>>,
    /// All entries of the key are here.
    is_whole: bool,
    is_all_removed: bool,
}

/// An entry that was asked for, or that the call has set.
#[derive(Debug)]
struct Entry<V> {
    /// `None` = there is no such entry.
    value: Option<V>,
    /// Where among the call's entries it stands as it was stored.
    at: Option<u32>,
    /// Somebody could have changed it.
    is_touched: bool,
}

/// Nothing.
impl<K, V> Default for MapState<K, V> {
    fn default() -> Self {
        Self { name: "", number: 0, entries: BTreeMap::new(), is_whole: false, is_all_removed: false }
    }
}

impl<K, V> MapState<K, V> {
    pub(super) fn remove_with_all(&mut self) {
        self.entries = BTreeMap::new();
        (self.is_whole, self.is_all_removed) = (true, true);
    }

    pub(crate) fn is_all_removed(&self) -> bool {
        self.is_all_removed
    }

    /// All entries of the key are here.
    pub(crate) fn set_whole(&mut self) {
        self.is_whole = true;
    }

    /// Makes as if all entries in hand were changed.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn touch_all(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.is_touched = true);
    }

    /// The entries that may have changed: own key, value, where it stands as it was stored.
    pub(crate) fn touched(&self) -> impl Iterator<Item = (&K, Option<&V>, Option<u32>)> {
        // What is not there, and was not there, has not changed.
        let is_known = |entry: &Entry<V>| entry.value.is_some() || entry.at.is_some() || !self.is_whole;
        let touched = self.entries.iter().filter(move |(_, entry)| entry.is_touched && is_known(entry));
        touched.map(|(key, entry)| (key, entry.value.as_ref(), entry.at))
    }

    fn not_asked_for(&self) -> Failure {
        format!("an entry of `{}` is looked at that `needs` did not ask for", self.name).into()
    }
}

impl<K: Ord, V> MapState<K, V> {
    /// An entry that was asked for.
    pub(crate) fn fetched(&mut self, key: K, value: Option<V>, at: u32) {
        self.entries.insert(key, Entry { value, at: Some(at), is_touched: false });
    }

    /// The value of an entry, if there is one.
    ///
    /// # Errors
    /// If [`Keyed::needs`](crate::Keyed::needs) did not ask for it.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Option<&V>, Failure>
    where
        K: Borrow<Q>,
    {
        match self.entries.get(key) {
            Some(entry) => Ok(entry.value.as_ref()),
            None if self.is_whole => Ok(None),
            None => Err(self.not_asked_for()),
        }
    }

    /// Whether there is such an entry.
    ///
    /// # Errors
    /// If [`Keyed::needs`](crate::Keyed::needs) did not ask for it.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> Result<bool, Failure>
    where
        K: Borrow<Q>,
    {
        Ok(self.get(key)?.is_some())
    }

    /// The value of an entry, to be changed, if there is one.
    ///
    /// # Errors
    /// If [`Keyed::needs`](crate::Keyed::needs) did not ask for it.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Result<Option<&mut V>, Failure>
    where
        K: Borrow<Q>,
    {
        if !self.is_whole && !self.entries.contains_key(key) {
            return Err(self.not_asked_for());
        }
        Ok(self.entries.get_mut(key).and_then(|entry| {
            entry.is_touched |= entry.value.is_some();
            entry.value.as_mut()
        }))
    }

    /// The value of an entry, to be changed; where there is none, what `make` makes.
    ///
    /// # Errors
    /// If [`Keyed::needs`](crate::Keyed::needs) did not ask for it.
    pub fn get_or_insert_with<Q>(&mut self, key: &Q, make: impl FnOnce() -> V) -> Result<&mut V, Failure>
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        if !self.entries.contains_key(key) {
            if !self.is_whole {
                return Err(self.not_asked_for());
            }
            self.entries.insert(key.to_owned(), Entry { value: None, at: None, is_touched: true });
        }
        let entry = self.entries.get_mut(key).expect("it was put there if it was missing");
        entry.is_touched = true;
        Ok(entry.value.get_or_insert_with(make))
    }

    /// The value of an entry, to be changed; where there is none, the type's default.
    ///
    /// # Errors
    /// If [`Keyed::needs`](crate::Keyed::needs) did not ask for it.
    pub fn get_or_default<Q>(&mut self, key: &Q) -> Result<&mut V, Failure>
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
        V: Default,
    {
        self.get_or_insert_with(key, V::default)
    }

    /// Sets an entry, whatever it was before.
    pub fn insert(&mut self, key: K, value: V) {
        let entry = self.entries.entry(key).or_insert(Entry { value: None, at: None, is_touched: true });
        (entry.value, entry.is_touched) = (Some(value), true);
    }

    /// Takes an entry away, if there is one.
    pub fn remove<Q>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        match self.entries.get_mut(key) {
            Some(entry) => (entry.value, entry.is_touched) = (None, true),
            None if self.is_whole => {}
            None => drop(self.entries.insert(key.to_owned(), Entry { value: None, at: None, is_touched: true })),
        }
    }

    /// The entries that are in hand, by their keys: those that were asked for and those that this call has set.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().filter_map(|(key, entry)| Some((key, entry.value.as_ref()?)))
    }

    /// All entries, by their keys.
    ///
    /// # Errors
    /// If [`Keyed::needs`](crate::Keyed::needs) did not ask for all of them: [`Wanted::all`](crate::Wanted::all).
    pub fn all(&self) -> Result<impl Iterator<Item = (&K, &V)>, Failure> {
        self.must_be_whole()?;
        Ok(self.iter())
    }

    /// Takes all entries away.
    ///
    /// # Errors
    /// If [`Keyed::needs`](crate::Keyed::needs) did not ask for all of them: [`Wanted::all`](crate::Wanted::all).
    pub fn clear(&mut self) -> Result<(), Failure> {
        self.must_be_whole()?;
        self.entries.values_mut().for_each(|entry| (entry.value, entry.is_touched) = (None, true));
        Ok(())
    }

    fn must_be_whole(&self) -> Result<(), Failure> {
        if self.is_whole {
            return Ok(());
        }
        Err(format!("all entries of `{}` are looked at, and `needs` did not ask for all", self.name).into())
    }
}
