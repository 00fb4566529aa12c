//! A state of any type that serde knows, in one column.

use serde::{Serialize, de::DeserializeOwned};

use super::{Failure, state::StateCell};
use crate::{builder::BinaryBuilder, cbor, data_type::DataType, kind::Binary, row::Cell};

/// A value of any type that serde can write and read, as one column of bytes: what a [`Fold`](crate::Fold) keeps where
/// plain values and lists of them do not do.
///
/// The bytes are CBOR. A struct's fields go by their names: one that is added later needs `#[serde(default)]`, and one
/// that is gone is passed over, so that states of the version before can still be read.
///
/// It is written and read whole for every group that a batch touches, some nanoseconds a byte: state that grows with the
/// rows makes a job slower and slower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Encoded<T>(pub T);

impl<T: DeserializeOwned> Encoded<T> {
    /// What was stored.
    ///
    /// # Errors
    /// If the bytes are no such value.
    pub fn from_bytes(bytes: &[u8]) -> Result<T, Failure> {
        cbor::read(bytes)
            .map_err(|error| format!("a stored state is no {}: {error}", std::any::type_name::<T>()).into())
    }
}

impl<T: Serialize> Encoded<T> {
    /// As it is stored.
    ///
    /// # Errors
    /// If the type's `Serialize` fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        Self::write(&self.0, &mut bytes)?;
        Ok(bytes)
    }

    /// Adds the value's bytes.
    ///
    /// # Errors
    /// If the type's `Serialize` fails.
    pub(crate) fn write(value: &T, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        cbor::write(value, bytes)
            .map_err(|error| format!("a {} cannot be written: {error}", std::any::type_name::<T>()).into())
    }
}

impl<T: Serialize> Cell for Encoded<T> {
    type Builder = BinaryBuilder;

    fn data_type() -> DataType {
        DataType::Binary
    }

    /// # Panics
    /// If the type's `Serialize` fails.
    fn push_to(self, column: &mut BinaryBuilder) {
        if let Err(error) = cbor::write(&self.0, column.data()) {
            panic!("a {} cannot be written: {error}", std::any::type_name::<T>());
        }
        column.push(&[]);
    }
}

impl<T: Serialize + DeserializeOwned + Default> StateCell for Encoded<T> {
    type Kind = Binary;

    fn from_value(value: Option<&[u8]>) -> Result<Self, Failure> {
        let Some(bytes) = value else { return Ok(Self::default()) };
        Self::from_bytes(bytes).map(Self)
    }
}
