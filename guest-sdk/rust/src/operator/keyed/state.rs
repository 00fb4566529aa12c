//! What is kept of a key, in the hands of a call.

use serde::{Serialize, de::DeserializeOwned};

use crate::operator::{Encoded, Failure};

/// A key's state: looked at, changed or removed. It is written if its bytes are others in the end than they were.
#[derive(Debug)]
pub struct State<T> {
    value: Option<T>,
    /// Somebody could have changed it.
    is_touched: bool,
    is_removed: bool,
}

impl<T> State<T> {
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

    /// Keeps nothing. The key's timers go with it, but for those that this call sets, unless
    /// [`KeyedOutput::keep_timers`](super::KeyedOutput::keep_timers) says otherwise.
    pub fn remove(&mut self) {
        self.is_removed = true;
        self.value = None;
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.is_removed
    }
}

impl<T: Serialize + DeserializeOwned> State<T> {
    /// # Errors
    /// If what was stored is none.
    pub(crate) fn stored(bytes: Option<&[u8]>) -> Result<Self, Failure> {
        let value = bytes.map(Encoded::<T>::from_bytes).transpose()?;
        Ok(Self { value, is_touched: false, is_removed: false })
    }

    /// The bytes to be stored, if they are others than those before, into `bytes`; whether they are.
    ///
    /// # Errors
    /// If the type's `Serialize` fails.
    pub(crate) fn changed(&self, before: Option<&[u8]>, bytes: &mut Vec<u8>) -> Result<bool, Failure> {
        bytes.clear();
        let Some(value) = self.value.as_ref().filter(|_| self.is_touched) else { return Ok(false) };
        Encoded::write(value, bytes)?;
        Ok(self.is_removed || before != Some(bytes))
    }
}
