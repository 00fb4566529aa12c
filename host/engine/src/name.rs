//! Names, and values that are found by them: what a job consists of is referred to by name, so that one part of it can
//! be another tomorrow without all others being numbered anew.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, Index, IndexMut};
use std::sync::Arc;

/// What a source, an operator, a sink or an operator's state is called. The states of one query are the node's name, and
/// behind a slash which one they are: `node`, `node/1`. Cloning it copies no text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The text, shared.
    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&String> for Name {
    fn from(name: &String) -> Self {
        Self(name.as_str().into())
    }
}

impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// Values by name, in the order in which they were put in; as a rule the job file's.
#[derive(Clone)]
pub struct Named<T> {
    values: Vec<(Name, T)>,
    /// Where in `values` each is; shared with what is made of these values.
    places: Arc<BTreeMap<Name, usize>>,
}

impl<T> Named<T> {
    /// Of no value.
    pub fn new() -> Self {
        Self { values: Vec::new(), places: Arc::default() }
    }

    /// Puts a value behind the others, or in the place of the one that has this name, which is returned.
    pub fn insert(&mut self, name: Name, value: T) -> Option<T> {
        if let Some(there) = self.get_mut(&name) {
            return Some(std::mem::replace(there, value));
        }
        Arc::make_mut(&mut self.places).insert(name.clone(), self.values.len());
        self.values.push((name, value));
        None
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.places.get(name).map(|at| &self.values[*at].1)
    }

    /// The value of this name.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.places.get(name).map(|at| &mut self.values[*at].1)
    }

    /// Whether there is a value of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The names.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &Name> + Clone {
        self.values.iter().map(|(name, _)| name)
    }

    /// The values.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &T> + Clone {
        self.values.iter().map(|(_, value)| value)
    }

    /// The values.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.values.iter_mut().map(|(_, value)| value)
    }

    /// Names and values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Name, &T)> + Clone {
        self.values.iter().map(|(name, value)| (name, value))
    }

    /// Names and values.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&Name, &mut T)> {
        self.values.iter_mut().map(|(name, value)| (&*name, value))
    }

    /// Under the same names, in the same order, what `of` makes of each.
    pub fn map<U>(&self, mut of: impl FnMut(&Name, &T) -> U) -> Named<U> {
        let values = self.values.iter().map(|(name, value)| (name.clone(), of(name, value)));
        Named { values: values.collect(), places: self.places.clone() }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// One that is known to be there: names in a plan are of what it has.
impl<T> Index<&Name> for Named<T> {
    type Output = T;

    fn index(&self, name: &Name) -> &T {
        self.get(name).unwrap_or_else(|| panic!("there is no `{name}`"))
    }
}

impl<T> IndexMut<&Name> for Named<T> {
    fn index_mut(&mut self, name: &Name) -> &mut T {
        self.get_mut(name).unwrap_or_else(|| panic!("there is no `{name}`"))
    }
}

impl<T> FromIterator<(Name, T)> for Named<T> {
    fn from_iter<I: IntoIterator<Item = (Name, T)>>(values: I) -> Self {
        let mut named = Self::new();
        values.into_iter().for_each(|(name, value)| drop(named.insert(name, value)));
        named
    }
}

impl<T> IntoIterator for Named<T> {
    type Item = (Name, T);
    type IntoIter = std::vec::IntoIter<(Name, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_keep_their_order() {
        let mut named: Named<u32> =
            [("b", 1), ("a", 2), ("c", 3)].map(|(name, n)| (name.into(), n)).into_iter().collect();
        assert_eq!(named.insert("a".into(), 4), Some(2));
        assert_eq!(named.insert("0".into(), 5), None);
        assert_eq!(named.names().map(Name::to_string).collect::<Vec<_>>(), ["b", "a", "c", "0"]);
        assert_eq!(named.values().copied().collect::<Vec<_>>(), [1, 4, 3, 5]);
        assert_eq!((named.get("a"), named.get("d"), named[&"c".into()]), (Some(&4), None, 3));
        named[&"b".into()] = 7;
        assert_eq!(
            format!("{:?}", named.map(|name, n| format!("{name}{n}"))),
            r#"{"b": "b7", "a": "a4", "c": "c3", "0": "05"}"#
        );
    }

    #[test]
    #[should_panic(expected = "there is no `x`")]
    fn one_that_must_be_there_is_named_when_it_is_not() {
        let _ = Named::<u32>::new()[&"x".into()];
    }
}
