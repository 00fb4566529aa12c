//! What `bind` keeps of a column that it asked for.

use std::{fmt, marker::PhantomData};

use crate::data_type::DataType;

/// So deep may a column be nested that parts of it are asked for.
const DEPTH: usize = 6;

/// The way from a column to a part of it: which child, and which of that one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    steps: [u16; DEPTH],
    len: u8,
}

impl Path {
    /// One step further; `None` if it is too deep, or beyond 65,535 fields.
    pub(super) fn then(mut self, step: usize) -> Option<Self> {
        *self.steps.get_mut(usize::from(self.len))? = step.try_into().ok()?;
        self.len += 1;
        Some(self)
    }

    /// Whether it leads to the column itself.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Which child each step leads to; a map's are its keys and its values.
    pub fn steps(&self) -> impl Iterator<Item = usize> + use<> {
        self.steps.into_iter().take(usize::from(self.len)).map(usize::from)
    }

    /// The type of the part.
    pub(super) fn at<'t>(&self, data_type: &'t DataType) -> Option<&'t DataType> {
        self.steps().try_fold(data_type, |data_type, step| Some(&data_type.children().get(step)?.data_type))
    }

    /// The column's type with another one for the part.
    pub(super) fn put(&self, whole: &DataType, part: DataType) -> DataType {
        fn put(steps: &mut dyn Iterator<Item = usize>, whole: &DataType, part: DataType) -> DataType {
            match steps.next().map(|step| (step, whole.children().get(step).map(|child| &child.data_type))) {
                None => part,
                Some((step, Some(child))) => whole.with_child(step, put(steps, child, part)),
                Some((_, None)) => whole.clone(),
            }
        }
        put(&mut self.steps(), whole, part)
    }
}

/// A column that `bind` asked for, or a part of one: its place in every batch, and how it is read. [`Batch::get`] takes
/// it.
///
/// [`Batch::get`]: crate::Batch::get
pub struct Input<K> {
    slot: u32,
    path: Path,
    kind: PhantomData<K>,
}

impl<K> Input<K> {
    pub(super) fn new(slot: usize, path: Path) -> Self {
        Self { slot: slot as u32, path, kind: PhantomData }
    }

    /// The column's place among those handed over.
    pub fn slot(&self) -> usize {
        self.slot as usize
    }

    /// Which part of the column it is.
    pub fn path(&self) -> Path {
        self.path
    }
}

impl<K> Clone for Input<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Input<K> {}

impl<K> fmt::Debug for Input<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({})", self.slot)
    }
}
