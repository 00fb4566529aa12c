//! A value that is kept of a key, in the hands of a call.

use serde::{Serialize, de::DeserializeOwned};

use crate::operator::{Encoded, Failure};

/// A value that is kept of a key: looked at, changed or removed. It is written if its bytes are others in the end than they
/// were.
#[derive(Debug)]
pub struct State<T> {
    value: Option<T>,
    /// Somebody could have changed it.
    is_touched: bool,
    is_removed: bool,
    is_all_removed: bool,
}

/// Nothing.
impl<T> Default for State<T> {
    fn default() -> Self {
        Self { value: None, is_touched: false, is_removed: false, is_all_removed: false }
    }
}

/// What becomes of a value.
pub(crate) enum Fate {
    /// It stays as it was.
    Stays,
    /// It goes.
    Goes,
    /// Its bytes are others.
    Changes,
}

impl<T> State<T> {
    /// One that has this value: for [`Keyed::migrate`](crate::Keyed::migrate).
    pub fn of(value: T) -> Self {
        Self { value: Some(value), is_touched: true, ..Self::default() }
    }

    /// What is kept, if there is something.
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// What is kept, to be changed.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.is_touched = true;
        self.value.as_mut()
    }

    /// What is kept, to be changed; where there is nothing, what `make` makes.
    pub fn get_or_insert_with(&mut self, make: impl FnOnce() -> T) -> &mut T {
        self.is_touched = true;
        self.value.get_or_insert_with(make)
    }

    /// What is kept, to be changed; where there is nothing, the type's default.
    pub fn get_or_default(&mut self) -> &mut T
    where
        T: Default,
    {
        self.get_or_insert_with(T::default)
    }

    /// Keeps this.
    pub fn set(&mut self, value: T) {
        self.is_touched = true;
        self.value = Some(value);
    }

    /// Changes what is kept; where there is nothing, the type's default.
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default,
    {
        change(self.get_or_default())
    }

    /// Keeps nothing. Where this is all that is kept of a key, the key's timers go with it, but for those that this call
    /// sets, unless [`KeyedOutput::keep_timers`](super::KeyedOutput::keep_timers) says otherwise. One value of several
    /// goes alone; [`StateFields::remove_all`](super::StateFields::remove_all) takes the others and the timers, too.
    pub fn remove(&mut self) {
        self.is_removed = true;
        self.value = None;
    }

    pub(super) fn remove_with_all(&mut self) {
        self.remove();
        self.is_all_removed = true;
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed
    }

    pub(crate) fn is_all_removed(&self) -> bool {
        self.is_all_removed
    }
}

impl<T: Serialize + DeserializeOwned> State<T> {
    /// # Errors
    /// If what was stored is none.
    pub(crate) fn stored(bytes: Option<&[u8]>) -> Result<Self, Failure> {
        Ok(Self { value: bytes.map(Encoded::<T>::from_bytes).transpose()?, ..Self::default() })
    }

    /// What becomes of the value that was stored as `before`; into `bytes`, what it is now, if that was looked at.
    ///
    /// # Errors
    /// If the type's `Serialize` fails.
    pub(crate) fn fate(&self, before: Option<&[u8]>, bytes: &mut Vec<u8>) -> Result<Fate, Failure> {
        let Some(value) = &self.value else {
            return Ok(if self.is_removed && before.is_some() { Fate::Goes } else { Fate::Stays });
        };
        if !self.is_touched {
            return Ok(Fate::Stays);
        }
        bytes.clear();
        Encoded::write(value, bytes)?;
        Ok(if self.is_all_removed || before != Some(bytes) { Fate::Changes } else { Fate::Stays })
    }
}
